#include "fleet/fake_machine.hpp"

#include <poll.h>

#include <algorithm>
#include <exception>

namespace lockstep::fleet {

namespace {

/// How much longer a sleep may last.
constexpr std::chrono::milliseconds kGrain{8};
/// The wall clock when virtual time begins.
constexpr std::int64_t kWallStart = 1'700'000'000'000'000;

}  // namespace

FakeMachine::FakeMachine(VirtualTime& time, ProcessTable& processes, std::string host, journal::FileLayer* files)
    : time_(time), processes_(processes), host_(std::move(host)), files_(files), pid_(++processes.last_pid) {
  processes_.started[pid_] = pid_;
}

FakeMachine::~FakeMachine() {
  kill();
}

void FakeMachine::kill() {
  dead_ = true;
  processes_.started.erase(pid_);
}

FakeMachine::Clock::time_point FakeMachine::now() const {
  // What a process that is dead still waits for is over at once.
  return time_.now() + (dead_ ? std::chrono::hours(++after_death_) : std::chrono::hours(0));
}

Timestamp FakeMachine::wall_clock() const {
  return {kWallStart + std::chrono::duration_cast<std::chrono::microseconds>(time_.now().time_since_epoch()).count()};
}

bool FakeMachine::sleep(std::chrono::nanoseconds limit, int descriptor) {
  if (!dead_) {
    woken_ = false;
    const auto longest = std::clamp<std::chrono::nanoseconds>(limit, kGrain, std::chrono::hours(24));
    time_.run_until(time_.now() + longest, [this] { return woken_ || dead_; });
  }
  if (dead_ && std::uncaught_exceptions() == 0) {
    throw Killed();
  }
  pollfd fd = {descriptor, POLLIN, 0};
  return descriptor >= 0 && poll(&fd, 1, 0) > 0;
}

std::uint64_t FakeMachine::start_time_of(std::uint32_t pid) const {
  // Processes are seen from their own machine only, but nobody asks elsewhere: place() comes first.
  const auto found = processes_.started.find(pid);
  return found == processes_.started.end() ? 0 : found->second;
}

bool FakeMachine::end_process(std::uint32_t pid, std::uint64_t started) {
  const auto end = processes_.ends.find(pid);
  if (end == processes_.ends.end() || start_time_of(pid) != started) {
    return false;
  }
  end->second();
  return true;
}

}  // namespace lockstep::fleet
