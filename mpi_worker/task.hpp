// What a worker is given and what it answers.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>

#include "integrations/job.hpp"
#include "value/time.hpp"
#include "value/value.hpp"

namespace lockstep::worker {

/// Names one dispatch of one task for ever (design, wall 2): execution, the visit of a state in it, and how often that
/// was dispatched.
struct DispatchId {
  std::uint64_t execution = 0;
  std::uint64_t visit = 0;
  std::uint32_t count = 0;
  friend auto operator<=>(const DispatchId&, const DispatchId&) = default;
};

/// Dispatches that follow one another, strand by strand (the upper half of `visit`), lie side by side: they come and go
/// in that order.
struct DispatchIdHash {
  std::size_t operator()(const DispatchId& id) const {
    const std::uint64_t within = (id.visit & 0xffffffffU) + (std::uint64_t{id.count} << 32U);
    return static_cast<std::size_t>((id.visit >> 32U) + within * 0x9e3779b97f4a7c15U +
                                    id.execution * 0xc2b2ae3d27d4eb4fU);
  }
};

/// One unit of work for one slot.
struct Task {
  DispatchId id;
  integrations::JobId job = integrations::JobId::none;
  Value input;
  std::optional<std::chrono::microseconds> timeout;    ///< counted from the real start
  std::optional<std::chrono::microseconds> heartbeat;  ///< longest silence allowed
  // What the job's environment tells it.
  std::string execution_name;
  std::string state_name;
  std::int64_t item_index = -1;  ///< -1: in no Map
  std::uint32_t attempt = 0;     ///< retries before this one
  std::string task_token;        ///< empty: none
};

enum class OutcomeKind : std::uint8_t { succeeded, failed, timed_out, cancelled };

/// Outcome::error where a task timed out because it was silent for longer than its heartbeat.
inline constexpr std::string_view kHeartbeatTimeout = "States.HeartbeatTimeout";

/// Outcome::error of a task of a job with `"interrupted": "fail"` that had begun when its worker or the run was lost.
inline constexpr std::string_view kTaskInterrupted = "Lockstep.TaskInterrupted";

/// What became of a dispatch.
struct Outcome {
  DispatchId id;
  OutcomeKind kind = OutcomeKind::succeeded;
  Value result;       ///< succeeded
  std::string error;  ///< failed: "States.TaskFailed", "Lockstep.BadOutput", the job's own errorType, …; timed_out:
                      ///< kHeartbeatTimeout, or empty
  std::string cause;  ///< failed
  Timestamp started;  ///< on the worker's clock
  Timestamp ended;
  std::uint32_t rank = 0;
  std::chrono::microseconds cpu{0};  ///< user and system time of its process and the children that it waited for
  std::int64_t max_rss_kib = 0;      ///< of the largest of them; 0: not known, or less than the worker's own
  bool begun = true;                 ///< cancelled: false where it was still waiting for its turn
};

}  // namespace lockstep::worker
