#include <fcntl.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <exception>
#include <mutex>
#include <string>

#include "cli/commands.hpp"
#include "cli/exit_status.hpp"
#include "mpi_worker/plugin_host.hpp"
#include "mpi_worker/printable.hpp"
#include "value/memory.hpp"

namespace lockstep::cli {

namespace {

constexpr const char* kUsageText = R"(lockstep runs AWS Step Functions state machines on a cluster.

usage: lockstep COMMAND [OPTION]...

  run DEF        run a state machine; alone, with --ranks N, or under mpirun
  resume         go on with a run that was cut off or stopped
  redrive        run again what failed in a run that failed
  stop           end a run as ABORTED
  send-task-success, send-task-failure, send-task-heartbeat
                 answer a task that waits for its token
  validate DEF…  check definitions: every problem at once, with its place
  query          evaluate JSONata, JSONPath or an intrinsic function
  status         how a run stands: states, tasks, failures
  history        an execution's history, as AWS numbers it
  export         a row for each task, as CSV or JSON lines
  logs           what tasks have written to stderr
  fsck           check a run's journal; --salvage keeps what is whole
  version        print the version

`lockstep COMMAND --help` tells the options of a command.

exit status: 0 succeeded, 1 the execution failed, 2 usage, 65 bad definition, input or resource,
             69 no worker left, 73 run folder not to be had, 74 input/output error, 75 stopped with work left
)";

int dispatch(int argc, char** argv) {
  const Arguments all(argv + 1, argv + argc);
  if (all.empty()) {
    std::fputs(kUsageText, stderr);
    return kUsage;
  }
  const std::string& command = all.front();
  const Arguments rest(all.begin() + 1, all.end());
  if (command == "run") {
    return run_command(rest);
  }
  if (command == "resume") {
    return resume_command(rest);
  }
  if (command == "redrive") {
    return redrive_command(rest);
  }
  if (command == "stop") {
    return stop_command(rest);
  }
  if (command == "send-task-success" || command == "send-task-failure" || command == "send-task-heartbeat") {
    return send_task_command(command, rest);
  }
  if (command == "validate") {
    return validate_command(rest);
  }
  if (command == "query") {
    return query_command(rest);
  }
  if (command == "status") {
    return status_command(rest);
  }
  if (command == "history") {
    return history_command(rest);
  }
  if (command == "export") {
    return export_command(rest);
  }
  if (command == "logs") {
    return logs_command(rest);
  }
  if (command == "fsck") {
    return fsck_command(rest);
  }
  if (command == "plugin-host") {  // started by runners, for the plugins of jobs
    return worker::run_plugin_host(rest);
  }
  if (command == "help" || command == "--help" || command == "-h") {
    std::fputs(kUsageText, stdout);
    return kSucceeded;
  }
  if (command == "version" || command == "--version") {
    std::puts("lockstep " LOCKSTEP_VERSION);
    return kSucceeded;
  }
  complain("no command '" + command + "'; `lockstep help` lists them");
  return kUsage;
}

/// A file that we open must not become a standard stream that we were started without. Opened the wrong way round, so
/// that its use fails as that of a closed one does.
void occupy_standard_streams() {
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(fd, F_GETFD) < 0 && ::open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) < 0) {
      return;  // no /dev/null: nothing to be done about it
    }
  }
}

std::mutex screen_mutex;
Screen* screen = nullptr;

}  // namespace

void set_screen(Screen* one) {
  const std::lock_guard lock(screen_mutex);
  screen = one;
}

void complain(const std::string& message) {
  std::string line;
  for (std::size_t at = 0; at <= message.size();) {
    const std::size_t end = std::min(message.find('\n', at), message.size());
    line += "lockstep: " + worker::printable(std::string_view(message).substr(at, end - at)) + "\n";
    at = end + 1;
  }
  const std::lock_guard lock(screen_mutex);
  if (screen != nullptr) {
    screen->write(line);
    return;
  }
  // One write, so that lines of several ranks don't mix.
  if (::write(STDERR_FILENO, line.data(), line.size()) < 0) {
    // There is nobody left to tell.
  }
}

}  // namespace lockstep::cli

int main(int argc, char** argv) {
  lockstep::free_without_delay();
  std::signal(SIGXFSZ, SIG_IGN);  // a file that may not grow is an error of its own, with a name
  lockstep::cli::occupy_standard_streams();
  try {
    return lockstep::cli::dispatch(argc, argv);
  } catch (const std::exception& exception) {
    lockstep::cli::complain(std::string("internal error: ") + exception.what());
    return lockstep::cli::kInternal;
  }
}
