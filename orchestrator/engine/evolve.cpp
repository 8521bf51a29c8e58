// evolve: the only code that changes the state in memory. It evaluates no expression and decides nothing.
#include <algorithm>

#include "engine/engine.hpp"
#include "value/builder.hpp"

namespace lockstep::engine {

namespace {

Value array_of(const std::vector<Value>& results) {
  Builder builder(64 + results.size() * sizeof(Node) * 2);
  builder.begin_array();
  for (const Value& result : results) {
    builder.value(result);
  }
  builder.end_array();
  return builder.finish();
}

/// A Parallel's result: its branches' texts as they are (aws-behaviour.md 1), none of them parsed for it.
Value joined(const std::vector<Value>& results) {
  if (std::none_of(results.begin(), results.end(), [](const Value& result) { return result.has_text(); })) {
    return array_of(results);  // all computed, so that their texts will be compact
  }
  std::string text = "[";
  std::string scratch;
  for (const Value& result : results) {
    text += text.size() > 1 ? "," : "";
    text += result.text(scratch);
  }
  text += ']';
  return Value::from_checked_text(std::move(text));
}

}  // namespace

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
        if constexpr (!std::is_same_v<std::decay_t<decltype(body)>, ExecutionStarted>) {
          evolve(execution, strand, event, body);
        }
      },
      event.body);
}

