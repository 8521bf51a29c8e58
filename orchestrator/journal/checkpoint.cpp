#include "journal/checkpoint.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "journal/execution_codec.hpp"
#include "journal/journal_folder.hpp"
#include "journal/segment_reader.hpp"
#include "journal/texts.hpp"

namespace lockstep::journal {

namespace {

constexpr std::size_t kPartBytes = 1 << 20;
// The clock is asked once per so many executions.
constexpr std::size_t kBetweenLooks = 16;
constexpr std::size_t kCheckpointsKept = 2;

}  // namespace

Checkpointer::Checkpointer(DurableJournal& journal, std::uint64_t last_number, std::uint64_t replayed_bytes,
                           CheckpointOptions options)
    : journal_(journal), options_(std::move(options)), bytes_before_(replayed_bytes), last_number_(last_number) {
  if (options_.threads) {
    thread_ = std::thread([this] { run(); });
  }
}

Checkpointer::~Checkpointer() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  in_hurry_ = true;
  changed_.notify_all();
  if (thread_.joinable()) {
    thread_.join();
  }
}

bool Checkpointer::is_due() const {
  return bytes_before_ + journal_.appended_bytes() - bytes_at_last_ >= std::max(options_.every_bytes, last_size_);
}

void Checkpointer::step(const engine::Engine& engine) {
  if (taking_ == nullptr) {
    if (!is_due()) {
      return;
    }
    {
      const std::lock_guard lock(mutex_);
      if (writing_) {
        return;  // the disk is slower than the run; the log grows meanwhile
      }
    }
    settle();
    begin(engine);
  }
  if (go_on(engine, options_.slice)) {
    finish();
  }
}

Result<void> Checkpointer::take(const engine::Engine& engine) {
  in_hurry_ = options_.threads;
  auto taken = take_now(engine);
  in_hurry_ = false;
  return taken;
}

Result<void> Checkpointer::take_now(const engine::Engine& engine) {
  {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return !writing_; });
  }
  settle();
  begin(engine);
  go_on(engine, std::chrono::hours(1));
  if (const auto synced = journal_.sync(); !synced) {
    taking_.reset();
    return synced;
  }
  finish();
  {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return !writing_; });
  }
  settle();
  const std::lock_guard lock(mutex_);
  return last_error_ ? Result<void>(tl::unexpected<Error>(*last_error_)) : Result<void>();
}

void Checkpointer::begin(const engine::Engine& engine) {
  taking_ = std::make_unique<CheckpointData>();
  taking_->number = last_number_ + 1;
  taking_->epoch = journal_.epoch();
  taking_->first_seq = journal_.last();
  taking_->created_us = options_.now ? options_.now() : 0;
  to_take_ = engine::Snapshot::executions(engine);
  taken_ = 0;
  bytes_at_last_ = journal_.appended_bytes();
  bytes_before_ = 0;
  start_part();
  if (options_.folded != nullptr) {
    options_.folded->begin_save({retained_from()});
  }
}

void Checkpointer::start_part(bool folded) {
  if (sink_ != nullptr && !taking_->parts.empty()) {
    taking_->parts.back().size = sink_->size();
    taking_->parts.back().state = sink_->take();
  }
  sink_ = std::make_unique<GrowingSink>();
  taking_->parts.emplace_back().folded = folded;
}

/// Tells what became of the last checkpoint.
void Checkpointer::settle() {
  std::optional<bool> written;
  {
    const std::lock_guard lock(mutex_);
    written = std::exchange(written_, std::nullopt);
  }
  if (options_.folded != nullptr && written) {
    options_.folded->saved(*written);
  }
}

/// True when the last was taken.
bool Checkpointer::go_on(const engine::Engine& engine, std::chrono::microseconds limit) {
  const auto end = std::chrono::steady_clock::now() + limit;
  const SequenceNumber now = journal_.last();
  for (std::size_t looked = 0; taken_ < to_take_.size(); ++taken_, ++looked) {
    if (looked % kBetweenLooks == kBetweenLooks - 1 && std::chrono::steady_clock::now() >= end) {
      return false;
    }
    const engine::Execution* execution = engine.find(to_take_[taken_]);
    if (execution == nullptr || execution->origin.type == engine::ExecutionType::express_sync) {
      continue;  // over and forgotten meanwhile: its last Event is there to say so
    }
    std::unique_ptr<engine::Execution> anew;
    if (execution->origin.type == engine::ExecutionType::express && execution->status == engine::Status::running) {
      anew = engine::Snapshot::anew(*execution);  // of what it does meanwhile there are no Events
      execution = anew.get();
    }
    if (sink_->size() >= kPartBytes) {
      start_part();
    }
    const std::size_t start = sink_->size();
    sink_->start_item();
    encode_execution(*execution, *sink_);
    taking_->parts.back().entries.push_back({execution->id, now, start, sink_->size() - start, execution->started_at.us,
                                             static_cast<std::uint32_t>(execution->strands.size()), execution->status,
                                             execution->identity != nullptr ? execution->identity->name() : ""});
  }
  if (options_.folded == nullptr) {
    return true;
  }
  for (std::size_t looked = 0;; ++looked) {
    if (looked % kBetweenLooks == kBetweenLooks - 1 && std::chrono::steady_clock::now() >= end) {
      return false;
    }
    if (!taking_->parts.back().folded || sink_->size() >= kPartBytes) {
      start_part(true);
    }
    sink_->start_item();
    if (!options_.folded->save(*sink_)) {
      return true;
    }
  }
}

