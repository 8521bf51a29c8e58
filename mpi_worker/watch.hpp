// The clock over a task that runs here: its timeout, its heartbeat, and the word that ended it.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "mpi_worker/running.hpp"

namespace lockstep::worker {

/// Why a task was ended from outside.
enum class Verdict : std::uint8_t { none, timed_out, silent, cancelled, too_large };

/// Of one task at a time, and one thread.
class Watch {
 public:
  using Clock = Running::Clock;
  static constexpr Clock::time_point kNever = Clock::time_point::max();

  /// A task begins.
  void start(const Task& task, Clock::time_point now) {
    last_sign_ = now;
    timeout_ = task.timeout ? now + within_the_clock(*task.timeout) : kNever;
    heartbeat_ = task.heartbeat ? std::optional(within_the_clock(*task.heartbeat)) : std::nullopt;
  }
  /// Of life: what it has written, or a beat.
  void on_sign(Clock::time_point at) { last_sign_ = at; }
  /// It has ended by itself: there is nothing to be late for.
  void stop() {
    timeout_ = kNever;
    heartbeat_.reset();
  }

  Verdict verdict() const { return verdict_; }
  /// timed_out or silent, once that is so and nothing else was said.
  Verdict due(Clock::time_point now) const {
    return verdict_ != Verdict::none ? Verdict::none
           : timeout_ <= now         ? Verdict::timed_out
           : silent_time() <= now    ? Verdict::silent
                                     : Verdict::none;
  }
  /// The first word stands; false: there was one.
  bool pronounce(Verdict verdict) {
    return verdict_ == Verdict::none && std::exchange(verdict_, verdict) == Verdict::none;
  }

  /// It gets KILL then, if it is not over before.
  void kill_at(Clock::time_point time) { kill_time_ = time; }
  Clock::time_point kill_time() const { return kill_time_; }
  /// Once, when it is time.
  bool take_kill(Clock::time_point now) { return kill_time_ <= now && std::exchange(kill_time_, kNever) <= now; }

  /// When due() or take_kill() has something to say.
  Clock::time_point next_time() const {
    return verdict_ == Verdict::none ? std::min({timeout_, silent_time(), kill_time_}) : kill_time_;
  }

  /// What a verdict makes of the task. `what` is too large, where it is that.
  void conclude(std::string_view what, std::size_t limit, Outcome& outcome) const {
    switch (verdict_) {
      case Verdict::none:
        break;
      case Verdict::timed_out:
        outcome.kind = OutcomeKind::timed_out;
        break;
      case Verdict::silent:
        outcome.kind = OutcomeKind::heartbeat_missed;
        break;
      case Verdict::cancelled:
        outcome.kind = OutcomeKind::cancelled;
        break;
      case Verdict::too_large:
        outcome.kind = OutcomeKind::failed;
        outcome.error = "States.DataLimitExceeded";
        outcome.cause = fmt::format("{} is larger than {} bytes", what, limit);
        break;
    }
  }

 private:
  /// Longer times would leave the range of the clock.
  static std::chrono::microseconds within_the_clock(std::chrono::microseconds time) {
    return std::min<std::chrono::microseconds>(time, std::chrono::hours{24 * 365 * 100});
  }
  Clock::time_point silent_time() const { return heartbeat_ ? last_sign_ + *heartbeat_ : kNever; }

  Verdict verdict_ = Verdict::none;
  Clock::time_point timeout_ = kNever;
  std::optional<std::chrono::microseconds> heartbeat_;
  Clock::time_point last_sign_;
  Clock::time_point kill_time_ = kNever;
};

}  // namespace lockstep::worker
