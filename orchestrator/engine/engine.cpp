#include "engine/engine.hpp"

namespace lockstep::engine {

const Execution* Engine::find(ExecutionId id) const {
  const auto found = executions_.find(id);
  return found == executions_.end() ? nullptr : found->second.get();
}

void Engine::forget(ExecutionId id) {
  executions_.erase(id);
}

std::optional<Timestamp> Engine::next_deadline() {
  while (!timers_.empty() && !is_live(timers_.top())) {
    timers_.pop();
  }
  return timers_.empty() ? std::nullopt : std::optional(timers_.top().deadline);
}

std::string Engine::check_invariants() const {
  std::unordered_map<ExecutionId, std::unordered_map<StrandId, int>> queued;
  for (const Ready& ready : ready_) {
    ++queued[ready.execution][ready.strand];
  }
  for (const auto& [id, execution] : executions_) {
    const auto name = [&](StrandId strand) {
      return fmt::format("execution {}, strand {}", static_cast<std::uint64_t>(id), static_cast<std::uint32_t>(strand));
    };
    if (execution->status != Status::running) {
      if (!execution->strands.empty()) {
        return fmt::format("execution {} is over but has strands", static_cast<std::uint64_t>(id));
      }
      continue;
    }
    if (execution->find(StrandId::top) == nullptr) {
      return fmt::format("execution {} runs without its top strand", static_cast<std::uint64_t>(id));
    }
    std::unordered_map<StrandId, std::uint32_t> children_of;
    for (const auto& [strand_id, strand] : execution->strands) {
      if (strand.id != strand_id) {
        return name(strand_id) + " is filed under another id";
      }
      if (static_cast<std::uint32_t>(strand_id) >= execution->next_strand) {
        return name(strand_id) + " has an id that is yet to be given";
      }
      if (strand.id != StrandId::top) {
        const Strand* parent = execution->find(strand.parent);
        if (parent == nullptr || parent->children == nullptr) {
          return name(strand_id) + " has a parent without children";
        }
        if (strand.index >= parent->children->results.size()) {
          return name(strand_id) + " stands outside its parent's results";
        }
        ++children_of[strand.parent];
      }
      if (strand.previous > execution->last_event_id) {
        return name(strand_id) + " follows an event that has not happened";
      }
      if ((strand.phase == Phase::children) && strand.children == nullptr) {
        return name(strand_id) + " waits for children that it doesn't have";
      }
      if ((strand.phase == Phase::failing) != (strand.failure != nullptr)) {
        return name(strand_id) + " is failing without a failure, or the other way round";
      }
      if (strand.phase == Phase::task && strand.dispatches == 0) {
        return name(strand_id) + " has a task out that was never dispatched";
      }
      const bool runnable =
          strand.phase == Phase::entering || strand.phase == Phase::entered || strand.phase == Phase::result_ready ||
          strand.phase == Phase::failing || strand.phase == Phase::done ||
          (strand.phase == Phase::children && (strand.children->all_finished() || strand.children->may_start()));
      const bool stands = queued.count(id) != 0 && queued.at(id).count(strand_id) != 0;
      if (runnable && !stands) {
        return name(strand_id) + " could go on but stands in no queue";
      }
    }
    for (const auto& [strand_id, strand] : execution->strands) {
      const std::uint32_t counted = children_of.count(strand_id) != 0 ? children_of[strand_id] : 0;
      const std::uint32_t kept = strand.children != nullptr ? strand.children->running : 0;
      if (counted != kept) {
        return fmt::format("{} counts {} running children but has {}", name(strand_id), kept, counted);
      }
    }
  }
  return "";
}

}  // namespace lockstep::engine
