// What an execution may use. Two profiles: AWS's quotas (services.md 3) and ours, which lifts those that only protect a
// shared service.
#pragma once

#include <cstddef>
#include <cstdint>

namespace lockstep::engine {

struct Limits {
  std::size_t payload_bytes;          ///< of a task's parameters or result, a state's output, a variable
  std::size_t stored_variable_bytes;  ///< of all variables that a strand sees
  std::uint64_t history_events;       ///< per STANDARD execution; 0: none
  std::uint32_t inline_concurrency;   ///< iterations of an inline Map at a time; 0: none
  std::size_t payload_depth;          ///< nesting of a payload
  // Seconds; 0: none.
  std::int64_t standard_time = 0;  ///< that a STANDARD execution may take
  std::int64_t express_time = 0;   ///< an EXPRESS one
  std::int64_t redrive_time = 0;   ///< between the end of an execution and its redrive
  std::int64_t name_time = 0;  ///< that a STANDARD execution's name stays taken once it is over; 0: as long as known
  // Numbers; 0: any.
  std::size_t activities = 0;      ///< that a house may have
  std::size_t activity_polls = 0;  ///< that may wait for tasks of one activity

  static constexpr Limits aws() {
    constexpr std::int64_t kDay = 86'400;
    return {262'144, 10U << 20, 25'000, 40, 1000, 365 * kDay, 300, 14 * kDay, 90 * kDay, 100'000, 1'000};
  }
  static constexpr Limits hpc() { return {256U << 20, 1U << 30, 0, 0, 1000}; }
};

}  // namespace lockstep::engine
