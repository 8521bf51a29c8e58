#include "mpi_worker/begun.hpp"

#include <algorithm>

#include "mpi_worker/builtin.hpp"
#include "mpi_worker/protocol.hpp"
#include "mpi_worker/task_runner.hpp"

namespace lockstep::worker {

namespace {

constexpr std::chrono::milliseconds kBetweenReports{1'000};
/// Where there was nothing to report.
constexpr std::chrono::milliseconds kBetweenLooks{100};

}  // namespace

void BegunTasks::begin(std::size_t slot, const DispatchId& id) {
  const BegunTask task{id, now()};
  const std::lock_guard lock(mutex_);
  slots_[slot] = task;
}

void BegunTasks::end(std::size_t slot) {
  const std::lock_guard lock(mutex_);
  slots_[slot].reset();
}

std::vector<BegunTask> BegunTasks::list() const {
  std::vector<BegunTask> tasks;
  const std::lock_guard lock(mutex_);
  for (const std::optional<BegunTask>& slot : slots_) {
    if (slot) {
      tasks.push_back(*slot);
    }
  }
  return tasks;
}

std::optional<std::string> BegunReport::next(const TaskRunner& runner, Clock::time_point now) {
  if (now < due_) {
    return std::nullopt;
  }
  due_ = now + kBetweenLooks;
  const std::vector<BegunTask> tasks = runner.begun();
  std::vector<DispatchId> ids;
  std::transform(tasks.begin(), tasks.end(), std::back_inserter(ids), [](const BegunTask& task) { return task.id; });
  if (ids == told_) {
    return std::nullopt;
  }
  told_ = std::move(ids);
  due_ = now + kBetweenReports;
  return encode_begun(tasks);
}

}  // namespace lockstep::worker
