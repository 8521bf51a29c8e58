// How the index gets into checkpoints and back, and what ended into files.
#include <fmt/format.h>

#include <algorithm>

#include "catalogue/execution_index.hpp"
#include "catalogue/record.hpp"
#include "journal/journal_folder.hpp"

namespace lockstep::catalogue {

/// A checkpoint that is being taken.
struct ExecutionIndex::Saving {
  std::optional<Place> saved;  // the last of what runs
  bool is_done = false;
  Timestamp expired;
  /// As it was at the beginning: what is redriven meanwhile is found as it was, and redriven again by its Event.
  std::map<engine::ExecutionId, SequenceNumber> redriven;
  IndexFiles kept;
  IndexFiles merged;         // go into the new file
  std::uint64_t number = 0;  // of the new file; 0: there is none
  /// Of who writes it; read when that is done.
  struct Written {
    std::shared_ptr<const IndexFile> file;
    std::optional<std::uint64_t> unreadable;
  };
  std::shared_ptr<Written> written = std::make_shared<Written>();

  Numbers names() const {
    Numbers numbers;
    for (const auto& file : kept) {
      numbers.push_back(file->number());
    }
    if (number != 0) {
      numbers.push_back(number);
    }
    return numbers;
  }
};

ExecutionIndex::ExecutionIndex(std::uint32_t largest_file) : largest_file_(largest_file) {}
ExecutionIndex::~ExecutionIndex() = default;
ExecutionIndex::ExecutionIndex(ExecutionIndex&&) noexcept = default;
ExecutionIndex& ExecutionIndex::operator=(ExecutionIndex&&) noexcept = default;

std::string ExecutionIndex::files_folder() const {
  return fmt::format("{}/{}", folder_, journal::kIndexFolder);
}

void ExecutionIndex::begin_save(Timestamp expired) {
  if (saving_ != nullptr) {
    saved(false);
  }
  saving_ = std::make_unique<Saving>();
  saving_->expired = expired;
  saving_->redriven = redriven_;
  flushing_ = std::make_shared<const ExecutionTable>(std::move(ended_));
  ended_ = {};
  plan_files(expired);
}

/// The last files go into the new one while they are no larger than what that has already: so there are few, and an
/// entry is written anew only as often as what it lies in doubles.
void ExecutionIndex::plan_files(Timestamp expired) {
  for (const auto& file : files_) {
    if (file->newest() >= expired && file->size() != 0) {
      saving_->kept.push_back(file);
    }
  }
  std::uint64_t size = flushing_->rows().size();
  IndexFiles& kept = saving_->kept;
  while (size != 0 && !kept.empty() && kept.back()->size() <= size && size + kept.back()->size() <= largest_file_ &&
         !unreadable_.contains(kept.back()->number())) {
    size += kept.back()->size();
    saving_->merged.push_back(kept.back());
    kept.pop_back();
  }
  if (size != 0) {
    saving_->number = next_file_++;
  }
}

bool ExecutionIndex::save(journal::Sink& sink) {
  const auto& rows = running_.rows();
  const auto next = saving_->saved ? rows.upper_bound(*saving_->saved) : rows.begin();
  if (next != rows.end()) {
    write_record(sink, Record::execution, to_entry(next->first.id, next->second));
    saving_->saved = next->first;
    return true;
  }
  if (saving_->is_done) {
    return false;
  }
  // What has ended since the beginning may have been there, unsaved, while it ran: all at once, it cannot slip through.
  for (const auto& [place, held] : ended_.rows()) {
    write_record(sink, Record::execution, to_entry(place.id, held));
  }
  for (const auto& [id, machine] : express_) {
    write_record(sink, Record::express, ExpressRecord{id, machines_[machine].arn});
  }
  IndexRecord index{next_, next_file_, saving_->names(), standing_, {}, {}};
  for (const auto& [id, seq] : saving_->redriven) {
    index.redriven.push_back(static_cast<std::uint64_t>(id));
    index.redriven_at.push_back(seq);
  }
  write_record(sink, Record::index, std::move(index));
  saving_->is_done = true;
  return true;
}

std::function<Result<void>()> ExecutionIndex::end_save() {
  if (problem_) {
    return [problem = *problem_]() -> Result<void> { return tl::unexpected<Error>(problem); };
  }
  std::set<std::uint64_t> needed;
  for (const Numbers& numbers : {saving_->names(), standing_, before_}) {
    needed.insert(numbers.begin(), numbers.end());
  }
  Numbers merged;
  for (const auto& file : saving_->merged) {
    merged.push_back(file->number());
  }
  return [files = layer_, journal_folder = folder_, folder = files_folder(), number = saving_->number,
          expired = saving_->expired, needed = std::move(needed), merged = std::move(merged), ended = flushing_,
          redriven = saving_->redriven, written = saving_->written]() -> Result<void> {
    if (number == 0 && needed.empty()) {
      return {};
    }
    const auto listed = TRY(journal::list_journal(*files, journal_folder));
    for (const auto& [old, path] : listed.indexes) {
      if (!needed.contains(old)) {
        static_cast<void>(files->remove(path));  // takes up room until the next time
      }
    }
    if (number == 0) {
      return {};
    }
    IndexWriter writer;
    const auto add = [&](const ExecutionEntry& entry) {
      const auto at = redriven.find(entry.id);
      if (entry.stopped >= expired && (at == redriven.end() || entry.last > at->second)) {
        writer.add(entry);
      }
    };
    for (const std::uint64_t one : merged) {
      const auto file = IndexFile::open(*files, folder, one);
      Result<void> read = file ? Result<void>() : tl::unexpected<Error>(file.error());
      for (std::uint32_t i = 0; read && i < (*file)->size(); ++i) {
        const auto row = (*file)->row(i);
        const auto entry = row ? (*file)->entry(*row) : tl::unexpected<Error>(row.error());
        if (entry) {
          add(*entry);
        } else {
          read = tl::unexpected<Error>(entry.error());
        }
      }
      if (!read) {
        written->unreadable = one;
        return read;
      }
    }
    for (const auto& [place, held] : ended->rows()) {
      add(to_entry(place.id, held));
    }
    auto done = files->make_folder(folder);
    if (done) {
      done = files->sync_folder(journal_folder);
    }
    if (done) {
      done = writer.write(*files, folder, number);
    }
    written->file = TRY(done ? IndexFile::open(*files, folder, number) : tl::unexpected<Error>(done.error()));
    return {};
  };
}

void ExecutionIndex::saved(bool stands) {
  if (saving_ == nullptr) {
    return;
  }
  const std::unique_ptr<Saving> saving = std::move(saving_);
  const std::shared_ptr<const ExecutionTable> flushed = std::move(flushing_);
  const Numbers names = saving->names();
  if (!stands) {
    standing_.insert(standing_.end(), names.begin(), names.end());  // it may stand all the same, after a crash
    for (const auto& [place, held] : flushed->rows()) {
      if (find_held(place.id) == nullptr && !is_stale(place.id, held.last)) {
        ended_.insert(place, held);
      }
    }
    if (saving->written->unreadable) {
      unreadable_.insert(*saving->written->unreadable);
    }
    return;
  }
  before_ = std::exchange(standing_, names);
  files_ = saving->kept;
  if (saving->written->file != nullptr) {
    files_.push_back(saving->written->file);
  }
  std::erase_if(redriven_, [&](const auto& redriven) {
    return std::all_of(files_.begin(), files_.end(), [&](const auto& file) { return file->first() > redriven.second; });
  });
}

bool ExecutionIndex::load(Record kind, journal::Source& source, const engine::Engine& engine) {
  if (kind == Record::execution) {
    const auto entry = read_record<ExecutionEntry>(source);
    const engine::Execution* live = engine.find(entry.id);
    drop(entry.id);
    Held held = to_held(entry);
    if (live != nullptr && live->identity != nullptr) {
      held.identity = live->identity;
    }
    const Place place{number_of(entry.machine_arn), entry.id};
    if (entry.status == engine::Status::running) {
      run(place, std::move(held));
    } else {
      ended_.insert(place, std::move(held));
    }
  } else if (kind == Record::express) {
    const auto record = read_record<ExpressRecord>(source);
    run_express(record.id, record.machine_arn);
  } else if (kind == Record::index) {
    const auto record = read_record<IndexRecord>(source);
    next_ = record.next;
    next_file_ = record.next_file;
    standing_ = record.files;
    before_ = record.files_before;
    for (std::size_t i = 0; i < std::min(record.redriven.size(), record.redriven_at.size()); ++i) {
      redriven_[engine::ExecutionId{record.redriven[i]}] = record.redriven_at[i];
    }
  } else {
    return false;
  }
  return true;
}

Result<void> ExecutionIndex::loaded() {
  for (const std::uint64_t number : standing_) {
    auto file = TRY(IndexFile::open(*layer_, files_folder(), number));
    files_.push_back(std::move(file));
  }
  return {};
}

}  // namespace lockstep::catalogue
