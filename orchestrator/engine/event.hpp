// What happened. Events are the only thing that changes an execution (evolve), the only thing that the journal keeps,
// and what history is projected from. An Event carries every computed value that evolve needs: applying it evaluates no
// expression. Its fields are written in the order in which they stand here: a new one goes to the end.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <variant>
#include <vector>

#include "asl/model.hpp"
#include "asl/parser.hpp"
#include "engine/identity.hpp"
#include "query/expression.hpp"
#include "value/time.hpp"
#include "value/value.hpp"
#include "work/ids.hpp"
#include "work/outcome.hpp"

namespace lockstep::engine {

using work::DispatchId;
using work::ExecutionId;
using work::StrandId;

/// A STANDARD execution is journalled Event by Event; of an asynchronous EXPRESS one the journal keeps its start and
/// its end, and recovery begins it anew; of a synchronous one it keeps nothing (wall 1).
enum class ExecutionType : std::uint8_t { standard, express, express_sync };

/// The item of a Map that an iteration, or a child execution of a Map Run, is for (asl.md 11, Map.Item).
struct MapItem {
  std::uint64_t index = 0;
  Value value;
  std::string key = {};     ///< where an object is iterated; empty: none
  std::string source = {};  ///< of a Distributed Map: STATE_DATA, s3://…; empty: none
};

/// What an execution takes from the one that began it.
struct ChildOrigin {
  std::optional<DispatchId> parent;  ///< the task, or the Map Run, that waits for it
  std::optional<MapItem> item;
  asl::ScopeId scope = asl::ScopeId::top;  ///< it runs only this part of its machine, and without the machine's timeout
  std::vector<query::VariableScope::Entry> variables;  ///< that it begins with
};

/// As what an execution runs, and where it comes from.
struct Origin {
  ExecutionType type = ExecutionType::standard;
  std::uint32_t revision = 0;                ///< of its machine; 0: not known. A redrive may bring another
  std::shared_ptr<const ChildOrigin> child;  ///< null: of no other execution

  asl::ScopeId scope() const { return child == nullptr ? asl::ScopeId::top : child->scope; }
};

enum class Status : std::uint8_t { running, succeeded, failed, timed_out, aborted };

/// As the API spells it.
std::string_view to_string(Status status);
std::optional<Status> status_named(std::string_view name);

/// What becomes of a request from outside. The next four are the API's errors of these names.
enum class Verdict : std::uint8_t {
  accepted,
  invalid_token,
  task_timed_out,  ///< the token's task is over
  execution_does_not_exist,
  execution_not_redrivable,
  definition_does_not_fit,  ///< of a redrive: ours
  map_run_is_over
};

/// Execution-level events. They have no strand.
struct ExecutionStarted {
  IdentityPtr identity;
  asl::StateMachinePtr machine;
  Value input;
  Origin origin = {};
  std::string request = {};
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
  std::string request;  ///< that wanted it; empty: nobody waits for an answer. So in the Events below, too
  /// With which it goes on, and whose the states are that its Events name from here on; null: as before.
  asl::StateMachinePtr machine = nullptr;
  std::uint32_t revision = 0;  ///< of that
};
/// A request from outside (mailbox, API) was dealt with. It may be delivered again after a crash: then only its answer
/// is given again. Kept for each Event that names a request. An Event of its own where the request changed nothing
/// else; journals up to 1.1 have that of each request, which came a crash too late where the Event before it had come
/// in time. History shows nothing.
struct RequestTaken {
  std::string request;
  Verdict verdict;
  friend bool operator==(const RequestTaken&, const RequestTaken&) = default;
};
struct ExecutionAborted {
  std::optional<std::string> error;
  std::optional<std::string> cause;
  std::string request;
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
  /// The worker that has taken it from its activity, perhaps without a name; from then on its answer is waited for.
  /// Nothing: it is no such task.
  std::optional<std::string> worker = {};
  std::string request = {};  ///< by which the worker asked for it; then Call::note
};
/// With a task token: the job has ended, and the answer is waited for.
struct TaskSubmitted {
  Value output;
};
/// What the task's performer must remember; it takes the place of what it noted before, and is handed back when the
/// task goes out again. History shows nothing.
struct TaskNoted {
  Value note;
};
struct TaskSucceeded {
  Value result;
  work::Usage usage;
  std::string request;  ///< that answered the task's token
};
struct TaskFailed {
  std::string error;
  std::optional<std::string> cause;
  work::Usage usage;
  std::string request;  ///< likewise
};
/// History shows States.Timeout, also for a missed heartbeat.
struct TaskTimedOut {
  bool heartbeat;  ///< then Retry and Catch may also name it States.HeartbeatTimeout
  work::Usage usage;
};

/// SendTaskHeartbeat. History shows nothing.
struct HeartbeatReceived {
  std::string request;
};

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
  Value items;                    ///< an array; of a Distributed Map also an object, or null where a reader brings them
  std::uint32_t max_concurrency;  ///< 0: no limit
};
/// The strand is the Map's; `child` is the new one, or after a redrive one that was given up.
struct MapIterationStarted {
  StrandId child;
  std::uint32_t index;
  Value input;
};
/// The work of a Distributed Map begins: a Map Run, which is dispatched like a task.
struct MapRunStarted {
  std::uint32_t count;  ///< dispatches of this visit, this one included
  std::string arn;
  Value parameters;  ///< MapRunPlan
};
/// It goes on after a redrive of its execution: what has succeeded stays, the rest begins again.
struct MapRunRedriven {
  std::uint32_t count;  ///< dispatches of this visit, this one included
  std::string arn;
  std::uint32_t redrives;  ///< of the Map Run, this one included
};
/// A child execution of a Map Run is over.
struct MapRunChild {
  std::uint64_t number = 0;  ///< from 0, in the order of the items
  std::uint64_t items = 1;   ///< that it was for
  Status status = Status::succeeded;
  Value result;             ///< what stands for it in the Map's result; null where that is written elsewhere
  std::uint64_t first = 0;  ///< of the items
};
/// Children of the Map Run are over. History shows nothing.
struct MapRunProgress {
  std::vector<MapRunChild> children;
  std::optional<Value> note;  ///< what its performer must remember from now on
};
struct MapRunSucceeded {
  Value result;
};
struct MapRunFailed {
  std::string error;
  std::optional<std::string> cause;
};
/// A line of history: the Map Run goes with its execution, or its strand.
struct MapRunAborted {};
/// UpdateMapRun: from now on it goes by these. History shows nothing.
struct MapRunChanged {
  Value parameters;  ///< MapRunPlan, the whole of it
};
/// A child strand is done and gone; the event's strand is the child. For a Parallel's branch, history shows nothing.
struct ChildSucceeded {
  StrandId parent;
  std::uint32_t index;
  bool iteration;
};
/// The work of a Map fails by itself while iterations of it run: these are given up next. History shows nothing.
struct WorkFailed {
  std::optional<std::string> error;
  std::optional<std::string> cause;
  bool catchable;
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
/// The state in which a strand is, is given up because a sibling failed. A line of history: the strand went with
/// ChildFailed or ChildAborted.
struct StateAborted {};
/// The strand is given up; the first of several takes all that runs below the parent with it.
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

/// House-level events: what is kept besides executions (room catalogue). They have neither an execution nor a strand,
/// and change no execution. `settings` are the API's members as they were given: loggingConfiguration, tags, …

/// What a revision of a machine says. Events share it: most are of other kinds, and no larger for it.
struct MachineContent {
  std::string role_arn;
  std::string definition;  ///< JSON text; was checked
  std::string jobs;        ///< a jobs.json of its own; empty: none
  std::string jobs_folder;
  Value settings;

