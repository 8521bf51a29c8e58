// Where time comes from. The engine has none of its own: the service reads a Clock and hands the time in with each
// Input.
#pragma once

#include <chrono>

#include "value/time.hpp"

namespace lockstep::service {

class Clock {
 public:
  virtual ~Clock() = default;
  virtual Timestamp now() const = 0;
};

class SystemClock final : public Clock {
 public:
  Timestamp now() const override {
    const auto since = std::chrono::system_clock::now().time_since_epoch();
    return {std::chrono::duration_cast<std::chrono::microseconds>(since).count()};
  }
};

}  // namespace lockstep::service
