// stop and send-task-success, -failure, -heartbeat: what is said to a run through its mailbox.
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <iostream>

#include "cli/exit_status.hpp"
#include "cli/option_parser.hpp"
#include "cli/owner.hpp"
#include "fleet/local_fleet.hpp"
#include "service/mailbox.hpp"

namespace lockstep::cli {

namespace po = boost::program_options;

namespace {

using Action = service::Message::Action;

struct Command {
  Action action;
  const char* usage;
};

Command command_of(const std::string& name) {
  if (name == "send-task-success") {
    return {Action::task_success,
            "usage: lockstep send-task-success [--dir RUN] [--task-token TOKEN] [--task-output JSON]\n"
            "Ends a task that waits for its token, with this output.\n\n"};
  }
  if (name == "send-task-failure") {
    return {Action::task_failure,
            "usage: lockstep send-task-failure [--dir RUN] [--task-token TOKEN] [--error NAME] [--cause TEXT]\n"
            "Fails a task that waits for its token.\n\n"};
  }
  if (name == "send-task-heartbeat") {
    return {Action::task_heartbeat,
            "usage: lockstep send-task-heartbeat [--dir RUN] [--task-token TOKEN]\n"
            "Says that a task is alive: one that waits for its token, or, within a job and without a token, the "
            "job's.\n\n"};
  }
  return {Action::stop,
          "usage: lockstep stop --dir RUN [--error NAME] [--cause TEXT]\n"
          "Ends a run as ABORTED: its tasks are stopped, and nothing of it runs again until it is redriven.\n\n"};
}

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

/// A job without a token beats through the descriptor that it has inherited.
int beat(const std::string& descriptor) {
  int fd = -1;
  const char* const end = descriptor.data() + descriptor.size();
  const auto read = std::from_chars(descriptor.data(), end, fd);
  if (read.ec != std::errc() || read.ptr != end || ::write(fd, "\n", 1) != 1) {
    return report({ErrorKind::io, fmt::format("cannot beat through LOCKSTEP_HEARTBEAT_FD={}", descriptor)});
  }
  return kSucceeded;
}

/// The answer to a message that a live owner has.
int tell_answer(const std::string& answer) {
  if (answer == service::kAccepted) {
    return kSucceeded;
  }
  return report({ErrorKind::invalid, answer});
}

/// No one owns the run: to stop it is to become its owner, who finds the message first.
int stop_unowned(const service::RunFolder& folder) {
  OwnerOptions options;
  options.quiet = true;
  auto plan = plan_of(folder);
  if (!plan) {
    return report(plan.error());
  }
  auto lease = acquire_lease(folder, options);
  if (!lease) {
    return report(lease.error());
  }
  const int status = carry_out(
      folder, *std::move(plan), *std::move(lease), options,
      [](fleet::FleetSettings settings) { return std::make_unique<fleet::LocalFleet>(std::move(settings), 1); },
      nullptr);
  return status == kFailed ? kSucceeded : status;
}

int send(const std::string& name, const Arguments& arguments) {
  const Command command = command_of(name);
  const bool is_stop = command.action == Action::stop;
  std::string folder_path = is_stop ? "" : variable("LOCKSTEP_RUN_DIR");
  service::Message message;
  message.action = command.action;
  message.output = "null";
  double wait = 60;
  std::string error;
  std::string cause;
  po::options_description shown("options");
  shown.add_options()("dir", po::value(&folder_path)->value_name("RUN"),
                      is_stop ? "the run folder" : "the run folder; LOCKSTEP_RUN_DIR unless given");
  if (!is_stop) {
    message.token = variable("LOCKSTEP_TASK_TOKEN");
    shown.add_options()("task-token", po::value(&message.token)->value_name("TOKEN"),
                        "the task's token; LOCKSTEP_TASK_TOKEN unless given");
  }
  if (command.action == Action::task_success) {
    shown.add_options()("task-output", po::value(&message.output)->value_name("JSON"),
                        "the task's output; null unless given");
  }
  if (is_stop || command.action == Action::task_failure) {
    shown.add_options()("error", po::value(&error)->value_name("NAME"), "the error's name")(
        "cause", po::value(&cause)->value_name("TEXT"), "what it was");
  }
  shown.add_options()("wait", po::value(&wait)->value_name("SECONDS"), "for the answer; 60 unless given")(
      "help,h", "show this text");
  const auto values = parse_arguments(name, arguments, shown, "");
  if (!values) {
    return report(values.error());
  }
  if (values->count("help") != 0) {
    std::cout << command.usage << shown;
    return kSucceeded;
  }
  if (command.action == Action::task_heartbeat && message.token.empty() && !variable("LOCKSTEP_HEARTBEAT_FD").empty()) {
    return beat(variable("LOCKSTEP_HEARTBEAT_FD"));
  }
  if (folder_path.empty() || (!is_stop && message.token.empty())) {
    return report({ErrorKind::usage, fmt::format("{} needs {}; `lockstep {} --help`", name,
                                                 folder_path.empty() ? "--dir RUN" : "--task-token TOKEN", name)});
  }
  if (!(wait >= 0 && wait <= 1e6)) {
    return report({ErrorKind::usage, "--wait is a number of seconds from 0"});
  }
  if (values->count("error") != 0) {
    message.error = error;
  }
  if (values->count("cause") != 0) {
    message.cause = cause;
  }
  if (JsonProblem problem; command.action == Action::task_success && !check_json(message.output, problem)) {
    return report({ErrorKind::invalid, fmt::format("--task-output is not JSON: {}", problem.message)});
  }
  const auto folder = service::RunFolder::existing(folder_path);
  if (!folder) {
    return report(folder.error());
  }
  const auto finished = folder->finished();
  if (!finished) {
    return report(finished.error());
  }
  if (*finished) {
    return is_stop ? kSucceeded : tell_answer(service::describe(engine::Verdict::task_timed_out));
  }
  const auto id = service::post(folder->path(), message);
  if (!id) {
    return report(id.error());
  }
  // A live owner looks every quarter of a second, over a network file system within a minute.
  const auto limit = std::chrono::milliseconds(static_cast<std::int64_t>(wait * 1000));
  constexpr std::chrono::milliseconds kSoon{1'000};
  auto answer = service::await_answer(folder->path(), *id, std::min(limit, kSoon));
  if (answer && !*answer) {
    const auto owner = journal::look_at_owner(folder->path(), std::chrono::milliseconds(3'000));
    if (owner.life == journal::Life::ended) {
      if (is_stop) {
        return stop_unowned(*folder);
      }
      complain(fmt::format("nobody runs {} now; the message waits for `lockstep resume`", folder_path));
      return kSucceeded;
    }
    answer = service::await_answer(folder->path(), *id, limit);
  }
  if (!answer) {
    return report(answer.error());
  }
  if (!*answer) {
    complain(
        fmt::format("no answer from the run in {} within {} s; the message stays in its mailbox", folder_path, wait));
    return kInterrupted;
  }
  return tell_answer(**answer);
}

}  // namespace

int stop_command(const Arguments& arguments) {
  return send("stop", arguments);
}
int send_task_command(const std::string& name, const Arguments& arguments) {
  return send(name, arguments);
}

}  // namespace lockstep::cli
