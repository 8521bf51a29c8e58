// One task of an exec job while it runs: its process, the process's group, and the pipes to it.
#pragma once

#include <sys/resource.h>
#include <sys/types.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "integrations/job.hpp"
#include "mpi_worker/program.hpp"
#include "mpi_worker/running.hpp"
#include "mpi_worker/task.hpp"
#include "mpi_worker/task_folders.hpp"
#include "mpi_worker/task_log.hpp"

namespace lockstep::worker {

class Process final : public Running {
 public:
  /// The error is the outcome of a task whose process could not be started.
  static tl::expected<std::unique_ptr<Process>, Outcome> start(Task task, ProcessContext& context);
  /// Kills the group.
  ~Process() override;

  const Task& task() const override { return task_; }
  pid_t group() const override { return program_.pid; }
  int in() const override { return program_.in.get(); }
  int out() const override { return watched_ ? program_.out.get() : -1; }
  int err() const override { return watched_ ? program_.err.get() : -1; }
  int beat() const override { return watched_ ? program_.beat.get() : -1; }
  int ended() const override { return main_ended_ ? -1 : program_.ended.get(); }

  void on_writable() override;
  void on_out(Clock::time_point now) override;
  void on_err(Clock::time_point now) override;
  void on_beat(Clock::time_point now) override;
  void on_ended(Clock::time_point now) override;
  void on_time(Clock::time_point now) override;
  Clock::time_point next_time() const override;

  void cancel(Clock::time_point now) override;
  void kill() override;

  bool done() const override { return done_; }
  bool ended_by_others() const override;
  bool failed() const override { return verdict_ == Verdict::none && status_ != 0; }
  Outcome finish() override;

 private:
  enum class Verdict : std::uint8_t { none, timed_out, silent, cancelled, too_large };

  Process(Task task, ProcessContext& context) : task_(std::move(task)), context_(&context) {}
  const integrations::Job& job() const { return context_->settings->jobs[static_cast<std::size_t>(task_.job)]; }
  bool drain(Descriptor& from, bool is_out, Clock::time_point now);
  void take_out(std::string_view bytes, Clock::time_point now);
  void end_with(Verdict verdict, Clock::time_point now);
  void signal_group(int signal) const;
  void reap_if_over(Clock::time_point now);
  void reap();

  Task task_;
  ProcessContext* context_;
  TaskFolder folder_;
  Program program_;
  std::string scratch_;     // backs input_
  std::string_view input_;  // not yet written
  std::string output_;      // json, text: all; log: the end
  TaskStderr stderr_;
  Verdict verdict_ = Verdict::none;
  bool watched_ = false;  // it has run for a while: its output is waited for, too, not only its end
  bool main_ended_ = false;
  bool done_ = false;
  int status_ = 0;
  rusage usage_ = {};
  long own_rss_kib_ = 0;  // our own largest when it was spawned
  Timestamp started_, ended_;
  Clock::time_point timeout_ = Clock::time_point::max();
  Clock::time_point watch_time_;
  Clock::time_point last_sign_;                             // of life: start, or output
  Clock::time_point kill_time_ = Clock::time_point::max();  // after TERM
  Clock::time_point rest_time_ = Clock::time_point::max();  // main process ended, pipes still open
};

}  // namespace lockstep::worker
