// Checkpoints: all live executions as they are, so that recovery replays only what came after (FORMAT.md,
// "Checkpoints").
//
// A checkpoint is taken in slices between Inputs. Each execution is written as it is in its slice, with the number of
// the last Event that had been applied then; recovery applies to it only later ones. So nothing has to stand still, and
// an execution that starts meanwhile comes back from its Events alone.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "engine/snapshot.hpp"
#include "journal/durable_journal.hpp"
#include "journal/files.hpp"
#include "journal/folded.hpp"
#include "journal/segment_reader.hpp"

namespace lockstep::journal {

/// A stretch of /state with texts of its own, and who stands in it.
struct CheckpointPart {
  GrowingSink::Buffer state;
  std::uint64_t size = 0;
  bool folded = false;  ///< records of Folded, not executions
  struct Entry {
    engine::ExecutionId execution{};
    SequenceNumber as_of = 0;
    std::uint64_t offset = 0;  ///< in `state`
    std::uint64_t length = 0;
    std::int64_t started_us = 0;
    std::uint32_t strands = 0;
    engine::Status status = engine::Status::running;
    std::string name;
  };
  std::vector<Entry> entries;
};

struct CheckpointData {
  std::uint64_t number = 0;
  Epoch epoch = 0;
  SequenceNumber first_seq = 0;  ///< Events up to this one are folded into every execution
  SequenceNumber last_seq = 0;   ///< none after this one is
  std::int64_t created_us = 0;
  std::vector<CheckpointPart> parts;
  std::function<Result<void>()> first;  ///< what Folded::end_save() gave; may be null
};

/// Puts a checkpoint into the journal's folder, durably. Requires that Events up to last_seq are durable.
Result<void> write_checkpoint(FileLayer& files, const std::string& folder, const CheckpointData& data,
                              const std::string& software);

/// LoadedCheckpoint::folded_problem of a checkpoint up to version 1.2, or of who had nothing to fold in.
inline constexpr std::string_view kNoCatalogue = "the checkpoint holds no catalogue";

/// What a checkpoint said: the executions are in the engine.
struct LoadedCheckpoint {
  std::uint64_t number = 0;
  Epoch epoch = 0;
  SequenceNumber first_seq = 0;
  SequenceNumber last_seq = 0;
  /// Per execution the last Event that is folded in. Executions that are not here and started before first_seq were
  /// over and forgotten.
  std::unordered_map<engine::ExecutionId, SequenceNumber> as_of;
  /// Why what is folded in beside the executions did not come back; empty: it did, or was not asked for.
  std::string folded_problem;
};

/// Reads a checkpoint into an engine that is empty; leaves it empty if the checkpoint is damaged. `folded`, which was
/// just started, may be null; whatever is wrong with it alone keeps the executions from nothing.
Result<LoadedCheckpoint> load_checkpoint(const FileLayer& files, const std::string& folder, const std::string& path,
                                         engine::Engine& engine, Folded* folded = nullptr);

/// Only what is folded in beside the executions: for who wants to read that and nothing else.
Result<LoadedCheckpoint> load_folded(const FileLayer& files, const std::string& folder, const std::string& path,
                                     Folded& folded);

struct CheckpointOptions {
  /// A checkpoint is due when this much was journalled since the last, or as much as the last one was large.
  std::uint64_t every_bytes = 64U << 20;
  /// How long one step() may take.
  std::chrono::microseconds slice{2'000};
  /// Live segments are turned into archives when nothing was journalled for this long.
  std::chrono::milliseconds idle{300};
  /// Archives are deleted once they are older than this, and than every execution that still runs.
  std::chrono::hours retain{90 * 24};
  std::string software;
  FileLayer* files = &posix_files();
  Folded* folded = nullptr;           ///< is in the checkpoints, too; must outlive the Checkpointer
  std::function<std::int64_t()> now;  ///< UTC microseconds
  /// Asked before a checkpoint is put in place; an error (the run has another owner) keeps it from that.
  std::function<Result<void>()> check_owner;
  /// Told what went wrong; a checkpoint that fails is tried again later and does no harm. From any thread.
  std::function<void(const std::string&)> warn;
  /// False: everything happens in step() and take(). For deterministic tests.
  bool threads = true;
};

/// Takes checkpoints when they are due, keeps two, and packs the segments below them into archives. The loop's thread
/// calls it; a thread of its own does what needs the disk or libhdf5.
class Checkpointer {
 public:
  /// `last_number`: of the newest checkpoint that stands. `replayed_bytes`: what was journalled since. The journal must
  /// outlive it.
  Checkpointer(DurableJournal& journal, std::uint64_t last_number, std::uint64_t replayed_bytes,
               CheckpointOptions options);
  Checkpointer(const Checkpointer&) = delete;
  Checkpointer& operator=(const Checkpointer&) = delete;
  /// Waits for what is being written.
  ~Checkpointer();

  /// Between Inputs: does the next slice, if one is due.
  void step(const engine::Engine& engine);
  /// At a graceful stop, or after a recovery: a whole checkpoint, durable when it returns.
  Result<void> take(const engine::Engine& engine);

 private:
  bool is_due() const;
  Result<void> take_now(const engine::Engine& engine);
  void begin(const engine::Engine& engine);
  bool go_on(const engine::Engine& engine, std::chrono::microseconds limit);
  void start_part(bool folded = false);
  void settle();
  void finish();
  void write(CheckpointData& data);
  void keep_two();
  std::int64_t retained_from() const;
  void drop_old_archives(const CheckpointData& data);
  bool archive_one();
  bool stopping_now();
  void run();

  DurableJournal& journal_;
  const CheckpointOptions options_;

  // The loop's thread only.
  std::unique_ptr<CheckpointData> taking_;
  std::vector<engine::ExecutionId> to_take_;
  std::size_t taken_ = 0;
  std::unique_ptr<GrowingSink> sink_;
  std::uint64_t bytes_before_;  // journalled before this process
  std::uint64_t bytes_at_last_ = 0;
  std::uint64_t last_size_ = 0;
  std::uint64_t last_number_;

  std::atomic<bool> in_hurry_{false};  // somebody waits: nothing is packed now
  std::mutex mutex_;                   // guards what follows
  std::condition_variable changed_;
  std::unique_ptr<CheckpointData> to_write_;
  bool writing_ = false;
  std::optional<bool> written_;  // whether the last one stands; Folded is yet to be told
  std::optional<Error> last_error_;
  SequenceNumber folded_ = 0;  // below this, segments may be packed
  bool stopping_ = false;
  std::thread thread_;
};

/// Packs segment `number` into an archive, durably, and removes it. Requires that it is closed and durable.
/// `events`: how many rows belong to it. Where `give_up` says so meanwhile, nothing was done: an error of kind
/// interrupted.
Result<void> archive_segment(FileLayer& files, const std::string& folder, std::uint64_t number, std::uint64_t events,
                             const std::string& software, const std::function<bool()>& give_up = {});

/// Puts the first `events` of a segment's rows into archive/, durably, as segment `number`; replaces what stands there.
Result<void> write_archive(FileLayer& files, const std::string& folder, std::uint64_t number, SegmentContents segment,
                           std::uint64_t events, const std::string& software,
                           const std::function<bool()>& give_up = {});

}  // namespace lockstep::journal
