// Who watches a run: history files, progress.
#pragma once

#include "engine/engine.hpp"
#include "mpi_worker/task.hpp"

namespace lockstep::service {

/// Sees what happens. On the loop's thread; must not block.
class Observer {
 public:
  virtual ~Observer() = default;
  /// Every Event after it was applied, before it goes to the journal.
  virtual void on_event(const engine::Event& event, const engine::Engine& engine) = 0;
  /// What a worker has sent, before the engine takes it.
  virtual void on_outcome(const work::Outcome& /*outcome*/, const engine::Engine& /*engine*/) {}
};

}  // namespace lockstep::service
