#include "mpi_worker/stream.hpp"

#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <ctime>

#include "mpi_worker/builtin.hpp"
#include "mpi_worker/plugin_host.hpp"
#include "mpi_worker/printable.hpp"
#include "mpi_worker/result.hpp"

namespace lockstep::worker {
namespace {

/// Longer times would leave the range of the clock.
constexpr std::chrono::hours kLongest{24 * 365 * 100};
/// Read at a time, so that a stream that writes without end does not hold up the others.
constexpr std::size_t kReadBytes = std::size_t{1} << 20;

/// The input on one line: a line end can only stand between two tokens.
std::string line_of(const Value& input) {
  std::string scratch;
  std::string line(input.text(scratch));
  std::replace_if(
      line.begin(), line.end(), [](char c) { return c == '\n' || c == '\r'; }, ' ');
  return line += '\n';
}

/// CPU time of all threads of a process so far; 0 where that is not known (any more).
std::chrono::microseconds process_time(pid_t pid) {
  clockid_t clock = {};
  timespec time = {};
  if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &time) != 0) {
    return std::chrono::microseconds(0);
  }
  return std::chrono::seconds(time.tv_sec) + std::chrono::microseconds(time.tv_nsec / 1000);
}

}  // namespace

tl::expected<std::unique_ptr<Stream>, Outcome> Stream::start(Task task, ProcessContext& context) {
  std::unique_ptr<Stream> stream(new Stream(std::move(task), context));
  const integrations::Job& job = context.settings->jobs[static_cast<std::size_t>(stream->task_.job)];
  stream->begin();
  auto program = start_program({.job = job,
                                .argv = stream->is_host() ? plugin_host_command(job) : job.argv,
                                .environment = {},
                                .folder = job.folder,
                                .input = stream->input_,
                                .more_input = true},
                               context);
  if (!program) {
    return tl::unexpected(not_started(stream->task_, std::move(program.error())));
  }
  stream->program_ = std::move(*program);
  if (stream->program_.input_written) {
    stream->input_ = {};
  }
  stream->on_writable();
  return stream;
}

Stream::~Stream() {
  if (program_.pid > 0 && !reaped_) {
    signal_group(SIGKILL);
    reap();
  }
  context_->folders->give_back(std::move(folder_));
}

bool Stream::is_host() const {
  return context_->settings->jobs[static_cast<std::size_t>(task_.job)].kind == integrations::JobKind::plugin;
}

void Stream::begin() {
  if (is_host()) {
    folder_ = context_->folders->take(task_.id);
    line_in_ = plugin_request(task_, folder_.path);
  } else {
    line_in_ = line_of(task_.input);
  }
  input_ = line_in_;
  line_.clear();
  stderr_ = TaskStderr();
  answered_ = false;
  started_ = now();
  last_sign_ = Clock::now();
  timeout_ = task_.timeout ? last_sign_ + std::min<std::chrono::microseconds>(*task_.timeout, kLongest)
                           : Clock::time_point::max();
  if (task_.heartbeat) {
    task_.heartbeat = std::min<std::chrono::microseconds>(*task_.heartbeat, kLongest);
  }
}

void Stream::give(Task task) {
  context_->folders->give_back(std::move(folder_));
  task_ = std::move(task);
  cpu_before_ = process_time(program_.pid);
  begin();
  on_writable();
}

bool Stream::is_idle() {
  if (!answered_ || reaped_ || unasked_ || verdict_ != Verdict::none || !program_.in || !program_.out ||
      !input_.empty() || !line_.empty()) {
    return false;
  }
  std::array<pollfd, 2> fds{pollfd{program_.ended.get(), POLLIN, 0}, pollfd{program_.out.get(), POLLIN, 0}};
  return poll(fds.data(), fds.size(), 0) == 0;
}

void Stream::close() {
  program_.in.reset();
}

void Stream::on_writable() {
  while (program_.in && !input_.empty()) {
    const ssize_t written = write(program_.in.get(), input_.data(), input_.size());
    if (written < 0 && errno == EINTR) {
      continue;
    }
    if (written < 0 && errno == EAGAIN) {
      return;
    }
    if (written < 0) {
      input_ = {};  // it reads no more; it may answer all the same, once
      program_.in.reset();
      return;
    }
    input_.remove_prefix(static_cast<std::size_t>(written));
  }
}

void Stream::take(std::string_view bytes) {
  if (answered_) {
    unasked_ = true;
    return;
  }
  const std::size_t end = bytes.find('\n');
  line_ += bytes.substr(0, end);
  if (end == std::string_view::npos) {
    return;
  }
  answered_ = true;
  ended_ = now();
  unasked_ = end + 1 < bytes.size();
}

void Stream::read_out(Clock::time_point now) {
  thread_local std::array<char, std::size_t{64} << 10> block;
  for (std::size_t total = 0; program_.out && total < kReadBytes;) {
    const ssize_t size = read(program_.out.get(), block.data(), block.size());
    if (size < 0 && errno == EINTR) {
      continue;
    }
    if (size < 0 && errno == EAGAIN) {
      return;
    }
    if (size <= 0) {
      program_.out.reset();
      return;
    }
    total += static_cast<std::size_t>(size);
    last_sign_ = now;
    take({block.data(), static_cast<std::size_t>(size)});
    if (line_.size() > context_->settings->output_limit) {
      line_.clear();
      answered_ = false;
      end_with(Verdict::too_large, now);
      signal_group(SIGKILL);
      return;
    }
  }
}

