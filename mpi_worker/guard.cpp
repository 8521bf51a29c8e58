#include "mpi_worker/guard.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <mutex>
#include <thread>

#include "mpi_worker/keeper_message.hpp"
#include "mpi_worker/keeper_process.hpp"
#include "mpi_worker/spawn.hpp"

namespace lockstep::worker {
namespace {

/// For the end of what was killed; what even that does not end is beyond us, and the guard waits for it alone.
constexpr std::chrono::milliseconds kGuardEndTime{5000};

/// For end_at(), by a thread that may wait for no other: our end of the socket to the guard of this process (-1: there
/// is none), and the time for one that is still to come.
std::atomic<int> control_now{-1};
std::atomic<std::int64_t> end_ns{INT64_MAX};

int tell(int control, const GuardOrder& order, const int* descriptors, std::size_t count, bool waits) {
  return send_message(control, {reinterpret_cast<const char*>(&order), sizeof order}, {}, descriptors, count, waits);
}

/// Nothing that a user who ends all of Lockstep by its name would hit: then the guard is what still ends the tasks.
constexpr const char* kGuardName = "task-guard";

/// What this program becomes before its main() runs when it was started as the guard, whichever program it is:
/// lockstep, or a test. The C library hands the arguments of main() to such a function as well.
[[gnu::constructor]] void become_guard(int argc, char** argv) {
  if (argc != 1 || std::strcmp(argv[0], kGuardName) != 0) {
    return;
  }
  int type = 0;
  socklen_t size = sizeof type;
  if (getsockopt(STDIN_FILENO, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_SEQPACKET) {
    run_guard();
  }
  _exit(0);
}

bool has_ended(pid_t child) {
  const pid_t reaped = waitpid(child, nullptr, WNOHANG);
  return reaped == child || (reaped < 0 && errno == ECHILD);
}

}  // namespace

std::shared_ptr<Guard> Guard::of_this_process() {
  static std::mutex mutex;
  static std::weak_ptr<Guard> one;
  const std::lock_guard lock(mutex);
  std::shared_ptr<Guard> guard = one.lock();
  if (guard == nullptr || !guard->is_alive()) {
    guard = std::make_shared<Guard>();
    guard->start();
    one = guard;
  }
  return guard;
}

void Guard::start() {
  if (std::strcmp(program_invocation_name, kGuardName) == 0) {
    trouble_ = ELOOP;  // we are one ourselves, and have not become it: the next would come this far, too, without end
    return;
  }
  std::array<int, 2> ends{};
  const Descriptor nowhere(open("/dev/null", O_RDWR | O_CLOEXEC));
  if (!nowhere || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    trouble_ = errno;
    return;
  }
  Descriptor ours(ends[0]);
  const Descriptor its(ends[1]);
  const std::array<const char*, 2> argv{kGuardName, nullptr};
  SpawnPlan plan;
  plan.program = "/proc/self/exe";  // by this name it is found whatever has become of the file meanwhile
  plan.argv = argv.data();
  plan.environment = environ;  // libraries may be found through it
  plan.in = its.get();
  plan.out = nowhere.get();
  plan.err = nowhere.get();
  const auto pid = spawn(plan);
  if (!pid) {
    trouble_ = pid.error().number;
    return;
  }
  pid_ = *pid;
  control_ = std::move(ours);
  control_now = control_.get();
  if (const std::int64_t time = end_ns; time != INT64_MAX) {
    trouble_ = tell(control_.get(), {GuardOrderKind::end_at, time}, nullptr, 0, true);
  }
}

Guard::~Guard() {
  int control = control_.get();
  control_now.compare_exchange_strong(control, -1);
  control_.reset();
  const auto end = std::chrono::steady_clock::now() + kGuardEndTime;
  for (auto pause = std::chrono::microseconds(100); pid_ > 0 && !has_ended(pid_); pause *= 2) {
    if (std::chrono::steady_clock::now() >= end) {
      return;
    }
    std::this_thread::sleep_for(std::min<std::chrono::microseconds>(pause, std::chrono::milliseconds(20)));
  }
}

bool Guard::is_alive() const {
  pollfd control = {control_.get(), POLLRDHUP, 0};
  return control_ && poll(&control, 1, 0) == 0;
}

int Guard::hire(int socket, int environment) {
  if (!control_) {
    return trouble_;
  }
  const std::array<int, 2> descriptors{socket, environment};
  return tell(control_.get(), {GuardOrderKind::hire}, descriptors.data(), descriptors.size(), true);
}

int Guard::hold(int descriptor) {
  return control_ ? tell(control_.get(), {GuardOrderKind::hold}, &descriptor, 1, true) : trouble_;
}

void Guard::end_at(BootClock::time_point time) {
  end_ns = time.time_since_epoch().count();
  if (const int control = control_now; control >= 0) {
    tell(control, {GuardOrderKind::end_at, end_ns}, nullptr, 0, false);
  }
}

}  // namespace lockstep::worker
