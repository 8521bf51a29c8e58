// A job's process that lives on from task to task: a line of JSON in, a line of JSON out (design: "jobs.json"); or the
// host of a plugin (plugin_host.hpp).
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "mpi_worker/program.hpp"
#include "mpi_worker/running.hpp"
#include "mpi_worker/task_log.hpp"

namespace lockstep::worker {

/// Works on one task at a time; between two it is idle. A timeout, a cancel and an answer that never comes end the
/// process; the next task then needs a new one.
class Stream final : public Lasting {
 public:
  /// Starts the process and gives it the task. The error is the outcome of a task whose process could not be started.
  static tl::expected<std::unique_ptr<Stream>, Outcome> start(Task task, ProcessContext& context);
  /// Kills the group.
  ~Stream() override;

  void give(Task task) override;
  bool is_idle() override;
  void close() override;

  const Task& task() const override { return task_; }
  pid_t group() const override { return program_.pid; }
  int in() const override { return input_.empty() ? -1 : program_.in.get(); }
  bool keeps_in() const override { return static_cast<bool>(program_.in); }
  int out() const override { return program_.out.get(); }
  int err() const override { return program_.err.get(); }
  int beat() const override { return -1; }
  int ended() const override { return reaped_ ? -1 : program_.ended.get(); }

  void on_writable() override;
  void on_out(Clock::time_point now) override;
  void on_err(Clock::time_point now) override;
  void on_beat(Clock::time_point /*now*/) override {}
  void on_ended(Clock::time_point now) override;
  void on_time(Clock::time_point now) override;
  Clock::time_point next_time() const override;

  void cancel(Clock::time_point now) override;
  void kill() override;

  bool done() const override { return answered_ || reaped_; }
  bool ended_by_others() const override;
  bool failed() const override { return verdict_ == Verdict::none && !answered_; }
  Outcome finish() override;

 private:
  enum class Verdict : std::uint8_t { none, timed_out, silent, cancelled, too_large };

  Stream(Task task, ProcessContext& context) : task_(std::move(task)), context_(&context) {}
  void begin();
  bool is_host() const;
  void take(std::string_view bytes);
  void read_out(Clock::time_point now);
  void read_err(Clock::time_point now);
  void end_with(Verdict verdict, Clock::time_point now);
  void signal_group(int signal) const;
  void reap();

  Task task_;
  ProcessContext* context_;
  TaskFolder folder_;  // of a plugin's task
  Program program_;
  std::string line_in_;
  std::string_view input_;  // of line_in_, not yet written
  std::string line_;        // what has come of the answer
  TaskStderr stderr_;
  Verdict verdict_ = Verdict::none;
  bool answered_ = false;
  bool unasked_ = false;  // it has said more than it was asked for
  bool reaped_ = false;
  int status_ = 0;
  Timestamp started_, ended_;
  std::chrono::microseconds cpu_before_{0};  // of the process, before this task
  Clock::time_point timeout_ = Clock::time_point::max();
  Clock::time_point last_sign_;  // of life: the task's start, or output
  Clock::time_point kill_time_ = Clock::time_point::max();
};

}  // namespace lockstep::worker
