// Where time comes from. The engine has none of its own: the service reads a Clock and hands the time in with each
// Input.
#pragma once

#include <chrono>

#include "mpi_worker/machine.hpp"
#include "value/time.hpp"

namespace lockstep::service {

class Clock {
 public:
  virtual ~Clock() = default;
  virtual Timestamp now() const = 0;
};

/// A machine's.
class MachineClock final : public Clock {
 public:
  explicit MachineClock(const worker::Machine& machine) : machine_(machine) {}
  Timestamp now() const override { return machine_.wall_clock(); }

 private:
  const worker::Machine& machine_;
};

class SystemClock final : public Clock {
 public:
  Timestamp now() const override {
    const auto since = std::chrono::system_clock::now().time_since_epoch();
    return {std::chrono::duration_cast<std::chrono::microseconds>(since).count()};
  }
};

}  // namespace lockstep::service
