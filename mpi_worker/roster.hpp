// Who runs tasks for the owner of a run, so that the next owner knows when nobody does any more (design, walls 2 and
// 8).
//
// RUN/spool/workers.eEPOCH is a text: how long its workers may live on without their rank 0, and a line for each that
// was given tasks. Each of them holds a lock on one byte of it, the one at the place of its rank, and so does what ends
// its tasks when it dies: where the byte is free, nothing of its tasks is left. Where locks cannot be seen (file
// systems without, machines that keep them to themselves), the time must have passed instead.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "journal/files.hpp"
#include "journal/format.hpp"
#include "mpi_worker/machine.hpp"
#include "value/error.hpp"

namespace lockstep::worker {

/// A process that runs tasks, as its Hello says.
struct RosterEntry {
  std::uint32_t rank = 0;
  std::uint32_t pid = 0;
  std::uint64_t started = 0;
  bool lock_seen = false;  ///< its owner has seen that it holds its lock
  std::string place;
};

/// Rank 0's side. One thread.
class Roster {
 public:
  /// Makes the file, in place of any that stands there. `gone_after` that long after its rank 0 fell silent a worker
  /// and its tasks are no more.
  static Result<std::unique_ptr<Roster>> create(const std::string& run_folder, journal::Epoch epoch,
                                                std::chrono::milliseconds gone_after, Machine& machine);

  /// Notes workers that hold their locks, if they can; before they get a task. Whether a lock is seen is found out
  /// here. What is noted survives this machine where they are not all on it.
  Result<void> add(std::vector<RosterEntry> entries);
  /// Whether something of a rank's tasks may be left though its process is gone, as its lock says; false where locks
  /// say nothing.
  bool is_held(std::uint32_t rank) const;
  /// Nobody works any more.
  void remove();

 private:
  Roster(std::string path, Machine& machine) : path_(std::move(path)), machine_(machine) {}

  const std::string path_;
  Machine& machine_;
  std::unique_ptr<journal::File> file_;
  std::uint64_t size_ = 0;
  std::vector<std::uint32_t> seen_;  // ranks with a lock that was seen
};

/// A worker's side: takes its lock; null where it cannot.
std::unique_ptr<journal::FileLock> take_rank_lock(const std::string& run_folder, journal::Epoch epoch,
                                                  std::uint32_t rank, Machine& machine);

/// A new owner's side, before it reads a spool, clears the folder or hands anything out: ends the workers of all other
/// epochs that it can see, waits for the others, and removes their rosters. `silence`: for how long their rank 0 has
/// not beaten any more. `say`, which may be null, is told what a person who waits wants to know. Errors: a roster
/// cannot be read.
Result<void> outlive_workers(const std::string& run_folder, journal::Epoch epoch, std::chrono::milliseconds silence,
                             const std::function<void(const std::string&)>& say, Machine& machine = real_machine());

}  // namespace lockstep::worker
