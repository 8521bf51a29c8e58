#include "report/pace.hpp"

#include <algorithm>
#include <cmath>

namespace lockstep::report {

namespace {

/// What is longer ago than this hardly counts.
constexpr double kMemorySeconds = 30;

/// Of what the last `seconds` show, within an average that began `age` seconds ago: at first all count alike.
double weight(double seconds, double age) {
  return std::max(1 - std::exp(-seconds / kMemorySeconds), seconds / age);
}

}  // namespace

void Pace::look(const RunCounts& counts, std::size_t slots, Timestamp now) {
  if (counts.machine() == nullptr) {
    return;
  }
  const double seconds = last_ ? static_cast<double>(now.us - last_->us) / kMicrosPerSecond : 0;
  if (last_ && seconds < 1) {
    return;
  }
  maps_.resize(counts.machine()->states.size());
  for (std::size_t i = 0; i < maps_.size(); ++i) {
    const MapCounts& map = counts.map(asl::StateId{static_cast<std::uint32_t>(i)});
    MapPace& pace = maps_[i];
    if (map.live == 0 || map.done() < pace.done || pace.age < 0) {
      pace = {.done = map.live == 0 ? 0 : map.done(), .age = map.live == 0 ? -1.0 : 0.0};
    } else if (seconds > 0) {
      pace.age += seconds;
      pace.rate += weight(seconds, pace.age) * (static_cast<double>(map.done() - pace.done) / seconds - pace.rate);
      pace.done = map.done();
    }
  }
  if (slots > 0 && seconds > 0) {
    age_ += seconds;
    const double used = std::min(1.0, static_cast<double>(counts.tasks_running()) / static_cast<double>(slots));
    used_ += weight(seconds, age_) * (used - used_);
  }
  last_ = now;
}

double Pace::per_second(asl::StateId map) const {
  const auto index = static_cast<std::size_t>(map);
  return index < maps_.size() ? maps_[index].rate : 0;
}

std::optional<std::int64_t> Pace::left(asl::StateId map, const MapCounts& counts) const {
  constexpr double kMostSeconds = 1e9;
  const double rate = per_second(map);
  const double remaining = counts.total > counts.done() ? static_cast<double>(counts.total - counts.done()) : 0;
  if (counts.is_read || rate <= 0 || remaining / rate > kMostSeconds) {
    return std::nullopt;
  }
  return static_cast<std::int64_t>(remaining / rate * kMicrosPerSecond);
}

}  // namespace lockstep::report