void Checkpointer::finish() {
  start_part();
  sink_.reset();
  taking_->last_seq = journal_.last();
  last_size_ = 0;
  for (const CheckpointPart& part : taking_->parts) {
    last_size_ += part.size;
  }
  ++last_number_;
  if (options_.folded != nullptr) {
    taking_->first = options_.folded->end_save();
  }
  if (!options_.threads) {
    if (journal_.sync()) {
      write(*taking_);
    }
    taking_.reset();
    settle();
    while (archive_one()) {
    }
    return;
  }
  const std::lock_guard lock(mutex_);
  to_write_ = std::move(taking_);
  writing_ = true;
  changed_.notify_all();
}

/// Requires that all it folds in is durable.
void Checkpointer::write(CheckpointData& data) {
  Result<void> done = options_.check_owner ? options_.check_owner() : Result<void>();
  if (done && data.first) {
    done = data.first();
  }
  if (done) {
    done = write_checkpoint(*options_.files, journal_.folder(), data, options_.software);
  }
  if (done) {
    keep_two();
    drop_old_archives(data);
    remove_needless_texts(*options_.files, journal_.folder());
  } else if (options_.warn) {
    options_.warn("no checkpoint: " + done.error().message);
  }
  const std::lock_guard lock(mutex_);
  last_error_ = done ? std::nullopt : std::optional(done.error());
  written_ = done.has_value();
  if (done) {
    folded_ = data.first_seq;
  }
}

void Checkpointer::keep_two() {
  const auto listed = list_journal(*options_.files, journal_.folder());
  if (!listed) {
    return;
  }
  std::size_t kept = 0;
  for (auto it = listed->checkpoints.rbegin(); it != listed->checkpoints.rend(); ++it) {
    if (++kept > kCheckpointsKept) {
      static_cast<void>(options_.files->remove(it->second));
    }
  }
}

/// What was over before this need not be kept; UTC microseconds.
std::int64_t Checkpointer::retained_from() const {
  return options_.now ? options_.now() - std::chrono::duration_cast<std::chrono::microseconds>(options_.retain).count()
                      : INT64_MIN;
}

/// What is below both checkpoints, older than all that runs, and past its time, is of no use any more.
void Checkpointer::drop_old_archives(const CheckpointData& data) {
  const auto listed = list_journal(*options_.files, journal_.folder());
  if (!listed || !options_.now || listed->checkpoints.size() < kCheckpointsKept) {
    return;
  }
  const auto older = read_header(*options_.files, listed->checkpoints.begin()->second);
  if (!older) {
    return;
  }
  std::int64_t before = retained_from();
  for (const CheckpointPart& part : data.parts) {
    for (const CheckpointPart::Entry& entry : part.entries) {
      before = std::min(before, entry.started_us);
    }
  }
  for (const auto& [number, place] : listed->segments) {
    const auto header = place.archived ? read_header(*options_.files, place.path)
                                       : Result<Header>(fail(ErrorKind::io, "not an archive"));
    if (!header || header->last_seq > older->first_seq || header->created_us >= before ||
        !options_.files->remove(place.path)) {
      return;
    }
  }
}

/// Packs the first live segment that lies wholly below the last checkpoint; false if there is none.
bool Checkpointer::archive_one() {
  SequenceNumber folded = 0;
  {
    const std::lock_guard lock(mutex_);
    folded = folded_;
  }
  const auto listed = list_journal(*options_.files, journal_.folder());
  if (!listed) {
    return false;
  }
  for (auto it = listed->segments.begin(); it != listed->segments.end(); ++it) {
    const auto next = std::next(it);
    if (it->second.archived || it->first >= journal_.current_segment() || next == listed->segments.end()) {
      continue;
    }
    const auto header = read_header(*options_.files, it->second.path);
    const auto next_header = read_header(*options_.files, next->second.path);
    if (!header || !next_header || next_header->first_seq > folded + 1) {
      return false;
    }
    const auto done =
        archive_segment(*options_.files, journal_.folder(), it->first, next_header->first_seq - header->first_seq,
                        options_.software, [this] { return in_hurry_.load(); });
    if (!done && done.error().kind != ErrorKind::interrupted && options_.warn) {
      options_.warn(done.error().message);
    }
    return done.has_value();
  }
  return false;
}

void Checkpointer::run() {
  std::unique_lock lock(mutex_);
  SequenceNumber seen = journal_.durable_now();
  bool may_archive = true;
  while (true) {
    changed_.wait_for(lock, options_.idle, [this] { return stopping_ || to_write_ != nullptr; });
    if (to_write_ != nullptr) {
      const std::unique_ptr<CheckpointData> data = std::move(to_write_);
      lock.unlock();
      // It may name nothing that is not durable; the journal gets there, or it has failed and all is in vain.
      bool durable = journal_.durable_now() >= data->last_seq;
      while (!durable && !stopping_now()) {
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
        durable = journal_.durable_now() >= data->last_seq;
      }
      if (durable) {
        write(*data);
      }
      lock.lock();
      writing_ = false;
      may_archive = true;
      changed_.notify_all();
      continue;
    }
    if (stopping_) {
      return;
    }
    const SequenceNumber now = journal_.durable_now();
    if (now == seen && may_archive) {
      lock.unlock();
      may_archive = archive_one();
      lock.lock();
    }
    seen = now;
  }
}

bool Checkpointer::stopping_now() {
  const std::lock_guard lock(mutex_);
  return stopping_;
}

}  // namespace lockstep::journal
