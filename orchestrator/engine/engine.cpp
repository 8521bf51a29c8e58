#include "engine/engine.hpp"

#include <algorithm>

namespace lockstep::engine {

const Execution* Engine::find(ExecutionId id) const {
  const auto found = executions_.find(id);
  return found == executions_.end() ? nullptr : found->second.get();
}

void Engine::forget_request(ExecutionId id, const std::string& request) {
  if (const auto found = executions_.find(id); found != executions_.end()) {
    std::erase_if(found->second->requests, [&](const RequestTaken& taken) { return taken.request == request; });
  }
}

void Engine::forget(ExecutionId id) {
  executions_.erase(id);
}

std::optional<Timestamp> Engine::next_deadline() {
  if (timers_held_) {
    return std::nullopt;
  }
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
    const auto name = [number = static_cast<std::uint64_t>(id)](StrandId strand) {
      return fmt::format("execution {}, strand {}", number, static_cast<std::uint32_t>(strand));
    };
    if (execution->status != Status::running) {
      for (const Strand& strand : execution->strands) {
        if (execution->status == Status::succeeded || !strand.given_up) {
          return name(strand.id) + " goes on though its execution is over";
        }
      }
      continue;
    }
    if (execution->find(StrandId::top) == nullptr) {
      return fmt::format("execution {} runs without its top strand", static_cast<std::uint64_t>(id));
    }
    std::unordered_map<StrandId, std::uint32_t> children_of;
    std::unordered_map<StrandId, std::uint32_t> tasks_below;
    for (const Strand& strand : execution->strands) {
      if (execution->find(strand.id) != &strand) {
        return name(strand.id) + " is filed under another id";
      }
      if (static_cast<std::uint32_t>(strand.id) >= execution->next_strand) {
        return name(strand.id) + " has an id that is yet to be given";
      }
      if (strand.id != StrandId::top) {
        const Strand* parent = execution->find(strand.parent);
        if (parent == nullptr || parent->children == nullptr) {
          return name(strand.id) + " has a parent without children";
        }
        if (strand.index >= parent->children->results.size()) {
          return name(strand.id) + " stands outside its parent's results";
        }
        if (!strand.given_up) {
          ++children_of[strand.parent];
        } else if (std::count(parent->children->given_up.begin(), parent->children->given_up.end(), strand.id) != 1) {
          return name(strand.id) + " is given up, but its parent does not know";
        }
      }
      if (strand.given_up) {
        if (strand.phase == Phase::task || strand.phase == Phase::waiting || strand.phase == Phase::retrying ||
            strand.phase == Phase::callback || strand.queued) {
          return name(strand.id) + " is given up but goes on";
        }
        continue;
      }
      if ((strand.phase == Phase::task || strand.phase == Phase::callback) != (strand.call != nullptr)) {
        return name(strand.id) + " has a task out without its parameters, or the other way round";
      }
      for (const Strand* at = &strand; strand.phase == Phase::task && at != nullptr;) {
        at = execution->find(at->parent);
        ++tasks_below[at == nullptr ? StrandId::none : at->id];
      }
      if (strand.previous > execution->last_event_id) {
        return name(strand.id) + " follows an event that has not happened";
      }
      if ((strand.phase == Phase::children) && strand.children == nullptr) {
        return name(strand.id) + " waits for children that it doesn't have";
      }
      if ((strand.phase == Phase::failing) != (strand.failure != nullptr)) {
        return name(strand.id) + " is failing without a failure, or the other way round";
      }
      if (strand.phase == Phase::task && strand.dispatches == 0) {
        return name(strand.id) + " has a task out that was never dispatched";
      }
      const bool runnable =
          strand.phase == Phase::entering || strand.phase == Phase::entered || strand.phase == Phase::result_ready ||
          strand.phase == Phase::failing || strand.phase == Phase::done ||
          (strand.phase == Phase::children &&
           (strand.children->all_finished() || (strand.children->may_start() && !strand.children->held)));
      const bool stands = queued.count(id) != 0 && queued.at(id).count(strand.id) != 0;
      if (runnable && !stands) {
        return name(strand.id) + " could go on but stands in no queue";
      }
    }
    for (const Strand& strand : execution->strands) {
      const std::uint32_t counted = children_of.count(strand.id) != 0 ? children_of[strand.id] : 0;
      const std::uint32_t kept = strand.children != nullptr ? strand.children->running : 0;
      if (counted != kept) {
        return fmt::format("{} counts {} running children but has {}", name(strand.id), kept, counted);
      }
      if (strand.children != nullptr && strand.children->is_map && strand.children->tasks != tasks_below[strand.id]) {
        return fmt::format("{} counts {} tasks but has {}", name(strand.id), strand.children->tasks,
                           tasks_below[strand.id]);
      }
      if (strand.children != nullptr && strand.children->held && strand.children->tasks <= few_tasks()) {
        return name(strand.id) + " holds back iterations though few tasks are out";
      }
    }
  }
  return "";
}

}  // namespace lockstep::engine
