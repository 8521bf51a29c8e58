// stop and send-task-success, -failure, -heartbeat: what is said to a run through its mailbox.
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <iostream>

#include "asl/definition_file.hpp"
#include "cli/carry_out.hpp"
#include "cli/command_line.hpp"
#include "cli/deliver.hpp"
#include "cli/exit_status.hpp"
#include "cli/json_argument.hpp"
#include "fleet/local_fleet.hpp"
#include "service/mailbox.hpp"
#include "value/number.hpp"

namespace lockstep::cli {

namespace po = boost::program_options;

namespace {

using Kind = service::AnswerToken::Kind;

Kind kind_of(const Command& command) {
  return &command == &kSendTaskSuccess   ? Kind::success
         : &command == &kSendTaskFailure ? Kind::failure
                                         : Kind::heartbeat;
}

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

/// A job without a token beats through the descriptor that it has inherited.
int beat(const std::string& descriptor) {
  int fd = -1;
  if (!parse_whole(descriptor, fd) || ::write(fd, "\n", 1) != 1) {
    return report({ErrorKind::io, fmt::format("cannot beat through LOCKSTEP_HEARTBEAT_FD={}", descriptor)});
  }
  return kSucceeded;
}

/// The answer to a message that a live owner has.
int tell_answer(const std::string& answer) {
  if (answer == service::kAccepted) {
    return kSucceeded;
  }
  if (answer.starts_with('{')) {
    std::cout << answer << '\n';
    return end_output();
  }
  return report({ErrorKind::invalid, answer});
}

/// No one owns the run: to stop it is to become its owner, who finds the message first.
int stop_unowned(const service::RunFolder& folder) {
  OwnerOptions options;
  auto plan = TRY_OR_TELL(plan_of(folder));
  auto lease = TRY_OR_TELL(acquire_lease(folder.path(), options));
  options.quiet = true;
  const int status = carry_out(
      folder, std::move(plan), std::move(lease), options,
      [](fleet::FleetSettings settings) { return std::make_unique<fleet::LocalFleet>(std::move(settings), 1); },
      nullptr);
  return status == kFailed ? kSucceeded : status;
}

}  // namespace

int deliver(const service::RunFolder& folder, const service::Request& request, double wait,
            const std::function<std::optional<int>()>& unowned) {
  const auto id = TRY_OR_TELL(service::post(folder.path(), request));
  // A live owner here is woken, elsewhere it looks every second, over a network file system within a minute.
  const auto limit = std::chrono::milliseconds(static_cast<std::int64_t>(wait * 1000));
  constexpr std::chrono::milliseconds kSoon{1'000};
  auto answer = service::await_answer(folder.path(), id, std::min(limit, kSoon));
  if (answer && !*answer) {
    const auto owner = journal::look_at_owner(folder.path(), std::chrono::milliseconds(3'000));
    if (owner.life == journal::Life::ended) {
      if (const auto status = unowned ? unowned() : std::nullopt) {
        return *status;
      }
      const auto settings = folder.settings();
      complain(fmt::format("nobody runs {} now; the message waits for `lockstep {}`", folder.path(),
                           settings && settings->is_house() ? "serve" : "resume"));
      return kSucceeded;
    }
    answer = service::await_answer(folder.path(), id, limit);
  }
  if (!answer) {
    return report(answer.error());
  }
  if (!*answer) {
    complain(
        fmt::format("no answer from the run in {} within {} s; the message stays in its mailbox", folder.path(), wait));
    return kInterrupted;
  }
  return tell_answer(**answer);
}

Result<std::string> read_machine(const std::string& file, const std::string& type) {
  auto definition = TRY(asl::read_definition(file, std::cin));
  service::RunRequest checked;
  checked.definition = std::move(definition.json);
  checked.type = type;
  const auto good = service::check_definition(checked, {file, definition.yaml, ""});
  return good ? Result<std::string>(std::move(checked.definition)) : tl::unexpected<Error>(good.error());
}

Result<service::RunRequest> read_jobs(const std::string& file) {
  service::RunRequest taken;
  TRY(take_jobs(file, taken));
  TRY(service::make_house_plan(taken, file));
  return taken;
}

namespace {

int send(const Command& self, const Arguments& arguments) {
  const bool is_stop = &self == &kStop;
  RunChoice run;
  service::AnswerToken message;
  message.kind = kind_of(self);
  const bool sends_output = !is_stop && message.kind == Kind::success;
  std::string output = "null";
  double wait = 60;
  std::string execution;
  std::string error;
  std::string cause;
  po::options_description shown("options");
  run.add_to(shown);
  if (!is_stop) {
    message.token = variable("LOCKSTEP_TASK_TOKEN");
    shown.add_options()("task-token", po::value(&message.token)->value_name("TOKEN"),
                        "the task's token; LOCKSTEP_TASK_TOKEN unless given");
  }
  if (sends_output) {
    shown.add_options()("task-output", po::value(&output)->value_name("FILE|JSON|-"),
                        "the task's output; null unless given");
  }
  if (is_stop) {
    shown.add_options()("execution", po::value(&execution)->value_name("NAME"),
                        "name or ARN, where a house has several that are open");
  }
  if (is_stop || message.kind == Kind::failure) {
    shown.add_options()("error", po::value(&error)->value_name("NAME"), "the error's name")(
        "cause", po::value(&cause)->value_name("TEXT"), "what it was");
  }
  shown.add_options()("wait", po::value(&wait)->value_name("SECONDS"), "for the answer; 60 unless given");
  const auto values = TRY_OR_TELL(read_command_line(self, arguments, shown, run.operands()));
  if (!is_stop && message.kind == Kind::heartbeat && message.token.empty() &&
      !variable("LOCKSTEP_HEARTBEAT_FD").empty()) {
    return beat(variable("LOCKSTEP_HEARTBEAT_FD"));
  }
  if (!is_stop && message.token.empty()) {
    return report({ErrorKind::usage, fmt::format("{0} needs --task-token TOKEN; `lockstep {0} --help`", self.name)});
  }
  const auto named = TRY_OR_TELL(run.is_named());
  // Within a job the run is the job's.
  const std::string around = is_stop || named ? "" : variable("LOCKSTEP_RUN_DIR");
  const auto folder_path = TRY_OR_TELL(around.empty() ? run.folder() : around);
  if (!(wait >= 0 && wait <= 1e6)) {
    return report({ErrorKind::usage, "--wait is a number of seconds from 0"});
  }
  if (values.count("error") != 0) {
    message.error = error;
  }
  if (values.count("cause") != 0) {
    message.cause = cause;
  }
  if (sends_output) {
    message.output = TRY_OR_TELL(read_json_argument("--task-output", output));
  }
  const auto folder = TRY_OR_TELL(service::RunFolder::existing(folder_path));
  const auto settings = TRY_OR_TELL(folder.settings());
  const bool is_house = settings.is_house();
  const auto finished = TRY_OR_TELL(folder.finished());
  if (finished) {
    if (!is_stop) {
      return tell_answer(service::to_text(service::reply_of(engine::Verdict::task_timed_out)));
    }
    complain(fmt::format("{} is over, there is nothing to stop", folder_path));
    return kSucceeded;
  }
  const service::Request request =
      is_stop ? service::Request(service::Stop{execution.empty() ? std::nullopt : std::optional(execution),
                                               message.error, message.cause})
              : message;
  return deliver(folder, request, wait, [&]() -> std::optional<int> {
    return is_stop && !is_house ? std::optional(stop_unowned(folder)) : std::nullopt;
  });
}

}  // namespace

const Command kStop{
    "stop",
    "end a run as ABORTED",
    "[RUN] [OPTION]...",
    "Ends a run as ABORTED: its tasks are stopped, and nothing of it runs again until it is redriven.",
    {{{"lockstep stop", "end the last run of this folder"},
      {"lockstep stop runs/survey --error Operator --cause 'wrong plates'", "and say why, for its history"}}},
    send};

const Command kSendTaskSuccess{
    "send-task-success",
    "end a task that waits for its token",
    "[RUN] [OPTION]...",
    "Ends a task that waits for its token, with this output. Within a job neither the run nor the token need be named.",
    {{{"lockstep send-task-success --task-output '{\"approved\": true}'", "from within the job that has the token"},
      {"lockstep send-task-success runs/survey --task-token \"$TOKEN\" --task-output result.json",
       "from elsewhere, with a document in a file"}}},
    send};

const Command kSendTaskFailure{
    "send-task-failure",
    "fail a task that waits for its token",
    "[RUN] [OPTION]...",
    "Fails a task that waits for its token, with an error that Retry and Catch can name.",
    {{{"lockstep send-task-failure --error Rejected --cause 'out of focus'", "from within the job that has the token"},
      {"lockstep send-task-failure runs/survey --task-token \"$TOKEN\"", "from elsewhere"}}},
    send};

const Command kSendTaskHeartbeat{
    "send-task-heartbeat",
    "say that a task is alive",
    "[RUN] [OPTION]...",
    "Says that a task is alive: one that waits for its token, or, within a job and without a token, the job's.",
    {{{"lockstep send-task-heartbeat", "from within a job whose state has HeartbeatSeconds"},
      {"lockstep send-task-heartbeat runs/survey --task-token \"$TOKEN\"", "from elsewhere"}}},
    send};

}  // namespace lockstep::cli
