// A job's process that lives on from task to task: a line of JSON in, a line of JSON out (design: "jobs.json"); or the
// host of a plugin (plugin_host.hpp).
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "mpi_worker/program.hpp"
#include "mpi_worker/running.hpp"
#include "mpi_worker/task_log.hpp"
#include "mpi_worker/watch.hpp"

namespace lockstep::worker {

/// Works on one task at a time; between two it is idle. A timeout, a cancel and an answer that never comes end the
/// process; the next task then needs a new one.
class Stream final : public Lasting {
 public:
  /// Starts the process and gives it the task. The error is the outcome of a task whose process could not be started.
  static tl::expected<std::unique_ptr<Stream>, Outcome> start(Task task, ProcessContext& context);
  /// Has killed what still runs.
  ~Stream() override;

  std::optional<Outcome> give(Task task) override;
  bool is_idle() override;
  void close() override;

  const Task& task() const override { return task_; }
  int in() const override { return input_.empty() ? -1 : program_.in.get(); }
  bool keeps_in() const override { return static_cast<bool>(program_.in); }
  int out() const override { return program_.out.get(); }
  int err() const override { return program_.err.get(); }
  int beat() const override { return -1; }
  int ended() const override { return over_ ? -1 : program_.keeper->descriptor(); }

  void on_writable() override;
  void on_out(Clock::time_point now) override;
  void on_err(Clock::time_point now) override;
  void on_beat(Clock::time_point /*now*/) override {}
  void on_ended(Clock::time_point now) override;
  void on_time(Clock::time_point now) override;
  Clock::time_point next_time() const override;

  void cancel(Clock::time_point now) override;
  void kill() override;

  bool done() const override { return answered_ || over_; }
  bool ended_by_others() const override;
  bool failed() const override { return watch_.verdict() == Verdict::none && !failure_ && !cut_off_ && !answered_; }
  Outcome finish() override;

 private:
  Stream(Task task, ProcessContext& context) : task_(std::move(task)), context_(&context) {}
  std::optional<Outcome> take_folder();
  void begin();
  bool is_host() const;
  void take(std::string_view bytes);
  void read_out(Clock::time_point now);
  void read_err(Clock::time_point now);
  void end_with(Verdict verdict, Clock::time_point now);
  void kill_all();
  void learn_pid();
  void conclude_its_end(Outcome& outcome);
  void take_report(const Report& report, Clock::time_point now);

  Task task_;
  ProcessContext* context_;
  TaskFolder folder_;  // of a plugin's task
  Program program_;
  std::string directory_;  // where it works
  std::string line_in_;
  std::string_view input_;  // of line_in_, not yet written
  std::string line_;        // what has come of the answer
  TaskStderr stderr_;
  Watch watch_;
  bool answered_ = false;
  bool unasked_ = false;  // it has said more than it was asked for
  bool over_ = false;     // the process has ended, and nothing of it is left
  bool is_killed_ = false;
  bool cut_off_ = false;                 // with its keeper
  std::optional<Report> report_;         // of its end
  std::optional<StartFailure> failure_;  // it has never run
  pid_t pid_ = 0;                        // 0: not known yet
  Timestamp started_, ended_;
  std::chrono::microseconds cpu_before_{0};  // of the process, before this task
};

}  // namespace lockstep::worker
