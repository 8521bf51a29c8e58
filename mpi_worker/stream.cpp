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
#include "mpi_worker/command.hpp"
#include "mpi_worker/pipe.hpp"
#include "mpi_worker/plugin_host.hpp"
#include "mpi_worker/printable.hpp"
#include "mpi_worker/result.hpp"
#include "mpi_worker/told_to_end.hpp"

namespace lockstep::worker {
namespace {

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
  if (pid == 0 || clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &time) != 0) {
    return std::chrono::microseconds(0);
  }
  return std::chrono::seconds(time.tv_sec) + std::chrono::microseconds(time.tv_nsec / 1000);
}

}  // namespace

tl::expected<std::unique_ptr<Stream>, Outcome> Stream::start(Task task, ProcessContext& context) {
  std::unique_ptr<Stream> stream(new Stream(std::move(task), context));
  const work::Job& job = *context.settings->jobs.find(stream->task_.job);
  if (auto refused = stream->take_folder()) {
    return tl::unexpected(std::move(*refused));
  }
  stream->begin();
  auto command = stream->is_host()
                     ? tl::expected<Command, std::string>(Command{plugin_host_command(job), {}, job.folder})
                     : command_of(job, Value::empty_object(), {}, context.settings->run_folder, {});
  if (!command) {
    return tl::unexpected(not_started(stream->task_, {"Lockstep.BadArguments", std::move(command.error())}, context));
  }
  stream->directory_ = std::move(command->folder);
  auto program = start_program({.job = job,
                                .argv = command->argv,
                                .environment = command->environment,
                                .folder = stream->directory_,
                                .input = stream->input_,
                                .more_input = true,
                                .tells_pid = true,
                                .replacing = command->environment.size()},
                               context);
  if (!program) {
    return tl::unexpected(not_started(stream->task_, std::move(program.error()), context));
  }
  stream->program_ = std::move(*program);
  if (stream->program_.input_written) {
    stream->input_ = {};
  }
  stream->on_writable();
  return stream;
}

Stream::~Stream() {
  if (program_.keeper && !over_) {
    context_->keepers->abandon(std::move(program_.keeper));
  }
  context_->folders->give_back(std::move(folder_));
}

bool Stream::is_host() const {
  return context_->settings->jobs.find(task_.job)->kind == work::JobKind::plugin;
}

/// For task_, where it needs one.
std::optional<Outcome> Stream::take_folder() {
  if (!is_host()) {
    return std::nullopt;
  }
  auto taken = context_->folders->take(task_);
  if (!taken) {
    return not_started(task_, {"", std::move(taken.error())}, *context_);
  }
  folder_ = std::move(*taken);
  return std::nullopt;
}

void Stream::begin() {
  if (is_host()) {
    line_in_ = plugin_request(task_, folder_.path);
  } else {
    line_in_ = line_of(task_.input);
  }
  input_ = line_in_;
  line_.clear();
  stderr_ = TaskStderr();
  answered_ = false;
  started_ = now();
  watch_.start(task_, Clock::now());
}

std::optional<Outcome> Stream::give(Task task) {
  context_->folders->give_back(std::exchange(folder_, {}));
  task_ = std::move(task);
  if (auto refused = take_folder()) {
    return refused;
  }
  cpu_before_ = process_time(pid_);
  begin();
  on_writable();
  return std::nullopt;
}

bool Stream::is_idle() {
  on_ended(Clock::now());
  if (!answered_ || over_ || report_ || unasked_ || watch_.verdict() != Verdict::none || !program_.in ||
      !program_.out || !input_.empty() || !line_.empty()) {
    return false;
  }
  pollfd out = {program_.out.get(), POLLIN, 0};
  return poll(&out, 1, 0) == 0;
}

void Stream::close() {
  program_.in.reset();
}

void Stream::on_writable() {
  // One that reads no more may answer all the same, once.
  write_pipe(program_.in, input_);
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
  read_pipe(program_.out, [&](std::string_view bytes) {
    watch_.on_sign(now);
    take(bytes);
    if (line_.size() <= context_->settings->output_limit) {
      return true;
    }
    line_.clear();
    answered_ = false;
    end_with(Verdict::too_large, now);
    kill_all();
    return false;
  });
}

void Stream::read_err(Clock::time_point now) {
  read_pipe(program_.err, [&](std::string_view bytes) {
    watch_.on_sign(now);
    stderr_.append(bytes, task_, *context_->log, now);
    return true;
  });
}

void Stream::on_out(Clock::time_point now) {
  read_out(now);
  if (!program_.out && !answered_ && watch_.verdict() == Verdict::none) {
    // It cannot answer any more. Most likely it is about to end, and how says more than the closed pipe.
    program_.in.reset();
    watch_.kill_at(std::min(watch_.kill_time(), now + context_->settings->kill_after));
  }
}

