// How many tasks a worker gets before it has a slot free for them.
#pragma once

#include <cstddef>
#include <cstdint>

#include "mpi_worker/task.hpp"

namespace lockstep::fleet {

/// Short tasks are handed over ahead, so that a slot does not idle for the time of a message: two for each slot, and
/// more where tasks take next to no time at all, but never work for more than a few milliseconds. Long ones are bound
/// late, to whichever slot is free first.
class Prefetch {
 public:
  /// Learns from a task that ended.
  void learn(const worker::Outcome& outcome) {
    const double us = static_cast<double>(outcome.ended.us - outcome.started.us);
    mean_us_ = mean_us_ < 0 ? us : mean_us_ + (us - mean_us_) / 8;
  }
  /// Tasks that a worker of `slots` slots may hold, running ones included.
  std::size_t capacity(std::size_t slots) const {
    const std::size_t ahead = mean_us_ < 0 || mean_us_ >= kShortUs ? 0 : mean_us_ < kTinyUs ? 32 : 2;
    return slots * (1 + ahead);
  }

 private:
  static constexpr double kShortUs = 5000;
  static constexpr double kTinyUs = 150;
  double mean_us_ = -1;  // not known yet
};

}  // namespace lockstep::fleet
