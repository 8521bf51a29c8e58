// What an execution may use. Two profiles: AWS's quotas (services.md 3) and ours, which lifts those that only protect a
// shared service.
#pragma once

#include <cstddef>
#include <cstdint>

namespace lockstep::engine {

struct Limits {
  std::size_t payload_bytes;          ///< of a task's parameters or result, a state's output, a variable
  std::size_t stored_variable_bytes;  ///< of all variables that a strand sees
  std::uint64_t history_events;       ///< per execution; 0: none
  std::uint32_t inline_concurrency;   ///< iterations of an inline Map at a time; 0: none
  std::size_t payload_depth;          ///< nesting of a payload

  static constexpr Limits aws() { return {262'144, 10U << 20, 25'000, 40, 1000}; }
  static constexpr Limits hpc() { return {256U << 20, 1U << 30, 0, 0, 1000}; }
};

}  // namespace lockstep::engine
