// activity-worker: takes an activity's tasks out of a house, runs a command for each and answers with what it came to.
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <iostream>
#include <nlohmann/json.hpp>
#include <thread>

#include "catalogue/names.hpp"
#include "cli/command_line.hpp"
#include "cli/exit_status.hpp"
#include "fleet/fleet.hpp"
#include "integrations/jobs_file.hpp"
#include "journal/lease.hpp"
#include "mpi_worker/cores.hpp"
#include "mpi_worker/exec_runner.hpp"
#include "mpi_worker/guard.hpp"
#include "mpi_worker/told_to_end.hpp"
#include "service/mailbox.hpp"
#include "service/run_folder.hpp"

namespace lockstep::cli {

namespace po = boost::program_options;

namespace {

using Clock = std::chrono::steady_clock;

/// Between two looks at whether the run is over, and whether this process was told to end.
constexpr std::chrono::milliseconds kBetweenLooks{1'000};
/// A message that was withdrawn may be on its way already.
constexpr std::chrono::milliseconds kOnItsWay{1'000};
/// Once told to end, how long the answer to what a task came to is waited for: its message stays in any case.
constexpr std::chrono::seconds kLastAnswer{5};
/// In the time that a worker may be silent, so many signs of life.
constexpr std::int64_t kBeats = 3;

/// How the signal handler reaches the worker. Outlives everything.
fleet::Waker* waker_of_signals = nullptr;

extern "C" void stop_activity_worker(int /*signal*/) {
  worker::told_to_end.note();
  waker_of_signals->wake();
}

struct WorkerOptions {
  std::string activity;     ///< name or ARN
  std::string name;         ///< the worker's
  std::uint64_t count = 0;  ///< of tasks, after which it ends; 0: never
  std::chrono::milliseconds grace{10'000};
  bool quiet = false;
};

/// A task that was taken.
struct Taken {
  std::string token;
  Value input;
  std::optional<std::chrono::milliseconds> heartbeat;
};

class ActivityWorker {
 public:
  ActivityWorker(service::RunFolder folder, WorkerOptions options, std::vector<work::Job> jobs)
      : folder_(std::move(folder)), options_(std::move(options)) {
    settings_.jobs = std::move(jobs);
    settings_.run_id = options_.activity;
    settings_.grace = options_.grace;
  }

  int run() {
    const auto guard = worker::Guard::of_this_process();
    worker::Runner runner(settings_, {0, worker::host_name()}, 1);
    while (!is_told() && (options_.count == 0 || tasks_ < options_.count)) {
      const auto taken = TRY_OR_TELL(take());
      if (!taken) {
        break;
      }
      ++tasks_;
      const auto outcome = carry_out(runner, *taken);
      TRY_OR_TELL(answer(*taken, outcome));
    }
    if (!options_.quiet) {
      complain(fmt::format("{} of activity {}: {} failed", tasks_ == 1 ? "1 task" : fmt::format("{} tasks", tasks_),
                           options_.activity, failed_));
    }
    return kSucceeded;
  }

 private:
  static bool is_told() { return worker::told_to_end.times() > 0; }
  /// When this process was first seen to be told to end.
  Clock::time_point told_at() {
    told_at_ = told_at_.value_or(Clock::now());
    return *told_at_;
  }
  Result<std::string> post(const service::Request& request) { return service::post(folder_.path(), request); }
  Result<std::optional<std::string>> look(const std::string& id, std::chrono::milliseconds limit) {
    return service::await_answer(folder_.path(), id, limit);
  }
  /// Whether the run has come to its end; a house has none.
  bool is_over() const {
    const auto finished = folder_.finished();
    return finished && *finished;
  }

  /// The next task; nothing: there will be none, or this process was told to end.
  Result<std::optional<Taken>> take() {
    std::optional<std::string> id;
    while (true) {
      if (!id) {
        id = TRY(post(
            service::GetActivityTask{options_.activity, options_.name, journal::to_text(journal::this_process())}));
      }
      auto text = TRY(look(*id, kBetweenLooks));
      if (!text && (is_told() || is_over())) {
        service::withdraw(folder_.path(), *id);
        text = TRY(look(*id, kOnItsWay));
        if (!text) {
          return std::optional<Taken>();
        }
      }
      if (text) {
        auto taken = TRY(read(*text));
        if (taken || is_told()) {
          return taken;
        }
        id.reset();
      } else if (!TRY(service::is_waiting(folder_.path(), *id)) && !TRY(look(*id, {}))) {
        id.reset();  // somebody has removed the message
      }
    }
  }

  /// What the answer to a poll says.
  static Result<std::optional<Taken>> read(const std::string& text) {
    const nlohmann::json document = nlohmann::json::parse(text, nullptr, false);
    if (!document.is_object()) {
      return fail(ErrorKind::invalid, text);
    }
    const auto token = document.find("taskToken");
    const auto input = document.find("input");
    if (token == document.end() || !token->is_string() || input == document.end() || !input->is_string()) {
      return std::optional<Taken>();
    }
    Taken taken{token->get<std::string>(), TRY(Value::from_text(input->get<std::string>())), std::nullopt};
    if (const auto heartbeat = document.find("heartbeatSeconds");
        heartbeat != document.end() && heartbeat->is_number_integer()) {
      taken.heartbeat = std::chrono::seconds(heartbeat->get<std::int64_t>());
    }
    return std::optional(std::move(taken));
  }

  /// Runs the command for it, with a sign of life now and then. Nobody waits for the outcome if it is `cancelled`.
  work::Outcome carry_out(worker::Runner& runner, const Taken& taken) {
    work::Task task;
    task.id = {work::ExecutionId{1}, work::StrandId::top, static_cast<std::uint32_t>(tasks_), 1};
    task.job = work::JobId{0};
    task.input = taken.input;
    task.state_name = options_.activity;
    task.task_token = taken.token;
    runner.submit(std::move(task));
    const auto between_beats = taken.heartbeat ? std::optional(*taken.heartbeat / kBeats) : std::nullopt;
    Clock::time_point next_beat = between_beats ? Clock::now() + *between_beats : Clock::time_point::max();
    std::optional<std::string> beat;
    bool is_cancelled = false;
    std::vector<work::Outcome> outcomes;
    while (true) {
      if (!outcomes.empty()) {
        if (outcomes.front().unbegun == nullptr || is_told()) {
          return std::move(outcomes.front());
        }
        // Something has run out on this machine.
        std::this_thread::sleep_for(kBetweenLooks);
        runner.submit(std::move(*outcomes.front().unbegun));
        outcomes.clear();
      }
      const auto left = std::chrono::ceil<std::chrono::microseconds>(next_beat - std::min(next_beat, Clock::now()));
      runner.wait(std::min<std::chrono::microseconds>(left, kBetweenLooks),
                  is_told() ? -1 : waker_of_signals->descriptor(), outcomes);
      if (!is_cancelled && is_told() && Clock::now() > told_at() + options_.grace) {
        is_cancelled = true;
        interrupted_ = true;
        runner.cancel_all();
      }
      if (beat) {
        const auto said = look(*beat, {});
        if (said && *said) {
          beat.reset();
          if (**said != service::kAccepted && !is_cancelled) {
            complain(fmt::format("its task is over, and is stopped: {}", **said));
            is_cancelled = true;
            runner.cancel_all();
          }
        }
      }
      if (Clock::now() >= next_beat) {
        next_beat = Clock::now() + *between_beats;
        if (!beat) {  // one that nobody has read says as much as two
          service::AnswerToken alive;
          alive.kind = service::AnswerToken::Kind::heartbeat;
          alive.token = taken.token;
          if (const auto sent = post(alive)) {
            beat = *sent;
          }
        }
      }
    }
  }

  Result<void> answer(const Taken& taken, const work::Outcome& outcome) {
    using Kind = service::AnswerToken::Kind;
    service::AnswerToken answer;
    answer.token = taken.token;
    answer.kind = outcome.kind == work::OutcomeKind::succeeded ? Kind::success : Kind::failure;
    failed_ += answer.kind == Kind::failure ? 1 : 0;
    if (answer.kind == Kind::success) {
      answer.output = outcome.result;
    } else if (work::is_outcome(outcome.kind)) {
      answer.error = outcome.error;
      answer.cause = outcome.cause;
    } else if (outcome.kind == work::OutcomeKind::cancelled && !interrupted_) {
      return {};  // it is over
    } else {
      answer.error = std::string(work::kTaskInterrupted);
      answer.cause = is_told() ? "its worker was told to end" : outcome.cause;
    }
    const std::string id = TRY(post(answer));
    while (true) {
      const auto said = TRY(look(id, kBetweenLooks));
      if (said) {
        if (*said != service::kAccepted) {
          complain(fmt::format("what a task came to was refused: {}", *said));
        }
        return {};
      }
      if (is_over() || (is_told() && Clock::now() > told_at() + options_.grace + kLastAnswer)) {
        return {};
      }
    }
  }

  service::RunFolder folder_;
  WorkerOptions options_;
  worker::RunSettings settings_;
  std::uint64_t tasks_ = 0;
  std::uint64_t failed_ = 0;
  std::optional<Clock::time_point> told_at_;
  bool interrupted_ = false;  // the last task, because this process was told to end
};

/// The command as a job, which it is in all that concerns input, output and failure.
Result<std::vector<work::Job>> job_of(const Arguments& command, bool stream) {
  nlohmann::json entry{{"resource", "activity-worker"}, {stream ? "stream" : "exec", command}};
  std::error_code error;
  auto jobs = integrations::parse_jobs(nlohmann::json{{"jobs", {entry}}}.dump(), "the command",
                                       std::filesystem::current_path(error).string());
  return jobs ? Result<std::vector<work::Job>>(std::move(jobs->jobs)) : tl::unexpected<Error>(jobs.error());
}

int activity_worker(const Command& self, const Arguments& arguments) {
  RunChoice run;
  WorkerOptions wanted;
  wanted.name = fmt::format("{}-{}", worker::host_name(), ::getpid());
  bool once = false;
  bool stream = false;
  double grace = 10;
  po::options_description shown("options");
  run.add_to(shown);
  shown.add_options()                                                                                                //
      ("name", po::value(&wanted.name)->value_name("WORKER"), "its name in history; host and process unless given")  //
      ("stream", po::bool_switch(&stream), "one process for all tasks: a task a line, and a line for its result")    //
      ("once", po::bool_switch(&once), "end after one task")                                                         //
      ("count", po::value(&wanted.count)->value_name("N"), "end after so many tasks")                                //
      ("grace", po::value(&grace)->value_name("SECONDS"),
       "that a task has to end once this process is told to; 10 unless given")  //
      ("quiet", po::bool_switch(&wanted.quiet), "say nothing on stderr but errors");
  const auto separator = std::find(arguments.begin(), arguments.end(), "--");
  const auto values = TRY_OR_TELL(read_command_line(self, {arguments.begin(), separator}, shown, run.operands()));
  const auto activity = run.take_other();
  const Arguments command(separator == arguments.end() ? separator : separator + 1, arguments.end());
  if (!activity || command.empty()) {
    return report({ErrorKind::usage,
                   "activity-worker needs an activity, and a command behind --; `lockstep activity-worker --help`"});
  }
  wanted.activity = *activity;
  if (once && values.count("count") != 0) {
    return report({ErrorKind::usage, "--once is --count 1: give one of them"});
  }
  if (values.count("count") != 0 && wanted.count == 0) {
    return report({ErrorKind::usage, "--count is a number from 1"});
  }
  wanted.count = once ? 1 : wanted.count;
  if (!(grace >= 0 && grace <= 1e6)) {
    return report({ErrorKind::usage, "--grace is a number of seconds from 0"});
  }
  wanted.grace = std::chrono::milliseconds(static_cast<std::int64_t>(grace * 1000));
  auto jobs = job_of(command, stream);
  if (!jobs) {
    return report({ErrorKind::usage, jobs.error().message});
  }
  const auto chosen = TRY_OR_TELL(run.folder());
  const auto folder = TRY_OR_TELL(service::RunFolder::existing(chosen));
  waker_of_signals = new fleet::Waker;
  worker::hear_stop_signals(stop_activity_worker);
  return ActivityWorker(folder, std::move(wanted), *std::move(jobs)).run();
}

}  // namespace

const Command kActivityWorker{
    "activity-worker",
    "take an activity's tasks and run a command for each",
    "NAME|ARN [OPTION]... -- COMMAND [ARGUMENT]...",
    "Takes tasks of an activity out of a run or a house, from any node: for each it runs COMMAND, as an exec job is "
    "run: the input as JSON on stdin, the output as JSON on stdout, an exit status that says whether it has failed. "
    "Any number of workers may take from one activity. It ends when it is told to (a task has --grace seconds to end, "
    "else it fails as Lockstep.TaskInterrupted), after --count tasks, and when the run is over.",
    {{{"lockstep activity-worker paint --dir house -- python3 paint.py", "until it is told to end"},
      {"lockstep activity-worker paint --dir house --once -- jq '.plate * 2'", "one task"}}},
    activity_worker};

}  // namespace lockstep::cli
