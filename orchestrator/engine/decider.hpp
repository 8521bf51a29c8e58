// decide: one Input against the state in memory, which it sees as const. A Decider lives for one handle(); the
// functions for each state type are in files of their own.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "engine/engine.hpp"
#include "engine/environment.hpp"
#include "query/expression.hpp"

namespace lockstep::engine {

/// Whether AWS's history has an entry for this Event.
template <class Body>
bool shows_in_history(const Body& body) {
  if constexpr (std::is_same_v<Body, WaitStarted> || std::is_same_v<Body, RetryScheduled> ||
                std::is_same_v<Body, TaskRedispatched> || std::is_same_v<Body, HeartbeatReceived> ||
                std::is_same_v<Body, RequestTaken> || std::is_same_v<Body, WorkFailed> ||
                std::is_same_v<Body, TaskNoted> || std::is_same_v<Body, MapRunProgress> ||
                std::is_same_v<Body, MapRunChanged>) {
    return false;
  } else if constexpr (requires { body.iteration; }) {
    return body.iteration;  // of a Parallel's branches it shows no start and no end
  } else {
    return true;
  }
}

/// Whether the journal keeps it of an asynchronous EXPRESS execution, which begins anew after a crash.
template <class Body>
inline constexpr bool kIsKeptOfExpress =
    kIsEnding<Body> || std::is_same_v<Body, ExecutionStarted> || std::is_same_v<Body, RequestTaken>;

/// AWS's words for a result over the limit (aws-behaviour.md 22).
std::string too_large(std::string_view what);

/// AWS's words before whatever goes wrong in an expression of a state.
std::string state_cause(const Execution& execution, const Strand& strand, std::string_view message);

/// The whole number that a value is, or, where a path leads to it, that it spells: AWS reads it from the value's text.
std::optional<std::int64_t> as_whole_number(const Node& node, bool by_path);

class Decider {
 public:
  Decider(Engine& engine, const Input& input, Step& step)
      : engine_(engine),
        now_(input.now),
        seed_(input.seed),
        token_key_(input.token_key),
        timers_held_(input.timers_held),
        activities_(input.activities),
        step_(step) {
    engine_.task_window_ = input.task_window;
  }

  void start(const StartExecution& start);
  void join(const JoinExecution& join);
  void take_outcome(const work::Outcome& outcome);
  void take_progress(const TaskProgress& progress);
  void stop(const StopExecution& stop);
  void take_answer(const AnswerTask& answer);
  void redrive(const RedriveExecution& redrive);
  void redispatch(const RedispatchTask& again);
  void take_children(const MapRunReport& report);
  void change_map_run(const ChangeMapRun& change);
  /// Fires the timers that are due, then lets ready strands go on until none is ready or the budget is spent.
  void proceed();

 private:
  // decide.cpp
  enum class Progress : std::uint8_t { more, later, waits, gone };
  void run(const Execution& execution, const Strand& strand);
  Progress advance(const Execution& execution, const Strand& strand);
  void begin_work(const Execution& execution, const Strand& strand);
  void finish_strand(const Execution& execution, const Strand& strand);
  void time_out(const Execution& execution);
  /// Whether history has no room for so many more events, besides that of the end; then the execution has failed.
  bool is_full(const Execution& execution, const Strand& strand, std::uint64_t more);
  void cancel_tasks(const Execution& execution);
  void took(const Strand& strand, RuleTaken::Kind kind, std::size_t index) {
    if (step_.rules != nullptr) {
      step_.rules->push_back({strand.state, kind, index});
    }
  }
  /// Applies and records an Event; `previous` is its previousEventId where history shows it.
  template <class Body>
  void emit(const Execution& execution, const Strand& strand, asl::StateId state, Body body, std::uint64_t previous) {
    happen(execution, &strand, state, std::move(body), previous);
  }
  template <class Body>
  void emit(const Execution& execution, const Strand& strand, Body body) {
    happen(execution, &strand, strand.state, std::move(body), strand.previous);
  }
  /// The execution's own: of no strand.
  template <class Body>
  void emit(const Execution& execution, Body body, std::uint64_t previous = 0) {
    happen(execution, nullptr, asl::StateId::none, std::move(body), previous);
  }
  template <class Body>
  void happen(const Execution& execution, const Strand* strand, asl::StateId state, Body body, std::uint64_t previous) {
    // In place, and with what is known here: an Event is made and applied for every step of every strand.
    Event& event = step_.events.emplace_back();
    event.execution = execution.id;
    event.strand = strand == nullptr ? StrandId::none : strand->id;
    event.state = state;
    event.time = std::max(now_, execution.last_time);
    event.id = shows_in_history(body) ? execution.last_event_id + 1 : 0;
    event.previous = previous;
    const ExecutionType type = execution.origin.type;
    event.journalled = type == ExecutionType::standard || (type == ExecutionType::express && kIsKeptOfExpress<Body>);
    engine_.take(execution, strand, event, event.body.emplace<Body>(std::move(body)));
    budget_ -= budget_ > 0 ? 1 : 0;
  }
  std::uint64_t random();
  template <class Body>
  void want(const Execution& execution, Body body) {
    step_.effects.push_back({std::move(body), execution.origin.type != ExecutionType::express_sync});
  }
  void answer(const std::string& request, ExecutionId execution, Verdict verdict, std::string cause = {});
  /// Whether the request was dealt with before; then its answer is given again.
  bool answered_before(const Execution& execution, const std::string& request);
  /// Asks for a worker for the strand's task, which is out.
  void dispatch(const Execution& execution, const Strand& strand);
  const Strand* find_dispatch(const DispatchId& id, const Execution*& execution);
  ActivityServer server_of(const Execution& execution, const asl::Resource& resource) const;
  void say_started(const Execution& execution, const Strand& strand, Timestamp at);
  void say_submitted(const Execution& execution, const Strand& strand, const Value& output);
  StrandEnvironment environment_for(const Execution& execution, const Strand& strand) {
    return StrandEnvironment(execution, strand, token_.empty() ? *strand.token : token_, now_,
                             [this] { return random(); });
  }

