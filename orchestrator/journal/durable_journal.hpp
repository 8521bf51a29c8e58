// The journal that survives: Events go into pre-zeroed HDF5 segments with one write and one sync for all that came
// together (group commit); FORMAT.md says how they stand there.
//
// Threads: the loop's thread appends, asks durable() and may sync(); a commit thread writes; a preparing thread makes
// the next segment's file ahead. append() encodes into memory and waits for the disk only if the disk is several
// segments behind. After any error of the disk nothing more is ever acknowledged: what a failed sync left behind is
// unknown, so the run has to stop and be recovered.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "journal/files.hpp"
#include "journal/journal.hpp"
#include "journal/segment_file.hpp"
#include "journal/segment_reader.hpp"
#include "journal/slab.hpp"
#include "journal/texts.hpp"

namespace lockstep::journal {

struct JournalOptions {
  Sync sync = Sync::group;
  /// Called, from the commit thread, when durable() has advanced while someone waited for it; must be quick. Not called
  /// for what sync() itself made durable.
  std::function<void()> on_durable;
  /// The first segment of a process, and the largest; each is twice the one before. How many of its bytes are rows
  /// and how many are payload follows from what Events needed before.
  SegmentSize first_segment = kSmallestSegment;
  SegmentSize largest_segment = kLargestSegment;
  /// While Events come but nobody waits for them, they are committed this often.
  std::chrono::milliseconds tick = kUnhurried;
  Origin origin;
  FileLayer* files = &posix_files();
  /// UTC microseconds, for the headers.
  std::function<std::int64_t()> now;
  /// Asked before each new segment; an error (the run has another owner) stops the journal. May be null.
  std::function<Result<void>()> check_owner;
  /// False: no threads of its own; everything happens in append() and sync(). For deterministic tests.
  bool threads = true;
};

/// Where a journal begins to write.
struct JournalStart {
  std::string folder;  ///< the journal's own; stands
  Epoch epoch = 1;
  std::uint64_t first_segment_number = 1;
  SequenceNumber next_seq = 1;
  std::uint32_t previous_crc = 0;  ///< of the row before
};

/// A segment's file that is made ahead.
struct SegmentPreparation {
  std::uint64_t number = 0;
  SegmentSize size;
  bool begun = false;
  std::optional<Result<std::unique_ptr<SegmentFile>>> result;
};

/// A segment of as many bytes as `size`, and no more rows, that is full of rows when it is full of payload where Events
/// have `payload_per_row` bytes (0: as in `size`). What stays empty was zeroed and synced for nothing.
SegmentSize shaped(SegmentSize size, std::size_t payload_per_row);

class DurableJournal final : public Journal {
 public:
  /// Writes the first segment. Everything before `start.next_seq` must be durable, but for the rows of the segment
  /// `taken_over`, if there are any: with the first segment, which begins with them, they are.
  static Result<std::unique_ptr<DurableJournal>> create(const JournalStart& start, JournalOptions options,
                                                        SegmentContents taken_over = {});
  DurableJournal(const DurableJournal&) = delete;
  DurableJournal& operator=(const DurableJournal&) = delete;
  /// Makes durable what was appended, unless the journal has failed.
  ~DurableJournal() override;

  // The loop's thread only.
  SequenceNumber append(std::vector<engine::Event>& events) override;
  /// A row that is no Event, in a journal of another kind: `put` fills it and writes its body as encode_event() does,
  /// perhaps more than once.
  using PutRow = std::function<void(Row& row, Sink& sink)>;
  SequenceNumber append(const PutRow& put);
  SequenceNumber durable() override;
  std::optional<Error> failure() const override;
  /// Everything appended is durable when it returns. Commits in the caller's own thread unless a commit is under way,
  /// so it is the fastest way where there is nothing else to do.
  Result<void> sync();
  /// The last Event that was appended.
  SequenceNumber last() const { return appended_; }
  /// Bytes of rows and bodies appended since the journal was created; says when a checkpoint is due.
  std::uint64_t appended_bytes() const { return appended_bytes_; }

