// The folders of tasks: RUN/tasks/EXECUTION-VISIT, there before the task begins, and after it only if the task has put
// something into it. A task that is dispatched again finds its folder as it left it.
#pragma once

#include <chrono>
#include <ctime>
#include <string>
#include <vector>

#include "mpi_worker/descriptor.hpp"
#include "mpi_worker/task.hpp"

namespace lockstep::worker {

/// A task's folder while the task runs.
struct TaskFolder {
  std::string path;   ///< empty: none
  Descriptor folder;  ///< open where it was made for this task

  // When its list of entries last changed, as the file system has it, and since when we know that it was empty then.
  timespec changed{};
  std::chrono::steady_clock::time_point empty_since = std::chrono::steady_clock::time_point::max();
  bool tells = false;  ///< any entry made since it was taken would show in that time
};

/// Most tasks never use their folder, and making and removing one costs as much as a fifth of a short process: a folder
/// that stayed empty is kept and gets the next task's name. One thread.
class TaskFolders {
 public:
  /// Far longer than the steps of any file system's clock.
  static constexpr std::chrono::milliseconds kClockSteps{1000};

  /// `run_folder` empty: tasks get none.
  explicit TaskFolders(const std::string& run_folder, std::chrono::milliseconds clock_steps = kClockSteps);
  /// Removes those that are kept.
  ~TaskFolders();
  TaskFolders(const TaskFolders&) = delete;
  TaskFolders& operator=(const TaskFolders&) = delete;

  /// Where it cannot be made, it does not stand.
  TaskFolder take(const DispatchId& id);
  void give_back(TaskFolder folder);

 private:
  std::string tasks_;  // RUN/tasks; empty: none
  std::chrono::milliseconds clock_steps_;
  std::vector<TaskFolder> spare_;
};

}  // namespace lockstep::worker
