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
};

/// A dispatch that is out: in phase task, so that no one but a worker can bring the strand on.
struct OpenTask {
  DispatchId id;
  StrandId strand = StrandId::top;
  asl::StateId state = asl::StateId::none;
  bool started = false;  ///< a worker said so
};
/// Those of one execution; ascending by strand.
std::vector<OpenTask> open_tasks(const Execution& execution);

}  // namespace lockstep::engine
