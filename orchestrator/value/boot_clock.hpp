// A clock that goes on while the machine is suspended, and that nobody sets.
#pragma once

#include <chrono>
#include <ctime>

namespace lockstep {

/// CLOCK_BOOTTIME: for how long somebody else may have waited for us. As quick as the steady clock.
struct BootClock {
  using duration = std::chrono::nanoseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<BootClock>;
  static constexpr bool is_steady = true;

  static time_point now() noexcept {
    timespec time{};
    ::clock_gettime(CLOCK_BOOTTIME, &time);
    return time_point(std::chrono::seconds(time.tv_sec) + duration(time.tv_nsec));
  }
};

}  // namespace lockstep
