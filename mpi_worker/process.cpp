#include "mpi_worker/process.hpp"

#include <fcntl.h>
#include <sys/syscall.h>
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
#include "mpi_worker/spawn.hpp"

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
/// What a pipe takes at once, whatever its user's limits are.
constexpr std::size_t kPipeBytes = 4096;

/// Longer times would leave the range of the clock.
constexpr std::chrono::hours kLongest{24 * 365 * 100};

Outcome not_started(const Task& task, std::string error, std::string cause) {
  Outcome outcome;
  outcome.id = task.id;
  outcome.kind = OutcomeKind::failed;
  outcome.error = std::move(error);
  outcome.cause = std::move(cause);
  outcome.started = now();
  outcome.ended = outcome.started;
  return outcome;
}

struct Pipe {
  Descriptor read_end, write_end;
};

bool make_pipe(Pipe& made) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) {
    return false;
  }
  made.read_end = Descriptor(ends[0]);
  made.write_end = Descriptor(ends[1]);
  return true;
}

void set_nonblocking(int fd) {
  fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

/// The path of the program, empty where PATH has none.
std::string find_program(const Job& job, const std::string& name, ProcessContext& context) {
  if (name.find('/') != std::string::npos) {
    return name.front() == '/' ? name : job.folder + '/' + name;
  }
  const auto known = context.programs.find(name);
  if (known != context.programs.end()) {
    return known->second;
  }
  std::string path = find_in_path(name, context.path);
  constexpr std::size_t kMostPrograms = 1000;
  if (!path.empty() && context.programs.size() < kMostPrograms) {
    context.programs.emplace(name, path);
  }
  return path;
}

/// The cause of a task whose program could not be run.
std::string explain(const SpawnFailure& failure, const std::string& program, const std::string& folder) {
  const char* text = std::strerror(failure.number);
  if (failure.stage == SpawnStage::process) {
    return fmt::format("cannot start a process: {}", text);
  }
  if (failure.stage == SpawnStage::folder) {
    return fmt::format("cannot change to the folder {}: {}", folder, text);
  }
  switch (failure.number) {
    case ENOENT:
      return access(program.c_str(), F_OK) == 0
                 ? fmt::format("{}: not executable: the interpreter that its first line names is not found", program)
                 : fmt::format("{}: not found", program);
    case EACCES:
      return fmt::format("{}: not executable: {}", program, text);
    case ENOEXEC:
      return fmt::format("{}: not executable: neither a program nor a script with a first line #!…", program);
    case E2BIG:
      return fmt::format("{}: its arguments are too long: {}", program, text);
    default:
      return fmt::format("{}: cannot be run: {}", program, text);
  }
}

std::vector<const char*> pointers(const std::vector<std::string>& first, const std::vector<std::string>& second) {
  std::vector<const char*> all;
  all.reserve(first.size() + second.size() + 1);
  for (const std::vector<std::string>* texts : {&first, &second}) {
    for (const std::string& text : *texts) {
      all.push_back(text.c_str());
    }
  }
  all.push_back(nullptr);
  return all;
}

}  // namespace

