// What came in from a signal handler.
#pragma once

#include <atomic>
#include <chrono>

namespace lockstep::service {

/// Only lock-free atomics: safe in a handler.
struct StopRequest {
  std::atomic<int> signal{0};                            ///< the first that asked to stop; 0: none
  std::atomic<std::chrono::steady_clock::rep> since{0};  ///< when it came; 0: not yet

  bool asked() const { return signal.load() != 0; }
};

}  // namespace lockstep::service
