// A task that a process works on, as its runner sees it.
#pragma once

#include <chrono>
#include <optional>

#include "mpi_worker/task.hpp"

namespace lockstep::worker {

/// Driven by one thread, which must be the one that started it. Nothing blocks. Its descriptors are polled by its
/// owner: in() for writing, the others for reading; one that is -1 is not needed (any more, or yet).
class Running {
 public:
  using Clock = std::chrono::steady_clock;

  virtual ~Running() = default;
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;

  virtual const Task& task() const = 0;
  /// One of its own, which a signal can end.
  virtual bool is_process() const { return true; }
  virtual int in() const = 0;
  virtual int out() const = 0;
  virtual int err() const = 0;
  virtual int beat() const = 0;
  virtual int ended() const = 0;

  /// Whether in() may become -1 though it stays open.
  virtual bool keeps_in() const { return false; }

  virtual void on_writable() = 0;
  virtual void on_out(Clock::time_point now) = 0;
  virtual void on_err(Clock::time_point now) = 0;
  virtual void on_beat(Clock::time_point now) = 0;
  virtual void on_ended(Clock::time_point now) = 0;
  virtual void on_time(Clock::time_point now) = 0;
  /// When on_time() is due.
  virtual Clock::time_point next_time() const = 0;

  /// TERM to all that belongs to it, KILL after kill_after. The outcome will be `cancelled`.
  virtual void cancel(Clock::time_point now) = 0;
  /// KILL to all that belongs to it.
  virtual void kill() = 0;

  /// The task is over, and nothing that it has started is left: finish() may be called.
  virtual bool done() const = 0;
  /// Its process was ended by a signal that was not ours, or says that a child of its was, as whoever ends everything
  /// sends it (was_told_to_end()). Once done().
  virtual bool ended_by_others() const = 0;
  virtual Outcome finish() = 0;
  /// It failed by itself, or so it looks. After finish().
  virtual bool failed() const = 0;

 protected:
  Running() = default;
};

/// One that lives on from task to task.
class Lasting : public Running {
 public:
  /// The next task. Requires is_idle(). An outcome: that task could not begin, and it is idle still.
  virtual std::optional<Outcome> give(Task task) = 0;
  /// The last task is over, and another may come: it has not ended, nor said what nobody asked for.
  virtual bool is_idle() = 0;
  /// There will be no task any more: it may end.
  virtual void close() = 0;
};

}  // namespace lockstep::worker
