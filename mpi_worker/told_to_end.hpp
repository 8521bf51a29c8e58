// Whether, and when, somebody has told this process to end. Signals are the process's, and so is this.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdint>

namespace lockstep::worker {

/// Who ends a run, or all that belongs to an allocation, sends one of these.
inline constexpr std::array kStopSignals{SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2};

/// Any thread; note() in a signal handler, too.
class ToldToEnd {
 public:
  using Clock = std::chrono::steady_clock;

  void note(Clock::time_point now = Clock::now()) noexcept {
    last_.store(now.time_since_epoch().count());
    times_.fetch_add(1);
  }
  /// How often so far.
  std::uint32_t times() const noexcept { return times_.load(); }
  /// When last; of no sense before the first time.
  Clock::time_point last() const noexcept { return Clock::time_point(Clock::duration(last_.load())); }

 private:
  std::atomic<Clock::rep> last_{0};
  std::atomic<std::uint32_t> times_{0};
};

/// This process's own.
inline ToldToEnd told_to_end;

/// Makes `handler` hear all of kStopSignals, but HUP where that is ignored (nohup).
void hear_stop_signals(void (*handler)(int));

/// Whether a process was ended by one of them or by KILL, or says, as shells do, that a child of its was.
bool was_told_to_end(int wait_status);

}  // namespace lockstep::worker
