// Opening a run folder: becoming its owner, bringing back what the journal holds, and going on from there
// (FORMAT.md, "Recovery"). Idempotent, and safe against a crash at any of its own steps.
//
// Use, from the loop's thread:
//
//   engine::Engine engine(limits);
//   auto run = journal::open_run(folder, engine, options);     // exit status 73 (occupied) or 74 (io) if it fails
//   … run->recovered.endings: tell what had ended; run->recovered.tasks: dispatch again what was out …
//   loop: run->journal->append(events); effects wait for run->journal->durable();
//         run->checkpointer->step(engine) between Inputs
//   graceful stop: run->checkpointer->take(engine)
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "engine/snapshot.hpp"
#include "journal/checkpoint.hpp"
#include "journal/durable_journal.hpp"
#include "journal/event_reader.hpp"
#include "journal/lease.hpp"

namespace lockstep::journal {

/// A task that was out when the last owner ended. The engine has its strand in phase task.
struct InterruptedTask {
  engine::ExecutionId execution{};
  std::string execution_name;
  std::string state_name;
  engine::OpenTask task;
};

/// What was found.
struct Recovered {
  bool is_new = true;                   ///< there was no journal
  Epoch last_epoch = 0;                 ///< of the last owner that wrote; 0: none
  std::uint64_t checkpoint_number = 0;  ///< newest that stands, good or not; 0: none
  SequenceNumber checkpoint_seq = 0;    ///< Events that did not have to be replayed
  std::uint64_t replayed = 0;
  std::uint64_t replayed_bytes = 0;
  Tail tail;  ///< where the journal ended, and what was torn off
  /// The last segment, unless a checkpoint proves that all of it is durable. Go on with go_on(): the last owner's disk
  /// may have failed, and then what is read here is only in the system's memory, however often it is synced.
  SegmentContents doubtful;
  std::vector<std::string> warnings;  ///< a damaged checkpoint, …
  /// Why what is folded in beside the executions was made anew from the Events that there are; empty: it was not.
  std::string folded_anew;
  /// The last Events of the executions that the engine holds and that are over: their ends may not have been told to
  /// anyone. forget() them when they have.
  std::vector<engine::Event> endings;
  std::vector<InterruptedTask> tasks;
  std::vector<engine::ExecutionId> running;
};

/// Brings the journal in `journal_folder` back into `engine`, which must be empty, and makes sure that what was read is
/// durable, but for Recovered::doubtful. Requires ownership; removes unfinished files. Errors (io): a hole, damage, a
/// newer version. `folded` may be null; what it held before is forgotten.
Result<Recovered> recover(FileLayer& files, const std::string& journal_folder, engine::Engine& engine,
                          Folded* folded = nullptr);

/// The journal that goes on where what was recovered ended; all of that is durable then. Takes `recovered.doubtful`.
Result<std::unique_ptr<DurableJournal>> go_on(const std::string& journal_folder, Recovered& recovered, Epoch epoch,
                                              JournalOptions options);

struct OpenOptions {
  JournalOptions journal;        ///< `now` and `files` serve the others, too
  CheckpointOptions checkpoint;  ///< check_owner, now, files and software are filled in
  LeaseOptions lease;            ///< for a lease that is acquired here
  Folded* folded = nullptr;      ///< is recovered and checkpointed with the engine; must outlive the OpenRun
};

/// Destroy it before the engine; members go in the right order.
struct OpenRun {
  std::unique_ptr<Lease> lease;
  std::unique_ptr<DurableJournal> journal;
  std::unique_ptr<Checkpointer> checkpointer;
  Recovered recovered;

  OpenRun() = default;
  OpenRun(OpenRun&&) noexcept = default;
  OpenRun& operator=(OpenRun&&) = delete;
  ~OpenRun();
};

/// Opens the run folder `folder`, which must stand, for writing. `lease`: of that folder, if it is held already.
Result<OpenRun> open_run(const std::string& folder, engine::Engine& engine, OpenOptions options,
                         std::unique_ptr<Lease> lease = nullptr);

/// The folder of the run's journal: for EventReader.
std::string journal_folder(const std::string& run_folder);

}  // namespace lockstep::journal
