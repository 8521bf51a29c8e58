// evolve: what happens to a strand in its state.
#include <algorithm>

#include "engine/engine.hpp"

namespace lockstep::engine {

void Engine::on(Execution& execution, Strand& strand, const Event& event, const StateEntered& body) {
  execution.entered.add(body.state);
  strand.state = body.state;
  if (!strand.input.same(body.input)) {
    strand.input = body.input;
  }
  enter(execution, strand, Phase::entered);
  ++strand.visits;
  strand.dispatches = 0;
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
  end_call(strand);
  strand.token = body.token;
  strand.failure.reset();
  strand.call = std::make_unique<Call>();
  strand.call->parameters = body.parameters;
  strand.call->timeout_seconds = body.timeout_seconds;
  strand.call->heartbeat_seconds = body.heartbeat_seconds;
  index_token(execution, strand);
}

void Engine::on(Execution& /*execution*/, Strand& strand, const Event& /*event*/, const TaskRedispatched& body) {
  strand.dispatches = body.count;
}

void Engine::on(Execution& execution, Strand& strand, const Event& event, const TaskStarted& body) {
  strand.previous = event.id;
  strand.started = true;
  if (strand.call == nullptr) {
    return;
  }
  strand.call->started_at = Timestamp{event.time.us - body.earlier_us};
  if (body.worker) {
    strand.call->note = Value::string(body.request);
    keep_request(execution, body.request);
    begin_to_await(execution, strand, event.time);
  }
}

void Engine::on(Execution& execution, Strand& strand, const Event& event, const TaskSubmitted& /*body*/) {
  strand.previous = event.id;
  strand.submitted = true;
  if (!strand.token->empty()) {
    begin_to_await(execution, strand, event.time);
  } else if (strand.call != nullptr && strand.call->timeout_seconds) {
    // It may last, and no worker watches over it.
    strand.call->timeout_at = Timestamp{strand.call->started_at.us + *strand.call->timeout_seconds * kMicrosPerSecond};
    strand.deadline = *strand.call->timeout_at;
    start_timer(execution, strand.id, strand.deadline);
  }
}

/// The task is with whoever answers its token: its time counts from its start.
void Engine::begin_to_await(Execution& execution, Strand& strand, Timestamp from) {
  enter(execution, strand, Phase::callback);
  if (strand.call->timeout_seconds) {
    strand.call->timeout_at = Timestamp{strand.call->started_at.us + *strand.call->timeout_seconds * kMicrosPerSecond};
  }
  await_answer(execution, strand, from);
}

void Engine::on(Execution& /*execution*/, Strand& strand, const Event& /*event*/, const TaskNoted& body) {
  if (strand.call != nullptr) {
    strand.call->note = body.note;
  }
}

void Engine::on(Execution& execution, Strand& strand, const Event& event, const HeartbeatReceived& body) {
  keep_request(execution, body.request);
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
  end_call(strand);
  keep_request(execution, body.request);
  make_ready(execution, strand);
}

void Engine::on(Execution& execution, Strand& strand, const Event& event, const TaskFailed& body) {
  strand.previous = event.id;
  enter(execution, strand, Phase::failing);
  strand.failure = std::make_unique<Failure>();
  strand.failure->error = body.error;
  strand.failure->cause = body.cause;
  end_call(strand);
  keep_request(execution, body.request);
  make_ready(execution, strand);
}

void Engine::on(Execution& execution, Strand& strand, const Event& event, const TaskTimedOut& body) {
  strand.previous = event.id;
  enter(execution, strand, Phase::failing);
  end_call(strand);
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
  auto& uses = strand.retrier_uses.edit();
  if (uses.size() <= body.retrier) {
    uses.resize(body.retrier + std::size_t{1});
  }
  ++uses[body.retrier];
  start_timer(execution, strand.id, body.deadline);
}

}  // namespace lockstep::engine