tl::expected<std::unique_ptr<Process>, Outcome> Process::start(Task task, ProcessContext& context) {
  std::unique_ptr<Process> process(new Process(std::move(task), context));
  const Job& job = process->job();
  const auto refuse = [&](std::string error, std::string cause) {
    return tl::unexpected(not_started(process->task_, std::move(error), std::move(cause)));
  };

  const auto argv = fill_arguments(job.argv, process->task_.input);
  if (!argv) {
    return refuse("Lockstep.BadArguments", argv.error());
  }
  const std::string program = argv->front().empty() ? std::string() : find_program(job, argv->front(), context);
  if (program.empty()) {
    return refuse("States.TaskFailed", fmt::format("{}: not found in PATH", printable(argv->front())));
  }
  process->folder_ = context.folders->take(process->task_.id);
  const std::string& task_folder = process->folder_.path;
  if (task_folder.empty() && job.cwd == WorkingDirectory::task_folder) {
    return refuse("States.TaskFailed", "\"cwd\": \"task\" needs a run folder");
  }
  const std::string& folder = job.cwd == WorkingDirectory::task_folder ? task_folder : job.folder;

  Pipe in, out, err;
  if (!make_pipe(in) || !make_pipe(out) || !make_pipe(err)) {
    return refuse("States.TaskFailed", fmt::format("cannot start a process: {}", std::strerror(errno)));
  }
  set_nonblocking(out.read_end.get());
  set_nonblocking(err.read_end.get());

  const std::vector<std::string> own = task_environment(process->task_, task_folder);
  const std::vector<const char*> arguments = pointers(*argv, {});
  const std::vector<const char*> environment = pointers(*context.environment, own);
  SpawnPlan plan;
  plan.program = program.c_str();
  plan.argv = arguments.data();
  plan.environment = environment.data();
  plan.folder = folder.empty() ? nullptr : folder.c_str();
  plan.in = in.read_end.get();
  plan.out = out.write_end.get();
  plan.err = err.write_end.get();
  plan.death_signal = SIGKILL;
  plan.signals = &context.signals;
  process->input_ = process->task_.input.text(process->scratch_);
  const bool at_once = process->input_.size() <= kPipeBytes;
  if (at_once) {
    process->in_ = std::move(in.write_end);
    process->on_writable();
  }
  process->started_ = now();
  const Clock::time_point begin = Clock::now();
  const auto pid = spawn(plan);
  if (!pid) {
    context.programs.erase(argv->front());
    const bool too_long = pid.error().stage == SpawnStage::program && pid.error().number == E2BIG;
    return refuse(too_long ? "Lockstep.BadArguments" : "States.TaskFailed",
                  printable(explain(pid.error(), program, folder)));
  }
  process->pid_ = *pid;
  process->pidfd_ = Descriptor(static_cast<int>(syscall(SYS_pidfd_open, *pid, 0)));
  process->out_ = std::move(out.read_end);
  process->err_ = std::move(err.read_end);
  process->last_sign_ = begin;
  process->watch_time_ = begin + kBriefTime;
  process->watched_ = !process->pidfd_;
  if (process->task_.heartbeat) {
    process->task_.heartbeat = std::min<std::chrono::microseconds>(*process->task_.heartbeat, kLongest);
  }
  if (process->task_.timeout) {
    process->timeout_ = begin + std::min<std::chrono::microseconds>(*process->task_.timeout, kLongest);
  }
  if (!at_once) {
    in.read_end.reset();
    set_nonblocking(in.write_end.get());
    process->in_ = std::move(in.write_end);
    process->on_writable();
  }
  return process;
}

Process::~Process() {
  if (pid_ > 0 && !done_) {
    signal_group(SIGKILL);
    reap();
  }
  context_->folders->give_back(std::move(folder_));
}

void Process::on_writable() {
  while (in_) {
    const ssize_t written = write(in_.get(), input_.data(), input_.size());
    if (written < 0 && errno == EINTR) {
      continue;
    }
    if (written < 0 && errno == EAGAIN) {
      return;
    }
    // A job that does not read its input is no failure.
    input_.remove_prefix(written < 0 ? input_.size() : static_cast<std::size_t>(written));
    if (input_.empty()) {
      in_.reset();
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
  drain(out_, true, now);
  reap_if_over(now);
}

void Process::on_err(Clock::time_point now) {
  drain(err_, false, now);
  reap_if_over(now);
}

void Process::on_ended(Clock::time_point now) {
  siginfo_t info = {};
  // Not reaped yet: as long as it is not, no other process group can get its number.
  if (main_ended_ || waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) != 0 ||
      info.si_pid == 0) {
    return;
  }
  main_ended_ = true;
  watched_ = true;  // children of its may still write
  ended_ = worker::now();
  in_.reset();
  drain(out_, true, now);
  drain(err_, false, now);
  // Who was told to stop may use the time that it has; else only the last output is waited for.
  rest_time_ = verdict_ == Verdict::none ? now + kRestTime : kill_time_;
  reap_if_over(now);
}

void Process::on_time(Clock::time_point now) {
  watched_ = watched_ || watch_time_ <= now;
  if (stderr_.flush_time() <= now) {
    stderr_.flush(task_, *context_->log);
  }
  if (!pidfd_) {
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
  return pidfd_ ? next : std::min(next, Clock::now() + kLookTime);
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
  if (pid_ > 0 && !done_) {
    ::kill(-pid_, signal);
  }
}

void Process::reap_if_over(Clock::time_point now) {
  if (main_ended_ && !done_ && ((!out_ && !err_) || rest_time_ <= now)) {
    signal_group(SIGKILL);
    drain(out_, true, now);
    drain(err_, false, now);
    reap();
  }
}

void Process::reap() {
  pid_t reaped = 0;
  do {
    reaped = waitpid(pid_, &status_, 0);
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
  return outcome;
}

}  // namespace lockstep::worker
