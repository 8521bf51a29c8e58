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
  void run(Execution& execution, Strand& strand);
  bool advance(Execution& execution, Strand& strand);
  void begin_work(Execution& execution, Strand& strand);
  void finish_strand(Execution& execution, Strand& strand);
  void time_out(Execution& execution);
  void cancel_tasks(const Execution& execution);
  /// Applies and records an Event; `previous` is its previousEventId where history shows it.
  template <class Body>
  void emit(const Execution& execution, StrandId strand, asl::StateId state, Body body, std::uint64_t previous) {
    // In place: a body is moved once, and of a kind that is known here.
    Event& event = step_.events.emplace_back();
    event.body = std::move(body);
    happen(execution, strand, state, previous, event);
  }
  template <class Body>
  void emit(const Execution& execution, const Strand& strand, Body body) {
    emit(execution, strand.id, strand.state, std::move(body), strand.previous);
  }
  void happen(const Execution& execution, StrandId strand, asl::StateId state, std::uint64_t previous, Event& event);
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
  bool continue_children(Execution& execution, Strand& strand);
  void end_wait(Execution& execution, Strand& strand);

  // data_flow.cpp: asl.md sections 4 and 5. A nothing means that the failure has been dealt with.
  std::optional<Value> effective_input(Execution& execution, Strand& strand, const asl::State& state);
  std::optional<Value> arguments(Execution& execution, Strand& strand, const asl::State& state, const Value& effective);
  /// Takes the state's result through ResultSelector, ResultPath, OutputPath or Output, and Assign, and leaves the
  /// state.
  void complete(Execution& execution, Strand& strand, const asl::State& state, const Value& result);
  /// Leaves a state that has no result of its own: Wait, Succeed, Choice.
  void complete_without_result(Execution& execution, Strand& strand, const asl::State& state, const Value& effective,
                               asl::StateId next, const query::ExpressionPtr& output,
                               const query::ExpressionPtr& assign);
  void leave(Execution& execution, Strand& strand, const Value& output, asl::StateId next,
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
  std::size_t budget_ = 4096;  // Events that one Input may lead to before others get their turn
};

}  // namespace lockstep::engine