void Stream::read_err(Clock::time_point now) {
  std::array<char, 4096> block{};
  for (std::size_t total = 0; program_.err && total < kReadBytes;) {
    const ssize_t size = read(program_.err.get(), block.data(), block.size());
    if (size < 0 && errno == EINTR) {
      continue;
    }
    if (size < 0 && errno == EAGAIN) {
      return;
    }
    if (size <= 0) {
      program_.err.reset();
      return;
    }
    total += static_cast<std::size_t>(size);
    last_sign_ = now;
    stderr_.append({block.data(), static_cast<std::size_t>(size)}, task_, *context_->log, now);
  }
}

void Stream::on_out(Clock::time_point now) {
  read_out(now);
  if (!program_.out && !answered_ && verdict_ == Verdict::none) {
    // It cannot answer any more. Most likely it is about to end, and how says more than the closed pipe.
    program_.in.reset();
    kill_time_ = std::min(kill_time_, now + context_->settings->kill_after);
  }
}

void Stream::on_err(Clock::time_point now) {
  read_err(now);
}

void Stream::on_ended(Clock::time_point now) {
  siginfo_t info = {};
  if (reaped_ || waitid(P_PID, static_cast<id_t>(program_.pid), &info, WEXITED | WNOHANG | WNOWAIT) != 0 ||
      info.si_pid == 0) {
    return;
  }
  read_out(now);
  read_err(now);
  signal_group(SIGKILL);
  reap();
}

void Stream::on_time(Clock::time_point now) {
  if (stderr_.flush_time() <= now) {
    stderr_.flush(task_, *context_->log);
  }
  if (!program_.ended) {
    on_ended(now);  // no pidfd on this kernel: looked at from time to time
  }
  if (done()) {
    return;
  }
  const bool silent = task_.heartbeat && last_sign_ + *task_.heartbeat <= now;
  if (verdict_ == Verdict::none && (timeout_ <= now || silent)) {
    end_with(timeout_ <= now ? Verdict::timed_out : Verdict::silent, now);
  }
  if (kill_time_ <= now) {
    kill_time_ = Clock::time_point::max();
    signal_group(SIGKILL);
  }
}

Stream::Clock::time_point Stream::next_time() const {
  constexpr std::chrono::milliseconds kLookTime{5};
  Clock::time_point next = std::min(stderr_.flush_time(), kill_time_);
  if (verdict_ == Verdict::none) {
    next = std::min(next, timeout_);
    if (task_.heartbeat) {
      next = std::min(next, last_sign_ + *task_.heartbeat);
    }
  }
  return program_.ended ? next : std::min(next, Clock::now() + kLookTime);
}

void Stream::end_with(Verdict verdict, Clock::time_point now) {
  if (verdict_ != Verdict::none) {
    return;
  }
  verdict_ = verdict;
  program_.in.reset();
  input_ = {};
  signal_group(SIGTERM);
  signal_group(SIGCONT);  // one that is stopped would not see it
  kill_time_ = now + context_->settings->kill_after;
}

void Stream::cancel(Clock::time_point now) {
  end_with(Verdict::cancelled, now);
}

void Stream::kill() {
  if (verdict_ == Verdict::none) {
    verdict_ = Verdict::cancelled;
  }
  signal_group(SIGKILL);
}

void Stream::signal_group(int signal) const {
  if (program_.pid > 0 && !reaped_) {
    ::kill(-program_.pid, signal);
  }
}

void Stream::reap() {
  pid_t reaped = 0;
  do {
    reaped = waitpid(program_.pid, &status_, 0);
  } while (reaped < 0 && errno == EINTR);
  reaped_ = true;
  if (!answered_) {
    ended_ = now();
  }
  stderr_.flush(task_, *context_->log);
}

bool Stream::ended_by_others() const {
  return verdict_ == Verdict::none && !answered_ && WIFSIGNALED(status_) &&
         (WTERMSIG(status_) == SIGTERM || WTERMSIG(status_) == SIGKILL);
}

Outcome Stream::finish() {
  Outcome outcome;
  switch (verdict_) {
    case Verdict::none:
      if (answered_) {
        read_err(Clock::now());
        if (const std::string line = std::exchange(line_, {}); is_host()) {
          conclude_plugin_line(line, context_->settings->output_limit, outcome);
        } else {
          conclude_line(line, outcome);
          outcome.cpu = std::max(process_time(program_.pid) - cpu_before_, std::chrono::microseconds(0));
        }
      } else if (WIFEXITED(status_) && WEXITSTATUS(status_) == 0) {
        outcome.kind = OutcomeKind::failed;
        outcome.error = "States.TaskFailed";
        outcome.cause = "the stream ended (exit status 0) before it answered";
      } else {
        conclude(integrations::StdoutMode::json, status_, {}, stderr_.tail(), outcome);
      }
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
      outcome.cause = fmt::format("the stream's answer is larger than {} bytes", context_->settings->output_limit);
      break;
  }
  stderr_.flush(task_, *context_->log);
  outcome.id = task_.id;
  outcome.started = started_;
  outcome.ended = ended_;
  return outcome;
}

}  // namespace lockstep::worker
