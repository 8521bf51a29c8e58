// Who runs what: the one interface between the service's loop and the workers, whichever kind they are.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "mpi_worker/settings.hpp"
#include "mpi_worker/task.hpp"

namespace lockstep::fleet {

/// Lets another thread or a signal handler end a wait() early. Async-signal-safe; any thread.
class Waker {
 public:
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
  /// Hands over one task. Its outcome comes from wait(), exactly once per dispatch id, unless it is cancelled before.
  virtual void dispatch(worker::Task task) = 0;
  /// Stops a task (TERM to its process group, KILL later) or drops it if it has not begun. Its outcome, if one still
  /// comes, says `cancelled` or what it came to; the caller ignores it. Unknown ids are ignored.
  virtual void cancel(const worker::DispatchId& id) = 0;
  /// Appends what has ended to `outcomes`; waits at most `limit` for the first, less if `waker` is woken. limit 0 only
  /// looks.
  virtual void wait(std::chrono::microseconds limit, const Waker& waker, std::vector<worker::Outcome>& outcomes) = 0;
  /// The Events of an outcome from this rank (Outcome::rank) are durable, or the outcome was of no use to anyone and so
  /// were all before it durable. Once for each outcome that wait() gave, in that order for each rank: the worker's
  /// spool need not keep it any longer. Cheap.
  virtual void settled(std::uint32_t /*rank*/) {}
  /// Ends all workers: running tasks get TERM, after kill_after KILL. Returns when nothing of the run is left running.
  /// Idempotent.
  virtual void stop() = 0;
  /// One line for the start banner, e.g. "2 ranks, 4 slots".
  virtual std::string describe() const = 0;
};

}  // namespace lockstep::fleet
