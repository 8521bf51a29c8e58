#include "engine/snapshot.hpp"

#include <algorithm>

namespace lockstep::engine {

namespace {

bool can_go_on(const Strand& strand) {
  if (strand.given_up) {
    return false;
  }
  switch (strand.phase) {
    case Phase::task:
    case Phase::waiting:
    case Phase::retrying:
    case Phase::callback:
      return false;
    case Phase::children:
      return strand.children != nullptr && (strand.children->all_finished() || strand.children->may_start());
    default:
      return true;
  }
}

}  // namespace

std::vector<ExecutionId> Snapshot::executions(const Engine& engine) {
  std::vector<ExecutionId> ids;
  ids.reserve(engine.executions_.size());
  for (const auto& [id, execution] : engine.executions_) {
    ids.push_back(id);
  }
  std::sort(ids.begin(), ids.end());
  return ids;
}

void Snapshot::restore(Engine& engine, std::unique_ptr<Execution> execution) {
  Execution& restored = *execution;
  engine.executions_[restored.id] = std::move(execution);
  if (restored.status != Status::running) {
    return;
  }
  if (restored.deadline) {
    engine.start_timer(restored, StrandId::none, *restored.deadline);
  }
  std::vector<Strand*> strands;
  for (Strand& strand : restored.strands) {
    strand.queued = false;
    strands.push_back(&strand);
    if (strand.phase == Phase::task) {
      for (Strand* at = restored.find(strand.parent); at != nullptr; at = restored.find(at->parent)) {
        if (at->children != nullptr && at->children->is_map) {
          ++at->children->tasks;
        }
      }
    }
  }
  // A state that failed gives up its children before any of them goes on.
  std::sort(strands.begin(), strands.end(), [](const Strand* a, const Strand* b) {
    const bool a_first = a->phase == Phase::failing && a->children != nullptr;
    const bool b_first = b->phase == Phase::failing && b->children != nullptr;
    return a_first != b_first ? a_first : a->id < b->id;
  });
  for (Strand* strand : strands) {
    const bool timed_callback = strand->call != nullptr && (strand->call->timeout_at || strand->call->heartbeat_at);
    if (strand->phase == Phase::waiting || strand->phase == Phase::retrying || timed_callback) {
      engine.start_timer(restored, strand->id, strand->deadline);
    }
    if (can_go_on(*strand)) {
      engine.make_ready(restored, *strand);
    }
  }
}

std::vector<OpenTask> open_tasks(const Execution& execution) {
  std::vector<OpenTask> tasks;
  for (const Strand& strand : execution.strands) {
    if (strand.phase == Phase::task) {
      tasks.push_back({{static_cast<std::uint64_t>(execution.id), strand.visit(), strand.dispatches},
                       strand.id,
                       strand.state,
                       strand.started});
    }
  }
  std::sort(tasks.begin(), tasks.end(), [](const OpenTask& a, const OpenTask& b) { return a.strand < b.strand; });
  return tasks;
}

}  // namespace lockstep::engine
