// How many tasks a worker gets before it has a slot free for them.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include "mpi_worker/task.hpp"

namespace lockstep::fleet {

/// Short tasks are handed over ahead, so that a slot does not idle for the time of a message and a sync of the worker's
/// spool: work for twenty milliseconds. Long ones are bound late, to whichever slot is free first.
class Prefetch {
 public:
  /// Learns from a task that ended.
  void learn(const work::Outcome& outcome) {
    const double us = static_cast<double>(outcome.ended.us - outcome.started.us);
    mean_us_ = mean_us_ < 0 ? us : mean_us_ + (us - mean_us_) / 8;
  }
  /// How long the worker, which has `assigned` tasks for its slots, can do without us: a small part of what a task
  /// takes, or half of the time for which it has tasks ahead, where tasks are more than a moment. 0 while that is not
  /// known.
  std::chrono::microseconds pause(std::size_t assigned, std::size_t slots) const {
    double pause = mean_us_ / 4;
    if (mean_us_ > kMomentUs && assigned > slots) {
      pause = std::max(pause, mean_us_ * static_cast<double>(assigned - slots) / static_cast<double>(2 * slots));
    }
    return std::chrono::microseconds(static_cast<std::int64_t>(std::clamp(pause, 0.0, kLongestPauseUs)));
  }
  /// Tasks that a worker of `slots` slots may hold, running ones included.
  std::size_t capacity(std::size_t slots) const {
    if (mean_us_ < 0 || mean_us_ >= kShortUs) {
      return slots;
    }
    const auto ahead = static_cast<std::size_t>(std::clamp(kAheadUs / std::max(mean_us_, 1.0), kFewest, kMost));
    return slots * (1 + ahead);
  }

 private:
  static constexpr double kShortUs = 5000;
  static constexpr double kMomentUs = 100;
  static constexpr double kLongestPauseUs = 1000;
  static constexpr double kAheadUs = 20'000;
  static constexpr double kFewest = 2;
  static constexpr double kMost = 1024;
  double mean_us_ = -1;  // not known yet
};

}  // namespace lockstep::fleet
