// A tiny world for tests of the engine: a state machine, a hand-cranked clock, and workers that do what the test says.
//
// After every Input it walks the engine's invariants, and applies the same Events to a second engine, which must come
// to the same state (what is recovered equals what was live). An Effect that the test did not claim fails it.
#pragma once

#include <gtest/gtest.h>

#include <deque>
#include <string>
#include <vector>

#include "asl/parser.hpp"
#include "engine/engine.hpp"
#include "engine/history.hpp"

namespace lockstep::engine {

class World {
 public:
  explicit World(const std::string& definition, const Limits& limits = Limits::hpc());
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  void start(const std::string& input = "{}", const Origin& origin = {});
  /// The next dispatch, which must be of `state`; `parameters` (unless empty) must be what it is given. Claims it.
  DispatchId dispatched(const std::string& state, const std::string& parameters = "");
  /// Claims a dispatch of any state.
  DispatchTask next_dispatch();
  std::size_t dispatches_waiting() const { return dispatches_.size(); }
  void succeed(const DispatchId& id, const std::string& result = "null");
  void fail(const DispatchId& id, const std::string& error, const std::string& cause = "");
  void time_out(const DispatchId& id, bool heartbeat = false);
  /// Claims the cancellation of `id`.
  void cancelled(const DispatchId& id);
  /// Claims whatever was cancelled.
  void disregard_cancellations() { cancellations_.clear(); }
  /// Lets time pass; timers that are due fire.
  void advance(double seconds);
  /// Of the Inputs from here on.
  void set_task_window(std::uint32_t tasks) { task_window_ = tasks; }
  void hold_timers(bool held) { timers_held_ = held; }
  Verdict change_map_run(ChangeMapRun change);
  void stop(const std::string& error, const std::string& cause);
  /// Without an error and a cause.
  void stop_silently();
  void progress(const DispatchId& id, TaskProgress::Kind kind, const std::string& value = "null");
  /// Children of a Map Run are over.
  void children_ended(const DispatchId& id, std::vector<MapRunChild> children,
                      std::optional<std::string> note = std::nullopt);
  /// A worker takes the task from its activity; claims the verdict, if one comes.
  std::optional<Verdict> take(const DispatchId& id, const std::string& worker, const std::string& request = "poll");
  /// Of the Inputs from here on.
  void set_activities(ActivityRule activities) { activities_ = std::move(activities); }
  /// The dispatch was cut off with the run.
  void interrupted(const DispatchId& id);
  /// Sends an answer to a task's token, and claims the verdict.
  Verdict answer(const std::string& token, const std::string& output, const std::string& request = "r1");
  Verdict answer_failure(const std::string& token, const std::string& error, const std::string& cause);
  Verdict heartbeat(const std::string& token);
  Verdict redrive();
  /// With another definition; `cause`, where it is refused, is why.
  Verdict redrive(const std::string& definition, std::string* cause = nullptr);

  /// The execution ended thus; claims it. Texts as the result line has them: the output, or ERROR: CAUSE.
  void ended(Status status, const std::string& text = "");
  /// How it ended, for comparing: the output, or ERROR: CAUSE; claims it.
  std::string end_text();
  /// The same, as what.
  Status end_status();
  bool is_running() const;
  /// Types of the history so far, `id<-previous Type` each.
  std::vector<std::string> history() const;
  /// The whole entries, as JSON.
  const std::vector<std::string>& entries() const { return entries_; }

  const Engine& engine() const { return engine_; }
  Engine& engine() { return engine_; }
  const std::vector<Event>& events() const { return events_; }
  Timestamp now() const { return now_; }

 private:
  void handle(InputBody body);
  Verdict verdict();

  asl::StateMachinePtr machine_;
  Engine engine_;
  Engine shadow_;
  Timestamp now_{1'700'000'000'000'000};
  std::uint64_t seed_ = 1;
  std::uint32_t task_window_ = 0;
  bool timers_held_ = false;
  ActivityRule activities_;
  Step step_;
  std::deque<DispatchTask> dispatches_;
  std::deque<DispatchId> cancellations_;
  std::deque<AnswerRequest> answers_;
  std::optional<EndExecution> end_;
  std::vector<Event> events_;
  std::vector<std::string> entries_;
};

/// A definition that begins at the state A; `states` are the members of its States.
std::string machine_of(const std::string& states);

/// Every field of an execution and of what it holds, as text; equal states give equal texts. Not what the scheduler
/// keeps there for itself.
std::string describe(const Engine& engine, ExecutionId id);

}  // namespace lockstep::engine