  // One file per state type.
  void pass(const Execution& execution, const Strand& strand, const asl::State& state, const asl::Pass& detail);
  void task(const Execution& execution, const Strand& strand, const asl::State& state, const asl::Task& detail);
  void schedule(const Execution& execution, const Strand& strand, const asl::State& state, const asl::Task& detail,
                const Value& effective);
  void choice(const Execution& execution, const Strand& strand, const asl::State& state, const asl::Choice& detail);
  void wait(const Execution& execution, const Strand& strand, const asl::State& state, const asl::Wait& detail);
  void succeed(const Execution& execution, const Strand& strand, const asl::State& state);
  void fail(const Execution& execution, const Strand& strand, const asl::State& state, const asl::Fail& detail);
  void parallel(const Execution& execution, const Strand& strand, const asl::State& state, const asl::Parallel& detail);
  void map(const Execution& execution, const Strand& strand, const asl::State& state, const asl::Map& detail);
  Progress continue_children(const Execution& execution, const Strand& strand);
  // map_run.cpp
  Progress continue_map_run(const Execution& execution, const Strand& strand);
  std::optional<MapRunPlan> plan_map_run(const Execution& execution, const Strand& strand, const asl::Map& detail);
  void end_map_run(const Execution& execution, const Strand& strand, const work::Outcome& outcome);
  void say_map_run_aborted(const Execution& execution, const Strand& strand, std::uint64_t previous);
  /// Of an expression that may be absent; false: the failure has been dealt with.
  bool evaluate(const Execution& execution, const Strand& strand, const query::ExpressionPtr& expression,
                const Value& effective, std::optional<Value>& value);
  bool evaluate(const Execution& execution, const Strand& strand, const std::optional<asl::ComputedNumber>& number,
                const Value& effective, std::string_view field, std::int64_t lowest,
                std::optional<std::int64_t>& value);
  bool tolerance(const Execution& execution, const Strand& strand, const asl::Map& detail, const Value& effective,
                 MapRunPlan& plan);
  void end_wait(const Execution& execution, const Strand& strand);

  // data_flow.cpp: asl.md sections 4 and 5. A nothing means that the failure has been dealt with.
  std::optional<Value> effective_input(const Execution& execution, const Strand& strand, const asl::State& state);
  std::optional<Value> arguments(const Execution& execution, const Strand& strand, const asl::State& state,
                                 Value effective);
  /// Takes the state's result through ResultSelector, ResultPath, OutputPath or Output, and Assign, and leaves the
  /// state.
  void complete(const Execution& execution, const Strand& strand, const asl::State& state, Value result);
  /// Leaves a state that has no result of its own: Wait, Succeed, Choice.
  void complete_without_result(const Execution& execution, const Strand& strand, const asl::State& state,
                               Value effective, asl::StateId next, const query::ExpressionPtr& output,
                               const query::ExpressionPtr& assign);
  void leave(const Execution& execution, const Strand& strand, Value output, asl::StateId next,
             const std::optional<Value>& assigned);
  bool within_limits(const Value& value) const;
  bool fits(const Execution& execution, const Strand& strand, const Value& value, std::string_view what);
  void refuse_size(const Execution& execution, const Strand& strand, std::string_view what);
  /// A path may also lead to a string that spells the number, as AWS has it.
  std::optional<std::int64_t> whole_number(const Execution& execution, const Strand& strand,
                                           const asl::ComputedNumber& number, const Value& effective,
                                           std::string_view field, std::int64_t lowest);

  // failure.cpp: asl.md section 8.
  /// An expression of the strand's state failed: puts AWS's prefix before the cause, says EvaluationFailed where AWS
  /// does, goes on to retry, catch or fail.
  void evaluation_failed(const Execution& execution, const Strand& strand, const query::Failure& failure);
  void runtime_error(const Execution& execution, const Strand& strand, std::string_view message);
  void handle_failure(const Execution& execution, const Strand& strand, const Failure& failure);
  void abort_children(const Execution& execution, const Strand& strand);
  bool retry(const Execution& execution, const Strand& strand, const asl::State& state, const Failure& failure);
  bool catch_failure(const Execution& execution, const Strand& strand, const asl::State& state, const Failure& failure);
  void fail_strand(const Execution& execution, const Strand& strand, const Failure& failure);

  Engine& engine_;
  Timestamp now_;
  std::uint64_t seed_;
  const TokenKey& token_key_;
  bool timers_held_;
  const ActivityRule* activities_;
  Step& step_;
  std::string token_;          // of the task that is about to be scheduled: its fields may name it
  std::size_t budget_ = 1024;  // Events that one Input may lead to before others get their turn
};

}  // namespace lockstep::engine
