// Which tasks a rank has begun and not ended: told to rank 0 now and then, for people to see. Nothing hangs on it.
#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "mpi_worker/task.hpp"

namespace lockstep::worker {

class TaskRunner;

/// By slot. Any thread.
class BegunTasks {
 public:
  explicit BegunTasks(std::size_t slots) : slots_(slots) {}
  void begin(std::size_t slot, const DispatchId& id);
  void end(std::size_t slot);
  std::vector<BegunTask> list() const;

 private:
  mutable std::mutex mutex_;
  std::vector<std::optional<BegunTask>> slots_;
};

/// When a worker tells: where something has changed, once a second at most.
class BegunReport {
 public:
  using Clock = std::chrono::steady_clock;
  /// The message that is due.
  std::optional<std::string> next(const TaskRunner& runner, Clock::time_point now);

 private:
  Clock::time_point due_{};
  std::vector<DispatchId> told_;
};

}  // namespace lockstep::worker
