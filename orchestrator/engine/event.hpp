// What happened. Events are the only thing that changes an execution (evolve), the only thing that the journal keeps,
// and what history is projected from. An Event carries every computed value that evolve needs: applying it evaluates no
// expression.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "asl/model.hpp"
#include "engine/ids.hpp"
#include "query/expression.hpp"
#include "value/time.hpp"
#include "value/value.hpp"

namespace lockstep::engine {

/// Who an execution is: fixed at its start.
struct Identity {
  std::string name;
  std::string arn;
  std::string role_arn;
  std::string machine_name;
  std::string machine_arn;
};

enum class Status : std::uint8_t { running, succeeded, failed, timed_out, aborted };

/// What becomes of a request from outside. The last four are the API's errors of these names.
enum class Verdict : std::uint8_t {
  accepted,
  invalid_token,
  task_timed_out,  ///< the token's task is over
  execution_does_not_exist,
  execution_not_redrivable
};

/// Execution-level events. They have no strand.
struct ExecutionStarted {
  std::shared_ptr<const Identity> identity;
  asl::StateMachinePtr machine;
  Value input;
};
struct ExecutionSucceeded {
  Value output;
};
/// error and cause are empty optionals where the history has no such key (a Fail state without Error).
struct ExecutionFailed {
  std::optional<std::string> error;
  std::optional<std::string> cause;
};
struct ExecutionTimedOut {};
/// An operator wants what did not succeed to be tried again (services.md 5): what was given up goes on, retry counters
/// and timeouts begin anew.
struct ExecutionRedriven {
  std::uint32_t count;  ///< redrives so far, this one included
};
/// A request from outside (mailbox, API) was dealt with. It may be delivered again after a crash: then only its answer
/// is given again. History shows nothing.
struct RequestTaken {
  std::string request;
  Verdict verdict;
};
struct ExecutionAborted {
  std::optional<std::string> error;
  std::optional<std::string> cause;
};

/// The strand enters a state.
struct StateEntered {
  asl::StateId state;
  Value input;
};
/// The strand leaves its state. `next` none: the strand is done, `output` is what it came to.
struct StateExited {
  Value output;
  asl::StateId next;
  std::vector<query::VariableScope::Entry> assigned;
};
/// The state's work failed in an expression (history's EvaluationFailed).
struct EvaluationFailed {
  std::string cause;
  std::string location;
};

struct TaskScheduled {
  std::uint32_t count;  ///< dispatches of this visit, this one included
  Value parameters;
  std::optional<std::int64_t> timeout_seconds;
  std::optional<std::int64_t> heartbeat_seconds;
  std::string token;  ///< empty: none
  std::optional<Value> credentials;
};
/// The dispatch before was interrupted: the same visit is dispatched again. No Retry, and nothing that history shows.
struct TaskRedispatched {
  std::uint32_t count;  ///< dispatches of this visit, this one included
};
struct TaskStarted {
  /// How much earlier than the Event's time it had really begun: within an execution, times do not go back.
  std::int64_t earlier_us = 0;
};
/// With a task token: the job has ended, and the answer is waited for.
struct TaskSubmitted {
  Value output;
};
/// What a worker says of a task that it has done. All 0 where none has, or it is not known. History shows nothing.
struct TaskUsage {
  std::int64_t cpu_us = 0;
  std::int64_t max_rss_kib = 0;
  std::uint32_t rank = 0;
  friend bool operator==(const TaskUsage&, const TaskUsage&) = default;
};

struct TaskSucceeded {
  Value result;
  TaskUsage usage;
};
struct TaskFailed {
  std::string error;
  std::optional<std::string> cause;
  TaskUsage usage;
};
/// History shows States.Timeout, also for a missed heartbeat.
struct TaskTimedOut {
  bool heartbeat;  ///< then Retry and Catch may also name it States.HeartbeatTimeout
  TaskUsage usage;
};

/// SendTaskHeartbeat. History shows nothing.
struct HeartbeatReceived {};

struct WaitStarted {
  Timestamp deadline;
};
/// The state's failure is to be retried by its retrier number `retrier` at `deadline`.
struct RetryScheduled {
  std::uint32_t retrier;
  Timestamp deadline;
};

/// Starts all branches; child strands get consecutive ids from `first_child`.
struct ParallelStarted {
  StrandId first_child;
  Value input;  ///< of every branch
};
struct MapStarted {
  Value items;                    ///< an array
  std::uint32_t max_concurrency;  ///< 0: no limit
};
/// The strand is the Map's; `child` is the new one, or after a redrive one that was given up.
struct MapIterationStarted {
  StrandId child;
  std::uint32_t index;
  Value input;
};
/// A child strand is done and gone; the event's strand is the child. For a Parallel's branch, history shows nothing.
struct ChildSucceeded {
  StrandId parent;
  std::uint32_t index;
  bool iteration;
};
/// A child strand failed, and so does its parent's state. The child is given up: kept, in case of a redrive, until the
/// parent leaves or retries its state.
struct ChildFailed {
  StrandId parent;
  std::uint32_t index;
  bool iteration;
  std::optional<std::string> error;
  std::optional<std::string> cause;
  bool catchable;
};
/// The state in which a strand is, is given up because a sibling failed.
struct StateAborted {};
/// The strand is given up.
struct ChildAborted {
  StrandId parent;
  std::uint32_t index;
  bool iteration;
};
/// All children of a Parallel or Map are done: their outputs, in order, are the state's result.
struct ChildrenSucceeded {};
/// A Parallel or Map failed for good: nothing retries it.
struct ChildrenFailed {
  std::optional<std::string> error;
  std::optional<std::string> cause;
  bool catchable;
};

using EventBody =
    std::variant<ExecutionStarted, ExecutionSucceeded, ExecutionFailed, ExecutionTimedOut, ExecutionAborted,
                 StateEntered, StateExited, EvaluationFailed, TaskScheduled, TaskStarted, TaskSubmitted, TaskSucceeded,
                 TaskFailed, TaskTimedOut, WaitStarted, RetryScheduled, ParallelStarted, MapStarted,
                 MapIterationStarted, ChildSucceeded, ChildFailed, StateAborted, ChildAborted, ChildrenSucceeded,
                 ChildrenFailed, TaskRedispatched, HeartbeatReceived, RequestTaken, ExecutionRedriven>;

struct Event {
  ExecutionId execution{};
  StrandId strand = StrandId::none;
  asl::StateId state = asl::StateId::none;  ///< the strand's state when it happened
  Timestamp time;
  std::uint64_t id = 0;        ///< AWS's event id, from 1; 0 where history shows nothing
  std::uint64_t previous = 0;  ///< AWS's previousEventId
  EventBody body;
};

}  // namespace lockstep::engine
