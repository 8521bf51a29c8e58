// The data flow of a state: asl.md section 4 for JSONPath states, section 5 for JSONata states.
#include <algorithm>

#include "engine/decider.hpp"
#include "engine/environment.hpp"
#include "value/number.hpp"

namespace lockstep::engine {

std::string too_large(std::string_view what) {
  return fmt::format(
      "The state/task '{}' returned a result with a size exceeding the maximum number of bytes service limit.", what);
}

std::optional<std::int64_t> as_whole_number(const Node& node, bool by_path) {
  if (!by_path || !node.is_string()) {
    return node.is_number() ? node.as_integer() : std::nullopt;
  }
  std::string_view text = node.as_string();
  if (text.size() > 1 && text[0] == '+' && text[1] != '-') {
    text.remove_prefix(1);
  }
  return parse_whole<std::int64_t>(text);
}

std::optional<Value> Decider::effective_input(const Execution& execution, const Strand& strand,
                                              const asl::State& state) {
  if (state.input_discarded) {
    return Value::empty_object();
  }
  if (state.input_path == nullptr) {
    return strand.input;
  }
  StrandEnvironment environment = environment_for(execution, strand);
  environment.input = strand.input;
  auto value = state.input_path->evaluate(environment);
  if (!value) {
    evaluation_failed(execution, strand, value.error());
    return std::nullopt;
  }
  return *std::move(value);
}

std::optional<Value> Decider::arguments(const Execution& execution, const Strand& strand, const asl::State& state,
                                        Value effective) {
  if (state.arguments == nullptr) {
    return effective;
  }
  StrandEnvironment environment = environment_for(execution, strand);
  environment.input = std::move(effective);
  auto value = state.arguments->evaluate(environment);
  if (!value) {
    evaluation_failed(execution, strand, value.error());
    return std::nullopt;
  }
  return *std::move(value);
}

void Decider::complete(const Execution& execution, const Strand& strand, const asl::State& state, Value result) {
  const bool jsonata = state.language == asl::QueryLanguage::jsonata;
  std::optional<StrandEnvironment> environment;  // most states evaluate nothing here
  const auto evaluate = [&](const query::ExpressionPtr& expression, const Value& input) -> std::optional<Value> {
    if (!environment) {
      environment.emplace(environment_for(execution, strand));
      environment->result = jsonata && state.type != asl::StateType::pass ? &result : nullptr;
    }
    environment->input = input;
    auto value = expression->evaluate(*environment);
    if (!value) {
      evaluation_failed(execution, strand, value.error());
      return std::nullopt;
    }
    return *std::move(value);
  };

  std::optional<Value> output;
  std::optional<Value> assigned;
  if (jsonata) {
    if (state.output != nullptr && !(output = evaluate(state.output, strand.input))) {
      return;
    }
    if (state.assign != nullptr && !(assigned = evaluate(state.assign, strand.input))) {
      return;
    }
    if (!output) {
      output = std::move(result);
    }
  } else {
    if (state.result_selector != nullptr && !(output = evaluate(state.result_selector, result))) {
      return;
    }
    if (state.assign != nullptr && !(assigned = evaluate(state.assign, result))) {
      return;
    }
    if (!output) {
      output = std::move(result);
    }
    if (state.result_path.mode == asl::ResultPath::Mode::discard) {
      output = strand.input;
    } else if (state.result_path.mode == asl::ResultPath::Mode::place) {
      auto placed = state.result_path.path->place(strand.input, *output);
      if (!placed) {
        evaluation_failed(execution, strand, {"States.ResultPathMatchFailure", placed.error().detail, ""});
        return;
      }
      output = *std::move(placed);
    }
    if (state.output_discarded) {
      output = Value::empty_object();
    } else if (state.output != nullptr && !(output = evaluate(state.output, Value(*output)))) {
      return;
    }
  }
  leave(execution, strand, *std::move(output), state.next, assigned);
}

void Decider::complete_without_result(const Execution& execution, const Strand& strand, const asl::State& state,
                                      Value effective, asl::StateId next, const query::ExpressionPtr& output,
                                      const query::ExpressionPtr& assign) {
  Value left = state.output_discarded ? Value::empty_object() : effective;
  std::optional<Value> assigned;
  if (output != nullptr || assign != nullptr) {
    StrandEnvironment environment = environment_for(execution, strand);
    environment.input = std::move(effective);
    if (output != nullptr) {
      auto value = output->evaluate(environment);
      if (!value) {
        evaluation_failed(execution, strand, value.error());
        return;
      }
      left = *std::move(value);
    }
    if (assign != nullptr) {
      auto value = assign->evaluate(environment);
      if (!value) {
        evaluation_failed(execution, strand, value.error());
        return;
      }
      assigned = *std::move(value);
    }
  }
  leave(execution, strand, std::move(left), next, assigned);
}

void Decider::leave(const Execution& execution, const Strand& strand, Value output, asl::StateId next,
                    const std::optional<Value>& assigned) {
  const asl::State& state = execution.machine->state(strand.state);
  if (!fits(execution, strand, output, state.name)) {
    return;
  }
  std::vector<query::VariableScope::Entry> entries;
  if (assigned) {
    const Node& node = assigned->node();
    std::size_t size = 0;  // of the values: names don't count
    for (std::size_t i = 0; i < node.size(); ++i) {
      size += node.member(i).value().text_size();
    }
    if (size > engine_.limits_.payload_bytes || assigned->depth() > engine_.limits_.payload_depth + 1) {
      refuse_size(execution, strand, state.name);
      return;
    }
    for (std::size_t i = 0; i < node.size(); ++i) {
      const Member& member = node.member(i);
      entries.push_back({std::string(member.key()), assigned->part(member.value())});
    }
    std::sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
    if (query::VariableScope::with(strand.variables, entries)->text_size() > engine_.limits_.stored_variable_bytes) {
      Failure failure;
      failure.error = "States.DataLimitExceeded";
      failure.cause = fmt::format("The state '{}' assigned variables whose size exceeds the maximum of {} bytes.",
                                  state.name, engine_.limits_.stored_variable_bytes);
      failure.catchable = false;
      handle_failure(execution, strand, failure);
      return;
    }
  }
  emit(execution, strand, StateExited{std::move(output), next, std::move(entries)});
}

bool Decider::within_limits(const Value& value) const {
  const Limits& limits = engine_.limits_;
  // Text that nobody parsed yet was checked for its depth when it came in; it is not parsed for this.
  return value.text_size() <= limits.payload_bytes &&
         ((limits.payload_depth >= kMaxDepth && !value.is_parsed()) || value.depth() <= limits.payload_depth);
}

bool Decider::fits(const Execution& execution, const Strand& strand, const Value& value, std::string_view what) {
  if (within_limits(value)) {
    return true;
  }
  refuse_size(execution, strand, what);
  return false;
}

void Decider::refuse_size(const Execution& execution, const Strand& strand, std::string_view what) {
  Failure failure;
  failure.error = "States.DataLimitExceeded";
  failure.cause = too_large(what);
  failure.catchable = false;
  handle_failure(execution, strand, failure);
}

std::optional<std::int64_t> Decider::whole_number(const Execution& execution, const Strand& strand,
                                                  const asl::ComputedNumber& number, const Value& effective,
                                                  std::string_view field, std::int64_t lowest) {
  StrandEnvironment environment = environment_for(execution, strand);
  environment.input = effective;
  auto value = number.expression->evaluate(environment);
  if (!value) {
    evaluation_failed(execution, strand, value.error());
    return std::nullopt;
  }
  const Node& node = value->node();
  const auto whole = as_whole_number(node, !number.path.empty());
  if (!whole && !number.path.empty()) {
    runtime_error(execution, strand,
                  fmt::format("The {}Path field refers to value \"{}\" which is not a valid integer: {}", field,
                              node.is_string() ? std::string(node.as_string()) : value->to_text(), number.path));
    return std::nullopt;
  }
  if (!whole || *whole < lowest) {
    const std::string cause = fmt::format("The value of the field '{}' must be an integer of at least {} but was: {}",
                                          field, lowest, value->to_text());
    if (number.path.empty()) {
      evaluation_failed(execution, strand, {"States.QueryEvaluationError", cause, std::string(field)});
    } else {
      runtime_error(execution, strand, cause);
    }
    return std::nullopt;
  }
  return whole;
}

}  // namespace lockstep::engine
