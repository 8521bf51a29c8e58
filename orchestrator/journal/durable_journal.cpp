#include "journal/durable_journal.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <chrono>
#include <utility>

namespace lockstep::journal {

namespace {

// How far the disk may be behind before append() waits for it.
constexpr std::size_t kMostSlabs = 4;
constexpr std::uint32_t kGrowthFactor = 2;
// The commit thread ticks for this long after the last Event; then it sleeps until it is woken.
constexpr std::chrono::milliseconds kWakeful{50};
// Room for the bodies of Events beyond one that needs a segment of its own size.
constexpr std::size_t kSlack = 64 * 1024;

}  // namespace

DurableJournal::DurableJournal(const JournalStart& start, JournalOptions options)
    : start_(start),
      options_(std::move(options)),
      templates_(start.epoch, options_.origin),
      appended_(start.next_seq - 1),
      filling_number_(start.first_segment_number - 1),
      nominal_(options_.first_segment),
      published_(appended_),
      durable_(appended_),
      previous_crc_(start.previous_crc) {}

Result<std::unique_ptr<DurableJournal>> DurableJournal::create(const JournalStart& start, JournalOptions options,
                                                               SegmentContents taken_over) {
  std::unique_ptr<DurableJournal> journal(new DurableJournal(start, std::move(options)));
  {
    const std::lock_guard lock(journal->commit_mutex_);
    if (taken_over.rows.empty()) {
      journal->start_slab(journal->nominal_);
    } else {
      journal->take_over(std::move(taken_over));
    }
    journal->current_segment_ = start.first_segment_number - 1;
    if (const auto done = journal->next_segment(); !done) {
      journal->stop_for_good(done.error());
      return tl::unexpected<Error>(done.error());
    }
  }
  if (journal->options_.threads) {
    journal->preparing_thread_ = std::thread([raw = journal.get()] { raw->run_preparing(); });
    journal->commit_thread_ = std::thread([raw = journal.get()] { raw->run_commits(); });
  }
  return journal;
}

DurableJournal::~DurableJournal() {
  stopping_ = true;
  wake();
  if (commit_thread_.joinable()) {
    commit_thread_.join();
  }
  if (file_ != nullptr && sync() && options_.sync == Sync::none) {
    static_cast<void>(file_->sync());
  }
  {
    const std::lock_guard lock(prepare_mutex_);
    prepare_changed_.notify_all();
  }
  if (preparing_thread_.joinable()) {
    preparing_thread_.join();
  }
  if (preparation_ && preparation_->result && *preparation_->result) {
    (**preparation_->result)->discard();
  }
}

SequenceNumber DurableJournal::append(std::vector<engine::Event>& events) {
  SequenceNumber last = appended_;
  for (const engine::Event& event : events) {
    if (is_kept(event)) {
      ++last;
      if (!failed_.load(std::memory_order_relaxed)) {
        encode([&](Row& row, Sink& sink) { encode_event(event, row, sink); });
      }
    }
  }
  events.clear();
  return hand_over(last);
}

SequenceNumber DurableJournal::append(const PutRow& put) {
  const SequenceNumber last = appended_ + 1;
  if (!failed_.load(std::memory_order_relaxed)) {
    encode(put);
  }
  return hand_over(last);
}

/// What was encoded up to `last`. After a failure rows are still numbered, so that what waits for them waits for ever.
SequenceNumber DurableJournal::hand_over(SequenceNumber last) {
  appended_ = last;
  publish();
  published_.store(appended_);
  if (options_.sync == Sync::every) {
    static_cast<void>(sync());
  } else if (asleep_.load()) {
    wake();
  }
  return appended_;
}

SequenceNumber DurableJournal::durable() {
  const SequenceNumber durable = durable_.load(std::memory_order_acquire);
  if (durable < appended_) {
    if (!options_.threads) {
      static_cast<void>(sync());
      return durable_.load();
    }
    wanted_.store(true);
    if (dozing_.load()) {
      wake();
    }
  }
  return durable_.load(std::memory_order_acquire);
}

std::optional<Error> DurableJournal::failure() const {
  if (!failed_.load()) {
    return std::nullopt;
  }
  const std::lock_guard lock(slab_mutex_);
  return failure_;
}

Result<void> DurableJournal::sync() {
  while (!failed_.load() && durable_.load() < published_.load()) {
    const std::lock_guard lock(commit_mutex_);
    commit_some();
  }
  if (const auto error = failure()) {
    return tl::unexpected<Error>(*error);
  }
  return {};
}

/// Encodes into the slab that is being filled; false if it does not fit there.
template <class Put>
bool DurableJournal::try_encode(const Put& put) {
  if (filled_ == filling_->size().rows) {
    return false;
  }
  Row& row = filling_->row(filled_);
  const std::size_t texts = sink_.texts().size();
  put(row, sink_);
  if (sink_.overflowed()) {
    sink_.texts().resize(texts);
    return false;
  }
  row.seq = appended_ + 1;
  return true;
}

template <class Put>
void DurableJournal::encode(const Put& put) {
  if (!try_encode(put)) {
    publish();
    start_slab(filling_->next_size());
    if (!try_encode(put)) {
      // It takes a segment of its own size.
      GrowingSink measure(filling_number_);
      Row row;
      put(row, measure);
      if (measure.size() + kSlack > kMostPayload) {
        stop_for_good(
            {ErrorKind::io, fmt::format("an event of {} bytes is too large for the journal", measure.size())});
        return;
      }
      SegmentSize size = filling_->size();
      size.payload = static_cast<std::uint32_t>(std::max<std::size_t>(size.payload, measure.size() + kSlack));
      start_slab(size);
      if (!try_encode(put)) {
        stop_for_good({ErrorKind::internal, "an event does not fit into a segment made for it"});
        return;
      }
    }
  }
  ++appended_;
  appended_bytes_ += kRowBytes + filling_->row(filled_).length;
  ++filled_;
}

SegmentSize shaped(SegmentSize size, std::size_t payload_per_row) {
  if (payload_per_row == 0) {
    return size;
  }
  constexpr std::size_t kLeast = 16;
  constexpr std::size_t kMost = 1024;
  // A quarter more than was needed; in few steps, so that one segment is mostly as large as the next.
  const std::size_t per_row = std::clamp(std::bit_ceil(payload_per_row * 5 / 4), kLeast, kMost);
  // Where rows are large, so are segments: a run with large items is not to have a file for every few thousand.
  constexpr std::size_t kLargeRow = 256;
  constexpr std::size_t kMostLarger = 4;
  const std::size_t bytes =
      (size.rows * kRowBytes + size.payload) * std::clamp<std::size_t>(per_row / kLargeRow, 1, kMostLarger);
  const std::size_t rows = std::clamp<std::size_t>(bytes / (kRowBytes + per_row), 1, size.rows);
  return {static_cast<std::uint32_t>(rows), static_cast<std::uint32_t>(rows * per_row)};
}

/// Closes the slab that is being filled and goes on in another one.
void DurableJournal::start_slab(SegmentSize size) {
  if (filling_ != nullptr && filled_ > 0) {
    const Row& last = filling_->row(filled_ - 1);
    payload_per_row_ = std::max<std::size_t>((last.offset + last.length) / filled_, 1);
  }
  nominal_.rows = std::min(options_.largest_segment.rows, nominal_.rows * kGrowthFactor);
  nominal_.payload = std::min(options_.largest_segment.payload, nominal_.payload * kGrowthFactor);
  std::unique_ptr<Slab> slab = obtain_slab(size);
  slab->reuse(appended_ + 1, shaped(nominal_, payload_per_row_));
  Slab* next = slab.get();
  Slab* closed = filling_;
  {
    const std::lock_guard lock(slab_mutex_);
    slabs_.push_back(std::move(slab));
  }
  if (closed != nullptr) {
    closed->close();
  }
  filling_ = next;
  filled_ = 0;
  sink_.reset(filling_->payload(), 0, ++filling_number_);
}

/// Begins with a segment that holds the rows of another one as they are there; Events come behind them. Requires
/// commit_mutex_.
void DurableJournal::take_over(SegmentContents segment) {
  const auto rows = static_cast<std::uint32_t>(segment.rows.size());
  // What was read behind the last sound row is no part of it: bodies follow each other without a gap.
  const std::uint32_t payload = segment.rows.back().offset + segment.rows.back().length;
  const SegmentSize& more = options_.first_segment;
  appended_ = segment.header.first_seq - 1;
  start_slab({std::max(rows, std::min(rows + more.rows, options_.largest_segment.rows)),
              std::max(payload, std::min(payload + more.payload, options_.largest_segment.payload))});
  std::copy(segment.rows.begin(), segment.rows.end(), &filling_->row(0));
  std::copy_n(segment.payload.begin(), payload, filling_->payload().begin());
  filled_ = rows;
  appended_ += rows;
  sink_.reset(filling_->payload(), payload, filling_number_);
  filling_->publish(rows);
  taken_over_ = rows;
  texts_from_ = segment.header.texts_from;
  previous_crc_ = segment.header.previous_crc;
}

std::unique_ptr<Slab> DurableJournal::obtain_slab(SegmentSize size) {
  std::unique_lock lock(slab_mutex_);
  if (slabs_.size() >= kMostSlabs) {
    published_.store(appended_);
    if (commit_thread_.joinable()) {
      lock.unlock();
      wanted_.store(true);
      wake();
      lock.lock();
      slab_freed_.wait(lock, [&] { return slabs_.size() < kMostSlabs || failed_.load(); });
    } else {
      lock.unlock();
      static_cast<void>(sync());
      lock.lock();
    }
  }
  if (spare_ != nullptr && spare_->size() == size) {
    return std::move(spare_);
  }
  spare_.reset();
  lock.unlock();
  return std::make_unique<Slab>(size);
}

/// Gives the rows that are complete to the consumer, after the long texts that they name.
void DurableJournal::publish() {
  if (!sink_.texts().empty()) {
    const std::lock_guard lock(slab_mutex_);
    std::move(sink_.texts().begin(), sink_.texts().end(), std::back_inserter(filling_->texts()));
    sink_.texts().clear();
  }
  filling_->publish(filled_);
}

/// Requires commit_mutex_. False if there was nothing to commit.
bool DurableJournal::commit_some() {
  if (failed_.load()) {
    return false;
  }
  const auto done = commit_locked();
  if (!done) {
    stop_for_good(done.error());
    return false;
  }
  return *done;
}

Result<bool> DurableJournal::commit_locked() {
  Slab* slab = nullptr;
  {
    const std::lock_guard lock(slab_mutex_);
    slab = slabs_.front().get();
  }
  const bool closed = slab->is_closed();
  const std::uint32_t ready = slab->ready();
  if (committed_rows_ < ready) {
    const std::uint32_t to = std::min(ready, committed_rows_ + kMostRowsPerCommit);
    TRY(commit_rows(*slab, committed_rows_, to));
    return true;
  }
  if (!closed) {
    return false;
  }
  {
    const std::lock_guard lock(slab_mutex_);
    spare_ = std::move(slabs_.front());
    slabs_.pop_front();
  }
  slab_freed_.notify_all();
  // Without syncs of its own, a segment becomes durable when the next one begins.
  if (options_.sync == Sync::none) {
    auto done = text_file_ != nullptr ? text_file_->sync() : Result<void>();
    done = done ? file_->sync() : done;
    TRY(done);
  }
  TRY(next_segment());
  return true;
}

Result<void> DurableJournal::commit_rows(Slab& slab, std::uint32_t from, std::uint32_t to) {
  for (std::uint32_t i = from; i < to; ++i) {
    slab.row(i).place = static_cast<std::uint16_t>(i - from);
  }
  auto done = write_texts(slab);
  if (done) {
    done = write_rows(*file_, slab, from, to);
  }
  if (done && options_.sync != Sync::none) {
    done = file_->sync();
  }
  if (!done) {
    return done;
  }
  const Row& last = slab.row(to - 1);
  committed_rows_ = to;
  previous_crc_ = last.crc;
  durable_.store(last.seq, std::memory_order_release);
  if (!next_requested_ && options_.threads && (to > slab.size().rows / 2 || last.offset > slab.size().payload / 2)) {
    next_requested_ = true;
    request_segment(file_->number() + 1, slab.next_size());
  }
  return {};
}

Result<void> DurableJournal::write_rows(SegmentFile& file, Slab& slab, std::uint32_t from, std::uint32_t to) {
  const std::span<const std::byte> payload = slab.payload();
  for (std::uint32_t i = from; i < to; ++i) {
    Row& row = slab.row(i);
    row.crc = row_crc(row, payload.subspan(row.offset, row.length), file.salt());
  }
  const Row& first = slab.row(from);
  const Row& last = slab.row(to - 1);
  const auto done =
      file.write_payload(payload.subspan(first.offset, last.offset + last.length - first.offset), first.offset);
  return done ? file.write_rows(std::as_bytes(slab.rows(from, to)), from) : done;
}

/// Makes durable what the rows that are about to be written name.
Result<void> DurableJournal::write_texts(Slab& slab) {
  std::vector<LongText> texts;
  {
    const std::lock_guard lock(slab_mutex_);
    texts.swap(slab.texts());
  }
  if (texts.empty()) {
    return {};
  }
  if (text_file_ == nullptr) {
    text_file_ = TRY(TextFile::create(*options_.files, start_.folder, file_->number()));
  }
  const auto done = text_file_->write(texts);
  return done && options_.sync != Sync::none ? text_file_->sync() : done;
}

/// Begins the file of the slab that is now in front. Requires that all before it is durable.
Result<void> DurableJournal::next_segment() {
  Slab* slab = nullptr;
  {
    const std::lock_guard lock(slab_mutex_);
    slab = slabs_.front().get();
  }
  if (options_.check_owner) {
    if (const auto owner = options_.check_owner(); !owner) {
      return owner;
    }
  }
  const std::uint64_t number = current_segment_.load() + 1;
  auto file = TRY(prepared_segment(number, slab->size()));
  if (taken_over_ > 0) {
    if (const auto done = write_rows(*file, *slab, 0, taken_over_); !done) {
      return done;
    }
  }
  const std::int64_t now = options_.now ? options_.now() : 0;
  const auto done = file->activate(slab->first_seq(), previous_crc_, std::min(number, texts_from_), options_.sync, now);
  if (!done) {
    return done;
  }
  file_ = std::move(file);
  text_file_.reset();
  committed_rows_ = std::exchange(taken_over_, 0);
  texts_from_ = UINT64_MAX;
  if (committed_rows_ > 0) {
    previous_crc_ = slab->row(committed_rows_ - 1).crc;
  }
  next_requested_ = false;
  current_segment_.store(number);
  return {};
}

void DurableJournal::stop_for_good(const Error& error) {
  {
    const std::lock_guard lock(slab_mutex_);
    if (!failure_) {
      failure_ = error;
    }
    failed_.store(true);
  }
  slab_freed_.notify_all();
  if (options_.on_durable) {
    options_.on_durable();
  }
}

void DurableJournal::wake() {
  {
    const std::lock_guard lock(wake_mutex_);
    woken_ = true;
  }
  wake_.notify_one();
}

void DurableJournal::run_commits() {
  using Clock = std::chrono::steady_clock;
  Clock::time_point last_activity = Clock::now();
  while (!stopping_.load() && !failed_.load()) {
    const bool wanted = wanted_.exchange(false);
    bool committed = false;
    if (durable_.load() < published_.load()) {
      const std::lock_guard lock(commit_mutex_);
      committed = commit_some();
    }
    if (committed) {
      last_activity = Clock::now();
    }
    // Also where there was nothing to commit: who asked may have asked just before the last commit was done.
    if (wanted && options_.on_durable) {
      options_.on_durable();
    }
    std::unique_lock lock(wake_mutex_);
    dozing_.store(true);
    // Either side sees the other: who asked before this line is seen here, who asks after it wakes.
    if (!wanted_.load()) {
      if (Clock::now() - last_activity < kWakeful) {
        wake_.wait_for(lock, options_.tick, [this] { return woken_ || stopping_.load(); });
      } else {
        asleep_.store(true);
        if (durable_.load() == published_.load()) {
          wake_.wait(lock, [this] { return woken_ || stopping_.load(); });
          last_activity = Clock::now();
        }
        asleep_.store(false);
      }
    }
    woken_ = false;
    dozing_.store(false);
  }
}

void DurableJournal::request_segment(std::uint64_t number, SegmentSize size) {
  const std::lock_guard lock(prepare_mutex_);
  preparation_.emplace();
  preparation_->number = number;
  preparation_->size = size;
  prepare_changed_.notify_all();
}

void DurableJournal::run_preparing() {
  std::unique_lock lock(prepare_mutex_);
  while (true) {
    prepare_changed_.wait(lock, [this] { return stopping_.load() || (preparation_ && !preparation_->begun); });
    if (stopping_.load()) {
      return;
    }
    preparation_->begun = true;
    const std::uint64_t number = preparation_->number;
    const SegmentSize size = preparation_->size;
    lock.unlock();
    const auto form = templates_.find(size);
    auto made = form ? SegmentFile::prepare(*options_.files, start_.folder, **form, number)
                     : tl::unexpected<Error>(form.error());
    lock.lock();
    preparation_->result = std::move(made);
    prepare_changed_.notify_all();
  }
}

Result<std::unique_ptr<SegmentFile>> DurableJournal::prepared_segment(std::uint64_t number, SegmentSize size) {
  {
    std::unique_lock lock(prepare_mutex_);
    if (preparation_ && preparation_->number == number) {
      prepare_changed_.wait(lock,
                            [this] { return preparation_->result || (stopping_.load() && !preparation_->begun); });
      std::optional<Result<std::unique_ptr<SegmentFile>>> result = std::move(preparation_->result);
      preparation_.reset();
      lock.unlock();
      if (result && *result) {
        if ((**result)->size() == size) {
          return std::move(*result);
        }
        (**result)->discard();
      }
      // It could not be made then; perhaps there is room now.
    }
  }
  const auto form = TRY(templates_.find(size));
  return SegmentFile::prepare(*options_.files, start_.folder, *form, number);
}

}  // namespace lockstep::journal
