// How many tasks a worker gets before it has a slot free for them.
#pragma once

#include <cstddef>
#include <cstdint>

#include "mpi_worker/task.hpp"

namespace lockstep::fleet {

/// Short tasks are handed over ahead, so that a slot does not idle for the time of a message; long ones are bound late,
/// to whichever slot is free first.
class Prefetch {
 public:
  /// Learns from a task that ended.
  void learn(const worker::Outcome& outcome) {
    const double us = static_cast<double>(outcome.ended.us - outcome.started.us);
    mean_us_ = mean_us_ < 0 ? us : mean_us_ + (us - mean_us_) / 8;
  }
  /// Tasks that a worker of `slots` slots may hold, running ones included.
  std::size_t capacity(std::size_t slots) const { return mean_us_ >= 0 && mean_us_ < kShortUs ? 3 * slots : slots; }

 private:
  static constexpr double kShortUs = 5000;
  double mean_us_ = -1;  // not known yet
};

}  // namespace lockstep::fleet
