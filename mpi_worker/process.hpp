// One exec job while it runs: its process, the process's group, and the pipes to it.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "integrations/job.hpp"
#include "mpi_worker/descriptor.hpp"
#include "mpi_worker/settings.hpp"
#include "mpi_worker/spawn.hpp"
#include "mpi_worker/task.hpp"
#include "mpi_worker/task_folders.hpp"
#include "mpi_worker/task_log.hpp"

namespace lockstep::worker {

/// What all processes of a runner share.
struct ProcessContext {
  const RunSettings* settings = nullptr;
  TaskLog* log = nullptr;
  TaskFolders* folders = nullptr;
  SignalsToReset signals;
  const std::vector<std::string>* environment = nullptr;  ///< shared_environment()
  std::unordered_map<std::string, std::string> programs;  ///< found in PATH
  std::string path;                                       ///< PATH
};

/// Driven by one thread, which must be the one that started it. Nothing blocks. Its descriptors are polled by its
/// owner: in() for writing, out(), err() and ended() for reading; one that is -1 is not needed (any more).
class Process {
 public:
  using Clock = std::chrono::steady_clock;

  /// The error is the outcome of a task whose process could not be started.
  static tl::expected<std::unique_ptr<Process>, Outcome> start(Task task, ProcessContext& context);
  /// Kills the group.
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  const Task& task() const { return task_; }
  /// Its process group.
  pid_t group() const { return pid_; }
  int in() const { return in_.get(); }
  int out() const { return watched_ ? out_.get() : -1; }
  int err() const { return watched_ ? err_.get() : -1; }
  int ended() const { return main_ended_ ? -1 : pidfd_.get(); }

  void on_writable();
  void on_out(Clock::time_point now);
  void on_err(Clock::time_point now);
  void on_ended(Clock::time_point now);
  void on_time(Clock::time_point now);
  /// When on_time() is due.
  Clock::time_point next_time() const;

  /// TERM to the group, KILL after kill_after. The outcome will be `cancelled`.
  void cancel(Clock::time_point now);
  /// KILL to the group.
  void kill();

  /// Nothing of it is left: finish() may be called.
  bool done() const { return done_; }
  /// It was ended by a signal that was not ours, or says that a child of its was: TERM or KILL, which whoever ends the
  /// whole allocation also sends. Once done().
  bool ended_by_others() const;
  /// It failed by itself, or so it looks. Once done().
  bool failed() const { return verdict_ == Verdict::none && status_ != 0; }
  Outcome finish();

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
  pid_t pid_ = -1;
  Descriptor pidfd_, in_, out_, err_;
  std::string scratch_;     // backs input_
  std::string_view input_;  // not yet written
  std::string output_;      // json, text: all; log: the end
  TaskStderr stderr_;
  Verdict verdict_ = Verdict::none;
  bool watched_ = false;  // it has run for a while: its output is waited for, too, not only its end
  bool main_ended_ = false;
  bool done_ = false;
  int status_ = 0;
  Timestamp started_, ended_;
  Clock::time_point timeout_ = Clock::time_point::max();
  Clock::time_point watch_time_;
  Clock::time_point last_sign_;                             // of life: start, or output
  Clock::time_point kill_time_ = Clock::time_point::max();  // after TERM
  Clock::time_point rest_time_ = Clock::time_point::max();  // main process ended, pipes still open
};

}  // namespace lockstep::worker
