// How long to sleep between two looks for messages, of which MPI gives no notice (slurm-mpi.md 6).
#pragma once

#include <chrono>

namespace lockstep::worker {

/// Looks again at once after a message, then less and less often; a look every 0.8 ms costs an idle rank three percent
/// of a core and delays a task by half of that in the mean.
class Backoff {
 public:
  /// Something came.
  void reset() { looks_ = eager_looks_ = 0; }
  /// Nothing came. The time to sleep before the next look; 0: only let others run. `eager`: something is awaited that
  /// comes within the time of a sync, and no task of ours needs the core meanwhile.
  std::chrono::microseconds next(bool eager = false) {
    if (eager && looks_ == kYields && eager_looks_ < kEagerYields) {
      ++eager_looks_;
      return std::chrono::microseconds(0);
    }
    ++looks_;
    if (looks_ <= kYields) {
      return std::chrono::microseconds(0);
    }
    if (looks_ <= kYields + kShort) {
      return std::chrono::microseconds(20);
    }
    if (looks_ <= kYields + kShort + kMiddle) {
      return std::chrono::microseconds(100);
    }
    looks_ = kYields + kShort + kMiddle;  // stays here
    return std::chrono::microseconds(800);
  }

 private:
  static constexpr unsigned kYields = 20;
  static constexpr unsigned kEagerYields = 200;  // half a millisecond or so
  static constexpr unsigned kShort = 25;
  static constexpr unsigned kMiddle = 50;
  unsigned looks_ = kYields + kShort + kMiddle;  // idle at first
  unsigned eager_looks_ = 0;
};

}  // namespace lockstep::worker
