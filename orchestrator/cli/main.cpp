#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <exception>
#include <string>
#include <system_error>

#include "cli/commands.hpp"
#include "cli/exit_status.hpp"
#include "cli/help_format.hpp"
#include "mpi_worker/plugin_host.hpp"
#include "mpi_worker/tell.hpp"
#include "value/memory.hpp"
#include "value/nearest.hpp"

namespace lockstep::cli {

namespace {

int dispatch(int argc, char** argv) {
  const Arguments all(argv + 1, argv + argc);
  if (all.empty()) {
    std::fputs(overview().c_str(), stderr);
    return kUsage;
  }
  const std::string& name = all.front();
  const Arguments rest(all.begin() + 1, all.end());
  std::vector<std::string> known;
  for (const Command* command : commands()) {
    if (name == command->name) {
      return command->run(*command, rest);
    }
    known.emplace_back(command->name);
  }
  if (name == "plugin-host") {  // started by runners, for the plugins of jobs
    return worker::run_plugin_host(rest);
  }
  if (name == "--help" || name == "-h") {
    return kHelp.run(kHelp, rest);
  }
  if (name == "version" || name == "--version") {
    std::puts("lockstep " LOCKSTEP_VERSION);
    return kSucceeded;
  }
  return report({ErrorKind::usage, fmt::format("there is no command '{}'{}; `lockstep help` lists them", name,
                                               did_you_mean(name, known))});
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

}  // namespace

}  // namespace lockstep::cli

int main(int argc, char** argv) {
  lockstep::free_without_delay();
  std::signal(SIGXFSZ, SIG_IGN);  // a file that may not grow is an error of its own, with a name
  // What is made here is for its user, who keeps the right to use it, whatever the umask.
  const mode_t mask = umask(S_IRWXG | S_IRWXO);
  umask(mask & (S_IRWXG | S_IRWXO));
  lockstep::cli::occupy_standard_streams();
  lockstep::worker::set_teller(lockstep::cli::complain);
  try {
    return lockstep::cli::dispatch(argc, argv);
  } catch (const std::system_error& error) {
    return lockstep::cli::report(lockstep::cli::error_of(error));
  } catch (const std::exception& exception) {
    lockstep::cli::complain(std::string("internal error: ") + exception.what());
    return lockstep::cli::kInternal;
  }
}
