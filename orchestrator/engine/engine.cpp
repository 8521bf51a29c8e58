#include "engine/engine.hpp"

#include <algorithm>

namespace lockstep::engine {

const Execution* Engine::find(ExecutionId id) const {
  const auto found = executions_.find(id);
  return found == executions_.end() ? nullptr : found->second.get();
}

std::optional<std::uint64_t> Execution::item_index(const Strand& strand) const {
  for (const Strand* at = &strand; at != nullptr; at = find(at->parent)) {
    if (at->iteration) {
      return at->index;
    }
  }
  return origin.child != nullptr && origin.child->item ? std::optional(origin.child->item->index) : std::nullopt;
}

void Engine::forget_request(ExecutionId id, const std::string& request) {
  const auto found = executions_.find(id);
  if (found == executions_.end() || found->second->requests->empty()) {
    return;
  }
  auto& requests = found->second->requests;
  std::erase_if(requests.edit(), [&](const RequestTaken& taken) { return taken.request == request; });
  taken_.erase(request);
  if (requests->empty()) {
    requests.clear();
  }
}

Execution& Engine::hold(std::unique_ptr<Execution> execution) {
  forget(execution->id);
  for (const RequestTaken& taken : *execution->requests) {
    taken_.insert_or_assign(taken.request, execution->id);
  }
  for (const Strand& strand : execution->strands) {
    index_token(*execution, strand);
  }
  return *(executions_[execution->id] = std::move(execution));
}

void Engine::forget(ExecutionId id) {
  const auto found = executions_.find(id);
  if (found == executions_.end()) {
    return;
  }
  for (const RequestTaken& taken : *found->second->requests) {
    taken_.erase(taken.request);
  }
  for (Strand& strand : found->second->strands) {
    end_call(strand);
  }
  executions_.erase(found);
}

void Engine::index_token(const Execution& execution, const Strand& strand) {
  if (strand.call != nullptr && !strand.token->empty()) {
    tokens_.emplace(*strand.token, TaskPlace{execution.id, strand.id});
  }
}

/// Whatever is said to the strand's task from here on comes too late.
void Engine::end_call(Strand& strand) {
  if (strand.call != nullptr && !strand.token->empty()) {
    tokens_.erase(*strand.token);
  }
  strand.call.reset();
}

std::optional<Timestamp> Engine::next_deadline() {
  while (!timers_.empty() && !is_live(timers_.top())) {
    timers_.pop();
  }
  return timers_.empty() ? std::nullopt : std::optional(timers_.top().deadline);
}

/// Every change of a phase that may have to do with a task: Maps above count those that are out.
void Engine::enter(Execution& execution, Strand& strand, Phase phase) {
  const bool was_out = strand.phase == Phase::task;
  const bool is_out = phase == Phase::task;
  strand.phase = phase;
  if (was_out == is_out) {
    return;
  }
  for (Strand* at = execution.find(strand.parent); at != nullptr; at = execution.find(at->parent)) {
    if (Children* children = at->children.get(); children != nullptr && children->is_map) {
      children->tasks += is_out ? 1 : -1U;
      if (children->held && children->tasks <= few_tasks()) {
        children->held = false;
        make_ready(execution, *at);
      }
    }
  }
}

void Engine::make_ready(const Execution& execution, const Strand& strand, bool at_front) {
  if (strand.queued && !at_front) {
    return;
  }
  strand.queued = true;
  if (at_front) {
    ready_.push_front({execution.id, strand.id});
  } else {
    ready_.push_back({execution.id, strand.id});
  }
}

void Engine::start_timer(const Execution& execution, StrandId strand, Timestamp deadline) {
  timers_.push({deadline, execution.id, strand});
}

bool Engine::is_live(const Timer& timer) const {
  const Execution* execution = find(timer.execution);
  if (execution == nullptr || execution->status != Status::running) {
    return false;
  }
  if (timer.strand == StrandId::none) {
    return execution->deadline == timer.deadline;
  }
  const Strand* strand = execution->find(timer.strand);
  return strand != nullptr && !strand->given_up &&
         (strand->phase == Phase::waiting || strand->phase == Phase::retrying || strand->phase == Phase::callback ||
          (strand->phase == Phase::task && strand->submitted)) &&
         strand->deadline == timer.deadline;
}

/// That what is found by its token, or by its request, is what has it.
std::string Engine::check_index() const {
  std::size_t tokens = 0;
  std::size_t requests = 0;
  for (const auto& [id, execution] : executions_) {
    for (const Strand& strand : execution->strands) {
      if (strand.call == nullptr || strand.token->empty()) {
        continue;
      }
      ++tokens;
      const auto known = tokens_.find(*strand.token);
      if (known == tokens_.end() || known->first.data() != strand.token->data() || known->second.execution != id ||
          known->second.strand != strand.id) {
        return fmt::format("the token {} does not lead to its task", *strand.token);
      }
    }
    for (const RequestTaken& taken : *execution->requests) {
      ++requests;
      const auto known = taken_.find(taken.request);
      if (known == taken_.end() || known->second != id) {
        return fmt::format("the request {} does not lead to its execution", taken.request);
      }
    }
  }
  return tokens == tokens_.size() && requests == taken_.size() ? "" : "tokens or requests are known that nothing has";
}

std::string Engine::check_invariants() const {
  if (std::string wrong = check_index(); !wrong.empty()) {
    return wrong;
  }
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
    if (execution->lines_due != 0) {
      return fmt::format("execution {} has not said all of what it gave up", static_cast<std::uint64_t>(id));
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
