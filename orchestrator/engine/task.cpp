#include <charconv>

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

/// Says where the task is, so that no one keeps a list of tokens; the rest cannot be guessed.
std::string make_token(const Execution& execution, const Strand& strand, std::uint64_t a, std::uint64_t b) {
  return fmt::format("{:x}-{:x}-{:016x}{:016x}", static_cast<std::uint64_t>(execution.id),
                     static_cast<std::uint32_t>(strand.id), a, b);
}

struct TokenPlace {
  ExecutionId execution{};
  StrandId strand{};
};

std::optional<TokenPlace> place_of(std::string_view token) {
  std::uint64_t execution = 0;
  std::uint32_t strand = 0;
  const char* const end = token.data() + token.size();
  const auto first = std::from_chars(token.data(), end, execution, 16);
  if (first.ec != std::errc() || first.ptr == end || *first.ptr != '-') {
    return std::nullopt;
  }
  const auto second = std::from_chars(first.ptr + 1, end, strand, 16);
  if (second.ec != std::errc() || end - second.ptr != 33 || *second.ptr != '-') {
    return std::nullopt;
  }
  return TokenPlace{ExecutionId{execution}, StrandId{strand}};
}

}  // namespace

void Decider::take_answer(const AnswerTask& answered) {
  const auto place = place_of(answered.token);
  if (!place) {
    answer(nullptr, answered.request, Verdict::invalid_token);
    return;
  }
  const auto found = engine_.executions_.find(place->execution);
  if (found != engine_.executions_.end() && answered_before(*found->second, answered.request)) {
    return;
  }
  Strand* strand = found == engine_.executions_.end() ? nullptr : found->second->find(place->strand);
  if (strand == nullptr || strand->call == nullptr || strand->token != answered.token) {
    answer(nullptr, answered.request, Verdict::task_timed_out);
    return;
  }
  Execution& execution = *found->second;
  if (answered.kind != AnswerTask::Kind::heartbeat) {
    say_started(execution, *strand, now_);
  }
  switch (answered.kind) {
    case AnswerTask::Kind::success:
      emit(execution, *strand, TaskSucceeded{answered.output});
      break;
    case AnswerTask::Kind::failure:
      emit(execution, *strand, TaskFailed{answered.error.value_or(""), answered.cause});
      break;
    case AnswerTask::Kind::heartbeat:
      emit(execution, *strand, HeartbeatReceived{});
      break;
  }
  answer(&execution, answered.request, Verdict::accepted);
}

void Decider::task(Execution& execution, Strand& strand, const asl::State& state, const asl::Task& detail) {
  const auto effective = effective_input(execution, strand, state);
  if (!effective) {
    return;
  }
  std::string token;
  if (waits_for_token(detail.resource)) {
    token = make_token(execution, strand, random(), random());
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
  dispatch(execution, strand);
}

void Decider::dispatch(const Execution& execution, const Strand& strand) {
  DispatchTask dispatch;
  dispatch.id = {static_cast<std::uint64_t>(execution.id), strand.visit(), strand.dispatches};
  dispatch.machine = execution.machine;
  dispatch.state = strand.state;
  dispatch.execution = execution.identity;
  dispatch.parameters = strand.call->parameters;
  dispatch.timeout_seconds = strand.call->timeout_seconds;
  dispatch.token = strand.token;
  if (strand.token.empty()) {  // else heartbeats come by the token, and the engine watches them
    dispatch.heartbeat_seconds = strand.call->heartbeat_seconds;
  }
  dispatch.attempt = strand.retry_count;
  for (const Strand* at = &strand; at != nullptr; at = execution.find(at->parent)) {
    if (at->iteration) {
      dispatch.item_index = at->index;
      break;
    }
  }
  step_.effects.emplace_back(std::move(dispatch));
}

/// The strand whose current dispatch this is; null where it is over.
Strand* Decider::find_dispatch(const DispatchId& id, Execution*& execution) {
  const auto found = engine_.executions_.find(ExecutionId{id.execution});
  Strand* strand = found == engine_.executions_.end()
                       ? nullptr
                       : found->second->find(StrandId{static_cast<std::uint32_t>(id.visit >> 32)});
  if (strand == nullptr || strand->phase != Phase::task || strand->visit() != id.visit ||
      strand->dispatches != id.count) {
    return nullptr;
  }
  execution = found->second.get();
  return strand;
}

void Decider::redispatch(const RedispatchTask& again) {
  Execution* execution = nullptr;
  if (Strand* strand = find_dispatch(again.id, execution)) {
    emit(*execution, *strand, TaskRedispatched{strand->dispatches + 1});
    dispatch(*execution, *strand);
  }
}

void Decider::say_started(Execution& execution, Strand& strand, Timestamp at) {
  if (!strand.started) {
    const Timestamp now = now_;
    // Clocks of hosts differ: a task began between its state and now.
    const Timestamp began = std::clamp(at, std::min(strand.entered_at, now), now);
    now_ = std::max(began, execution.last_time);
    emit(execution, strand, TaskStarted{now_.us - began.us});
    now_ = now;
  }
}

void Decider::take_outcome(const TaskOutcome& outcome) {
  Execution* found = nullptr;
  Strand* strand = find_dispatch(outcome.id, found);
  if (strand == nullptr) {
    ++engine_.dropped_outcomes_;
    return;
  }
  Execution& execution = *found;
  const std::string& resource = std::get<asl::Task>(execution.machine->state(strand->state).detail).resource;
  say_started(execution, *strand, outcome.started);
  const auto fail = [&](std::string error, std::optional<std::string> cause) {
    emit(execution, *strand, TaskFailed{std::move(error), std::move(cause), outcome.usage});
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
      if (strand->phase == Phase::task) {  // else the answer to its token is waited for
        emit(execution, *strand, TaskSucceeded{outcome.result, outcome.usage});
      }
      break;
    case TaskOutcome::Kind::failed:
      fail(outcome.error, outcome.cause);
      break;
    case TaskOutcome::Kind::timed_out:
    case TaskOutcome::Kind::heartbeat_missed:
      emit(execution, *strand, TaskTimedOut{outcome.kind == TaskOutcome::Kind::heartbeat_missed, outcome.usage});
      break;
  }
}

}  // namespace lockstep::engine
