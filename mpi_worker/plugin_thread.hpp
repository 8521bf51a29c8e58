// A plugin that is called in this process, on a thread of its own (design, wall 8: its author vouches for it).
#pragma once

#include <memory>

#include "mpi_worker/plugin.hpp"
#include "mpi_worker/program.hpp"
#include "mpi_worker/running.hpp"
#include "mpi_worker/task_log.hpp"
#include "mpi_worker/watch.hpp"

namespace lockstep::worker {

/// Works on one task at a time; between two its thread sleeps. A call that does not return within kill_after of its
/// timeout or cancel is left to itself: the task is over then, and the thread ends whenever the call does.
class PluginThread final : public Lasting {
 public:
  /// Loads the plugin, on the new thread, and gives it the task; whether it can be loaded shows in the task's outcome.
  /// The error is the outcome of a task for which there can be no thread.
  static tl::expected<std::unique_ptr<PluginThread>, Outcome> start(Task task, ProcessContext& context,
                                                                    const Place& place);
  /// Does not wait for a call that goes on.
  ~PluginThread() override;

  std::optional<Outcome> give(Task task) override;
  bool is_idle() override;
  void close() override;

  const Task& task() const override { return task_; }
  bool is_process() const override { return false; }
  int in() const override { return -1; }
  int out() const override { return -1; }
  int err() const override { return -1; }
  int beat() const override { return -1; }
  int ended() const override;  // there is something to take from the thread

  void on_writable() override {}
  void on_out(Clock::time_point /*now*/) override {}
  void on_err(Clock::time_point /*now*/) override {}
  void on_beat(Clock::time_point /*now*/) override {}
  void on_ended(Clock::time_point now) override;
  void on_time(Clock::time_point now) override;
  Clock::time_point next_time() const override;

  void cancel(Clock::time_point now) override;
  void kill() override;

  bool done() const override { return answered_ || left_; }
  bool ended_by_others() const override { return false; }
  bool failed() const override { return false; }
  Outcome finish() override;

 private:
  struct Shared;

  PluginThread(Task task, ProcessContext& context) : task_(std::move(task)), context_(&context) {}
  std::optional<Outcome> begin();
  void end_with(Verdict verdict, Clock::time_point now);
  void leave();
  void take_log(Clock::time_point now);

  Task task_;
  ProcessContext* context_;
  TaskFolder folder_;
  std::shared_ptr<Shared> shared_;  // with the thread, which may outlive us
  TaskStderr stderr_;
  Watch watch_;
  bool answered_ = false;
  bool left_ = false;  // the call goes on without us
  bool closed_ = false;
  PluginAnswer answer_;
  Timestamp started_, ended_;
};

}  // namespace lockstep::worker
