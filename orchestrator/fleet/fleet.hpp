// Who runs what: the one interface between the service's loop and the workers, whichever kind they are.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "mpi_worker/begun.hpp"
#include "mpi_worker/settings.hpp"
#include "mpi_worker/task.hpp"
#include "value/error.hpp"

namespace lockstep::fleet {

/// Lets another thread or a signal handler end a wait() early. Async-signal-safe; any thread.
class Waker {
 public:
  /// Throws std::system_error where no descriptor is left.
  Waker();
  ~Waker();
  Waker(const Waker&) = delete;
  Waker& operator=(const Waker&) = delete;
  void wake() const;
  /// Forgets wake() calls so far.
  void clear() const;
  /// Becomes readable on wake(); for poll().
  int descriptor() const { return fd_; }

 private:
  int fd_;
};

/// What the workers do now, for people to see.
struct Workload {
  std::size_t slots = 0;
  std::size_t running = 0;             ///< tasks that have begun
  std::vector<work::BegunTask> begun;  ///< those of them that are known one by one, as of a moment ago
};

/// A task that was cut off this often, with its keeper or as its rank was lost, is not tried again.
inline constexpr unsigned kMostLosses = 3;

/// What every task of a run shares.
using FleetSettings = worker::RunSettings;

/// All calls come from one thread, the service's loop. Nothing blocks but wait() and stop().
class Fleet {
 public:
  virtual ~Fleet() = default;

  /// Tasks that can run at the same time now. 0: no worker is left, and none will come.
  virtual std::size_t slots() const = 0;
  /// Tasks that may be handed over now beyond those that run, so that workers never idle: dispatch() takes any number,
  /// but what is kept back here can still be chosen freely later.
  virtual std::size_t room() const = 0;
  /// Adds to the jobs of the settings, in order; their ids go on where those ended. Before a task that needs them.
  virtual void add_jobs(std::vector<work::Job> jobs) = 0;
  /// Hands over one task. Its outcome comes from wait(), exactly once per dispatch id, unless it is cancelled before.
  /// One that a worker could not begin stays with the fleet, which tries it elsewhere, or again later (shortage.hpp).
  virtual void dispatch(work::Task task) = 0;
  /// Stops a task (TERM to all that it has started, KILL later) or drops it if it has not begun. Its outcome, if one
  /// still comes, says `cancelled` or what it came to; the caller ignores it. Unknown ids are ignored.
  virtual void cancel(const work::DispatchId& id) = 0;
  /// Appends what has ended to `outcomes`; waits at most `limit` for the first, less if `waker` is woken. limit 0 only
  /// looks.
  virtual void wait(std::chrono::microseconds limit, const Waker& waker, std::vector<work::Outcome>& outcomes) = 0;
  /// The Events of an outcome from this rank (Outcome::rank) are durable, or the outcome was of no use to anyone and so
  /// were all before it durable. Once for each outcome that wait() gave, in that order for each rank: the worker's
  /// spool need not keep it any longer. Cheap.
  virtual void settled(std::uint32_t /*rank*/) {}
  /// Why no task will begin any more, though workers are left: something has run out, for long and everywhere. What is
  /// out stays with the fleet. Cheap.
  virtual std::optional<Error> failure() const { return std::nullopt; }
  /// The run is being stopped: nothing begins any more. Tasks that have not begun come back as interrupted, and so does
  /// what is cut off from now on; what runs may end.
  virtual void drain() {}
  /// Everything that runs gets KILL: somebody else is running it. stop() is still to be called.
  virtual void kill() {}
  /// Asked before a task goes to where it may begin, from any thread: false while this process may not be the run's
  /// owner. Before the first dispatch().
  virtual void set_gate(std::function<bool()> /*may_begin*/) {}
  /// Ends all workers: running tasks get TERM, after kill_after KILL. Returns when nothing of the run is left running.
  /// Idempotent.
  virtual void stop() = 0;
  virtual Workload workload() const { return {slots(), 0, {}}; }
  /// One line for the start banner, e.g. "2 ranks, 4 slots".
  virtual std::string describe() const = 0;
};

}  // namespace lockstep::fleet
