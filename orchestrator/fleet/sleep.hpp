// Waiting for a descriptor, however long or short.
#pragma once

#include <poll.h>

#include <algorithm>
#include <chrono>
#include <ctime>

namespace lockstep::fleet {

/// Returns when one of the two descriptors is readable (-1: none), a signal came or `limit` has passed.
inline void sleep_until_readable(std::chrono::microseconds limit, int first, int second = -1) {
  // ppoll() refuses what does not fit its fields.
  const auto time = std::clamp<std::chrono::microseconds>(limit, std::chrono::microseconds(0), std::chrono::hours(24));
  pollfd fds[2] = {{first, POLLIN, 0}, {second, POLLIN, 0}};
  const timespec spec = {static_cast<time_t>(time.count() / 1'000'000),
                         static_cast<long>(time.count() % 1'000'000 * 1000)};
  ppoll(fds, 2, &spec, nullptr);
}

}  // namespace lockstep::fleet
