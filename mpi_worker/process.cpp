#include "mpi_worker/process.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>

#include "mpi_worker/builtin.hpp"
#include "mpi_worker/command.hpp"
#include "mpi_worker/environment.hpp"
#include "mpi_worker/pipe.hpp"
#include "mpi_worker/printable.hpp"
#include "mpi_worker/result.hpp"
#include "mpi_worker/told_to_end.hpp"

namespace lockstep::worker {
namespace {

using work::Job;
using work::StdoutMode;
using work::WorkingDirectory;

/// What children of a job whose main process has ended may still take to write their last output.
constexpr std::chrono::milliseconds kRestTime{100};
/// The end of stdout that is kept where it goes to the log: its last line may name an error.
constexpr std::size_t kLogTailBytes = std::size_t{64} << 10;

/// A process that ends sooner is looked at only once, at its end: its output is read then.
constexpr std::chrono::milliseconds kBriefTime{2};

}  // namespace

tl::expected<std::unique_ptr<Process>, Outcome> Process::start(Task task, ProcessContext& context) {
  std::unique_ptr<Process> process(new Process(std::move(task), context));
  const Job& job = process->job();
  const auto refuse = [&](StartFailure failure) {
    return tl::unexpected(not_started(process->task_, std::move(failure), context));
  };
  auto taken = context.folders->take(process->task_);
  if (!taken) {
    return refuse({"", std::move(taken.error())});
  }
  process->folder_ = std::move(*taken);
  const std::string& task_folder = process->folder_.path;
  if (task_folder.empty() && job.cwd == WorkingDirectory::task_folder) {
    return refuse({"States.TaskFailed", "\"cwd\": \"task\" needs a run folder"});
  }
  const bool heartbeat = process->task_.heartbeat.has_value();
  auto command =
      command_of(job, process->task_.input, process->task_.environment, context.settings->run_folder, task_folder);
  if (!command) {
    return refuse({"Lockstep.BadArguments", std::move(command.error())});
  }
  process->directory_ = std::move(command->folder);
  std::vector<std::string> environment = task_environment(process->task_, task_folder);
  environment.insert(environment.end(), std::make_move_iterator(command->environment.begin()),
                     std::make_move_iterator(command->environment.end()));
  process->input_ = process->task_.input.text(process->scratch_);
  process->started_ = now();
  const Clock::time_point begin = Clock::now();
  auto program = start_program({.job = job,
                                .argv = command->argv,
                                .environment = environment,
                                .folder = process->directory_,
                                .input = process->input_,
                                .heartbeat = heartbeat,
                                .replacing = command->environment.size()},
                               context);
  if (!program) {
    return refuse(std::move(program.error()));
  }
  process->program_ = std::move(*program);
  process->watch_.start(process->task_, begin);
  process->watch_time_ = begin + kBriefTime;
  process->on_writable();
  return process;
}

Process::~Process() {
  if (program_.keeper && !done_) {
    context_->keepers->abandon(std::move(program_.keeper));
  }
  context_->folders->give_back(std::move(folder_));
}

void Process::on_writable() {
  write_pipe(program_.in, input_);
  // A job that does not read its input is no failure.
  if (input_.empty()) {
    program_.in.reset();
  }
}

void Process::read_out(Clock::time_point now) {
  read_pipe(program_.out, [&](std::string_view bytes) {
    watch_.on_sign(now);
    take_out(bytes, now);
    return true;
  });
}

void Process::read_err(Clock::time_point now) {
  read_pipe(program_.err, [&](std::string_view bytes) {
    watch_.on_sign(now);
    stderr_.append(bytes, task_, *context_->log, now);
    return true;
  });
}

void Process::take_out(std::string_view bytes, Clock::time_point now) {
  if (watch_.verdict() == Verdict::too_large) {
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
    output_ = output_.substr(output_.size() - std::min(output_.size(), kLogTailBytes));
    kill();
    return;
  }
  output_ += bytes;
}

void Process::on_out(Clock::time_point now) {
  read_out(now);
  end_if_over(now);
}

void Process::on_err(Clock::time_point now) {
  read_err(now);
  end_if_over(now);
}

void Process::on_beat(Clock::time_point now) {
  std::array<char, 256> beats{};
  ssize_t size = 0;
  while (program_.beat && (size = read(program_.beat.get(), beats.data(), beats.size())) > 0) {
    watch_.on_sign(now);
  }
  if (size == 0) {
    program_.beat.reset();
  }
}

void Process::on_ended(Clock::time_point now) {
  while (!done_) {
    const std::optional<Report> report = program_.keeper->read();
    if (!report) {
      return;
    }
    take_report(*report, now);
  }
}

void Process::take_report(const Report& report, Clock::time_point now) {
  switch (report.kind) {
    case ReportKind::started:
      return;
    case ReportKind::refused:
      failure_ = explain_refusal(report, program_, directory_, *context_);
      end();
      return;
    case ReportKind::gone:
      cut_off_ = !main_ended_;
      break;
    case ReportKind::ended:
      report_ = report;
      break;
    case ReportKind::clean:
      break;
  }
  is_clean_ = report.kind != ReportKind::ended || report.is_clean;
  if (!main_ended_) {
    main_ended_ = true;
    watch_.stop();
    program_.beat.reset();
    watched_ = true;  // children of its may still write
    ended_ = worker::now();
    program_.in.reset();
    read_out(now);
    read_err(now);
    // Who was told to stop may use the time that it has; else only the last output is waited for.
    rest_time_ = watch_.verdict() == Verdict::none || is_killed_ ? now + kRestTime : watch_.kill_time();
  }
  end_if_over(now);
}

void Process::on_time(Clock::time_point now) {
  watched_ = watched_ || watch_time_ <= now;
  if (stderr_.flush_time() <= now) {
    stderr_.flush(task_, *context_->log);
  }
  if (const Verdict late = watch_.due(now); late != Verdict::none) {
    end_with(late, now);
  }
  if (watch_.take_kill(now)) {
    kill();
  }
  end_if_over(now);
}

Process::Clock::time_point Process::next_time() const {
  // Once it is killed, the keeper tells of the end.
  return std::min({stderr_.flush_time(), watch_.next_time(), is_killed_ && !is_clean_ ? Watch::kNever : rest_time_,
                   watched_ ? Watch::kNever : watch_time_});
}

void Process::end_with(Verdict verdict, Clock::time_point now) {
  if (!watch_.pronounce(verdict)) {
    return;
  }
  program_.keeper->signal(SIGTERM);
  watch_.kill_at(now + context_->settings->kill_after);
  if (main_ended_) {
    rest_time_ = watch_.kill_time();
  }
}

void Process::cancel(Clock::time_point now) {
  end_with(Verdict::cancelled, now);
}

void Process::kill() {
  watch_.pronounce(Verdict::cancelled);
  if (!is_clean_ && !std::exchange(is_killed_, true)) {
    program_.keeper->kill();
  }
  rest_time_ = main_ended_ ? Clock::time_point::min() : rest_time_;
}

/// Once its own process has ended, what is left of it may go on until its pipes close or `rest_time_`.
void Process::end_if_over(Clock::time_point now) {
  if (!main_ended_ || done_ || ((program_.out || program_.err) && rest_time_ > now)) {
    return;
  }
  if (!is_clean_) {
    if (!std::exchange(is_killed_, true)) {
      program_.keeper->kill();
    }
    return;
  }
  read_out(now);
  read_err(now);
  end();
}

void Process::end() {
  done_ = true;
  context_->keepers->give_back(std::move(program_.keeper));
  stderr_.flush(task_, *context_->log);
}

bool Process::ended_by_others() const {
  return watch_.verdict() == Verdict::none && !failure_ && !cut_off_ && was_told_to_end(report_.status);
}

Outcome Process::finish() {
  if (failure_) {
    folder_.may_be_wanted = true;
    return outcome_of(task_, *failure_, watch_.verdict() == Verdict::cancelled);
  }
  Outcome outcome;
  watch_.conclude("stdout", context_->settings->output_limit, outcome);
  if (watch_.verdict() == Verdict::none && cut_off_) {
    outcome.kind = OutcomeKind::interrupted;
    outcome.cause = kKeeperGone;
  } else if (watch_.verdict() == Verdict::none) {
    conclude(job().stdout_mode, report_.status, output_, stderr_.tail(), outcome);
    failed_ = outcome.kind == OutcomeKind::failed;
  }
  const bool has_failed = outcome.kind != OutcomeKind::succeeded && work::is_outcome(outcome.kind);
  if (has_failed && job().stdout_mode != StdoutMode::log && !output_.empty()) {
    context_->log->write(task_, output_, LogSource::out);
  }
  folder_.may_be_wanted = outcome.kind != OutcomeKind::succeeded;
  const std::string path = folder_.path;
  if (context_->folders->give_back(std::exchange(folder_, {}))) {
    tell_folder(path, outcome);
  }
  outcome.id = task_.id;
  outcome.started = started_;
  outcome.ended = ended_;
  outcome.usage.cpu_us = report_.cpu_us;
  outcome.usage.max_rss_kib = report_.max_rss_kib;
  return outcome;
}

}  // namespace lockstep::worker
