// What became of a dispatch, as the worker says it and the engine takes it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "value/time.hpp"
#include "value/value.hpp"
#include "work/task.hpp"

namespace lockstep::work {

enum class OutcomeKind : std::uint8_t {
  succeeded,
  failed,
  timed_out,
  heartbeat_missed,  ///< it was silent for longer than its heartbeat
  // No outcome at all:
  cancelled,   ///< somebody wanted it no more
  interrupted  ///< it was cut off by what ended everything around it, or could not begin for want of resources, and is
               ///< dispatched again, which is no Retry
};

/// Whether a task that came to this is over: what the engine takes and a spool keeps.
constexpr bool is_outcome(OutcomeKind kind) {
  return kind <= OutcomeKind::heartbeat_missed;
}

/// Outcome::error of a task of a job with `"interrupted": "fail"` that had begun when its worker or the run was lost.
inline constexpr std::string_view kTaskInterrupted = "Lockstep.TaskInterrupted";

/// What a worker says of a task that it has done. All 0 where none has, or it is not known.
struct Usage {
  std::int64_t cpu_us = 0;       ///< user and system time of its process and the children that it waited for
  std::int64_t max_rss_kib = 0;  ///< of the largest of them; 0: not known, or less than the worker's own
  std::uint32_t rank = 0;
  friend bool operator==(const Usage&, const Usage&) = default;
};

struct Outcome {
  DispatchId id;
  OutcomeKind kind = OutcomeKind::succeeded;
  Value result;       ///< succeeded
  std::string error;  ///< failed: "States.TaskFailed", "Lockstep.BadOutput", the job's own errorType, …
  std::string cause;  ///< failed; interrupted: why, for messages; empty where it was given back without a try
  Timestamp started;  ///< on the worker's clock
  Timestamp ended;
  Usage usage;
  bool begun = true;              ///< cancelled, interrupted: false where nothing of it has run
  std::shared_ptr<Task> unbegun;  ///< interrupted, not begun: the task, to be handed out again; does not travel
};

/// One that failed before, or without, any work on it.
inline Outcome failed(const DispatchId& id, std::string error, std::string cause, Timestamp at) {
  Outcome outcome;
  outcome.id = id;
  outcome.kind = OutcomeKind::failed;
  outcome.error = std::move(error);
  outcome.cause = std::move(cause);
  outcome.started = outcome.ended = at;
  return outcome;
}

}  // namespace lockstep::work
