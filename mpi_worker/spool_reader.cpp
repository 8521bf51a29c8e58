#include <algorithm>
#include <filesystem>

#include "journal/event_codec.hpp"
#include "journal/journal_folder.hpp"
#include "journal/segment_reader.hpp"
#include "mpi_worker/spool.hpp"
#include "mpi_worker/spool_record.hpp"

namespace lockstep::worker {
namespace {

namespace fs = std::filesystem;

tl::unexpected<Error> cannot(std::string_view what, const std::string& path, const std::error_code& error) {
  return fail(ErrorKind::io, fmt::format("cannot {} {}: {}", what, path, error.message()));
}

/// Folders in RUN/spool by rank and epoch.
Result<std::vector<SpoolName>> list_spools(const std::string& run_folder) {
  const std::string folder = spools_folder(run_folder);
  std::vector<SpoolName> found;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    if (const auto name = parse_spool_name(entry->path().filename().string())) {
      found.push_back(*name);
    }
  }
  if (error && error != std::errc::no_such_file_or_directory) {
    return cannot("read", folder, error);
  }
  std::sort(found.begin(), found.end(), [](const SpoolName& a, const SpoolName& b) {
    return std::tie(a.epoch, a.rank) < std::tie(b.epoch, b.rank);
  });
  return found;
}

class SpoolReader {
 public:
  SpoolReader(const std::string& run_folder, const SpoolName& name, const SpoolCallback& callback)
      : folder_(spools_folder(run_folder) + "/" + spool_name(name.rank, name.epoch)), name_(name), callback_(callback) {
    context_.blob = [this](const journal::Digest& digest, std::uint64_t length) {
      return journal::load_blob(journal::posix_files(), folder_, digest, length);
    };
  }

  /// The warnings.
  std::vector<std::string> read() {
    const auto listed = journal::list_journal(journal::posix_files(), folder_);
    if (!listed) {
      return {listed.error().message};
    }
    for (const auto& [number, place] : listed->segments) {
      read_segment(place.path);
    }
    return std::move(warnings_);
  }

 private:
  void read_segment(const std::string& path) {
    const auto contents = journal::read_segment(journal::posix_files(), path);
    if (!contents) {
      // A worker that lives may delete a segment while we read.
      if (journal::posix_files().exists(path)) {
        warnings_.push_back(contents.error().message);
      }
      return;
    }
    if (!contents->damage.empty()) {
      warnings_.push_back(contents->damage);
    }
    journal::ValueCache values;
    for (const journal::Row& row : contents->rows) {
      auto event = journal::decode_event(row, contents->payload, context_, values);
      std::optional<SpoolRecord> record = event ? record_of(std::move(*event)) : std::nullopt;
      if (!record) {
        warnings_.push_back(fmt::format("{}: record {}: {}", path, row.seq,
                                        event ? std::string("is none of a spool's") : event.error().message));
        continue;
      }
      record->rank = name_.rank;
      record->outcome.rank = name_.rank;
      record->epoch = name_.epoch;
      callback_(std::move(*record));
    }
  }

  const std::string folder_;
  const SpoolName name_;
  const SpoolCallback& callback_;
  journal::SourceContext context_;
  std::vector<std::string> warnings_;
};

}  // namespace

Result<std::vector<std::string>> read_spools(const std::string& run_folder, const SpoolCallback& callback) {
  const auto spools = list_spools(run_folder);
  if (!spools) {
    return tl::unexpected<Error>(spools.error());
  }
  std::vector<std::string> warnings;
  for (const SpoolName& name : *spools) {
    std::vector<std::string> more = SpoolReader(run_folder, name, callback).read();
    std::move(more.begin(), more.end(), std::back_inserter(warnings));
  }
  return warnings;
}

Result<std::vector<std::string>> read_spool(const std::string& run_folder, journal::Epoch epoch, std::uint32_t rank,
                                            const SpoolCallback& callback) {
  return SpoolReader(run_folder, {rank, epoch}, callback).read();
}

Result<void> remove_spools(const std::string& run_folder, journal::Epoch below_epoch) {
  const auto spools = list_spools(run_folder);
  if (!spools) {
    return tl::unexpected<Error>(spools.error());
  }
  const std::string folder = spools_folder(run_folder);
  std::error_code error;
  bool removed = false;
  for (const SpoolName& name : *spools) {
    if (name.epoch >= below_epoch) {
      continue;
    }
    const std::string path = folder + "/" + spool_name(name.rank, name.epoch);
    fs::remove_all(path, error);
    if (error) {
      return cannot("remove", path, error);
    }
    removed = true;
  }
  if (!removed) {
    return {};
  }
  if (fs::remove(folder, error); !error) {
    return journal::posix_files().sync_folder(run_folder);
  }
  return journal::posix_files().sync_folder(folder);
}

}  // namespace lockstep::worker