  friend bool operator==(const MachineContent&, const MachineContent&) = default;
};
struct MachineCreated {
  std::string arn;
  std::string name;
  asl::ExecutionType type;
  std::shared_ptr<const MachineContent> content;  ///< never null
  std::string request;
};
/// What is not as it was is given anew; the rest is as the revision before has it, so that this one says all of it.
struct MachineRevised {
  std::string arn;
  std::uint32_t revision;                         ///< from 2
  std::shared_ptr<const MachineContent> content;  ///< never null
  std::string request;
};
struct MachineDeleted {
  std::string arn;
  std::string request;
};
struct ActivityCreated {
  std::string arn;
  std::string name;
  Value settings;
  std::string request;
};
struct ActivityDeleted {
  std::string arn;
  std::string request;
};

using EventBody =
    std::variant<ExecutionStarted, ExecutionSucceeded, ExecutionFailed, ExecutionTimedOut, ExecutionAborted,
                 StateEntered, StateExited, EvaluationFailed, TaskScheduled, TaskStarted, TaskSubmitted, TaskSucceeded,
                 TaskFailed, TaskTimedOut, WaitStarted, RetryScheduled, ParallelStarted, MapStarted,
                 MapIterationStarted, ChildSucceeded, ChildFailed, StateAborted, ChildAborted, ChildrenSucceeded,
                 ChildrenFailed, TaskRedispatched, HeartbeatReceived, RequestTaken, ExecutionRedriven, WorkFailed,
                 MachineCreated, MachineRevised, MachineDeleted, ActivityCreated, ActivityDeleted, TaskNoted,
                 MapRunStarted, MapRunRedriven, MapRunProgress, MapRunSucceeded, MapRunFailed, MapRunAborted,
                 MapRunChanged>;

template <class Body>
inline constexpr bool kIsOfHouse = std::is_same_v<Body, MachineCreated> || std::is_same_v<Body, MachineRevised> ||
                                   std::is_same_v<Body, MachineDeleted> || std::is_same_v<Body, ActivityCreated> ||
                                   std::is_same_v<Body, ActivityDeleted>;

struct Event {
  ExecutionId execution{};
  StrandId strand = StrandId::none;
  asl::StateId state = asl::StateId::none;  ///< the strand's state when it happened
  Timestamp time;
  std::uint64_t id = 0;        ///< AWS's event id, from 1; 0 where history shows nothing
  std::uint64_t previous = 0;  ///< AWS's previousEventId
  bool journalled = true;      ///< false: the journal passes it over (ExecutionType)
  EventBody body;
};

/// Whether it is an execution's last.
template <class Body>
inline constexpr bool kIsEnding = std::is_same_v<Body, ExecutionSucceeded> || std::is_same_v<Body, ExecutionFailed> ||
                                  std::is_same_v<Body, ExecutionTimedOut> || std::is_same_v<Body, ExecutionAborted>;
inline bool is_ending(const EventBody& body) {
  return std::visit([](const auto& one) { return kIsEnding<std::decay_t<decltype(one)>>; }, body);
}

}  // namespace lockstep::engine
