// A worker's spool: what it has begun and what it has finished, durable here before rank 0 hears of it, so that
// finished work survives the loss of rank 0, of this rank, and of the whole allocation (design, wall 3).
//
// RUN/spool/rank-NNNNN.eEPOCH/ holds segments and long texts in the journal's own format; journal/FORMAT.md, "Spools",
// says how records lie in them. Records stand for themselves: a reader needs no order and no segment before another.
//
// The worker: run → ended() → durable() → send. Rank 0, once the outcome's Events are durable in the journal, lets it
// go: acknowledged(). Rank 0 after a crash: read_spools(), take in what is there, make that durable, remove_spools().
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "journal/durable_journal.hpp"
#include "mpi_worker/machine.hpp"
#include "mpi_worker/settings.hpp"
#include "mpi_worker/task.hpp"

namespace lockstep::worker {

enum class SpoolKind : std::uint8_t {
  begun,      ///< a task of a job that must never start twice is about to begin: a marker
  withdrawn,  ///< the one of an earlier marker has not begun after all
  ended
};

/// Writes one rank's spool. One thread; threads of its own make segments ahead and commit what nobody waits for. Makes
/// nothing on the disk before the first record. After the first failure nothing more becomes durable.
class Spool {
 public:
  /// Called from another thread when durable() has advanced while someone waited for it; must be quick.
  using Notify = std::function<void()>;

  /// Null where the settings want none, or there is no run folder.
  static std::unique_ptr<Spool> open(const RunSettings& settings, std::uint32_t rank, Notify notify = nullptr,
                                     Machine& machine = real_machine());
  /// As open(), with all that it takes from settings and machine.
  Spool(std::string run_folder, journal::Epoch epoch, std::uint32_t rank, journal::Sync sync, Notify notify,
        journal::FileLayer& files = journal::posix_files(), bool threads = true);
  ~Spool();
  Spool(const Spool&) = delete;
  Spool& operator=(const Spool&) = delete;

  /// The task is about to begin.
  void started(const DispatchId& id, Timestamp time);
  /// The task has not begun after all: takes the marker back where there is one.
  void not_begun(const DispatchId& id, Timestamp time);
  /// The task is over. What is not to be kept, or is no outcome, leaves no record, but counts as one all the same.
  void ended(const Outcome& outcome, bool kept = true);
  /// The same where nothing is to be recorded of its end.
  void over(const DispatchId& id);
  /// All that was recorded is durable when it returns: one sync for all that came together.
  Result<void> commit();

  /// Records so far, from 1.
  std::uint64_t last() const { return records_; }
  /// The records up to this one are durable. Does not wait; what is not durable yet will be as soon as can be.
  std::uint64_t durable();
  /// The same, but nobody is in a hurry: what comes within a few milliseconds shares a sync.
  std::uint64_t durable_now() const;
  /// Why nothing more becomes durable; nothing while it works.
  std::optional<Error> failure() const;

  /// The first `outcomes` outcomes, counted from the spool's beginning, are durable at rank 0: segments that hold
  /// nothing else, nor the marker of a task that runs, are deleted.
  void acknowledged(std::uint64_t outcomes);

  /// How many outcomes rank 0 should let gather before it sends a message for acknowledged() alone.
  static constexpr std::uint64_t kWorthAcknowledging = 2048;

 private:
  /// A segment that is complete.
  struct Sealed {
    std::uint64_t segment = 0;
    std::uint64_t outcomes = 0;  ///< acknowledged, it holds none that is needed
  };

  void append(SpoolKind kind, const Outcome& outcome);
  Result<void> create();
  void note_sealed();
  void remove_settled();

  const std::string run_folder_;
  const std::string folder_;
  const journal::Epoch epoch_;
  const journal::Sync sync_;
  const Notify notify_;
  journal::FileLayer& files_;
  const bool threads_;
  std::unique_ptr<journal::DurableJournal> journal_;  // null before the first record
  std::optional<Error> failure_;                      // it could not be made
  std::uint64_t records_ = 0;
  std::uint64_t outcomes_ = 0;
  std::uint64_t acknowledged_ = 0;
  std::uint64_t segment_ = 1;  // the one that was written to when it was last looked at
  std::deque<Sealed> sealed_;  // in order
  struct Open {
    std::uint64_t first = 0;  // the marker is in this segment or
    std::uint64_t last = 0;   // one up to this
  };
  std::unordered_map<DispatchId, Open, DispatchIdHash> open_;  // began and is not over
};

/// What a spool says.
struct SpoolRecord {
  std::uint32_t rank = 0;
  journal::Epoch epoch = 0;
  SpoolKind kind = SpoolKind::begun;  ///< readers give no markers that were withdrawn
  Outcome outcome;                    ///< begun: with nothing but its id and when it started
};
using SpoolCallback = std::function<void(SpoolRecord record)>;

/// Reads all spools of a run folder, of every epoch. A torn tail is normal. The result is a line for each thing that is
/// damaged; the records that are sound are given all the same. Errors: what stands there cannot be read now.
Result<std::vector<std::string>> read_spools(const std::string& run_folder, const SpoolCallback& callback,
                                             journal::FileLayer& files = journal::posix_files());
/// The same for one rank's spool of one epoch. No such spool: no record.
Result<std::vector<std::string>> read_spool(const std::string& run_folder, journal::Epoch epoch, std::uint32_t rank,
                                            const SpoolCallback& callback,
                                            journal::FileLayer& files = journal::posix_files());

/// Deletes the spools of epochs below `below_epoch`: what they said must be durable in the journal. Deletes RUN/spool
/// once nothing is left in it.
Result<void> remove_spools(const std::string& run_folder, journal::Epoch below_epoch,
                           journal::FileLayer& files = journal::posix_files());

}  // namespace lockstep::worker
