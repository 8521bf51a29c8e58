// decide: one Input against the state in memory. A Decider lives for one handle(); the functions for each state type
// are in files of their own.
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
                std::is_same_v<Body, RequestTaken>) {
    return false;
  } else if constexpr (requires { body.iteration; }) {
    return body.iteration;  // of a Parallel's branches it shows no start and no end
  } else {
    return true;
  }
}

class Decider {
 public:
  Decider(Engine& engine, const Input& input, Step& step)
      : engine_(engine), now_(input.now), seed_(input.seed), step_(step) {}

  void start(const StartExecution& start);
  void take_outcome(const TaskOutcome& outcome);
  void stop(const StopExecution& stop);
  void take_answer(const AnswerTask& answer);
  void redrive(const RedriveExecution& redrive);
  void redispatch(const RedispatchTask& again);
  /// Fires the timers that are due, then lets ready strands go on until none is ready or the budget is spent.
  void proceed();

 private:
  // decide.cpp
  enum class Progress : std::uint8_t { more, later, waits, gone };
  void run(Execution& execution, Strand& strand);
  Progress advance(Execution& execution, Strand& strand);
  void begin_work(Execution& execution, Strand& strand);
  void finish_strand(Execution& execution, Strand& strand);
  void time_out(Execution& execution);
  void cancel_tasks(const Execution& execution);
  /// Applies and records an Event; `previous` is its previousEventId where history shows it.
  template <class Body>
  void emit(Execution& execution, Strand& strand, asl::StateId state, Body body, std::uint64_t previous) {
    happen(execution, &strand, state, std::move(body), previous);
  }
  template <class Body>
  void emit(Execution& execution, Strand& strand, Body body) {
    happen(execution, &strand, strand.state, std::move(body), strand.previous);
  }
  /// The execution's own: of no strand.
  template <class Body>
  void emit(Execution& execution, Body body, std::uint64_t previous = 0) {
    happen(execution, nullptr, asl::StateId::none, std::move(body), previous);
  }
  template <class Body>
  void happen(Execution& execution, Strand* strand, asl::StateId state, Body body, std::uint64_t previous) {
    // In place, and with what is known here: an Event is made and applied for every step of every strand.
    Event& event = step_.events.emplace_back();
    event.execution = execution.id;
    event.strand = strand == nullptr ? StrandId::none : strand->id;
    event.state = state;
    event.time = std::max(now_, execution.last_time);
    event.id = shows_in_history(body) ? execution.last_event_id + 1 : 0;
    event.previous = previous;
    engine_.evolve(execution, strand, event, event.body.emplace<Body>(std::move(body)));
    budget_ -= budget_ > 0 ? 1 : 0;
  }
  std::uint64_t random();
  /// Ends a request. `execution`: whose state it changed; null: none's.
  void answer(Execution* execution, const std::string& request, Verdict verdict);
  /// Whether the request was dealt with before; then its answer is given again.
  bool answered_before(const Execution& execution, const std::string& request);
  /// Asks for a worker for the strand's task, which is out.
  void dispatch(const Execution& execution, const Strand& strand);
  Strand* find_dispatch(const DispatchId& id, Execution*& execution);
  void say_started(Execution& execution, Strand& strand, Timestamp at);
  StrandEnvironment environment_for(const Execution& execution, const Strand& strand) {
    return StrandEnvironment(execution, strand, now_, [this] { return random(); });
  }

  // One file per state type.
  void pass(Execution& execution, Strand& strand, const asl::State& state, const asl::Pass& detail);
  void task(Execution& execution, Strand& strand, const asl::State& state, const asl::Task& detail);
  void choice(Execution& execution, Strand& strand, const asl::State& state, const asl::Choice& detail);
  void wait(Execution& execution, Strand& strand, const asl::State& state, const asl::Wait& detail);
  void succeed(Execution& execution, Strand& strand, const asl::State& state);
  void fail(Execution& execution, Strand& strand, const asl::State& state, const asl::Fail& detail);
  void parallel(Execution& execution, Strand& strand, const asl::State& state, const asl::Parallel& detail);
  void map(Execution& execution, Strand& strand, const asl::State& state, const asl::Map& detail);
  Progress continue_children(Execution& execution, Strand& strand);
  void end_wait(Execution& execution, Strand& strand);

  // data_flow.cpp: asl.md sections 4 and 5. A nothing means that the failure has been dealt with.
  std::optional<Value> effective_input(Execution& execution, Strand& strand, const asl::State& state);
  std::optional<Value> arguments(Execution& execution, Strand& strand, const asl::State& state, Value effective);
  /// Takes the state's result through ResultSelector, ResultPath, OutputPath or Output, and Assign, and leaves the
  /// state.
  void complete(Execution& execution, Strand& strand, const asl::State& state, Value result);
  /// Leaves a state that has no result of its own: Wait, Succeed, Choice.
  void complete_without_result(Execution& execution, Strand& strand, const asl::State& state, Value effective,
                               asl::StateId next, const query::ExpressionPtr& output,
                               const query::ExpressionPtr& assign);
  void leave(Execution& execution, Strand& strand, Value output, asl::StateId next,
             const std::optional<Value>& assigned);
  bool within_limits(const Value& value) const;
  bool fits(Execution& execution, Strand& strand, const Value& value, std::string_view what);
  std::optional<std::int64_t> whole_number(Execution& execution, Strand& strand, const asl::ComputedNumber& number,
                                           const Value& effective, std::string_view field, std::int64_t lowest);

  // failure.cpp: asl.md section 8.
  /// An expression of the strand's state failed: puts AWS's prefix before the cause, says EvaluationFailed where AWS
  /// does, goes on to retry, catch or fail.
  void evaluation_failed(Execution& execution, Strand& strand, const query::Failure& failure);
  void runtime_error(Execution& execution, Strand& strand, std::string_view message);
  void handle_failure(Execution& execution, Strand& strand, const Failure& failure);
  void abort_children(Execution& execution, Strand& strand);
  bool is_open(const Execution& execution, const Strand& strand) const;
  bool retry(Execution& execution, Strand& strand, const asl::State& state, const Failure& failure);
  bool catch_failure(Execution& execution, Strand& strand, const asl::State& state, const Failure& failure);
  void fail_strand(Execution& execution, Strand& strand, const Failure& failure);
  std::string prefixed(const Execution& execution, const Strand& strand, std::string_view message) const;

  Engine& engine_;
  Timestamp now_;
  std::uint64_t seed_;
  Step& step_;
  std::size_t budget_ = 1024;  // Events that one Input may lead to before others get their turn
};

}  // namespace lockstep::engine
