// What becomes of a rank that cannot begin tasks because something has run out there (descriptors, processes, memory,
// inodes), and of a run of which no rank can.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "value/error.hpp"

namespace lockstep::fleet {

/// How many tasks one rank gets at a time. A rank that cannot begin one keeps what works: so many as it had besides.
/// After a pause it is tried with more, a few at first; each try that fails doubles the pause, up to some seconds. Who
/// can begin none at all while others can is set aside, and tried again each minute. No clock, no I/O.
class Shortage {
 public:
  using Time = std::chrono::steady_clock::time_point;
  static constexpr std::size_t kNone = SIZE_MAX;
  static constexpr std::chrono::milliseconds kFirstPause{100};
  static constexpr std::chrono::milliseconds kLongestPause{5'000};
  static constexpr std::chrono::seconds kAside{60};

  /// A task could not begin; `left` others are there all the same. `begun`: the tasks that have begun so far on all
  /// ranks together, as far as is known. Whether it is set aside from now on.
  bool refused(Time now, std::size_t left, std::uint64_t begun) {
    limit_ = std::min(limit_, left);
    if (now < until_ && !tried_) {
      return false;  // it was handed out before that was known
    }
    tried_ = false;
    pause_ = std::clamp<std::chrono::milliseconds>(2 * pause_, kFirstPause, kLongestPause);
    until_ = now + pause_;
    ++episodes_;
    if (failures_++ == 0) {
      begun_before_ = begun;
    }
    if (left == 0 && failures_ >= kFailuresForAside && begun > begun_before_) {
      aside_until_ = now + kAside;
      return !std::exchange(aside_, true);
    }
    return false;
  }

  /// A task that had begun there is over: whatever was short, the rank does begin tasks. Whether it was set aside.
  bool began() {
    failures_ = 0;
    return std::exchange(aside_, false);
  }

  /// Where its time has come, it may have more of its `slots`; to be asked when all may be used that limit() allows.
  /// `alone`: there is nobody else who could begin tasks. Once in a shortage that lasts: the limit that it had so far.
  std::optional<std::size_t> raise(Time now, std::size_t slots, bool alone) {
    if (!is_short() || now < next_try(alone)) {
      return std::nullopt;
    }
    const bool lasts = episodes_ >= kEpisodesToTell && limit_ < slots && !std::exchange(told_, true);
    const std::size_t before = limit_;
    if (std::exchange(tried_, true)) {
      pause_ = std::max<std::chrono::milliseconds>(pause_ / 2, kFirstPause);  // the last try was good
    }
    if (limit_ >= slots) {
      *this = Shortage();
      return std::nullopt;
    }
    limit_ = std::min(limit_ + std::max<std::size_t>(limit_ / 4, 1), slots);
    until_ = now + pause_;
    return lasts ? std::optional(before) : std::nullopt;
  }

  bool is_short() const { return limit_ != kNone; }
  bool is_aside() const { return aside_; }
  /// Tasks at a time; kNone: as many as it has slots, and some ahead.
  std::size_t limit() const { return limit_; }
  /// When raise() has something to do.
  Time next_try(bool alone) const { return aside_ && !alone ? std::max(until_, aside_until_) : until_; }

 private:
  static constexpr unsigned kEpisodesToTell = 2;
  static constexpr unsigned kFailuresForAside = 4;

  std::size_t limit_ = kNone;
  std::chrono::milliseconds pause_{0};
  Time until_ = Time::min();
  Time aside_until_ = Time::min();
  std::uint64_t begun_before_ = 0;  // the first failure
  unsigned episodes_ = 0;           // in this shortage
  unsigned failures_ = 0;           // of them in a row, without a task that begins
  bool tried_ = false;              // it may have more since the last failure
  bool aside_ = false;
  bool told_ = false;
};

/// Whether a run has come to a standstill: for half a minute no task could begin anywhere, whatever was tried.
class Standstill {
 public:
  using Time = Shortage::Time;
  static constexpr std::chrono::seconds kLongest{30};

  /// A task could not begin, and no other is anywhere that may have.
  void refused(Time now) {
    if (tries_++ == 0) {
      since_ = now;
    }
    time_ = now - since_;
  }
  /// Some task has begun.
  void began() { *this = Standstill(); }

  /// A clock that jumps tries nothing.
  bool is_over() const { return tries_ >= kFewest && time_ >= kLongest; }
  std::uint64_t tries() const { return tries_; }
  std::chrono::nanoseconds time() const { return time_; }

 private:
  static constexpr std::uint64_t kFewest = 8;

  Time since_;
  std::chrono::nanoseconds time_{0};
  std::uint64_t tries_ = 0;
};

/// What a run ends with then. `last`: where and why the last try failed.
inline Error standstill_error(const Standstill& standstill, std::string_view last, const std::string& run_folder) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(standstill.time()).count();
  std::string text =
      fmt::format("no task can begin any more: {} tries in {} s, the last on {}", standstill.tries(), seconds, last);
  if (!run_folder.empty()) {
    text += fmt::format("; nothing is lost: once that is mended, go on with: lockstep resume --dir {}", run_folder);
  }
  return {ErrorKind::io, std::move(text)};
}

/// How long a task rests that could not begin so often: it may be at fault itself, and would hold up all ranks in turn.
inline std::chrono::milliseconds rest_of_refused(std::uint32_t times) {
  constexpr std::uint32_t kMostDoublings = 8;
  return times <= 1 ? std::chrono::milliseconds(0)
                    : std::min<std::chrono::milliseconds>(
                          Shortage::kFirstPause * (1U << std::min(times - 2, kMostDoublings)), Shortage::kLongestPause);
}

}  // namespace lockstep::fleet
