// The interpreter: decide and evolve (asl.md; design, "One loop").
//
// decide looks at the state in memory and one Input and says what happened, as Events, and what should be done about
// it, as Effects; it sees what is in memory as const. evolve applies one Event. Live running and recovery both go
// through evolve, so what is recovered equals what was live. Invariants: the same Inputs give the same Events; every
// Event leaves all strands in a phase that can be gone on from, also where a crash took the rest of what was decided
// with it; no I/O, no clock, no randomness of its own, no thread.
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
  /// When the next timer is due; nothing if none is running.
  std::optional<Timestamp> next_deadline();

  /// Recovery: applies an Event that was read back. Effects that it once caused are not repeated.
  void apply(const Event& event);

  /// Null once it has been forgotten.
  const Execution* find(ExecutionId id) const;
  /// The Map Run that was dispatched so, and still is; null: it is over, or was dispatched again.
  const Children* find_map_run(const DispatchId& id) const;
  /// What ItemSelector makes of an item of a Map Run that is out, or the item itself; the cause of a failure tells of
  /// the state. Requires that find_map_run() finds it. `seed`: of what is random.
  query::Evaluated<Value> select_item(const DispatchId& id, MapItem item, Timestamp now, std::uint64_t seed) const;
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
  /// Where a task is that waits for its token to be answered.
  struct TaskPlace {
    ExecutionId execution;
    StrandId strand;
  };
  struct Ready {
    ExecutionId execution;
    StrandId strand;
  };

  void add_child(Execution& execution, const Strand& parent, StrandId id, std::uint32_t index, bool iteration,
                 asl::ScopeId scope, const Value& input, std::uint64_t previous);
  void make_ready(const Execution& execution, const Strand& strand, bool at_front = false);
  void start_timer(const Execution& execution, StrandId strand, Timestamp deadline);
  bool is_live(const Timer& timer) const;
  std::uint32_t few_tasks() const { return static_cast<std::uint32_t>(std::uint64_t{task_window_} * 3 / 4); }

  void keep_request(Execution& execution, const std::string& request);
  /// Takes it in, with what its requests and its open tasks are found by.
  Execution& hold(std::unique_ptr<Execution> execution);
  std::string check_index() const;
  void index_token(const Execution& execution, const Strand& strand);
  void end_call(Strand& strand);

  // evolve*.cpp: one overload per kind of Event.
  void start(const Event& event, const ExecutionStarted& body);
  static std::unique_ptr<Execution> begin(ExecutionId id, Timestamp at, const ExecutionStarted& body);
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
  void start_timeout(Execution& execution, Timestamp from);
  /// What was decided by somebody to whom executions and strands are const: they are the engine's own.
  template <class Body>
  void take(const Execution& execution, const Strand* strand, const Event& event, const Body& body) {
    evolve(const_cast<Execution&>(execution), const_cast<Strand*>(strand), event, body);
  }
  void close(Execution& execution, Status status);
  void on(Execution& execution, const Event& event, const ExecutionSucceeded& body);
  void on(Execution& execution, const Event& event, const ExecutionFailed& body);
  void on(Execution& execution, const Event& event, const ExecutionTimedOut& body);
  void on(Execution& execution, const Event& event, const ExecutionAborted& body);
  void on(Execution& execution, const Event& event, const RequestTaken& body);
  void on(Execution& execution, const Event& event, const ExecutionRedriven& body);
  void begin_to_await(Execution& execution, Strand& strand, Timestamp from);
  void await_answer(const Execution& execution, Strand& strand, Timestamp from);
  void enter(Execution& execution, Strand& strand, Phase phase);
  void give_up(Execution& execution, Strand& strand);
  static bool is_open(const Execution& execution, const Strand& strand);
  static void say_later(Execution& execution, bool& line);
  static void said(Execution& execution, bool& line);
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
  void on(Execution& execution, Strand& strand, const Event& event, const TaskNoted& body);
  void on(Execution& execution, Strand& strand, const Event& event, const TaskSucceeded& body);
  void on(Execution& execution, Strand& strand, const Event& event, const TaskFailed& body);
  void on(Execution& execution, Strand& strand, const Event& event, const TaskTimedOut& body);
  void on(Execution& execution, Strand& strand, const Event& event, const WaitStarted& body);
  void on(Execution& execution, Strand& strand, const Event& event, const RetryScheduled& body);
  void on(Execution& execution, Strand& strand, const Event& event, const ParallelStarted& body);
  void on(Execution& execution, Strand& strand, const Event& event, const MapStarted& body);
  void on(Execution& execution, Strand& strand, const Event& event, const MapIterationStarted& body);
  void on(Execution& execution, Strand& strand, const Event& event, const MapRunStarted& body);
  void on(Execution& execution, Strand& strand, const Event& event, const MapRunRedriven& body);
  void on(Execution& execution, Strand& strand, const Event& event, const MapRunProgress& body);
  void on(Execution& execution, Strand& strand, const Event& event, const MapRunSucceeded& body);
  void on(Execution& execution, Strand& strand, const Event& event, const MapRunFailed& body);
  void on(Execution& execution, Strand& strand, const Event& event, const MapRunAborted& body);
  void on(Execution& execution, Strand& strand, const Event& event, const MapRunChanged& body);
  void send_out(Execution& execution, Strand& strand, std::uint32_t count);
  void on(Execution& execution, Strand& strand, const Event& event, const ChildSucceeded& body);
  void on(Execution& execution, Strand& strand, const Event& event, const WorkFailed& body);
  void on(Execution& execution, Strand& strand, const Event& event, const ChildFailed& body);
  void on(Execution& execution, Strand& strand, const Event& event, const StateAborted& body);
  void on(Execution& execution, Strand& strand, const Event& event, const ChildAborted& body);
  void on(Execution& execution, Strand& strand, const Event& event, const ChildrenSucceeded& body);
  void on(Execution& execution, Strand& strand, const Event& event, const ChildrenFailed& body);

  Limits limits_;
  std::unordered_map<ExecutionId, std::unique_ptr<Execution>> executions_;
  /// The strands whose task may be answered by its token: each with a Call and a token, whose text the key is.
  std::unordered_map<std::string_view, TaskPlace> tokens_;
  std::unordered_map<std::string, ExecutionId> taken_;  ///< Execution::requests of all, by name
  std::deque<Ready> ready_;
  std::priority_queue<Timer, std::vector<Timer>, std::greater<>>
      timers_;  // entries that are no longer live are skipped
  std::uint64_t dropped_outcomes_ = 0;
  std::uint32_t task_window_ = 0;  // of the last Input
};

}  // namespace lockstep::engine
