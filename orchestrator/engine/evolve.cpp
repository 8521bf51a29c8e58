// evolve: the only code that changes the state in memory. It evaluates no expression and decides nothing. Here what
// happens to executions; evolve_strand.cpp and evolve_children.cpp: to their strands.
#include <algorithm>

#include "engine/definition_change.hpp"
#include "engine/engine.hpp"

namespace lockstep::engine {

void Engine::apply(const Event& event) {
  if (const auto* started = std::get_if<ExecutionStarted>(&event.body)) {
    start(event, *started);
    return;
  }
  const auto found = executions_.find(event.execution);
  if (found == executions_.end()) {
    return;
  }
  Execution& execution = *found->second;
  Strand* strand = execution.find(event.strand);
  std::visit(
      [&](const auto& body) {
        using Body = std::decay_t<decltype(body)>;
        if constexpr (!std::is_same_v<Body, ExecutionStarted> && !kIsOfHouse<Body>) {
          evolve(execution, strand, event, body);
        }
      },
      event.body);
}

void Engine::start(const Event& event, const ExecutionStarted& body) {
  Execution& execution = hold(begin(event.execution, event.time, body));
  keep_request(execution, body.request);
  start_timeout(execution, event.time);
  make_ready(execution, *execution.find(StrandId::top));
}

std::unique_ptr<Execution> Engine::begin(ExecutionId id, Timestamp at, const ExecutionStarted& body) {
  auto execution = std::make_unique<Execution>();
  execution->id = id;
  execution->identity = body.identity;
  execution->machine = body.machine;
  execution->input = body.input;
  execution->origin = body.origin;
  execution->started_at = at;
  execution->last_time = at;
  execution->last_event_id = 1;
  Strand& top = execution->strands.add({});
  top.state = body.machine->scope(body.origin.scope()).start_at;
  top.input = body.input;
  if (body.origin.child != nullptr && !body.origin.child->variables.empty()) {
    top.variables = query::VariableScope::with(nullptr, body.origin.child->variables);
  }
  return execution;
}

/// A part of a machine runs without the machine's timeout, but within the limits.
void Engine::start_timeout(Execution& execution, Timestamp from) {
  const bool whole = execution.origin.scope() == asl::ScopeId::top;
  std::optional<std::int64_t> seconds = whole ? execution.machine->timeout_seconds : std::nullopt;
  const std::int64_t longest =
      execution.origin.type == ExecutionType::standard ? limits_.standard_time : limits_.express_time;
  if (longest != 0) {
    seconds = std::min(seconds.value_or(longest), longest);
  }
  if (seconds) {
    execution.deadline = Timestamp{from.us + *seconds * kMicrosPerSecond};
    start_timer(execution, StrandId::none, *execution.deadline);
  }
}

void Engine::on(Execution& execution, const Event& /*event*/, const ExecutionSucceeded& /*body*/) {
  close(execution, Status::succeeded);
}

void Engine::on(Execution& execution, const Event& /*event*/, const ExecutionFailed& /*body*/) {
  close(execution, Status::failed);
}

void Engine::on(Execution& execution, const Event& /*event*/, const ExecutionTimedOut& /*body*/) {
  close(execution, Status::timed_out);
}

void Engine::on(Execution& execution, const Event& /*event*/, const ExecutionAborted& body) {
  close(execution, Status::aborted);
  keep_request(execution, body.request);
}

void Engine::close(Execution& execution, Status status) {
  execution.status = status;
  if (status == Status::succeeded) {
    execution.strands.clear();
    return;
  }
  for (Strand& strand : execution.strands) {
    give_up(execution, strand);
  }
}

void Engine::on(Execution& execution, const Event& /*event*/, const RequestTaken& body) {
  if (taken_.try_emplace(body.request, execution.id).second) {
    execution.requests.edit().push_back(body);
  }
}

void Engine::on(Execution& execution, const Event& event, const ExecutionRedriven& body) {
  execution.status = Status::running;
  execution.redrive_count = body.count;
  execution.redriven_at = event.time;
  keep_request(execution, body.request);
  if (body.machine != nullptr) {
    change_definition(execution, body.machine);
    execution.origin.revision = body.revision;
  }
  start_timeout(execution, event.time);
  // Nothing runs any more: whoever was still running when the execution ended has been given up, too.
  for (Strand& strand : execution.strands) {
    if (strand.children != nullptr) {
      strand.children->running = 0;
      strand.children->given_up.clear();
    }
  }
  for (Strand& strand : execution.strands) {
    if (Strand* parent = execution.find(strand.parent)) {
      parent->children->given_up.push_back(strand.id);
    }
  }
  for (Strand& strand : execution.strands) {
    if (strand.children != nullptr) {
      std::sort(strand.children->given_up.begin(), strand.children->given_up.end());
    }
  }
  revive(execution, *execution.find(StrandId::top), event.id);
}

void Engine::keep_request(Execution& execution, const std::string& request) {
  if (!request.empty() && taken_.try_emplace(request, execution.id).second) {
    execution.requests.edit().push_back({request, Verdict::accepted});
  }
}

}  // namespace lockstep::engine
