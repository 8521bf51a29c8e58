// Taking executions out of an engine and putting them back: for checkpoints (journal/checkpoint.hpp). What an execution
// looks like as bytes is the journal's affair.
#pragma once

#include <memory>
#include <vector>

#include "engine/engine.hpp"

namespace lockstep::engine {

class Snapshot {
 public:
  /// All that the engine holds, those that are over included; ascending.
  static std::vector<ExecutionId> executions(const Engine& engine);

  /// Puts `execution` into the engine as it was when it was copied out: its timers run, its strands that can go on are
  /// ready. Replaces one of the same id. May be called between apply()s.
  static void restore(Engine& engine, std::unique_ptr<Execution> execution);

  /// The execution as it was at its start, with the requests that it has taken since.
  static std::unique_ptr<Execution> anew(const Execution& execution);
};

/// A dispatch that is out: in phase task, so that no one but a worker can bring the strand on.
struct OpenTask {
  DispatchId id;
  asl::StateId state = asl::StateId::none;
  bool started = false;       ///< a worker said so
  std::optional<Value> note;  ///< its performer's (TaskNoted)
};
/// Those of one execution; ascending by strand.
std::vector<OpenTask> open_tasks(const Execution& execution);

/// The current dispatch of a strand that has a task out, as it goes out.
DispatchTask dispatch_of(const Execution& execution, const Strand& strand);
/// Those of all executions; by execution and strand, ascending.
std::vector<DispatchTask> open_dispatches(const Engine& engine);

/// Whether an execution runs, and none waits for an answer to a token. Where there is no timer either, nothing is ready
/// and no dispatch is out, none of them can ever go on.
bool waits_for_nothing(const Engine& engine);

}  // namespace lockstep::engine
