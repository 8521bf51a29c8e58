// evolve: what happens to the children of Parallel and Map states.
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

/// Whether history has yet to say that the strand left its state. Of a Task, a Wait, a Map or a Parallel it says so
/// also where the state is given up.
bool Engine::is_open(const Execution& execution, const Strand& strand) {
  if (strand.phase == Phase::entering || strand.phase == Phase::done) {
    return false;
  }
  switch (execution.machine->state(strand.state).type) {
    case asl::StateType::task:
    case asl::StateType::wait:
      return true;
    case asl::StateType::map:
    case asl::StateType::parallel:
      return strand.failure == nullptr || !strand.failure->reported;
    default:
      return false;
  }
}

void Engine::say_later(Execution& execution, bool& line) {
  execution.lines_due += line ? 0 : 1;
  line = true;
}

void Engine::said(Execution& execution, bool& line) {
  execution.lines_due -= line ? 1 : 0;
  line = false;
}

/// Keeps the strand as it would have to go on: what it had come to stays, what had not succeeded begins again.
void Engine::give_up(Execution& execution, Strand& strand) {
  switch (strand.phase) {
    case Phase::entering:
    case Phase::done:
    case Phase::result_ready:
    case Phase::children:
      break;
    case Phase::failing:
      enter(execution, strand, strand.children != nullptr ? Phase::children : Phase::entered);
      break;
    case Phase::task:
      enter(execution, strand, strand.children != nullptr ? Phase::children : Phase::entered);  // a Map Run goes on
      break;
    case Phase::entered:
    case Phase::waiting:
    case Phase::retrying:
    case Phase::callback:
      enter(execution, strand, Phase::entered);
      break;
  }
  strand.given_up = true;
  strand.queued = false;
  strand.failure.reset();
  end_call(strand);
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
      said(execution, child->child_line);
      said(execution, child->state_line);
      execution.strands.erase(id);
    }
  }
  strand.children.reset();
}

/// A strand that was given up goes on. Iterations below it wait for their turn; branches go on, too.
void Engine::revive(Execution& execution, Strand& strand, std::uint64_t previous) {
  strand.given_up = false;
  said(execution, strand.child_line);
  said(execution, strand.state_line);
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
  if (std::get<asl::Map>(execution.machine->state(strand.state).detail).distributed) {
    strand.children->run = std::make_unique<MapRun>();
  } else {
    strand.children->results.resize(body.items.node().size());
  }
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

void Engine::on(Execution& execution, Strand& strand, const Event& /*event*/, const WorkFailed& body) {
  enter(execution, strand, Phase::failing);
  strand.failure = std::make_unique<Failure>();
  strand.failure->error = body.error;
  strand.failure->cause = body.cause;
  strand.failure->catchable = body.catchable;
  make_ready(execution, strand, true);  // iterations must not go on before it has given them up
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
  if (is_open(execution, strand)) {
    say_later(execution, strand.state_line);
  }
  give_up(execution, strand);
  parent.children->given_up.push_back(strand.id);
  // Its siblings must not go on before it has given them up.
  make_ready(execution, parent, true);
}

void Engine::on(Execution& execution, Strand& strand, const Event& /*event*/, const StateAborted& /*body*/) {
  said(execution, strand.state_line);
}

void Engine::on(Execution& execution, Strand& strand, const Event& /*event*/, const ChildAborted& body) {
  // The first takes all that runs below the parent with it: so nothing runs on without its parent should the next Event
  // be lost, and the rest are lines of history, which are still to be said then.
  const auto is_below = [&](const Strand* at) {
    while (at != nullptr && at->parent != body.parent) {
      at = execution.find(at->parent);
    }
    return at != nullptr;
  };
  if (execution.find(body.parent)->children->running == 0) {
    said(execution, strand.child_line);
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
    if (is_open(execution, child)) {
      say_later(execution, child.state_line);
    }
    say_later(execution, child.child_line);
    give_up(execution, child);
    Children& siblings = *execution.find(child.parent)->children;
    siblings.given_up.push_back(id);
    siblings.running = 0;
  }
  execution.find(body.parent)->children->running = 0;
  said(execution, strand.child_line);
}

void Engine::on(Execution& execution, Strand& strand, const Event& /*event*/, const ChildrenSucceeded& /*body*/) {
  if (strand.children->run == nullptr) {
    strand.result = strand.children->is_map ? array_of(strand.children->results) : joined(strand.children->results);
  }
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

}  // namespace lockstep::engine
