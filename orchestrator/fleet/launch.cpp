#include "fleet/launch.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fstream>
#include <optional>

#include "fleet/relay.hpp"
#include "mpi_worker/environment.hpp"
#include "mpi_worker/machine.hpp"
#include "mpi_worker/spawn.hpp"
#include "mpi_worker/tell.hpp"
#include "mpi_worker/told_to_end.hpp"
#include "value/descriptor.hpp"

namespace lockstep::fleet {
namespace {

constexpr const char* kStatusVariable = "LOCKSTEP_STATUS_FILE";
/// For mpirun to end once rank 0 has: it waits for every rank, also for one that is stopped or whose machine is gone.
constexpr std::chrono::seconds kMpirunFarewell{10};
/// The same where the run was told to stop: mpirun often was as well, and then it does nothing for half a minute.
constexpr std::chrono::seconds kHurriedFarewell{2};

/// What rank 0 has said in the status file.
struct Report {
  std::string place;
  pid_t pid = 0;
  std::uint64_t started = 0;
  std::optional<int> status;
  std::string words;  // how it was stopped
};

Report read_report(const std::string& path) {
  Report report;
  std::ifstream in(path);
  std::string word;
  while (in >> word) {
    if (word == "rank0") {
      in >> report.pid >> report.started >> report.place;
    } else if (word == "exit") {
      int status = 0;
      if (in >> status) {
        report.status = status;
      }
    } else if (word == "words") {
      std::getline(in >> std::ws, report.words);
    }
  }
  return report;
}

bool append_line(const std::string& path, const std::string& line) {
  const Descriptor file(open(path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC));
  return file && write(file.get(), line.data(), line.size()) == static_cast<ssize_t>(line.size());
}

/// A private file that rank 0 can write, also where it runs on another machine: from a login node, the working
/// directory is the only folder that is sure to be shared.
std::string make_status_file() {
  const bool elsewhere = std::getenv("SLURM_JOB_ID") != nullptr && std::getenv("SLURMD_NODENAME") == nullptr;
  const char* folder = std::getenv("TMPDIR");
  std::string path = elsewhere ? "." : folder != nullptr && *folder != '\0' ? folder : "/tmp";
  if (elsewhere) {
    if (char* absolute = realpath(".", nullptr); absolute != nullptr) {
      path = absolute;
      free(absolute);
    }
  }
  path += "/.lockstep-status-XXXXXX";
  const Descriptor file(mkostemp(path.data(), O_CLOEXEC));
  return file ? path : std::string();
}

bool is_here(const Report& report) {
  return report.pid > 0 && report.place == worker::real_machine().place();
}

bool is_running(const Report& report) {
  return worker::real_machine().start_time_of(static_cast<std::uint32_t>(report.pid)) == report.started;
}

/// Rank 0's process group is another: the terminal's signals reach only us, and we pass them on.
void pass_on(int signal, pid_t mpirun, const std::string& status_file) {
  const Report report = read_report(status_file);
  const bool is_seen = is_here(report) && is_running(report);
  // Of anything else mpirun would end, and the ranks with it, before they could.
  kill(is_seen ? report.pid : mpirun, is_seen ? signal : SIGUSR1);
}

std::vector<std::string> launch_environment(const std::string& status_file) {
  std::vector<std::string> variables;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view variable = *entry;
    if (variable.substr(0, variable.find('=')) != kStatusVariable) {
      variables.emplace_back(variable);
    }
  }
  variables.push_back(fmt::format("{}={}", kStatusVariable, status_file));
  // Survivors of a lost node go on, where Slurm lets them; a second mpirun in the allocation does not wait for ever.
  for (const char* variable : {"OMPI_MCA_plm_slurm_args=--no-kill --kill-on-bad-exit=0", "SLURM_OVERLAP=1"}) {
    const std::string name(variable, std::strchr(variable, '='));
    if (std::getenv(name.c_str()) == nullptr) {
      variables.emplace_back(variable);
    }
  }
  if (geteuid() == 0) {
    variables.emplace_back("OMPI_ALLOW_RUN_AS_ROOT=1");
    variables.emplace_back("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1");
  }
  return variables;
}

/// The names of those variables that are Lockstep's.
std::vector<std::string> own_variables(const std::vector<std::string>& environment) {
  constexpr std::string_view kPrefix = "LOCKSTEP_";
  std::vector<std::string> names;
  for (const std::string& variable : environment) {
    if (variable.compare(0, kPrefix.size(), kPrefix) == 0) {
      names.push_back(variable.substr(0, variable.find('=')));
    }
  }
  return names;
}

std::vector<const char*> pointers(const std::vector<std::string>& texts) {
  std::vector<const char*> all;
  for (const std::string& text : texts) {
    all.push_back(text.c_str());
  }
  all.push_back(nullptr);
  return all;
}

/// Waits for mpirun; `signals` are blocked. Ends it where it outstays rank 0.
int wait_and_pass_on(pid_t mpirun, const sigset_t& signals, const std::string& status_file) {
  using Clock = std::chrono::steady_clock;
  Clock::time_point end_time = Clock::time_point::max();
  int end_signal = SIGTERM;
  int passed_on = 0;
  while (true) {
    int wait_status = 0;
    const pid_t ended = waitpid(mpirun, &wait_status, WNOHANG);
    if (ended == mpirun || (ended < 0 && errno != EINTR)) {
      return wait_status;
    }
    // CHLD is among the signals; the limit is for one that came before, and for what no signal tells.
    const timespec limit = {0, 500'000'000};
    const int signal = sigtimedwait(&signals, nullptr, &limit);
    if (signal > 0 && signal != SIGCHLD) {
      pass_on(signal, mpirun, status_file);
      ++passed_on;
      continue;
    }
    const Clock::time_point now = Clock::now();
    const Report report = read_report(status_file);
    const bool is_gone = is_here(report) && !is_running(report);
    if (report.status && passed_on > 0 && is_gone && end_signal == SIGTERM) {
      end_signal = SIGKILL;
      end_time = now + kHurriedFarewell;
    } else if (report.status && end_time == Clock::time_point::max()) {
      end_time = now + kMpirunFarewell;
    } else if (passed_on > 1 && !report.status && is_gone) {
      kill(mpirun, SIGKILL);  // the second signal has ended rank 0 at once: so it shall the others
    }
    if (now >= end_time) {
      kill(mpirun, std::exchange(end_signal, SIGKILL));
      end_time = now + kMpirunFarewell;
    }
  }
}

}  // namespace

