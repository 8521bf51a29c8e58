// One task of an exec job while it runs: its process, what that has started, and the pipes to it.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "mpi_worker/program.hpp"
#include "mpi_worker/running.hpp"
#include "mpi_worker/task.hpp"
#include "mpi_worker/task_folders.hpp"
#include "mpi_worker/task_log.hpp"
#include "mpi_worker/watch.hpp"
#include "work/job.hpp"

namespace lockstep::worker {

class Process final : public Running {
 public:
  /// The error is the outcome of a task whose process could not be started.
  static tl::expected<std::unique_ptr<Process>, Outcome> start(Task task, ProcessContext& context);
  /// Has killed what still runs.
  ~Process() override;

  const Task& task() const override { return task_; }
  int in() const override { return program_.in.get(); }
  int out() const override { return watched_ ? program_.out.get() : -1; }
  int err() const override { return watched_ ? program_.err.get() : -1; }
  int beat() const override { return watched_ ? program_.beat.get() : -1; }
  int ended() const override { return done_ ? -1 : program_.keeper->descriptor(); }

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
  bool failed() const override { return failed_; }
  Outcome finish() override;

 private:
  Process(Task task, ProcessContext& context) : task_(std::move(task)), context_(&context) {}
  const work::Job& job() const { return *context_->settings->jobs.find(task_.job); }
  void read_out(Clock::time_point now);
  void read_err(Clock::time_point now);
  void take_out(std::string_view bytes, Clock::time_point now);
  void end_with(Verdict verdict, Clock::time_point now);
  void take_report(const Report& report, Clock::time_point now);
  void end_if_over(Clock::time_point now);
  void end();

  Task task_;
  ProcessContext* context_;
  TaskFolder folder_;
  std::string directory_;  // where it works
  Program program_;
  std::string scratch_;     // backs input_
  std::string_view input_;  // not yet written
  std::string output_;      // json, text: all; log: the end
  TaskStderr stderr_;
  Watch watch_;
  bool watched_ = false;  // it has run for a while: its output is waited for, too, not only its end
  bool main_ended_ = false;
  bool is_clean_ = false;  // nothing of it is left
  bool is_killed_ = false;
  bool cut_off_ = false;  // with its keeper
  bool done_ = false;
  bool failed_ = false;                  // by itself
  Report report_;                        // of its end
  std::optional<StartFailure> failure_;  // it has never run
  Timestamp started_, ended_;
  Clock::time_point watch_time_;
  Clock::time_point rest_time_ = Clock::time_point::max();  // main process ended, pipes still open
};

}  // namespace lockstep::worker
