#include "engine/decider.hpp"

namespace lockstep::engine {

namespace {

/// How AWS names a task in a size complaint (aws-behaviour.md 22): the function's ARN, or the service's bare name.
std::string_view resource_name(std::string_view resource) {
  constexpr std::string_view kIntegration = "arn:aws:states:::";
  if (resource.substr(0, kIntegration.size()) == kIntegration) {
    resource.remove_prefix(kIntegration.size());
    return resource.substr(0, resource.find(':'));
  }
  return resource;
}

bool has_suffix(std::string_view text, std::string_view suffix) {
  return text.size() >= suffix.size() && text.substr(text.size() - suffix.size()) == suffix;
}

bool waits_for_token(std::string_view resource) {
  return has_suffix(resource, ".waitForTaskToken");
}

bool is_submitted(std::string_view resource) {
  return has_suffix(resource, ".sync") || has_suffix(resource, ".sync:2") || waits_for_token(resource);
}

}  // namespace

void Decider::task(Execution& execution, Strand& strand, const asl::State& state, const asl::Task& detail) {
  const auto effective = effective_input(execution, strand, state);
  if (!effective) {
    return;
  }
  std::string token;
  if (waits_for_token(detail.resource)) {
    token = fmt::format("{:016x}{:016x}", random(), random());
    strand.token = token;  // the parameters may name it; TaskScheduled carries it
  }
  const auto parameters = arguments(execution, strand, state, *effective);
  if (!parameters) {
    return;
  }
  std::optional<std::int64_t> timeout;
  std::optional<std::int64_t> heartbeat;
  if (detail.timeout_seconds &&
      !(timeout = whole_number(execution, strand, *detail.timeout_seconds, *effective, "TimeoutSeconds", 1))) {
    return;
  }
  if (detail.heartbeat_seconds &&
      !(heartbeat = whole_number(execution, strand, *detail.heartbeat_seconds, *effective, "HeartbeatSeconds", 1))) {
    return;
  }
  std::optional<Value> credentials;
  if (detail.credentials != nullptr) {
    StrandEnvironment environment = environment_for(execution, strand);
    environment.input = *effective;
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
  emit(execution, strand, TaskScheduled{strand.dispatches + 1, *parameters, timeout, heartbeat, token, credentials});

  DispatchTask dispatch;
  dispatch.id = {static_cast<std::uint64_t>(execution.id), strand.visit(), strand.dispatches};
  dispatch.machine = execution.machine;
  dispatch.state = strand.state;
  dispatch.execution = execution.identity;
  dispatch.parameters = *parameters;
  dispatch.timeout_seconds = timeout;
  dispatch.heartbeat_seconds = heartbeat;
  dispatch.token = token;
  dispatch.attempt = strand.retry_count;
  for (const Strand* at = &strand; at != nullptr; at = execution.find(at->parent)) {
    if (at->iteration) {
      dispatch.item_index = at->index;
      break;
    }
  }
  step_.effects.emplace_back(std::move(dispatch));
}

void Decider::take_outcome(const TaskOutcome& outcome) {
  const auto found = engine_.executions_.find(ExecutionId{outcome.id.execution});
  Strand* strand = found == engine_.executions_.end()
                       ? nullptr
                       : found->second->find(StrandId{static_cast<std::uint32_t>(outcome.id.visit >> 32)});
  if (strand == nullptr || strand->phase != Phase::task || strand->visit() != outcome.id.visit ||
      strand->dispatches != outcome.id.count) {
    ++engine_.dropped_outcomes_;
    return;
  }
  Execution& execution = *found->second;
  const std::string& resource = std::get<asl::Task>(execution.machine->state(strand->state).detail).resource;
  if (!strand->started) {
    const Timestamp now = now_;
    now_ = std::min(now, outcome.started);  // emit() keeps it from going back behind the execution's latest event
    emit(execution, *strand, TaskStarted{});
    now_ = now;
  }
  const auto fail = [&](std::string error, std::optional<std::string> cause) {
    emit(execution, *strand, TaskFailed{std::move(error), std::move(cause)});
  };
  switch (outcome.kind) {
    case TaskOutcome::Kind::succeeded:
      if (!within_limits(outcome.result)) {
        fail("States.DataLimitExceeded", fmt::format("The state/task '{}' returned a result with a size exceeding the "
                                                     "maximum number of bytes service limit.",
                                                     resource_name(resource)));
        break;
      }
      if (is_submitted(resource)) {
        emit(execution, *strand, TaskSubmitted{outcome.result});
      }
      emit(execution, *strand, TaskSucceeded{outcome.result});
      break;
    case TaskOutcome::Kind::failed:
      fail(outcome.error, outcome.cause);
      break;
    case TaskOutcome::Kind::timed_out:
    case TaskOutcome::Kind::heartbeat_missed:
      emit(execution, *strand, TaskTimedOut{outcome.kind == TaskOutcome::Kind::heartbeat_missed});
      break;
  }
}

}  // namespace lockstep::engine
