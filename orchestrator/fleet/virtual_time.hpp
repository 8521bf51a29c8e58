// Time that passes only when there is nothing to do at this moment: for tests of what takes seconds in microseconds.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <queue>
#include <vector>

namespace lockstep::fleet {

/// One thread. What is due at the same time happens in the order in which it was asked for.
class VirtualTime {
 public:
  using Time = std::chrono::steady_clock::time_point;

  Time now() const { return now_; }
  /// Calls `what` at `when`, or as soon as can be where that is over.
  void at(Time when, std::function<void()> what) { due_.push({std::max(when, now_), ++number_, std::move(what)}); }
  void after(std::chrono::nanoseconds time, std::function<void()> what) { at(now_ + time, std::move(what)); }

  /// Lets time pass up to `limit`; it stands still earlier where `enough`, asked after each thing that happened, says
  /// so.
  template <class Enough>
  void run_until(Time limit, const Enough& enough) {
    while (!due_.empty() && due_.top().when <= limit) {
      // Moving does not change the order of the queue, which is asked for no more before the pop.
      Due next = std::move(const_cast<Due&>(due_.top()));
      due_.pop();
      now_ = next.when;
      next.what();
      if (enough()) {
        return;
      }
    }
    now_ = std::max(now_, limit);
  }
  void run_until(Time limit) {
    run_until(limit, [] { return false; });
  }
  void run_for(std::chrono::nanoseconds time) { run_until(now_ + time); }

 private:
  struct Due {
    Time when;
    std::uint64_t number = 0;
    std::function<void()> what;
    bool operator<(const Due& other) const {
      return when != other.when ? when > other.when : number > other.number;  // the first is the greatest
    }
  };

  Time now_{std::chrono::hours(1)};
  std::uint64_t number_ = 0;
  std::priority_queue<Due> due_;
};

}  // namespace lockstep::fleet
