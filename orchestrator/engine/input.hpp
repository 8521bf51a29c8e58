// What reaches the engine from outside, and what it asks to be done about it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "engine/event.hpp"
#include "engine/token.hpp"

namespace lockstep::engine {

struct Execution;

struct StartExecution {
  ExecutionId id{};
  IdentityPtr identity;
  asl::StateMachinePtr machine;
  Value input;
  Origin origin = {};
  std::string request = {};  ///< empty: nobody waits for an answer
};
/// Another request that asks for an execution which runs already: it is answered with that one, after a crash, too.
struct JoinExecution {
  std::string request;
  ExecutionId id{};
};
/// What a performer says of a dispatch while it is out. Dropped, and counted, where an outcome would be.
struct TaskProgress {
  enum class Kind : std::uint8_t {
    started,
    submitted,  ///< to the service, which answered `value`: where history shows that, and with a token the last of it
    noted,      ///< `value` is to be kept (TaskNoted)
    alive,      ///< puts off the heartbeat, where the engine watches one
    taken  ///< `worker` has taken it from its activity, and its answer is waited for; `request` is answered with that
  };
  DispatchId id;
  Kind kind = Kind::started;
  Timestamp started;  ///< when it began
  Value value;
  std::string worker = {};   ///< its name; empty: it has none
  std::string request = {};  ///< in which it asked for a task
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
  /// To go on with another definition, in which all states that the execution has entered or is about to enter still
  /// stand where they stood (Verdict::definition_does_not_fit else); null: with the same.
  asl::StateMachinePtr machine = nullptr;
  std::uint32_t revision = 0;
};
/// The dispatch came to nothing through no fault of its own (the run was cut off): dispatch again (wall 3). Dropped if
/// `id` is not the current dispatch of its visit.
struct RedispatchTask {
  DispatchId id;
};
/// Children of a Map Run are over. Those that had ended before are dropped, all of them where the Map Run is.
struct MapRunReport {
  DispatchId id;
  MapRunProgress progress;
};
/// UpdateMapRun: what is given takes effect at once. Of a Map Run that is at work, else refused.
struct ChangeMapRun {
  std::string request;
  DispatchId id;
  std::optional<std::uint32_t> max_concurrency;
  std::optional<std::int64_t> tolerated_count;
  std::optional<double> tolerated_percentage;
};
/// Nothing but time: timers that are due fire, strands that are ready go on.
struct Proceed {};

/// An Outcome is dropped, and counted, if its id is not the current dispatch of its visit (wall 2), or it is none of
/// the four kinds that are outcomes.
using InputBody = std::variant<Proceed, StartExecution, JoinExecution, work::Outcome, TaskProgress, StopExecution,
                               AnswerTask, RedriveExecution, RedispatchTask, MapRunReport, ChangeMapRun>;

/// Who does the tasks of an activity, as an execution may have it.
enum class ActivityServer : std::uint8_t {
  nobody,   ///< there is no such activity
  workers,  ///< they wait until one asks for them
  job       ///< they are as any other's
};
using ActivityRule = std::function<ActivityServer(const Execution&, const asl::Resource& activity)>;

/// One thing that happened outside. All that has a say in what comes of it comes in with it, so that handling it can be
/// repeated exactly.
struct Input {
  Timestamp now;
  std::uint64_t seed = 0;
  InputBody body;
  /// A Map below which so many tasks are out starts no more iterations until some have ended: what no worker could
  /// begin soon need not be held. Iterations that do anything else do not count. 0: no bound.
  std::uint32_t task_window = 0;
  /// No timer fires, however overdue: after a recovery, what had ended before is taken in first.
  bool timers_held = false;
  const ActivityRule* activities = nullptr;  ///< null: workers do them
  /// Of the process: the tokens of the tasks that it schedules are made with it, so that nobody else can guess them.
  /// Those that another process made stay as they are.
  TokenKey token_key = {};
};

/// Hand this task to a worker; or begin this Map Run, whose plan `parameters` is.
struct DispatchTask {
  DispatchId id;
  asl::StateMachinePtr machine;
  asl::StateId state = asl::StateId::none;
  IdentityPtr execution;
  Value parameters;
  std::optional<std::int64_t> timeout_seconds;
  std::optional<std::int64_t> heartbeat_seconds;
  std::string token;
  std::int64_t item_index = -1;  ///< of the innermost Map iteration; -1: in none
  std::uint32_t attempt = 0;     ///< retries of the state visit so far
  std::optional<Value> note;     ///< its performer's, of the dispatch before (TaskNoted)
  bool journalled = true;        ///< a STANDARD execution's
};
inline bool is_map_run(const DispatchTask& dispatch) {
  return std::holds_alternative<asl::Map>(dispatch.machine->state(dispatch.state).detail);
}
/// Of a task.
inline const asl::Resource& resource_of(const DispatchTask& dispatch) {
  return std::get<asl::Task>(dispatch.machine->state(dispatch.state).detail).resource;
}
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
/// The end that an execution's last Event says. Requires that it is one.
EndExecution end_of(const Event& event);
/// Tell who made the request.
struct AnswerRequest {
  std::string request;
  ExecutionId execution{};  ///< that it was about
  Verdict verdict = Verdict::accepted;
  std::string cause = {};  ///< what the verdict alone does not say
};
struct Effect {
  std::variant<DispatchTask, CancelTask, EndExecution, AnswerRequest> body;
  bool gated =
      true;  ///< waits until the Events of its Step are durable (wall 1); not of a synchronous EXPRESS execution
};

/// Which of a state's rules decided, where its Events do not always say: for who counts what tests reach.
struct RuleTaken {
  enum class Kind : std::uint8_t { choice, retrier, catcher };
  asl::StateId state = asl::StateId::none;
  Kind kind = Kind::choice;
  std::size_t index = 0;  ///< of a Choice with so many rules: its Default
};

/// What one Input led to.
struct Step {
  std::vector<Event> events;
  std::vector<Effect> effects;
  std::vector<RuleTaken>* rules = nullptr;  ///< appended to, where it is given
  void clear() {
    events.clear();
    effects.clear();
  }
};

}  // namespace lockstep::engine
