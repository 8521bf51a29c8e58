// Pass, Choice, Succeed and Fail: states whose work is only evaluation.
#include "engine/decider.hpp"

namespace lockstep::engine {

void Decider::pass(const Execution& execution, const Strand& strand, const asl::State& state, const asl::Pass& detail) {
  if (state.language == asl::QueryLanguage::jsonata) {
    complete(execution, strand, state, strand.input);
    return;
  }
  auto effective = effective_input(execution, strand, state);
  if (!effective) {
    return;
  }
  if (detail.result != nullptr) {
    if (auto result = detail.result->evaluate(environment_for(execution, strand))) {
      complete(execution, strand, state, *std::move(result));
    } else {
      evaluation_failed(execution, strand, result.error());
    }
    return;
  }
  if (auto result = arguments(execution, strand, state, *std::move(effective))) {
    complete(execution, strand, state, *std::move(result));
  }
}

void Decider::choice(const Execution& execution, const Strand& strand, const asl::State& state,
                     const asl::Choice& detail) {
  auto effective = effective_input(execution, strand, state);
  if (!effective) {
    return;
  }
  StrandEnvironment environment = environment_for(execution, strand);
  environment.input = *std::move(effective);
  for (const asl::ChoiceRule& rule : detail.rules) {
    const auto holds = rule.condition->test(environment);
    if (!holds) {
      evaluation_failed(execution, strand, holds.error());
      return;
    }
    if (*holds) {
      took(strand, RuleTaken::Kind::choice, static_cast<std::size_t>(&rule - detail.rules.data()));
      const bool jsonata = state.language == asl::QueryLanguage::jsonata;
      complete_without_result(execution, strand, state, std::move(environment.input), rule.next,
                              jsonata ? rule.output : state.output, rule.assign);
      return;
    }
  }
  if (detail.otherwise == asl::StateId::none) {
    runtime_error(execution, strand,
                  "Failed to transition out of the state. The state does not point to a next state.");
    return;
  }
  took(strand, RuleTaken::Kind::choice, detail.rules.size());
  complete_without_result(execution, strand, state, std::move(environment.input), detail.otherwise, state.output,
                          state.assign);
}

void Decider::succeed(const Execution& execution, const Strand& strand, const asl::State& state) {
  if (const auto effective = effective_input(execution, strand, state)) {
    complete_without_result(execution, strand, state, *effective, asl::StateId::none, state.output, nullptr);
  }
}

void Decider::fail(const Execution& execution, const Strand& strand, const asl::State& /*state*/,
                   const asl::Fail& detail) {
  StrandEnvironment environment = environment_for(execution, strand);
  environment.input = strand.input;
  Failure failure;
  const auto text_of = [&](const query::ExpressionPtr& expression, std::string_view field,
                           std::optional<std::string>& text) {
    if (expression == nullptr) {
      return true;
    }
    const auto value = expression->evaluate(environment);
    if (!value) {
      evaluation_failed(execution, strand, value.error());
      return false;
    }
    if (!value->node().is_string()) {
      runtime_error(execution, strand,
                    fmt::format("The value of the field '{}' must be a string but was: {}", field, value->to_text()));
      return false;
    }
    text = std::string(value->node().as_string());
    return true;
  };
  if (text_of(detail.error, "Error", failure.error) && text_of(detail.cause, "Cause", failure.cause)) {
    handle_failure(execution, strand, failure);
  }
}

}  // namespace lockstep::engine
