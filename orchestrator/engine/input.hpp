// What reaches the engine from outside, and what it asks to be done about it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "engine/event.hpp"

namespace lockstep::engine {

struct StartExecution {
  ExecutionId id{};
  std::shared_ptr<const Identity> identity;
  asl::StateMachinePtr machine;
  Value input;
};
/// What a dispatch came to. Dropped, and counted, if `id` is not the current dispatch of its visit (wall 2).
struct TaskOutcome {
  enum class Kind : std::uint8_t { succeeded, failed, timed_out, heartbeat_missed };
  DispatchId id;
  Kind kind = Kind::succeeded;
  Value result;
  std::string error;
  std::optional<std::string> cause;
  Timestamp started;
  TaskUsage usage;
};
struct StopExecution {
  std::string request;  ///< empty: nobody waits for an answer
  ExecutionId id{};
  std::optional<std::string> error;
  std::optional<std::string> cause;
};
/// SendTaskSuccess, SendTaskFailure, SendTaskHeartbeat.
struct AnswerTask {
  enum class Kind : std::uint8_t { success, failure, heartbeat };
  std::string request;  ///< names the request: AnswerRequest comes with the same name
  std::string token;
  Kind kind = Kind::success;
  Value output;
  std::optional<std::string> error;
  std::optional<std::string> cause;
};
/// Runs again what did not succeed in an execution that failed, timed out or was aborted, and is still held.
struct RedriveExecution {
  std::string request;
  ExecutionId id{};
};
/// The dispatch came to nothing through no fault of its own (the run was cut off): dispatch again (wall 3). Dropped if
/// `id` is not the current dispatch of its visit.
struct RedispatchTask {
  DispatchId id;
};
/// Nothing but time: timers that are due fire, strands that are ready go on.
struct Proceed {};

using InputBody =
    std::variant<Proceed, StartExecution, TaskOutcome, StopExecution, AnswerTask, RedriveExecution, RedispatchTask>;

/// One thing that happened outside. Time and randomness come in with it, so that handling it can be repeated exactly.
struct Input {
  Timestamp now;
  std::uint64_t seed = 0;
  InputBody body;
};

/// Hand this task to a worker.
struct DispatchTask {
  DispatchId id;
  asl::StateMachinePtr machine;
  asl::StateId state = asl::StateId::none;
  std::shared_ptr<const Identity> execution;
  Value parameters;
  std::optional<std::int64_t> timeout_seconds;
  std::optional<std::int64_t> heartbeat_seconds;
  std::string token;
  std::int64_t item_index = -1;  ///< of the innermost Map iteration; -1: in none
  std::uint32_t attempt = 0;     ///< retries of the state visit so far
};
/// Whatever comes of this dispatch is of no use any more.
struct CancelTask {
  DispatchId id;
};
/// The execution is over: tell who asked for it.
struct EndExecution {
  ExecutionId id{};
  Status status = Status::succeeded;
  Value output;  ///< with succeeded
  std::optional<std::string> error;
  std::optional<std::string> cause;
};
/// Tell who made the request.
struct AnswerRequest {
  std::string request;
  Verdict verdict = Verdict::accepted;
};
using Effect = std::variant<DispatchTask, CancelTask, EndExecution, AnswerRequest>;

/// What one Input led to. Effects may be performed once all of `events` are durable (wall 1).
struct Step {
  std::vector<Event> events;
  std::vector<Effect> effects;
  void clear() {
    events.clear();
    effects.clear();
  }
};

}  // namespace lockstep::engine
