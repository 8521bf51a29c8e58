#include "mpi_worker/spawn.hpp"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "mpi_worker/blocked_signals.hpp"

namespace lockstep::worker {
namespace {

/// Written by the child, which shares our memory until it runs the program.
struct Report {
  volatile int number = 0;
  volatile SpawnStage stage = SpawnStage::process;
};

[[noreturn]] void give_up(Report& report, SpawnStage stage) {
  report.number = errno;
  report.stage = stage;
  _exit(127);
}

/// Only async-signal-safe calls from here on: other threads may hold any lock.
[[noreturn]] void become(const SpawnPlan& plan, const SignalsToReset& signals, pid_t parent, Report& report) {
  if (plan.death_signal != 0) {
    prctl(PR_SET_PDEATHSIG, plan.death_signal);
    if (getppid() != parent) {
      _exit(127);  // we are too late: the parent is gone
    }
  }
  setpgid(0, 0);
  prctl(PR_SET_TIMERSLACK, 50'000UL);  // ours is finer (fleet/mpi_world.cpp); this is what Linux gives
  struct sigaction usual = {};
  usual.sa_handler = SIG_DFL;
  for (const int signal : signals) {
    sigaction(signal, &usual, nullptr);
  }
  if (dup2(plan.in, 0) < 0 || dup2(plan.out, 1) < 0 || dup2(plan.err, 2) < 0) {
    give_up(report, SpawnStage::process);
  }
  // Where it is 3 already, dup2() would leave it to close on exec.
  if (plan.fourth == 3 ? fcntl(3, F_SETFD, 0) != 0 : plan.fourth > 3 && dup2(plan.fourth, 3) < 0) {
    give_up(report, SpawnStage::process);
  }
  if (plan.folder != nullptr && chdir(plan.folder) != 0) {
    give_up(report, SpawnStage::folder);
  }
  // Not one of our descriptors is the program's, whoever opened it (locks of the run folder, sockets of MPI).
  syscall(SYS_close_range, plan.fourth < 0 ? 3U : 4U, ~0U, 0U);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  execve(plan.program, const_cast<char* const*>(plan.argv), const_cast<char* const*>(plan.environment));
  give_up(report, SpawnStage::program);
}

[[gnu::noinline]] pid_t start(const SpawnPlan& plan, const SignalsToReset& signals, pid_t parent, Report& report) {
  const pid_t pid = vfork();
  if (pid == 0) {
    become(plan, signals, parent, report);
  }
  return pid;
}

}  // namespace

SignalsToReset signals_to_reset() {
  SignalsToReset signals;
  for (int signal = 1; signal < NSIG; ++signal) {
    struct sigaction action = {};
    if (sigaction(signal, nullptr, &action) == 0 &&
        ((action.sa_flags & SA_SIGINFO) != 0 || action.sa_handler != SIG_DFL)) {
      signals.push_back(signal);
    }
  }
  return signals;
}

tl::expected<pid_t, SpawnFailure> spawn(const SpawnPlan& plan) {
  // No handler of ours may run in the child while it shares our memory.
  Report report;
  pid_t pid = -1;
  int number = 0;
  {
    const BlockedSignals blocked;
    const SignalsToReset own = plan.signals == nullptr ? signals_to_reset() : SignalsToReset();
    pid = start(plan, plan.signals == nullptr ? own : *plan.signals, getpid(), report);
    number = errno;
  }
  if (pid < 0) {
    return tl::unexpected(SpawnFailure{SpawnStage::process, number});
  }
  if (report.number != 0) {
    pid_t reaped = 0;
    do {
      reaped = waitpid(pid, nullptr, 0);
    } while (reaped < 0 && errno == EINTR);
    return tl::unexpected(SpawnFailure{report.stage, report.number});
  }
  return pid;
}

std::string find_in_path(const std::string& name, std::string_view path) {
  while (!path.empty()) {
    const std::size_t colon = path.find(':');
    const std::string_view folder = path.substr(0, colon);
    path = colon == std::string_view::npos ? std::string_view() : path.substr(colon + 1);
    if (folder.empty() || folder.front() != '/') {
      continue;
    }
    std::string candidate = fmt::format("{}/{}", folder, name);
    struct stat status = {};
    if (stat(candidate.c_str(), &status) == 0 && S_ISREG(status.st_mode) && access(candidate.c_str(), X_OK) == 0) {
      return candidate;
    }
  }
  return {};
}

}  // namespace lockstep::worker
