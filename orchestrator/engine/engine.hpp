// The interpreter: decide and evolve (asl.md; design, "One loop").
//
// decide looks at the state in memory and one Input and says what happened, as Events, and what should be done about
// it, as Effects. evolve applies one Event. Live running and recovery both go through evolve, so what is recovered
// equals what was live. Invariants: the same Inputs give the same Events; every Event leaves all strands in a phase
// that can be gone on from; no I/O, no clock, no randomness of its own, no thread.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <queue>
#include <string>
#include <unordered_map>
#include <vector>

#include "engine/execution.hpp"
#include "engine/input.hpp"
#include "engine/limits.hpp"

namespace lockstep::engine {

/// One thread. Holds all live executions of a run.
class Engine {
 public:
  explicit Engine(const Limits& limits) : limits_(limits) {}

  /// Decides what `input` leads to and applies it. Appends to `step`. Bounded work: strands that could go on for ever
  /// are left in the ready queue after some thousand Events; see has_ready().
  void handle(const Input& input, Step& step);
  /// Whether strands are ready to go on: then handle(Proceed) at once, without waiting.
  bool has_ready() const { return !ready_.empty(); }
  /// While they are held, no timer fires, however overdue: after a recovery, what had ended before is taken in first.
  void hold_timers(bool held) { timers_held_ = held; }
  /// A Map below which so many tasks are out starts no more iterations until some have ended: what no worker could
  /// begin soon need not be held. Iterations that do anything else do not count. 0: no bound.
  void set_task_window(std::uint32_t tasks) { task_window_ = tasks; }
  /// When the next timer is due; nothing if none is running.
  std::optional<Timestamp> next_deadline();

  /// Recovery: applies an Event that was read back. Effects that it once caused are not repeated.
  void apply(const Event& event);

  /// Null once it has been forgotten.
  const Execution* find(ExecutionId id) const;
  /// Drops an execution that is over. Requires that it is.
  void forget(ExecutionId id);
  /// The request has been answered and will not come again.
  void forget_request(ExecutionId id, const std::string& request);
  std::size_t execution_count() const { return executions_.size(); }
  /// Outcomes that named another dispatch than the current one (wall 2).
  std::uint64_t dropped_outcomes() const { return dropped_outcomes_; }
  const Limits& limits() const { return limits_; }

  /// Walks everything; the first broken invariant in words, or empty. For tests.
  std::string check_invariants() const;

 private:
  friend class Decider;
  friend class Snapshot;

  struct Timer {
    Timestamp deadline;
    ExecutionId execution;
    StrandId strand;  ///< none: the execution's own timeout
    friend bool operator>(const Timer& a, const Timer& b) {
      if (a.deadline != b.deadline) {
        return a.deadline > b.deadline;
      }
      return a.execution != b.execution ? a.execution > b.execution : a.strand > b.strand;
    }
  };
  struct Ready {
    ExecutionId execution;
    StrandId strand;
  };

  void add_child(Execution& execution, const Strand& parent, StrandId id, std::uint32_t index, bool iteration,
                 asl::ScopeId scope, const Value& input, std::uint64_t previous);
  void make_ready(const Execution& execution, Strand& strand, bool at_front = false);
  void start_timer(const Execution& execution, StrandId strand, Timestamp deadline);
  bool is_live(const Timer& timer) const;
  std::uint32_t few_tasks() const { return static_cast<std::uint32_t>(std::uint64_t{task_window_} * 3 / 4); }

  // evolve.cpp: one overload per kind of Event.
  void start(const Event& event, const ExecutionStarted& body);
  /// Any other Event. `strand`: the Event's; null: it has none, or it is gone.
  template <class Body>
  void evolve(Execution& execution, Strand* strand, const Event& event, const Body& body) {
    execution.last_time = event.time;
    if (event.id != 0) {
      execution.last_event_id = event.id;
    }
    if constexpr (requires { on(execution, event, body); }) {
      on(execution, event, body);
    } else if (strand != nullptr) {
      on(execution, *strand, event, body);
    }
  }
  void close(Execution& execution, Status status);
  void on(Execution& execution, const Event& event, const ExecutionSucceeded& body);
  void on(Execution& execution, const Event& event, const ExecutionFailed& body);
  void on(Execution& execution, const Event& event, const ExecutionTimedOut& body);
  void on(Execution& execution, const Event& event, const ExecutionAborted& body);
  void on(Execution& execution, const Event& event, const RequestTaken& body);
  void on(Execution& execution, const Event& event, const ExecutionRedriven& body);
  void await_answer(const Execution& execution, Strand& strand, Timestamp from);
  void enter(Execution& execution, Strand& strand, Phase phase);
  void give_up(Execution& execution, Strand& strand);
  static void drop_children(Execution& execution, Strand& strand);
  void revive(Execution& execution, Strand& strand, std::uint64_t previous);
  void on(Execution& execution, Strand& strand, const Event& event, const StateEntered& body);
  void on(Execution& execution, Strand& strand, const Event& event, const StateExited& body);
  void on(Execution& execution, Strand& strand, const Event& event, const EvaluationFailed& body);
  void on(Execution& execution, Strand& strand, const Event& event, const TaskScheduled& body);
  void on(Execution& execution, Strand& strand, const Event& event, const TaskRedispatched& body);
  void on(Execution& execution, Strand& strand, const Event& event, const HeartbeatReceived& body);
  void on(Execution& execution, Strand& strand, const Event& event, const TaskStarted& body);
  void on(Execution& execution, Strand& strand, const Event& event, const TaskSubmitted& body);
  void on(Execution& execution, Strand& strand, const Event& event, const TaskSucceeded& body);
  void on(Execution& execution, Strand& strand, const Event& event, const TaskFailed& body);
  void on(Execution& execution, Strand& strand, const Event& event, const TaskTimedOut& body);
  void on(Execution& execution, Strand& strand, const Event& event, const WaitStarted& body);
  void on(Execution& execution, Strand& strand, const Event& event, const RetryScheduled& body);
  void on(Execution& execution, Strand& strand, const Event& event, const ParallelStarted& body);
  void on(Execution& execution, Strand& strand, const Event& event, const MapStarted& body);
  void on(Execution& execution, Strand& strand, const Event& event, const MapIterationStarted& body);
  void on(Execution& execution, Strand& strand, const Event& event, const ChildSucceeded& body);
  void on(Execution& execution, Strand& strand, const Event& event, const ChildFailed& body);
  void on(Execution& execution, Strand& strand, const Event& event, const StateAborted& body);
  void on(Execution& execution, Strand& strand, const Event& event, const ChildAborted& body);
  void on(Execution& execution, Strand& strand, const Event& event, const ChildrenSucceeded& body);
  void on(Execution& execution, Strand& strand, const Event& event, const ChildrenFailed& body);

  Limits limits_;
  std::unordered_map<ExecutionId, std::unique_ptr<Execution>> executions_;
  std::deque<Ready> ready_;
  std::priority_queue<Timer, std::vector<Timer>, std::greater<>>
      timers_;  // entries that are no longer live are skipped
  std::uint64_t dropped_outcomes_ = 0;
  bool timers_held_ = false;
  std::uint32_t task_window_ = 0;
};

}  // namespace lockstep::engine
