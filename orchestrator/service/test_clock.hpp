// For tests: time that stands still until somebody lets it pass.
#pragma once

#include <chrono>

#include "service/clock.hpp"

namespace lockstep::service {

class ManualClock final : public Clock {
 public:
  Timestamp now() const override { return time; }
  void pass(std::chrono::microseconds more) { time.us += more.count(); }
  Timestamp time{1'700'000'000'000'000};
};

}  // namespace lockstep::service