std::vector<std::string> mpirun_command(const LaunchPlan& plan, const std::vector<std::string>& exported) {
  std::vector<std::string> command{"mpirun"};
  if (plan.ranks > 0) {
    command.insert(command.end(), {"-n", fmt::format("{}", plan.ranks), "--oversubscribe"});
  }
  command.insert(command.end(), {"--enable-recovery", "--bind-to", "none", "--mca", "odls_base_sigkill_timeout", "30",
                                 "--mca", "mpi_yield_when_idle", "1"});
  for (const std::string& variable : exported) {
    command.insert(command.end(), {"-x", variable});
  }
  command.push_back(plan.program);
  command.insert(command.end(), plan.argv.begin(), plan.argv.end());
  return command;
}

Result<int> launch(const LaunchPlan& plan) {
  const std::string mpirun = worker::find_in_path("mpirun", worker::program_path());
  if (mpirun.empty()) {
    return fail(ErrorKind::unavailable, "--ranks: mpirun was not found in PATH");
  }
  const std::string status_file = make_status_file();
  if (status_file.empty()) {
    return fail(ErrorKind::io, fmt::format("--ranks: no status file can be made: {}", std::strerror(errno)));
  }

  sigset_t signals;
  sigset_t before;
  sigemptyset(&signals);
  for (const int signal : worker::kStopSignals) {
    struct sigaction action = {};
    // nohup: who is to hear nothing of HUP passes nothing on.
    if (signal != SIGHUP || sigaction(signal, nullptr, &action) != 0 || action.sa_handler != SIG_IGN) {
      sigaddset(&signals, signal);
    }
  }
  sigaddset(&signals, SIGCHLD);
  pthread_sigmask(SIG_BLOCK, &signals, &before);
  const std::vector<std::string> environment = launch_environment(status_file);
  const std::vector<std::string> command = mpirun_command(plan, own_variables(environment));
  const std::vector<const char*> argv = pointers(command);
  const std::vector<const char*> variables = pointers(environment);
  worker::SpawnPlan spawn_plan;
  spawn_plan.program = mpirun.c_str();
  spawn_plan.argv = argv.data();
  spawn_plan.environment = variables.data();
  // Above 2 and close on exec, as spawn() wants them.
  const Descriptor in(fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3));
  const Descriptor err(fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3));
  signal(SIGPIPE, SIG_IGN);
  Relay out;
  spawn_plan.in = in.get();
  spawn_plan.out = out.write_end();
  spawn_plan.err = err.get();
  spawn_plan.death_signal = SIGKILL;  // mpirun would take its time over TERM
  const auto pid = worker::spawn(spawn_plan);
  out.close_write_end();
  int wait_status = 0;
  if (pid) {
    wait_status = wait_and_pass_on(*pid, signals, status_file);
  }
  const int unwritten = out.finish();
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  const Report report = read_report(status_file);
  unlink(status_file.c_str());
  if (!pid) {
    return fail(ErrorKind::unavailable, fmt::format("--ranks: {}: {}", mpirun, std::strerror(pid.error().number)));
  }
  if (unwritten != 0) {
    return fail(ErrorKind::io, fmt::format("cannot write the result to standard output: {}", std::strerror(unwritten)));
  }
  if (report.status) {
    if (WIFSIGNALED(wait_status) && !report.words.empty()) {
      worker::tell(report.words);
    }
    return *report.status;
  }
  if (report.pid == 0) {
    return fail(ErrorKind::unavailable,
                fmt::format("--ranks: mpirun did not start the ranks ({} {})",
                            WIFSIGNALED(wait_status) ? "signal" : "exit status",
                            WIFSIGNALED(wait_status) ? WTERMSIG(wait_status) : WEXITSTATUS(wait_status)));
  }
  return fail(ErrorKind::interrupted, "rank 0 has ended without a result: work is left");
}

void report_start() {
  if (const char* path = std::getenv(kStatusVariable); path != nullptr) {
    const auto pid = static_cast<std::uint32_t>(getpid());
    append_line(path, fmt::format("rank0 {} {} {}\n", pid, worker::real_machine().start_time_of(pid),
                                  worker::real_machine().place()));
  }
}

void report_words(const std::string& line) {
  if (const char* path = std::getenv(kStatusVariable); path != nullptr) {
    append_line(path, fmt::format("words {}\n", line));
  }
}

bool has_own_launcher() {
  return std::getenv(kStatusVariable) != nullptr;
}

bool report_status(int status) {
  const char* path = std::getenv(kStatusVariable);
  return path != nullptr && append_line(path, fmt::format("exit {}\n", status));
}

}  // namespace lockstep::fleet
