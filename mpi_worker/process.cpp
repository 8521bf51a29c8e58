#include "mpi_worker/process.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>

#include "mpi_worker/arguments.hpp"
#include "mpi_worker/builtin.hpp"
#include "mpi_worker/environment.hpp"
#include "mpi_worker/printable.hpp"
#include "mpi_worker/result.hpp"

namespace lockstep::worker {
namespace {

using integrations::Job;
using integrations::StdoutMode;
using integrations::WorkingDirectory;

/// What children of a job whose main process has ended may still take to write their last output.
constexpr std::chrono::milliseconds kRestTime{100};
/// Read from one pipe at a time, so that one task that writes without end does not hold up the others.
constexpr std::size_t kReadBytes = std::size_t{1} << 20;
/// The end of stdout that is kept where it goes to the log: its last line may name an error.
constexpr std::size_t kLogTailBytes = std::size_t{64} << 10;

/// A process that ends sooner is looked at only once, at its end: its output is read then.
constexpr std::chrono::milliseconds kBriefTime{2};
/// Longer times would leave the range of the clock.
constexpr std::chrono::hours kLongest{24 * 365 * 100};

std::chrono::microseconds cpu_of(const rusage& usage) {
  return std::chrono::seconds(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
         std::chrono::microseconds(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

}  // namespace

tl::expected<std::unique_ptr<Process>, Outcome> Process::start(Task task, ProcessContext& context) {
  std::unique_ptr<Process> process(new Process(std::move(task), context));
  const Job& job = process->job();
  const auto refuse = [&](StartFailure failure) {
    return tl::unexpected(not_started(process->task_, std::move(failure)));
  };
  const auto argv = fill_arguments(job.argv, process->task_.input);
  if (!argv) {
    return refuse({"Lockstep.BadArguments", argv.error()});
  }
  process->folder_ = context.folders->take(process->task_.id);
  const std::string& task_folder = process->folder_.path;
  if (task_folder.empty() && job.cwd == WorkingDirectory::task_folder) {
    return refuse({"States.TaskFailed", "\"cwd\": \"task\" needs a run folder"});
  }
  const bool heartbeat = process->task_.heartbeat.has_value();
  const std::vector<std::string> environment = task_environment(process->task_, task_folder);
  process->input_ = process->task_.input.text(process->scratch_);
  process->started_ = now();
  const Clock::time_point begin = Clock::now();
  auto program = start_program({.job = job,
                                .argv = *argv,
                                .environment = environment,
                                .folder = job.cwd == WorkingDirectory::task_folder ? task_folder : job.folder,
                                .input = process->input_,
                                .heartbeat = heartbeat},
                               context);
  if (!program) {
    return refuse(std::move(program.error()));
  }
  process->program_ = std::move(*program);
  rusage own = {};
  getrusage(RUSAGE_SELF, &own);
  process->own_rss_kib_ = own.ru_maxrss;
  process->last_sign_ = begin;
  process->watch_time_ = begin + kBriefTime;
  process->watched_ = !process->program_.ended;
  if (heartbeat) {
    process->task_.heartbeat = std::min<std::chrono::microseconds>(*process->task_.heartbeat, kLongest);
  }
  if (process->task_.timeout) {
    process->timeout_ = begin + std::min<std::chrono::microseconds>(*process->task_.timeout, kLongest);
  }
  process->on_writable();
  return process;
}

Process::~Process() {
  if (program_.pid > 0 && !done_) {
    signal_group(SIGKILL);
    reap();
  }
  context_->folders->give_back(std::move(folder_));
}

void Process::on_writable() {
  while (program_.in) {
    const ssize_t written = write(program_.in.get(), input_.data(), input_.size());
    if (written < 0 && errno == EINTR) {
      continue;
    }
    if (written < 0 && errno == EAGAIN) {
      return;
    }
    // A job that does not read its input is no failure.
    input_.remove_prefix(written < 0 ? input_.size() : static_cast<std::size_t>(written));
    if (input_.empty()) {
      program_.in.reset();
    }
  }
}

bool Process::drain(Descriptor& from, bool is_out, Clock::time_point now) {
  thread_local std::array<char, std::size_t{64} << 10> block;
  for (std::size_t total = 0; from && total < kReadBytes;) {
    const ssize_t size = read(from.get(), block.data(), block.size());
    if (size < 0 && errno == EINTR) {
      continue;
    }
    if (size < 0 && errno == EAGAIN) {
      return false;
    }
    if (size <= 0) {
      from.reset();
      return false;
    }
    total += static_cast<std::size_t>(size);
    last_sign_ = now;
    const std::string_view bytes(block.data(), static_cast<std::size_t>(size));
    if (is_out) {
      take_out(bytes, now);
    } else {
      stderr_.append(bytes, task_, *context_->log, now);
    }
  }
  return static_cast<bool>(from);
}

void Process::take_out(std::string_view bytes, Clock::time_point now) {
  if (verdict_ == Verdict::too_large) {
    return;
  }
  if (job().stdout_mode == StdoutMode::log) {
    stderr_.append(bytes, task_, *context_->log, now);
    output_ += bytes;
    if (output_.size() > 2 * kLogTailBytes) {
      output_.erase(0, output_.size() - kLogTailBytes);
    }
    return;
  }
  if (bytes.size() > context_->settings->output_limit - output_.size()) {
    end_with(Verdict::too_large, now);
    output_ = {};
    kill();
    return;
  }
  output_ += bytes;
}

void Process::on_out(Clock::time_point now) {
  drain(program_.out, true, now);
  reap_if_over(now);
}

void Process::on_err(Clock::time_point now) {
  drain(program_.err, false, now);
  reap_if_over(now);
}

void Process::on_beat(Clock::time_point now) {
  std::array<char, 256> beats{};
  ssize_t size = 0;
  while (program_.beat && (size = read(program_.beat.get(), beats.data(), beats.size())) > 0) {
    last_sign_ = now;
  }
  if (size == 0) {
    program_.beat.reset();
  }
}

void Process::on_ended(Clock::time_point now) {
  siginfo_t info = {};
  // Not reaped yet: as long as it is not, no other process group can get its number.
  if (main_ended_ || waitid(P_PID, static_cast<id_t>(program_.pid), &info, WEXITED | WNOHANG | WNOWAIT) != 0 ||
      info.si_pid == 0) {
    return;
  }
  main_ended_ = true;
  program_.beat.reset();
  watched_ = true;  // children of its may still write
  ended_ = worker::now();
  program_.in.reset();
  drain(program_.out, true, now);
  drain(program_.err, false, now);
  // Who was told to stop may use the time that it has; else only the last output is waited for.
  rest_time_ = verdict_ == Verdict::none ? now + kRestTime : kill_time_;
  reap_if_over(now);
}

void Process::on_time(Clock::time_point now) {
  watched_ = watched_ || watch_time_ <= now;
  if (stderr_.flush_time() <= now) {
    stderr_.flush(task_, *context_->log);
  }
  if (!program_.ended) {
    on_ended(now);  // no pidfd on this kernel: looked at from time to time
  }
  if (done_) {
    return;
  }
  const bool silent = task_.heartbeat && last_sign_ + *task_.heartbeat <= now;
  if (verdict_ == Verdict::none && !main_ended_ && (timeout_ <= now || silent)) {
    end_with(timeout_ <= now ? Verdict::timed_out : Verdict::silent, now);
  }
  if (kill_time_ <= now) {
    kill_time_ = Clock::time_point::max();
    kill();
  }
  reap_if_over(now);
}

Process::Clock::time_point Process::next_time() const {
  constexpr std::chrono::milliseconds kLookTime{5};
  Clock::time_point next = std::min({stderr_.flush_time(), kill_time_, rest_time_});
  if (!watched_) {
    next = std::min(next, watch_time_);
  }
  if (verdict_ == Verdict::none && !main_ended_) {
    next = std::min(next, timeout_);
    if (task_.heartbeat) {
      next = std::min(next, last_sign_ + *task_.heartbeat);
    }
  }
  return program_.ended ? next : std::min(next, Clock::now() + kLookTime);
}

void Process::end_with(Verdict verdict, Clock::time_point now) {
  if (verdict_ != Verdict::none) {
    return;
  }
  verdict_ = verdict;
  signal_group(SIGTERM);
  signal_group(SIGCONT);  // one that is stopped would not see it
  kill_time_ = now + context_->settings->kill_after;
  if (main_ended_) {
    rest_time_ = kill_time_;
  }
}

void Process::cancel(Clock::time_point now) {
  end_with(Verdict::cancelled, now);
}

void Process::kill() {
  if (verdict_ == Verdict::none) {
    verdict_ = Verdict::cancelled;
  }
  signal_group(SIGKILL);
  if (main_ended_) {
    rest_time_ = Clock::time_point::min();
  }
}

void Process::signal_group(int signal) const {
  if (program_.pid > 0 && !done_) {
    ::kill(-program_.pid, signal);
  }
}

void Process::reap_if_over(Clock::time_point now) {
  if (main_ended_ && !done_ && ((!program_.out && !program_.err) || rest_time_ <= now)) {
    signal_group(SIGKILL);
    drain(program_.out, true, now);
    drain(program_.err, false, now);
    reap();
  }
}

void Process::reap() {
  pid_t reaped = 0;
  do {
    reaped = wait4(program_.pid, &status_, 0, &usage_);
  } while (reaped < 0 && errno == EINTR);
  done_ = true;
  stderr_.flush(task_, *context_->log);
  context_->folders->give_back(std::exchange(folder_, {}));
}

bool Process::ended_by_others() const {
  constexpr int kShellsSum = 128;  // a shell's exit status for a child that a signal has ended
  for (const int signal : {SIGTERM, SIGKILL}) {
    if (verdict_ == Verdict::none && ((WIFSIGNALED(status_) && WTERMSIG(status_) == signal) ||
                                      (WIFEXITED(status_) && WEXITSTATUS(status_) == kShellsSum + signal))) {
      return true;
    }
  }
  return false;
}

Outcome Process::finish() {
  Outcome outcome;
  switch (verdict_) {
    case Verdict::none:
      conclude(job().stdout_mode, status_, std::move(output_), stderr_.tail(), outcome);
      break;
    case Verdict::timed_out:
      outcome.kind = OutcomeKind::timed_out;
      break;
    case Verdict::silent:
      outcome.kind = OutcomeKind::timed_out;
      outcome.error = kHeartbeatTimeout;
      break;
    case Verdict::cancelled:
      outcome.kind = OutcomeKind::cancelled;
      break;
    case Verdict::too_large:
      outcome.kind = OutcomeKind::failed;
      outcome.error = "States.DataLimitExceeded";
      outcome.cause = fmt::format("stdout is larger than {} bytes", context_->settings->output_limit);
      break;
  }
  outcome.id = task_.id;
  outcome.started = started_;
  outcome.ended = ended_;
  outcome.cpu = cpu_of(usage_);
  // Between vfork and exec it shared our memory, and Linux counts that as its own: a smaller peak cannot be told.
  outcome.max_rss_kib = usage_.ru_maxrss > own_rss_kib_ ? usage_.ru_maxrss : 0;
  return outcome;
}

}  // namespace lockstep::worker