  // Any thread.
  /// The segment that is written to; those before it are complete, durable and closed.
  std::uint64_t current_segment() const { return current_segment_.load(); }
  Epoch epoch() const { return start_.epoch; }
  const std::string& folder() const { return start_.folder; }
  /// As durable(), without waking anyone.
  SequenceNumber durable_now() const override { return durable_.load(std::memory_order_acquire); }

 private:
  DurableJournal(const JournalStart& start, JournalOptions options);

  // Producer: the loop's thread.
  template <class Put>
  bool try_encode(const Put& put);
  template <class Put>
  void encode(const Put& put);
  SequenceNumber hand_over(SequenceNumber last);
  void start_slab(SegmentSize size);
  void take_over(SegmentContents segment);
  std::unique_ptr<Slab> obtain_slab(SegmentSize size);
  void publish();

  // Consumer: whoever holds commit_mutex_.
  bool commit_some();
  Result<bool> commit_locked();
  Result<void> commit_rows(Slab& slab, std::uint32_t from, std::uint32_t to);
  Result<void> write_rows(SegmentFile& file, Slab& slab, std::uint32_t from, std::uint32_t to);
  Result<void> write_texts(Slab& slab);
  Result<void> next_segment();
  void stop_for_good(const Error& error);

  // Threads.
  void run_commits();
  void run_preparing();
  void wake();
  void request_segment(std::uint64_t number, SegmentSize size);
  Result<std::unique_ptr<SegmentFile>> prepared_segment(std::uint64_t number, SegmentSize size);

  // Constant after construction.
  const JournalStart start_;
  const JournalOptions options_;
  SegmentTemplates templates_;

  // The loop's thread only.
  SequenceNumber appended_ = 0;
  std::uint64_t appended_bytes_ = 0;
  Sink sink_;
  Slab* filling_ = nullptr;  // the last of slabs_
  std::uint32_t filled_ = 0;
  std::uint64_t filling_number_;     // of its segment
  SegmentSize nominal_;              // of the next slab, before it is shaped
  std::size_t payload_per_row_ = 0;  // as Events had it; 0: not known yet

  std::atomic<SequenceNumber> published_{0};
  std::atomic<SequenceNumber> durable_{0};
  std::atomic<bool> wanted_{false};  // someone asked for more than is durable
  std::atomic<bool> asleep_{false};  // the commit thread waits without a limit
  std::atomic<bool> dozing_{false};  // the commit thread waits for its next tick
  std::atomic<bool> failed_{false};
  std::atomic<std::uint64_t> current_segment_{0};

  mutable std::mutex slab_mutex_;  // guards slabs_ (and their texts, but not their rows), spare_, failure_
  std::condition_variable slab_freed_;
  std::deque<std::unique_ptr<Slab>> slabs_;  // front: being committed; back: being filled
  std::unique_ptr<Slab> spare_;
  std::optional<Error> failure_;

  std::mutex commit_mutex_;  // guards what follows
  std::unique_ptr<SegmentFile> file_;
  std::unique_ptr<TextFile> text_file_;    // of the same segment; null: it has no long texts yet
  std::uint32_t committed_rows_ = 0;       // of the front slab
  std::uint32_t taken_over_ = 0;           // rows of the first slab that the first file begins with
  std::uint64_t texts_from_ = UINT64_MAX;  // of what was taken over
  std::uint32_t previous_crc_ = 0;
  bool next_requested_ = false;

  std::mutex wake_mutex_;
  std::condition_variable wake_;
  bool woken_ = false;

  std::mutex prepare_mutex_;
  std::condition_variable prepare_changed_;
  std::optional<SegmentPreparation> preparation_;

  std::atomic<bool> stopping_{false};
  std::thread preparing_thread_;
  std::thread commit_thread_;
};

}  // namespace lockstep::journal
