// One line of control within an execution: the top level, a Parallel branch or a Map iteration.
#pragma once

#include <cstdint>
#include <memory>
#include <numeric>
#include <optional>
#include <string>
#include <vector>

#include "engine/event.hpp"
#include "engine/map_run.hpp"
#include "value/rare.hpp"

namespace lockstep::engine {

/// How far a strand is in its state. Each phase can be gone on from without anything but what is in memory, so that a
/// restart between any two Events loses nothing.
enum class Phase : std::uint8_t {
  entering,      ///< on the way into Strand::state with Strand::input
  entered,       ///< in the state, its work not begun
  task,          ///< a dispatch is out: a task, or a Map Run
  waiting,       ///< a Wait state's deadline is running
  retrying,      ///< a retry delay is running
  children,      ///< branches or iterations are running
  result_ready,  ///< the work is done: Strand::result
  failing,       ///< the work failed: Strand::failure
  done,          ///< left its last state; Strand::input is what it came to
  callback       ///< the job of a task with a token is over, or a worker has taken it from its activity; the answer is
                 ///< waited for, until Strand::deadline
};

/// Why a state's work failed.
struct Failure {
  std::optional<std::string> error;
  std::optional<std::string> cause;
  std::string also_matches;  ///< a second name that Retry and Catch may use; empty: none
  bool catchable = true;     ///< States.Runtime and what exceeds a limit at a state's border are not
  bool from_child = false;   ///< a branch or an iteration failed
  bool reported = false;     ///< ChildrenFailed has been said
};

/// What a Parallel or Map state keeps while its children run.
struct Children {
  bool is_map = false;
  Value items;                 ///< Map: the array
  std::vector<Value> results;  ///< by branch or item index
  std::uint32_t next = 0;      ///< first that is not started
  std::uint32_t running = 0;
  std::uint32_t finished = 0;
  std::uint32_t max_concurrency = 0;     ///< 0: no limit
  std::uint64_t iteration_previous = 0;  ///< previousEventId of the next MapIterationStarted (aws-behaviour.md 7)
  std::vector<StrandId> given_up;        ///< children that failed or were aborted
  std::uint32_t tasks = 0;               ///< Map: tasks that are out below it
  /// Map: starts no more iterations before some of those tasks have ended. The scheduler's, as Strand::queued.
  mutable bool held = false;
  std::unique_ptr<MapRun>
      run;  ///< of a Distributed Map: `items` and `results`, by child, belong to it; the rest is idle

  bool all_finished() const { return finished == results.size(); }
  /// Whether another iteration may run: a new one, or after a redrive one that was given up.
  bool may_start() const {
    return (next < results.size() || !given_up.empty()) && (max_concurrency == 0 || running < max_concurrency);
  }
};

/// What a Task state asked for: kept while it is out, so that it can be dispatched again.
struct Call {
  Value parameters;
  std::optional<std::int64_t> timeout_seconds;
  std::optional<std::int64_t> heartbeat_seconds;
  Timestamp started_at;                   ///< where Strand::started
  std::optional<Timestamp> timeout_at;    ///< in phase callback
  std::optional<Timestamp> heartbeat_at;  ///< likewise
  /// TaskNoted::note, the last; of a task that a worker took from its activity, TaskStarted::request.
  std::optional<Value> note;
};

struct Strand {
  StrandId id = StrandId::top;
  StrandId parent = StrandId::none;
  std::uint32_t index = 0;  ///< which branch or item of the parent
  bool iteration = false;   ///< of a Map; else a branch, or the top level
  Phase phase = Phase::entering;
  bool started = false;         ///< TaskStarted has been said for the current dispatch
  bool submitted = false;       ///< TaskSubmitted likewise
  mutable bool queued = false;  ///< the scheduler's, and no part of the state: it stands in the engine's ready queue
  bool given_up = false;        ///< failed or aborted: kept for a redrive, in the phase that it would go on from
  bool child_line = false;  ///< history has yet to say that it was given up (ChildAborted); never between two Inputs
  bool state_line = false;  ///< likewise that the state in which it was is given up (StateAborted)
  asl::StateId state = asl::StateId::none;
  std::uint32_t visits = 0;      ///< states entered so far
  std::uint32_t dispatches = 0;  ///< of the current visit
  Value input;                   ///< raw input of the state
  std::uint64_t previous = 0;    ///< id of the event that the strand's next event follows
  std::uint64_t entered_id = 0;
  std::uint64_t entered_previous = 0;
  Timestamp entered_at;
  Timestamp deadline;                             ///< in phases waiting and retrying; in callback, where there is one
  Rare<std::vector<std::uint32_t>> retrier_uses;  ///< by retrier; shorter means 0
  std::shared_ptr<const query::VariableScope> variables;
  Value result;
  Rare<std::string> token;
  std::unique_ptr<Children> children;
  std::unique_ptr<Failure> failure;
  std::unique_ptr<Call> call;  ///< in phases task and callback

  /// Retries of this visit.
  std::uint32_t retry_count() const {
    return std::accumulate(retrier_uses->begin(), retrier_uses->end(), std::uint32_t{0});
  }
};

}  // namespace lockstep::engine
