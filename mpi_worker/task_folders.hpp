// The folders of tasks: RUN/tasks/STATE-ITEM.EXECUTION-VISIT, there before the task begins, and after it only if the
// task has put something into it. A task that is dispatched again finds its folder as it left it.
#pragma once

#include <chrono>
#include <ctime>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "mpi_worker/task.hpp"
#include "value/descriptor.hpp"

namespace lockstep::worker {

/// What a task's folder is called: "Measure-17.1-12884901889", the same for every dispatch of it. Of the state's name
/// only its beginning, and '_' for what a shell would take for something else.
std::string task_folder_name(const Task& task);

/// A task's folder while the task runs.
struct TaskFolder {
  std::string path;   ///< empty: none
  Descriptor folder;  ///< open where it was made for this task
  /// The task may be dispatched again, here or on another rank, and then looks for it: not so once it has succeeded.
  bool may_be_wanted = true;

  // When its list of entries last changed, as the file system has it, and since when we know that it was empty then.
  timespec changed{};
  std::chrono::steady_clock::time_point empty_since = std::chrono::steady_clock::time_point::max();
  bool tells = false;  ///< any entry made since it was taken would show in that time
};

/// Most tasks never use their folder, and making and removing one costs as much as a fifth of a short process: a folder
/// that stayed empty and that nobody will look for any more is kept, and gets the next task's name. One thread.
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

  /// The error says what cannot be made, and why.
  tl::expected<TaskFolder, std::string> take(const Task& task);
  /// Whether it stays, because something is in it.
  bool give_back(TaskFolder folder);
  /// Removes those that are kept: each is an inode, and a descriptor here.
  void remove_spare();

 private:
  std::string tasks_;  // RUN/tasks; empty: none
  std::chrono::milliseconds clock_steps_;
  std::vector<TaskFolder> spare_;
};

}  // namespace lockstep::worker
