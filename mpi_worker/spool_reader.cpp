#include <algorithm>

#include "journal/event_codec.hpp"
#include "journal/journal_folder.hpp"
#include "journal/segment_reader.hpp"
#include "journal/texts.hpp"
#include "mpi_worker/spool.hpp"
#include "mpi_worker/spool_record.hpp"

namespace lockstep::worker {
namespace {

/// Folders in RUN/spool by rank and epoch.
Result<std::vector<SpoolName>> list_spools(const std::string& run_folder, const journal::FileLayer& files) {
  const auto folders = TRY(files.list_folders(spools_folder(run_folder)));
  std::vector<SpoolName> found;
  for (const std::string& folder : folders) {
    if (const auto name = parse_spool_name(folder)) {
      found.push_back(*name);
    }
  }
  std::sort(found.begin(), found.end(), [](const SpoolName& a, const SpoolName& b) {
    return std::tie(a.epoch, a.rank) < std::tie(b.epoch, b.rank);
  });
  return found;
}

class SpoolReader {
 public:
  SpoolReader(const std::string& run_folder, const SpoolName& name, const SpoolCallback& callback,
              const journal::FileLayer& files)
      : folder_(spools_folder(run_folder) + "/" + spool_name(name.rank, name.epoch)),
        name_(name),
        callback_(callback),
        files_(files) {
    journal::read_texts(context_, files_, folder_);
  }

  /// The warnings. An error where something may stand there and cannot be read now: what it says must not be taken for
  /// not done.
  Result<std::vector<std::string>> read() {
    const auto listed = TRY(journal::list_journal(files_, folder_));
    for (const auto& [number, place] : listed.segments) {
      TRY(read_segment(place.path));
    }
    for (SpoolRecord& marker : markers_) {
      callback_(std::move(marker));
    }
    return std::move(warnings_);
  }

 private:
  Result<void> read_segment(const std::string& path) {
    const auto contents = journal::read_segment(files_, path);
    if (!contents) {
      const auto stands = files_.exists(path);
      if (stands && !*stands) {
        return {};  // a worker that lives may delete a segment while we read
      }
      constexpr std::uint64_t kLongest = std::uint64_t{1} << 32;
      if (!stands || !journal::read_whole(files_, path, kLongest)) {
        return tl::unexpected<Error>(contents.error());
      }
      warnings_.push_back(contents.error().message);  // it is damaged, and stays so
      return {};
    }
    if (!contents->damage.empty()) {
      warnings_.push_back(contents->damage);
    }
    journal::ValueCache values;
    for (const journal::Row& row : contents->rows) {
      Result<SpoolRecord> record = decode_record(row, contents->payload, context_, values);
      if (!record) {
        warnings_.push_back(fmt::format("{}: {}", path, record.error().message));
        continue;
      }
      record->rank = name_.rank;
      record->outcome.usage.rank = name_.rank;
      record->epoch = name_.epoch;
      switch (record->kind) {
        case SpoolKind::begun:
          markers_.push_back(std::move(*record));
          break;
        case SpoolKind::withdrawn:
          std::erase_if(markers_, [&](const SpoolRecord& marker) { return marker.outcome.id == record->outcome.id; });
          break;
        case SpoolKind::ended:
          callback_(std::move(*record));
          break;
      }
    }
    return {};
  }

  const std::string folder_;
  const SpoolName name_;
  const SpoolCallback& callback_;
  const journal::FileLayer& files_;
  journal::SourceContext context_;
  std::vector<SpoolRecord> markers_;  // not taken back by what was read so far
  std::vector<std::string> warnings_;
};

}  // namespace

Result<std::vector<std::string>> read_spools(const std::string& run_folder, const SpoolCallback& callback,
                                             journal::FileLayer& files) {
  const auto spools = TRY(list_spools(run_folder, files));
  std::vector<std::string> warnings;
  for (const SpoolName& name : spools) {
    auto more = SpoolReader(run_folder, name, callback, files).read();
    if (!more) {
      return more;
    }
    std::move(more->begin(), more->end(), std::back_inserter(warnings));
  }
  return warnings;
}

Result<std::vector<std::string>> read_spool(const std::string& run_folder, journal::Epoch epoch, std::uint32_t rank,
                                            const SpoolCallback& callback, journal::FileLayer& files) {
  return SpoolReader(run_folder, {rank, epoch}, callback, files).read();
}

Result<void> remove_spools(const std::string& run_folder, journal::Epoch below_epoch, journal::FileLayer& files) {
  const auto spools = TRY(list_spools(run_folder, files));
  const std::string folder = spools_folder(run_folder);
  std::size_t left = spools.size();
  for (const SpoolName& name : spools) {
    if (name.epoch < below_epoch) {
      if (const auto removed = journal::remove_all(files, folder + "/" + spool_name(name.rank, name.epoch)); !removed) {
        return removed;
      }
      --left;
    }
  }
  if (left == spools.size()) {
    return {};
  }
  if (left == 0 && files.remove_folder(folder)) {
    return files.sync_folder(run_folder);
  }
  return files.sync_folder(folder);
}

}  // namespace lockstep::worker
