#include "engine/decider.hpp"
#include "engine/snapshot.hpp"

namespace lockstep::engine {

namespace {

/// How AWS names a task in a size complaint (aws-behaviour.md 22): the function's ARN, or the service's bare name.
std::string_view resource_name(const asl::Resource& resource) {
  switch (resource.kind) {
    case asl::ResourceKind::integration:
      return resource.service;
    case asl::ResourceKind::sdk:
      return "aws-sdk";
    default:
      return resource.text;
  }
}

/// Events of a task's way to its answer that history has not shown yet.
std::uint64_t events_before_answer(const Strand& strand, const asl::Resource& resource) {
  return (strand.started ? 0 : 1) + (resource.is_submitted() && !strand.submitted ? 1 : 0);
}

}  // namespace

void Decider::take_answer(const AnswerTask& answered) {
  if (const auto taken = engine_.taken_.find(answered.request); taken != engine_.taken_.end()) {
    answered_before(*engine_.find(taken->second), answered.request);
    return;
  }
  const auto known = engine_.tokens_.find(answered.token);
  if (known == engine_.tokens_.end()) {
    answer(answered.request, {}, is_token(answered.token) ? Verdict::task_timed_out : Verdict::invalid_token);
    return;
  }
  const Execution& execution = *engine_.find(known->second.execution);
  const Strand* strand = execution.find(known->second.strand);
  if (answered.kind != AnswerTask::Kind::heartbeat && is_full(execution, *strand, strand->started ? 1 : 2)) {
    answer(answered.request, execution.id, Verdict::task_timed_out);
    return;
  }
  if (answered.kind != AnswerTask::Kind::heartbeat) {
    say_started(execution, *strand, now_);
  }
  switch (answered.kind) {
    case AnswerTask::Kind::success:
      emit(execution, *strand, TaskSucceeded{answered.output, {}, answered.request});
      break;
    case AnswerTask::Kind::failure:
      emit(execution, *strand, TaskFailed{answered.error.value_or(""), answered.cause, {}, answered.request});
      break;
    case AnswerTask::Kind::heartbeat:
      emit(execution, *strand, HeartbeatReceived{answered.request});
      break;
  }
  answer(answered.request, execution.id, Verdict::accepted);
}

void Decider::task(const Execution& execution, const Strand& strand, const asl::State& state, const asl::Task& detail) {
  const auto effective = effective_input(execution, strand, state);
  if (!effective) {
    return;
  }
  if (detail.resource.has_token() && server_of(execution, detail.resource) != ActivityServer::job) {
    DispatchId id = execution.dispatch_id(strand);
    ++id.count;
    token_ = make_token(token_key_, id);
  }
  schedule(execution, strand, state, detail, *effective);
  token_.clear();
}

void Decider::schedule(const Execution& execution, const Strand& strand, const asl::State& state,
                       const asl::Task& detail, const Value& effective) {
  const auto parameters = arguments(execution, strand, state, effective);
  if (!parameters) {
    return;
  }
  std::optional<std::int64_t> timeout;
  std::optional<std::int64_t> heartbeat;
  if (detail.timeout_seconds &&
      !(timeout = whole_number(execution, strand, *detail.timeout_seconds, effective, "TimeoutSeconds", 1))) {
    return;
  }
  if (detail.heartbeat_seconds &&
      !(heartbeat = whole_number(execution, strand, *detail.heartbeat_seconds, effective, "HeartbeatSeconds", 1))) {
    return;
  }
  std::optional<Value> credentials;
  if (detail.credentials != nullptr) {
    StrandEnvironment environment = environment_for(execution, strand);
    environment.input = effective;
    auto value = detail.credentials->evaluate(environment);
    if (!value) {
      evaluation_failed(execution, strand, value.error());
      return;
    }
    credentials = *std::move(value);
  }
  if (parameters->text_size() > engine_.limits_.payload_bytes) {
    Failure failure;
    failure.error = "States.DataLimitExceeded";
    failure.cause = fmt::format(
        "The state/task '{}' provided parameters with a size exceeding the maximum number of bytes service limit.",
        resource_name(detail.resource));
    handle_failure(execution, strand, failure);
    return;
  }
  if (server_of(execution, detail.resource) == ActivityServer::nobody) {
    runtime_error(execution, strand, "The activity ARN does not exist.");
    return;
  }
  emit(execution, strand, TaskScheduled{strand.dispatches + 1, *parameters, timeout, heartbeat, token_, credentials});
  dispatch(execution, strand);
}

/// Of what is no activity, whoever else has its tasks.
ActivityServer Decider::server_of(const Execution& execution, const asl::Resource& resource) const {
  const bool is_activity = resource.kind == asl::ResourceKind::activity;
  return is_activity && activities_ != nullptr ? (*activities_)(execution, resource) : ActivityServer::workers;
}

DispatchTask dispatch_of(const Execution& execution, const Strand& strand) {
  DispatchTask dispatch;
  dispatch.id = execution.dispatch_id(strand);
  dispatch.machine = execution.machine;
  dispatch.state = strand.state;
  dispatch.execution = execution.identity;
  dispatch.parameters = strand.call->parameters;
  dispatch.attempt = strand.retry_count();
  dispatch.journalled = execution.origin.type == ExecutionType::standard;
  dispatch.note = strand.call->note;
  if (const auto item = execution.item_index(strand)) {
    dispatch.item_index = static_cast<std::int64_t>(*item);
  }
  if (is_map_run(dispatch)) {
    dispatch.note = strand.children->run->note;
    return dispatch;
  }
  dispatch.timeout_seconds = strand.call->timeout_seconds;
  dispatch.token = *strand.token;
  if (!resource_of(dispatch).waits_for_token()) {  // else the engine watches heartbeats, which come by the token
    dispatch.heartbeat_seconds = strand.call->heartbeat_seconds;
  }
  return dispatch;
}

void Decider::dispatch(const Execution& execution, const Strand& strand) {
  want(execution, dispatch_of(execution, strand));
}

/// The strand whose current dispatch this is, its answer still waited for; null where it is over.
const Strand* Decider::find_dispatch(const DispatchId& id, const Execution*& execution) {
  execution = engine_.find(id.execution);
  const Strand* strand = execution == nullptr ? nullptr : execution->find(id.strand);
  if (strand == nullptr || strand->call == nullptr || execution->dispatch_id(*strand) != id) {
    return nullptr;
  }
  return strand;
}

void Decider::redispatch(const RedispatchTask& again) {
  const Execution* execution = nullptr;
  if (const Strand* strand = find_dispatch(again.id, execution); strand != nullptr && strand->phase == Phase::task) {
    emit(*execution, *strand, TaskRedispatched{strand->dispatches + 1});
    dispatch(*execution, *strand);
  }
}

void Decider::say_started(const Execution& execution, const Strand& strand, Timestamp at) {
  if (!strand.started) {
    const Timestamp now = now_;
    // Clocks of hosts differ: a task began between its state and now.
    const Timestamp began = std::clamp(at, std::min(strand.entered_at, now), now);
    now_ = std::max(began, execution.last_time);
    emit(execution, strand, TaskStarted{now_.us - began.us});
    now_ = now;
  }
}

void Decider::say_submitted(const Execution& execution, const Strand& strand, const Value& output) {
  const asl::Resource& resource = std::get<asl::Task>(execution.machine->state(strand.state).detail).resource;
  if (resource.is_submitted() && !strand.submitted) {
    emit(execution, strand, TaskSubmitted{output});
  }
}

void Decider::take_progress(const TaskProgress& progress) {
  const Execution* found = nullptr;
  const Strand* strand = find_dispatch(progress.id, found);
  if (strand == nullptr || strand->children != nullptr) {
    ++engine_.dropped_outcomes_;
    return;
  }
  const Execution& execution = *found;
  const bool shows = progress.kind != TaskProgress::Kind::noted && progress.kind != TaskProgress::Kind::alive;
  if (shows && is_full(execution, *strand, 2)) {
    return;
  }
  switch (progress.kind) {
    case TaskProgress::Kind::started:
      say_started(execution, *strand, progress.started);
      break;
    case TaskProgress::Kind::submitted:
      say_started(execution, *strand, progress.started);
      say_submitted(execution, *strand, progress.value);
      break;
    case TaskProgress::Kind::noted:
      emit(execution, *strand, TaskNoted{progress.value});
      break;
    case TaskProgress::Kind::alive:
      if (strand->call->heartbeat_at) {
        emit(execution, *strand, HeartbeatReceived{""});
      }
      break;
    case TaskProgress::Kind::taken:
      if (strand->phase == Phase::task && !strand->token->empty()) {
        emit(execution, *strand, TaskStarted{0, progress.worker, progress.request});
        answer(progress.request, execution.id, Verdict::accepted);
      }
      break;
  }
}

void Decider::take_outcome(const work::Outcome& outcome) {
  const Execution* found = nullptr;
  const Strand* strand = find_dispatch(outcome.id, found);
  if (strand == nullptr || strand->phase != Phase::task || !work::is_outcome(outcome.kind)) {
    ++engine_.dropped_outcomes_;
    return;
  }
  const Execution& execution = *found;
  if (strand->children != nullptr) {
    end_map_run(execution, *strand, outcome);
    return;
  }
  const asl::Resource& resource = std::get<asl::Task>(execution.machine->state(strand->state).detail).resource;
  if (is_full(execution, *strand, 1 + events_before_answer(*strand, resource))) {
    return;
  }
  say_started(execution, *strand, outcome.started);
  const auto fail = [&](std::string error, std::optional<std::string> cause) {
    emit(execution, *strand, TaskFailed{std::move(error), std::move(cause), outcome.usage, ""});
  };
  switch (outcome.kind) {
    case work::OutcomeKind::succeeded:
      if (!within_limits(outcome.result)) {
        fail("States.DataLimitExceeded", too_large(resource_name(resource)));
        break;
      }
      say_submitted(execution, *strand, outcome.result);
      if (strand->phase == Phase::task) {  // else the answer to its token is waited for
        emit(execution, *strand, TaskSucceeded{outcome.result, outcome.usage, ""});
      }
      break;
    case work::OutcomeKind::failed:
      // A worker gives up an answer that is too long before it reads it as JSON; where the limit is AWS's, so is the
      // cause. What a job says of itself is an object.
      if (outcome.error == "States.DataLimitExceeded" && !outcome.cause.starts_with('{') &&
          engine_.limits_.payload_bytes <= Limits::aws().payload_bytes) {
        fail(outcome.error, too_large(resource_name(resource)));
      } else {
        fail(outcome.error, outcome.cause);
      }
      break;
    default:
      emit(execution, *strand, TaskTimedOut{outcome.kind == work::OutcomeKind::heartbeat_missed, outcome.usage});
  }
}

}  // namespace lockstep::engine