void Stream::on_err(Clock::time_point now) {
  read_err(now);
}

void Stream::on_ended(Clock::time_point now) {
  while (!over_) {
    const std::optional<Report> report = program_.keeper->read();
    if (!report) {
      return;
    }
    take_report(*report, now);
  }
}

void Stream::take_report(const Report& report, Clock::time_point now) {
  switch (report.kind) {
    case ReportKind::started:
      pid_ = report.pid;
      return;
    case ReportKind::refused:
      failure_ = explain_refusal(report, program_, directory_, *context_);
      break;
    case ReportKind::ended:
      read_out(now);
      read_err(now);
      report_ = report;
      if (!report.is_clean) {
        kill_all();
        return;
      }
      break;
    case ReportKind::gone:
      read_out(now);
      cut_off_ = !report_;
      break;
    case ReportKind::clean:
      break;
  }
  over_ = true;
  context_->keepers->give_back(std::move(program_.keeper));
  if (!answered_) {
    ended_ = worker::now();
  }
  stderr_.flush(task_, *context_->log);
}

void Stream::on_time(Clock::time_point now) {
  if (stderr_.flush_time() <= now) {
    stderr_.flush(task_, *context_->log);
  }
  if (const Verdict late = watch_.due(now); late != Verdict::none) {
    end_with(late, now);
  }
  if (watch_.take_kill(now)) {
    kill_all();
  }
}

Stream::Clock::time_point Stream::next_time() const {
  return std::min(stderr_.flush_time(), watch_.next_time());
}

void Stream::end_with(Verdict verdict, Clock::time_point now) {
  if (!watch_.pronounce(verdict)) {
    return;
  }
  program_.in.reset();
  input_ = {};
  program_.keeper->signal(SIGTERM);
  watch_.kill_at(now + context_->settings->kill_after);
}

void Stream::cancel(Clock::time_point now) {
  end_with(Verdict::cancelled, now);
}

void Stream::kill() {
  watch_.pronounce(Verdict::cancelled);
  kill_all();
}

void Stream::kill_all() {
  if (!over_ && !std::exchange(is_killed_, true)) {
    program_.keeper->kill();
  }
}

/// It has answered, so that it was started: its keeper is about to say so.
void Stream::learn_pid() {
  constexpr int kMilliseconds = 100;
  if (pid_ == 0 && !over_) {
    pollfd keeper = {program_.keeper->descriptor(), POLLIN, 0};
    poll(&keeper, 1, kMilliseconds);
    on_ended(Clock::now());
  }
}

bool Stream::ended_by_others() const {
  return watch_.verdict() == Verdict::none && !answered_ && report_ && was_told_to_end(report_->status);
}

/// By its answer, or by how its process ended without one.
void Stream::conclude_its_end(Outcome& outcome) {
  if (answered_) {
    read_err(Clock::now());
    if (std::string line = std::exchange(line_, {}); is_host()) {
      conclude_plugin_line(line, context_->settings->output_limit, outcome);
    } else {
      conclude_line(line, stderr_.tail(), outcome);
      if (outcome.kind == OutcomeKind::failed) {
        context_->log->write(task_, line, LogSource::out);
      }
      learn_pid();
      outcome.usage.cpu_us = std::max((process_time(pid_) - cpu_before_).count(), std::int64_t{0});
    }
  } else if (cut_off_) {
    outcome.kind = OutcomeKind::interrupted;
    outcome.cause = kKeeperGone;
  } else if (WIFEXITED(report_->status) && WEXITSTATUS(report_->status) == 0) {
    outcome.kind = OutcomeKind::failed;
    outcome.error = "States.TaskFailed";
    outcome.cause = "the stream ended (exit status 0) before it answered";
  } else {
    conclude(work::StdoutMode::json, report_->status, line_, stderr_.tail(), outcome);
  }
}

Outcome Stream::finish() {
  if (failure_ && !answered_) {
    return outcome_of(task_, *failure_, watch_.verdict() == Verdict::cancelled);
  }
  Outcome outcome;
  watch_.conclude("the stream's answer", context_->settings->output_limit, outcome);
  if (watch_.verdict() == Verdict::none) {
    conclude_its_end(outcome);
  }
  stderr_.flush(task_, *context_->log);
  folder_.may_be_wanted = outcome.kind != OutcomeKind::succeeded;
  const std::string path = folder_.path;
  if (context_->folders->give_back(std::exchange(folder_, {}))) {
    tell_folder(path, outcome);
  }
  outcome.id = task_.id;
  outcome.started = started_;
  outcome.ended = ended_;
  return outcome;
}

}  // namespace lockstep::worker
