// What two ranks know of each other by their beats, whichever way those travel.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>

namespace lockstep::worker {

/// One thread drives it; silence() is for any.
class Pulse {
 public:
  /// A time, on a clock that both calls and the caller's thread share.
  using Time = std::chrono::milliseconds;

  struct Beat {
    std::uint64_t number = 0;
    std::uint64_t answers = 0;  ///< the last beat that came from the other side; 0: none
  };

  /// How long nothing was heard of the other side. Rank 0 hears a worker by each of its beats. A worker hears rank 0 by
  /// answers only, and as of the time when it sent what they answer: so it never takes itself for alive longer than
  /// rank 0 does.
  Time silence(Time now) const { return now - Time(heard_.load()); }

  /// As if it had been heard just now: at the beginning, and where we ourselves were stopped.
  void hear(Time now) { heard_ = now.count(); }
  /// The next beat to send.
  Beat send(Time now) {
    ++sent_;
    sent_at_[sent_ % sent_at_.size()] = now.count();
    return {sent_, got_};
  }
  /// A beat has come.
  void take(const Beat& beat, bool by_rank_0, Time now) {
    got_ = beat.number;
    if (by_rank_0) {
      hear(now);
    } else if (beat.answers > 0 && beat.answers <= sent_ && sent_ - beat.answers < sent_at_.size()) {
      heard_ = sent_at_[beat.answers % sent_at_.size()];
    }
  }

 private:
  std::atomic<std::int64_t> heard_{0};
  std::uint64_t sent_ = 0;                     // number of our last beat
  std::uint64_t got_ = 0;                      // number of its last beat
  std::array<std::int64_t, 64> sent_at_ = {};  // by number
};

}  // namespace lockstep::worker
