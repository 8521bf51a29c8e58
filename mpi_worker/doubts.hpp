// Failures that may not be their tasks' own: whoever ends everything (Slurm, a user) signals the tasks, too.
#pragma once

#include <chrono>
#include <deque>
#include <vector>

#include "mpi_worker/task.hpp"
#include "mpi_worker/told_to_end.hpp"

namespace lockstep::worker {

/// Keeps each failure until it is known whose it is. A task that was running when this process was told to end was cut
/// off, however it failed; so was one that a signal ended a moment before. A failure that nothing explains for two
/// seconds is its task's own, if rank 0 lives and the rank's other tasks did not die together with it: nobody kills
/// all tasks of a rank for what one of them did. That is said once of a task: one that kills its neighbours must not do
/// so for ever. One thread.
class Doubts {
 public:
  using Clock = ToldToEnd::Clock;

  struct Failure {
    Task task;                 // without its input, for the log
    Outcome outcome;           // decided: interrupted, if it was cut off
    Clock::time_point time;    // of its end
    bool by_signal = false;    // was_told_to_end()
    std::uint32_t told = 0;    // ToldToEnd::times() when the task began
    std::uint64_t others = 0;  // the rank's processes are numbered as they begin: the last before its end
    Clock::time_point due = {};
    bool together = false;
  };

  /// `window`: for how long after this process was told so its tasks' failures are put down to that.
  Doubts(const ToldToEnd& told, std::chrono::milliseconds window) : told_(told), window_(window) {}

  void add(Failure failure);
  bool empty() const { return failures_.empty(); }
  /// When decide() may have something to say though nothing has happened; max(): never.
  Clock::time_point next_time(Clock::time_point heard) const;
  /// Takes out what is decided. `heard`: rank 0 was alive then. `oldest`: the number of the first process that still
  /// runs; UINT64_MAX: none does.
  std::vector<Failure> decide(Clock::time_point now, Clock::time_point heard, std::uint64_t oldest);
  /// Takes out all of them: nobody wants to know any more.
  std::vector<Failure> give_up();

 private:
  bool died_together(const Failure& first, std::uint64_t oldest);

  const ToldToEnd& told_;
  const std::chrono::milliseconds window_;
  std::deque<Failure> failures_;  // by time
};

}  // namespace lockstep::worker
