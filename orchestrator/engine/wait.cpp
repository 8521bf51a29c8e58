#include "engine/decider.hpp"

namespace lockstep::engine {

namespace {
constexpr std::int64_t kLongestSeconds = 2'147'483'647;  // aws-behaviour.md 23: 24,855 days
}

void Decider::wait(const Execution& execution, const Strand& strand, const asl::State& state, const asl::Wait& detail) {
  const auto effective = effective_input(execution, strand, state);
  if (!effective) {
    return;
  }
  StrandEnvironment environment = environment_for(execution, strand);
  environment.input = *effective;
  const bool seconds = detail.form == asl::Wait::Form::seconds;
  auto value = detail.expression->evaluate(environment);
  if (!value) {
    if (!detail.path.empty() && value.error().error == "States.Runtime") {
      runtime_error(execution, strand,
                    fmt::format("The {}Path parameter does not reference an input value: {}",
                                seconds ? "Seconds" : "Timestamp", detail.path));
    } else {
      evaluation_failed(execution, strand, value.error());
    }
    return;
  }
  const Node& node = value->node();
  const std::string shown = node.is_string() ? std::string(node.as_string()) : value->to_text();
  const auto refuse = [&](const std::string& by_path, const std::string& by_expression) {
    if (!detail.path.empty()) {
      runtime_error(execution, strand, by_path);
    } else {
      evaluation_failed(execution, strand,
                        {"States.QueryEvaluationError", by_expression, seconds ? "Seconds" : "Timestamp"});
    }
  };

  Timestamp deadline;
  if (seconds) {
    const auto whole = as_whole_number(node, !detail.path.empty());
    if (!whole) {
      refuse(fmt::format("The SecondsPath parameter cannot be parsed as a long value: {} == {}", detail.path, shown),
             fmt::format("The Seconds field must be a whole number of seconds but was: {}", shown));
      return;
    }
    if (*whole < 0) {
      refuse(fmt::format("The SecondsPath parameter references a negative value: {} == {}", detail.path, shown),
             fmt::format("The Seconds field must not be negative but was: {}", shown));
      return;
    }
    if (*whole > kLongestSeconds) {
      runtime_error(execution, strand, "Wait state delay is too long.");
      return;
    }
    deadline.us = now_.us + *whole * kMicrosPerSecond;
  } else {
    const auto at = node.is_string() ? parse_timestamp(node.as_string()) : std::nullopt;
    if (!at) {
      refuse(
          fmt::format("The TimestampPath parameter does not reference a valid ISO-8601 extended offset date-time "
                      "format string: {} == {}",
                      detail.path, shown),
          fmt::format("The Timestamp field cannot be parsed as an ISO-8601 extended offset date-time format string: {}",
                      shown));
      return;
    }
    deadline = *at;
    if (deadline.us - now_.us > kLongestSeconds * kMicrosPerSecond) {
      runtime_error(execution, strand, "Wait state delay is too long.");
      return;
    }
  }
  emit(execution, strand, WaitStarted{deadline});
}

void Decider::end_wait(const Execution& execution, const Strand& strand) {
  const asl::State& state = execution.machine->state(strand.state);
  if (const auto effective = effective_input(execution, strand, state)) {
    complete_without_result(execution, strand, state, *effective, state.next, state.output, state.assign);
  }
}

}  // namespace lockstep::engine