void Engine::start(const Event& event, const ExecutionStarted& body) {
  auto execution = std::make_unique<Execution>();
  execution->id = event.execution;
  execution->identity = body.identity;
  execution->machine = body.machine;
  execution->input = body.input;
  execution->started_at = event.time;
  execution->last_time = event.time;
  execution->last_event_id = event.id;
  if (const auto timeout = body.machine->timeout_seconds) {
    execution->deadline = Timestamp{event.time.us + *timeout * kMicrosPerSecond};
    start_timer(*execution, StrandId::none, *execution->deadline);
  }
  Strand& top = execution->strands.add({});
  top.state = body.machine->scope(asl::ScopeId::top).start_at;
  top.input = body.input;
  make_ready(*execution, top);
  executions_[event.execution] = std::move(execution);
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

void Engine::on(Execution& execution, const Event& /*event*/, const ExecutionAborted& /*body*/) {
  close(execution, Status::aborted);
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
  execution.requests.push_back(body);
}

void Engine::on(Execution& execution, const Event& event, const ExecutionRedriven& body) {
  execution.status = Status::running;
  execution.redrive_count = body.count;
  execution.redriven_at = event.time;
  if (const auto timeout = execution.machine->timeout_seconds) {
    execution.deadline = Timestamp{event.time.us + *timeout * kMicrosPerSecond};
    start_timer(execution, StrandId::none, *execution.deadline);
  }
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

/// Keeps the strand as it would have to go on: what it had come to stays, what had not succeeded begins again.
void Engine::give_up(Execution& execution, Strand& strand) {
  const bool from_child = strand.failure != nullptr && strand.failure->from_child;
  switch (strand.phase) {
    case Phase::entering:
    case Phase::done:
    case Phase::result_ready:
    case Phase::children:
      break;
    case Phase::failing:
      enter(execution, strand, from_child && strand.children != nullptr ? Phase::children : Phase::entered);
      break;
    case Phase::entered:
    case Phase::task:
    case Phase::waiting:
    case Phase::retrying:
    case Phase::callback:
      enter(execution, strand, Phase::entered);
      break;
  }
  strand.given_up = true;
  strand.queued = false;
  strand.failure.reset();
  strand.call.reset();
  strand.token.clear();
}

/// Forgets the children of a state that is left or tried again; all of them have ended.
void Engine::drop_children(Execution& execution, Strand& strand) {
  if (strand.children == nullptr) {
    return;
  }
  for (const StrandId id : std::exchange(strand.children->given_up, {})) {
    if (Strand* child = execution.find(id)) {
      drop_children(execution, *child);
      execution.strands.erase(id);
    }
  }
  strand.children.reset();
}

/// A strand that was given up goes on. Iterations below it wait for their turn; branches go on, too.
void Engine::revive(Execution& execution, Strand& strand, std::uint64_t previous) {
  strand.given_up = false;
  strand.retry_count = 0;
  strand.retrier_uses.clear();
  strand.previous = previous;
  if (strand.phase == Phase::entered && execution.machine->state(strand.state).type == asl::StateType::fail) {
    enter(execution, strand, Phase::entering);  // entered again, and fails again (services.md 5)
  }
  if (strand.phase == Phase::entered) {
    drop_children(execution, strand);
  }
  if (strand.children != nullptr && strand.children->is_map) {
    strand.children->iteration_previous = previous;
  } else if (strand.children != nullptr) {
    for (const StrandId id : std::exchange(strand.children->given_up, {})) {
      ++strand.children->running;
      revive(execution, *execution.find(id), previous);
    }
  }
  make_ready(execution, strand);
}

void Engine::on(Execution& execution, Strand& strand, const Event& event, const StateEntered& body) {
  strand.state = body.state;
  if (!strand.input.same(body.input)) {
    strand.input = body.input;
  }
  enter(execution, strand, Phase::entered);
  ++strand.visits;
  strand.dispatches = 0;
  strand.retry_count = 0;
  strand.retrier_uses.clear();
  strand.failure.reset();
  strand.previous = event.id;
  strand.entered_id = event.id;
  strand.entered_previous = event.previous;
  strand.entered_at = event.time;
  make_ready(execution, strand);
}

void Engine::on(Execution& execution, Strand& strand, const Event& event, const StateExited& body) {
  strand.previous = event.id;
  strand.input = body.output;
  strand.result = Value();
  drop_children(execution, strand);
  strand.failure.reset();
  strand.token.clear();
  if (!body.assigned.empty()) {
    strand.variables = query::VariableScope::with(strand.variables, body.assigned);
  }
  if (body.next == asl::StateId::none) {
    enter(execution, strand, Phase::done);
  } else {
    enter(execution, strand, Phase::entering);
    strand.state = body.next;
  }
  make_ready(execution, strand);
}

void Engine::on(Execution& execution, Strand& strand, const Event& event, const EvaluationFailed& body) {
  strand.previous = event.id;
  enter(execution, strand, Phase::failing);
  strand.failure = std::make_unique<Failure>();
  strand.failure->error = "States.QueryEvaluationError";
  strand.failure->cause = body.cause;
  make_ready(execution, strand);
}

void Engine::on(Execution& execution, Strand& strand, const Event& event, const TaskScheduled& body) {
  strand.previous = event.id;
  enter(execution, strand, Phase::task);
  strand.dispatches = body.count;
  strand.started = false;
  strand.submitted = false;
  strand.token = body.token;
  strand.failure.reset();
  strand.call = std::make_unique<Call>();
  strand.call->parameters = body.parameters;
  strand.call->timeout_seconds = body.timeout_seconds;
  strand.call->heartbeat_seconds = body.heartbeat_seconds;
}

void Engine::on(Execution& /*execution*/, Strand& strand, const Event& /*event*/, const TaskRedispatched& body) {
  strand.dispatches = body.count;
}

void Engine::on(Execution& /*execution*/, Strand& strand, const Event& event, const TaskStarted& body) {
  strand.previous = event.id;
  strand.started = true;
  if (strand.call != nullptr) {
    strand.call->started_at = Timestamp{event.time.us - body.earlier_us};
  }
}

void Engine::on(Execution& execution, Strand& strand, const Event& event, const TaskSubmitted& /*body*/) {
  strand.previous = event.id;
  strand.submitted = true;
  if (strand.token.empty()) {
    return;
  }
  enter(execution, strand, Phase::callback);
  if (strand.call->timeout_seconds) {
    strand.call->timeout_at = Timestamp{strand.call->started_at.us + *strand.call->timeout_seconds * kMicrosPerSecond};
  }
  await_answer(execution, strand, event.time);
}

void Engine::on(Execution& execution, Strand& strand, const Event& event, const HeartbeatReceived& /*body*/) {
  if (strand.phase == Phase::callback) {
    await_answer(execution, strand, event.time);
  }
}

/// The strand waits for the answer to its token until the next heartbeat or the end of its time is due.
void Engine::await_answer(const Execution& execution, Strand& strand, Timestamp from) {
  Call& call = *strand.call;
  if (call.heartbeat_seconds) {
    call.heartbeat_at = Timestamp{from.us + *call.heartbeat_seconds * kMicrosPerSecond};
  }
  if (!call.timeout_at && !call.heartbeat_at) {
    return;
  }
  strand.deadline =
      std::min(call.timeout_at.value_or(Timestamp{INT64_MAX}), call.heartbeat_at.value_or(Timestamp{INT64_MAX}));
  start_timer(execution, strand.id, strand.deadline);
}

void Engine::on(Execution& execution, Strand& strand, const Event& event, const TaskSucceeded& body) {
  strand.previous = event.id;
  enter(execution, strand, Phase::result_ready);
  strand.result = body.result;
  strand.call.reset();
  make_ready(execution, strand);
}

void Engine::on(Execution& execution, Strand& strand, const Event& event, const TaskFailed& body) {
  strand.previous = event.id;
  enter(execution, strand, Phase::failing);
  strand.failure = std::make_unique<Failure>();
  strand.failure->error = body.error;
  strand.failure->cause = body.cause;
  strand.call.reset();
  make_ready(execution, strand);
}

void Engine::on(Execution& execution, Strand& strand, const Event& event, const TaskTimedOut& body) {
  strand.previous = event.id;
  enter(execution, strand, Phase::failing);
  strand.call.reset();
  strand.failure = std::make_unique<Failure>();
  strand.failure->error = "States.Timeout";
  if (body.heartbeat) {
    strand.failure->also_matches = "States.HeartbeatTimeout";
  }
  make_ready(execution, strand);
}

void Engine::on(Execution& execution, Strand& strand, const Event& /*event*/, const WaitStarted& body) {
  enter(execution, strand, Phase::waiting);
  strand.deadline = body.deadline;
  start_timer(execution, strand.id, body.deadline);
}

void Engine::on(Execution& execution, Strand& strand, const Event& /*event*/, const RetryScheduled& body) {
  enter(execution, strand, Phase::retrying);
  strand.deadline = body.deadline;
  strand.failure.reset();
  drop_children(execution, strand);
  strand.result = Value();
  if (strand.retrier_uses.size() <= body.retrier) {
    strand.retrier_uses.resize(body.retrier + std::size_t{1});
  }
  ++strand.retrier_uses[body.retrier];
  ++strand.retry_count;
  start_timer(execution, strand.id, body.deadline);
}

void Engine::on(Execution& execution, Strand& strand, const Event& event, const ParallelStarted& body) {
  const auto& branches = std::get<asl::Parallel>(execution.machine->state(strand.state).detail).branches;
  strand.previous = event.id;
  enter(execution, strand, Phase::children);
  strand.children = std::make_unique<Children>();
  strand.children->results.resize(branches.size());
  strand.children->next = static_cast<std::uint32_t>(branches.size());
  strand.children->running = strand.children->next;
  for (std::uint32_t i = 0; i < branches.size(); ++i) {
    const StrandId child{static_cast<std::uint32_t>(body.first_child) + i};
    add_child(execution, strand, child, i, false, branches[i], body.input, event.id);
  }
}

void Engine::on(Execution& execution, Strand& strand, const Event& event, const MapStarted& body) {
  strand.previous = event.id;
  enter(execution, strand, Phase::children);
  strand.children = std::make_unique<Children>();
  strand.children->is_map = true;
  strand.children->items = body.items;
  strand.children->results.resize(body.items.node().size());
  strand.children->max_concurrency = body.max_concurrency;
  strand.children->iteration_previous = event.id;
  make_ready(execution, strand);
}

void Engine::on(Execution& execution, Strand& strand, const Event& event, const MapIterationStarted& body) {
  ++strand.children->running;
  if (Strand* given_up = execution.find(body.child)) {
    std::erase(strand.children->given_up, body.child);
    strand.children->iteration_previous = event.id;
    revive(execution, *given_up, event.id);
    return;
  }
  strand.children->next = body.index + 1;
  const asl::ScopeId processor = std::get<asl::Map>(execution.machine->state(strand.state).detail).processor;
  add_child(execution, strand, body.child, body.index, true, processor, body.input, event.id);
}

void Engine::on(Execution& execution, Strand& strand, const Event& event, const ChildSucceeded& body) {
  Strand& parent = *execution.find(body.parent);
  Children& children = *parent.children;
  children.results[body.index] = std::move(strand.input);
  --children.running;
  ++children.finished;
  children.iteration_previous = event.previous;
  parent.previous = body.iteration ? event.id : strand.previous;
  execution.strands.erase(event.strand);
  if (children.all_finished() || children.may_start()) {
    make_ready(execution, parent);
  }
}

void Engine::on(Execution& execution, Strand& strand, const Event& /*event*/, const ChildFailed& body) {
  Strand& parent = *execution.find(body.parent);
  --parent.children->running;
  parent.previous = strand.previous;
  enter(execution, parent, Phase::failing);
  parent.failure = std::make_unique<Failure>();
  parent.failure->error = body.error;
  parent.failure->cause = body.cause;
  parent.failure->catchable = body.catchable;
  parent.failure->from_child = true;
  parent.failure->also_matches = body.iteration ? "" : "States.BranchFailed";
  give_up(execution, strand);
  parent.children->given_up.push_back(strand.id);
  // Its siblings must not go on before it has given them up.
  make_ready(execution, parent, true);
}

void Engine::on(Execution& /*execution*/, Strand& /*strand*/, const Event& /*event*/, const StateAborted& /*body*/) {
  // A line of history only: the strand went with ChildAborted or ChildFailed.
}

void Engine::on(Execution& execution, Strand& /*strand*/, const Event& /*event*/, const ChildAborted& body) {
  // The first takes all that runs below the parent with it: so nothing runs on without its parent should the next Event
  // be lost, and the rest are lines of history.
  const auto is_below = [&](const Strand* at) {
    while (at != nullptr && at->parent != body.parent) {
      at = execution.find(at->parent);
    }
    return at != nullptr;
  };
  if (execution.find(body.parent)->children->running == 0) {
    return;
  }
  std::vector<StrandId> gone;
  for (const Strand& other : execution.strands) {
    if (!other.given_up && is_below(&other)) {
      gone.push_back(other.id);
    }
  }
  std::sort(gone.begin(), gone.end());
  for (const StrandId id : gone) {
    Strand& child = *execution.find(id);
    give_up(execution, child);
    Children& siblings = *execution.find(child.parent)->children;
    siblings.given_up.push_back(id);
    siblings.running = 0;
  }
  execution.find(body.parent)->children->running = 0;
}

void Engine::on(Execution& execution, Strand& strand, const Event& /*event*/, const ChildrenSucceeded& /*body*/) {
  strand.result = strand.children->is_map ? array_of(strand.children->results) : joined(strand.children->results);
  drop_children(execution, strand);
  enter(execution, strand, Phase::result_ready);
  make_ready(execution, strand);
}

void Engine::on(Execution& execution, Strand& strand, const Event& event, const ChildrenFailed& body) {
  strand.previous = event.id;
  enter(execution, strand, Phase::failing);
  auto failure = std::make_unique<Failure>();
  failure->error = body.error;
  failure->cause = body.cause;
  failure->catchable = body.catchable;
  failure->reported = true;
  if (strand.failure != nullptr) {
    failure->also_matches = strand.failure->also_matches;
    failure->from_child = strand.failure->from_child;
  }
  strand.failure = std::move(failure);
  make_ready(execution, strand);
}

void Engine::add_child(Execution& execution, const Strand& parent, StrandId id, std::uint32_t index, bool iteration,
                       asl::ScopeId scope, const Value& input, std::uint64_t previous) {
  Strand child;
  child.id = id;
  child.parent = parent.id;
  child.index = index;
  child.iteration = iteration;
  child.state = execution.machine->scope(scope).start_at;
  child.input = input;
  child.previous = previous;
  child.variables = parent.variables;
  execution.next_strand = std::max(execution.next_strand, static_cast<std::uint32_t>(id) + 1);
  make_ready(execution, execution.strands.add(std::move(child)));
}

void Engine::make_ready(const Execution& execution, Strand& strand, bool at_front) {
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
         (strand->phase == Phase::waiting || strand->phase == Phase::retrying || strand->phase == Phase::callback) &&
         strand->deadline == timer.deadline;
}

}  // namespace lockstep::engine
