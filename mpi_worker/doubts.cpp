#include "mpi_worker/doubts.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace lockstep::worker {
namespace {

/// Between the first and the last process that whoever ends everything gets to, on a busy machine.
constexpr std::chrono::seconds kApart{2};
/// The same for a task that was not ended by a signal but may have caught one: failures are to be told soon.
constexpr std::chrono::milliseconds kCaught{100};

void cut_off(Outcome& outcome, std::string_view why) {
  outcome.kind = OutcomeKind::interrupted;
  outcome.cause = outcome.cause.empty() ? std::string(why) : fmt::format("{} ({})", why, outcome.cause);
  outcome.error.clear();
}

}  // namespace

void Doubts::add(Failure failure) {
  if (failure.by_signal) {
    failure.due = failure.time + kApart;
  } else {
    failure.due = failure.time + kCaught;
  }
  failures_.push_back(std::move(failure));
}

Doubts::Clock::time_point Doubts::next_time(Clock::time_point heard) const {
  Clock::time_point next = Clock::time_point::max();
  for (const Failure& one : failures_) {
    if (one.time <= heard) {
      next = std::min(next, one.due);
    }
  }
  return next;
}

/// Whether nothing runs any more that did when the first of them died; then the verdict is for all of them.
bool Doubts::died_together(const Failure& first, std::uint64_t oldest) {
  const auto is_one = [&](const Failure& other) { return other.by_signal && other.time <= first.time + kApart; };
  if (oldest <= first.others || std::count_if(failures_.begin(), failures_.end(), is_one) < 2) {
    return false;
  }
  for (Failure& other : failures_) {
    other.together = other.together || is_one(other);
  }
  return true;
}

std::vector<Doubts::Failure> Doubts::decide(Clock::time_point now, Clock::time_point heard, std::uint64_t oldest) {
  std::vector<Failure> decided;
  const std::uint32_t told = told_.times();
  const auto is_decided = [&](Failure& one) {
    if (told != one.told && one.time < told_.last() + window_) {
      cut_off(one.outcome, "its rank was told to end while it was running");
      return true;
    }
    if ((now < one.due && !one.together) || heard < one.time) {
      return false;
    }
    if (one.by_signal && !one.task.cut_off && (one.together || died_together(one, oldest))) {
      cut_off(one.outcome, "it died together with all other tasks of its rank");
    }
    return true;
  };
  // Decided in their order, but taken out afterwards: they are looked at together.
  std::vector<bool> which;
  for (Failure& one : failures_) {
    which.push_back(is_decided(one));
  }
  std::size_t i = 0;
  std::erase_if(failures_, [&](Failure& one) {
    if (which[i++]) {
      decided.push_back(std::move(one));
      return true;
    }
    return false;
  });
  return decided;
}

std::vector<Doubts::Failure> Doubts::give_up() {
  std::vector<Failure> all(std::make_move_iterator(failures_.begin()), std::make_move_iterator(failures_.end()));
  failures_.clear();
  return all;
}

}  // namespace lockstep::worker
