// evolve: what happens to Map Runs.
#include <algorithm>

#include "engine/engine.hpp"

namespace lockstep::engine {

void Engine::on(Execution& execution, Strand& strand, const Event& event, const MapRunStarted& body) {
  strand.previous = event.id;
  strand.children->run->arn = body.arn;
  strand.children->run->parameters = body.parameters;
  send_out(execution, strand, body.count);
}

void Engine::on(Execution& execution, Strand& strand, const Event& event, const MapRunRedriven& body) {
  strand.previous = event.id;
  MapRun& run = *strand.children->run;
  run.redrives = body.redrives;
  run.abort_said = false;
  for (ChildFate& fate : run.children) {
    fate = is_settled(fate) && fate != ChildFate::succeeded ? ChildFate::again : fate;
  }
  const std::uint64_t succeeded = run.items_of(ChildFate::succeeded);
  run.items = {};
  run.items[static_cast<std::size_t>(ChildFate::succeeded)] = succeeded;
  send_out(execution, strand, body.count);
}

void Engine::send_out(Execution& execution, Strand& strand, std::uint32_t count) {
  enter(execution, strand, Phase::task);
  strand.dispatches = count;
  strand.failure.reset();
  strand.call = std::make_unique<Call>();
  strand.call->parameters = strand.children->run->parameters;
}

void Engine::on(Execution& /*execution*/, Strand& strand, const Event& /*event*/, const MapRunProgress& body) {
  MapRun& run = *strand.children->run;
  for (const MapRunChild& child : body.children) {
    if (run.children.size() <= child.number) {
      run.children.resize(child.number + 1);
      strand.children->results.resize(child.number + 1);
    }
    run.children[child.number] = fate_of(child.status);
    run.items[static_cast<std::size_t>(child.status)] += child.items;
    strand.children->results[child.number] = child.result;
  }
  if (body.note) {
    run.note = body.note;
  }
}

/// The state's end follows the Map Run's start, as AWS has it (aws-behaviour.md 26): Strand::previous stays.
void Engine::on(Execution& execution, Strand& strand, const Event& event, const MapRunSucceeded& body) {
  strand.children->run->succeeded_id = event.id;
  strand.result = body.result;
  end_call(strand);
  enter(execution, strand, Phase::children);
  make_ready(execution, strand);
}

void Engine::on(Execution& execution, Strand& strand, const Event& event, const MapRunFailed& body) {
  strand.previous = event.id;
  end_call(strand);
  enter(execution, strand, Phase::failing);
  strand.failure = std::make_unique<Failure>();
  strand.failure->error = body.error;
  strand.failure->cause = body.cause;
  strand.failure->from_child = true;
  make_ready(execution, strand);
}

void Engine::on(Execution& /*execution*/, Strand& strand, const Event& /*event*/, const MapRunAborted& /*body*/) {
  strand.children->run->abort_said = true;
}

void Engine::on(Execution& /*execution*/, Strand& strand, const Event& /*event*/, const MapRunChanged& body) {
  strand.children->run->parameters = body.parameters;
  strand.call->parameters = body.parameters;
}

}  // namespace lockstep::engine
