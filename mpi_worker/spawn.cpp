#include "mpi_worker/spawn.hpp"

#include <fcntl.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>

#include "mpi_worker/blocked_signals.hpp"

#if defined(__SANITIZE_THREAD__)
// The sanitizer takes clone() for a fork, and puts its own state in order afterwards on both sides, which share it
// here. The C library's other name for it is not looked after.
extern "C" int __clone(int (*function)(void*), void* stack, int flags, void* argument, ...) noexcept;
#define clone __clone
#endif

namespace lockstep::worker {
namespace {

constexpr long kSignalSetBytes = _NSIG / 8;  // as the kernel has it

// The child shares our memory until it runs the program, errno as well, and we may go on meanwhile: it calls the system
// without the C library, and must not come upon a sanitizer's notes of our own stack.
#define LOCKSTEP_IN_CHILD __attribute__((no_sanitize("address", "thread", "undefined")))

#if defined(__x86_64__)
constexpr int kSuspended = 0;

LOCKSTEP_IN_CHILD long call(long number, long first = 0, long second = 0, long third = 0, long fourth = 0) {
  long result = 0;
  register long r10 asm("r10") = fourth;
  asm volatile("syscall"
               : "=a"(result)
               : "a"(number), "D"(first), "S"(second), "d"(third), "r"(r10)
               : "rcx", "r11", "memory");
  return result;
}
#elif defined(__aarch64__)
constexpr int kSuspended = 0;

LOCKSTEP_IN_CHILD long call(long number, long first = 0, long second = 0, long third = 0, long fourth = 0) {
  register long x8 asm("x8") = number;
  register long x0 asm("x0") = first;
  register long x1 asm("x1") = second;
  register long x2 asm("x2") = third;
  register long x3 asm("x3") = fourth;
  asm volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3) : "memory");
  return x0;
}
#else
/// The C library it is, then: we stand still until the program runs.
constexpr int kSuspended = CLONE_VFORK;

LOCKSTEP_IN_CHILD long call(long number, long first = 0, long second = 0, long third = 0, long fourth = 0) {
  const long result = syscall(number, first, second, third, fourth);
  return result < 0 ? -errno : result;
}
#endif

template <class Type>
LOCKSTEP_IN_CHILD long address(const Type* pointer) {
  return reinterpret_cast<long>(pointer);
}

LOCKSTEP_IN_CHILD void give_up(Spawning& spawning, SpawnStage stage, long result) {
  spawning.stage = stage;
  spawning.number = static_cast<int>(-result);
  call(SYS_exit_group, 127);
}

/// Makes `from` the descriptor `to`, which stays open in the program. Where it is that already, dup3() would refuse.
LOCKSTEP_IN_CHILD bool put(Spawning& spawning, int from, int to) {
  const long result = from == to ? call(SYS_fcntl, to, F_SETFD, 0) : call(SYS_dup3, from, to, 0);
  if (result < 0) {
    give_up(spawning, SpawnStage::process, result);
  }
  return result >= 0;
}

LOCKSTEP_IN_CHILD int become(void* argument) {
  Spawning& spawning = *static_cast<Spawning*>(argument);
  const SpawnPlan& plan = spawning.plan;
  if (plan.death_signal != 0) {
    call(SYS_prctl, PR_SET_PDEATHSIG, plan.death_signal);
    if (call(SYS_getppid) != spawning.parent) {
      call(SYS_exit_group, 127);  // we are too late: the parent is gone
    }
  }
  call(SYS_setpgid, 0, 0);
  call(SYS_prctl, PR_SET_TIMERSLACK, 50'000);  // ours is finer (fleet/mpi_world.cpp); this is what Linux gives
  for (std::size_t i = 0; i < spawning.signal_count; ++i) {
    call(SYS_rt_sigaction, spawning.signals[i], address(&spawning.usual), 0, kSignalSetBytes);
  }
  if (!put(spawning, plan.in, 0) || !put(spawning, plan.out, 1) || !put(spawning, plan.err, 2) ||
      (plan.fourth >= 3 && !put(spawning, plan.fourth, 3))) {
    return 127;
  }
  if (plan.folder != nullptr) {
    if (const long result = call(SYS_chdir, address(plan.folder)); result < 0) {
      give_up(spawning, SpawnStage::folder, result);
    }
  }
  // Not one of our descriptors is the program's, whoever opened it (locks of the run folder, sockets of MPI).
  call(SYS_close_range, plan.fourth < 0 ? 3 : 4, ~0U, 0);
  call(SYS_rt_sigprocmask, SIG_SETMASK, address(&spawning.none), 0, kSignalSetBytes);
  give_up(spawning, SpawnStage::program,
          call(SYS_execve, address(plan.program), address(plan.argv), address(plan.environment)));
  return 127;
}

tl::expected<pid_t, SpawnFailure> begin(Spawning& spawning, int flags) {
  spawning.number = 0;
  spawning.parent = getpid();
  const pid_t pid = clone(become, spawning.stack.data() + spawning.stack.size(), CLONE_VM | SIGCHLD | flags, &spawning);
  if (pid < 0) {
    return tl::unexpected(SpawnFailure{SpawnStage::process, errno});
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

std::optional<SpawnFailure> Spawning::failure() const {
  return number == 0 ? std::nullopt : std::optional(SpawnFailure{stage, number});
}

tl::expected<pid_t, SpawnFailure> begin_to_spawn(Spawning& spawning, const SignalsToReset& signals) {
  spawning.signals = signals.data();
  spawning.signal_count = signals.size();
  return begin(spawning, kSuspended);
}

tl::expected<pid_t, SpawnFailure> spawn(const SpawnPlan& plan) {
  Spawning spawning;
  spawning.plan = plan;
  tl::expected<pid_t, SpawnFailure> pid;
  {
    const BlockedSignals blocked;
    const SignalsToReset signals = signals_to_reset();
    spawning.signals = signals.data();
    spawning.signal_count = signals.size();
    pid = begin(spawning, CLONE_VFORK);
  }
  if (const auto failure = spawning.failure(); pid && failure) {
    pid_t reaped = 0;
    do {
      reaped = waitpid(*pid, nullptr, 0);
    } while (reaped < 0 && errno == EINTR);
    return tl::unexpected(*failure);
  }
  return pid;
}

std::string program_path() {
  const char* path = std::getenv("PATH");
  return path != nullptr ? path : "/usr/local/bin:/usr/bin:/bin";
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
