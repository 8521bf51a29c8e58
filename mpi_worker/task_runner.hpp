// What runs a rank's tasks, as its loop sees it.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <deque>
#include <vector>

#include "mpi_worker/begun.hpp"
#include "mpi_worker/task.hpp"
#include "value/boot_clock.hpp"

namespace lockstep::worker {

/// All calls but end_at() come from one thread. Nothing blocks.
class TaskRunner {
 public:
  using Clock = std::chrono::steady_clock;

  /// Kills what still runs.
  virtual ~TaskRunner() = default;
  TaskRunner(const TaskRunner&) = delete;
  TaskRunner& operator=(const TaskRunner&) = delete;

  /// Takes a task; it starts with the next advance() that has a slot free.
  virtual void submit(Task task) = 0;
  /// Stops the task (TERM, after kill_after KILL) or drops it where it has not begun; either way one outcome comes.
  /// An unknown id is ignored.
  virtual void cancel(const DispatchId& id) = 0;
  /// Gives up at most so many tasks, those that would begin last: they have left no trace here and no outcome comes.
  virtual std::vector<DispatchId> take_back(std::size_t most) = 0;
  /// Cancels all.
  virtual void cancel_all() = 0;
  /// KILL to all that runs, at once.
  virtual void kill_all() = 0;
  /// Rank 0 lived then; until this is said, at all times. What may be the work of who ends everything is told as a
  /// failure only if rank 0 outlived it.
  virtual void rank_0_lived(Clock::time_point /*time*/) {}
  /// Starts nothing as long as it is held.
  virtual void hold(bool held) = 0;

  /// From `time` on nothing is left of tasks that are processes, whatever holds this process up or stops it, unless
  /// another time is set before. Any thread, also while another call hangs.
  virtual void end_at(BootClock::time_point /*time*/) {}

  /// Starts, feeds, reads and ends what can be without waiting; appends an outcome for each task that is over. One that
  /// cannot begin for want of resources is interrupted, not begun, and with it come back all that wait, without a
  /// cause: whoever hands tasks out knows where else they can begin, and when to try again.
  virtual void advance(std::vector<Outcome>& outcomes) = 0;
  /// Readable when advance() has something to do; for poll(). -1: only next_time() tells.
  virtual int descriptor() const = 0;
  /// When advance() has something to do though nothing is readable; max(): never.
  virtual Clock::time_point next_time() const = 0;

  /// Tasks that occupy a slot.
  virtual std::size_t running() const = 0;
  /// Those of them that take time, with when they began. Any thread.
  virtual std::vector<BegunTask> begun() const { return {}; }
  /// Tasks that were taken and have not begun.
  virtual std::size_t waiting() const = 0;

 protected:
  TaskRunner() = default;
  /// take_back() of those that wait in `queue`.
  static std::vector<DispatchId> take_from(std::deque<Task>& queue, std::size_t most) {
    std::vector<DispatchId> ids;
    while (ids.size() < most && !queue.empty()) {
      ids.push_back(queue.back().id);
      queue.pop_back();
    }
    std::reverse(ids.begin(), ids.end());
    return ids;
  }
};

}  // namespace lockstep::worker
