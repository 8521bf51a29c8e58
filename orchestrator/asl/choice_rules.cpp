// The rules of a Choice state (asl.md 3.4, 7).
#include <fmt/format.h>

#include "asl/reader.hpp"

namespace lockstep::asl {

namespace {

bool is_combinator(std::string_view key) {
  return key == "And" || key == "Or" || key == "Not";
}

std::vector<std::string> rule_fields() {
  std::vector<std::string> names = operator_names();
  names.insert(names.end(), {"Variable", "Next", "Assign", "And", "Or", "Not", "Comment"});
  return names;
}

}  // namespace

Choice Reader::read_choice(const Object& object, State& state) {
  Choice choice;
  require(object, {"Choices"});
  if (const auto otherwise = read_string(object, "Default"); otherwise.has_value()) {
    graph_.add_transition(state.scope, state.id, Slot::otherwise, 0, *otherwise, Place(object.place, "Default"));
  }
  const Node* rules = object.find("Choices");
  if (rules == nullptr) {
    return choice;
  }
  const Place rules_place(object.place, "Choices");
  if (!rules->is_array()) {
    wrong_type(rules_place, "ARRAY");
    graph_.set_incomplete(state.scope);
    return choice;
  }
  if (rules->size() == 0) {
    report_.schema(rules_place, "Value cannot be empty");
  }
  for (std::size_t i = 0; i < rules->size(); ++i) {
    const Place place(rules_place, i);
    ChoiceRule& rule = choice.rules.emplace_back();
    if (!rules->at(i).is_object()) {
      wrong_type(place, "OBJECT");
      graph_.set_incomplete(state.scope);
      continue;
    }
    const Object inner = child(object, rules->at(i), place);
    rule.condition = read_condition(inner, false);
    if (const auto next = read_string(inner, "Next"); next.has_value()) {
      graph_.add_transition(state.scope, state.id, Slot::rule, i, *next, Place(place, "Next"));
    } else {
      require(inner, {"Next"});
      graph_.set_incomplete(state.scope);
    }
    rule.assign = read_assign(inner);
    if (inner.jsonata()) {
      rule.output = read_jsonata(inner, "Output");
    }
  }
  return choice;
}

ConditionPtr Reader::read_condition(const Object& rule, bool nested) {
  check_comment(rule);
  if (rule.jsonata()) {
    return read_jsonata_condition(rule);
  }
  ConditionPtr condition;
  std::size_t operators = 0;
  for (std::size_t i = 0; i < rule.node.size(); ++i) {
    const Member& member = rule.node.member(i);
    const std::string_view key = member.key();
    if (is_combinator(key)) {
      ++operators;
      condition = read_combination(rule, key, member.value());
    } else if (const auto op = find_operator(key); op.has_value()) {
      ++operators;
      condition = read_data_test(rule, member, *op);
    } else if (key == "Condition" || key == "Output") {
      other_language(rule, key);
    } else if (key != "Variable" && key != "Comment" && (nested || (key != "Next" && key != "Assign"))) {
      unsupported(rule, key, rule_fields());
    }
  }
  if (operators > 1) {
    report_.schema(rule.place, "Each Choice Rule can only have one comparison operator");
    return nullptr;
  }
  if (operators == 0) {
    report_.schema(rule.place, rule.has("Variable") ? "A comparison operator is required"
                                                    : "One of these fields is required: [Variable, And, Or, Not]");
  }
  return condition;
}

ConditionPtr Reader::read_combination(const Object& rule, std::string_view key, const Node& value) {
  const Place place(rule.place, key);
  if (rule.has("Variable")) {
    unsupported(rule, "Variable");
  }
  if (key == "Not") {
    if (!value.is_object()) {
      wrong_type(place, "OBJECT");
      return nullptr;
    }
    ConditionPtr negated = read_condition(child(rule, value, place), true);
    return negated == nullptr ? nullptr : make_not(std::move(negated));
  }
  if (!value.is_array()) {
    wrong_type(place, "ARRAY");
    return nullptr;
  }
  if (value.size() == 0) {
    report_.schema(place, "Value cannot be empty");
    return nullptr;
  }
  std::vector<ConditionPtr> conditions;
  for (std::size_t i = 0; i < value.size(); ++i) {
    const Place element(place, i);
    if (!value.at(i).is_object()) {
      wrong_type(element, "OBJECT");
      continue;
    }
    if (ConditionPtr condition = read_condition(child(rule, value.at(i), element), true); condition != nullptr) {
      conditions.push_back(std::move(condition));
    }
  }
  if (conditions.size() != value.size()) {
    return nullptr;
  }
  return key == "And" ? make_and(std::move(conditions)) : make_or(std::move(conditions));
}

ConditionPtr Reader::read_data_test(const Object& rule, const Member& member, const Operator& op) {
  std::optional<Operand> operand = read_operand(rule, member, op);
  if (!rule.has("Variable")) {
    require(rule, {"Variable"});
    return nullptr;
  }
  const std::optional<std::string_view> text = read_string(rule, "Variable");
  if (!text.has_value()) {
    return nullptr;
  }
  const Place place(rule.place, "Variable");
  if (!text->starts_with('$')) {
    report_.schema(place, "Value is not a Reference Path: Reference path didn't start with '$'");
    return nullptr;
  }
  query::Compiled<jsonpath::Path> variable = jsonpath::Path::compile(*text);
  if (!variable.has_value()) {
    report_.schema(place, fmt::format("Value is not a Reference Path: {}", variable.error().message));
    return nullptr;
  }
  return operand.has_value() ? make_comparison(op, std::move(*variable), std::move(*operand)) : nullptr;
}

std::optional<Operand> Reader::read_operand(const Object& rule, const Member& member, const Operator& op) {
  const Node& node = member.value();
  const Place place(rule.place, member.key());
  if (op.form == Operator::Form::is ||
      (!op.path && op.form == Operator::Form::compare && op.type == OperandType::boolean)) {
    if (node.is_boolean()) {
      return node.as_boolean();
    }
    wrong_type(place, "BOOLEAN");
    return std::nullopt;
  }
  if (!op.path && op.form == Operator::Form::compare && op.type == OperandType::number) {
    if (node.is_number()) {
      return node.as_double();
    }
    if (warn_placeholder(node, place)) {
      return 0.0;
    }
    wrong_type(place, "NUMBER");
    return std::nullopt;
  }
  if (!node.is_string()) {
    wrong_type(place, "STRING");
    return std::nullopt;
  }
  const std::string_view text = node.as_string();
  if (op.path) {
    query::Compiled<jsonpath::Path> path = jsonpath::Path::compile(text);
    if (text.starts_with('$') && path.has_value()) {
      return std::move(*path);
    }
    report_.schema(place, "Value must be a valid JSONPath.");
    return std::nullopt;
  }
  if (op.form == Operator::Form::matches) {
    return StringPattern(text);
  }
  if (op.type == OperandType::timestamp) {
    if (const std::optional<Timestamp> instant = parse_timestamp(text); instant.has_value()) {
      return *instant;
    }
    if (warn_placeholder(node, place)) {
      return Timestamp{};
    }
    report_.schema(place, "String does not match RFC3339 timestamp");
    return std::nullopt;
  }
  if (looks_like_path(text)) {
    report_.warning("NO_PATH", place,
                    fmt::format("The value of the field '{}' looks like a path, but the field's name does not end in "
                                "'Path'",
                                member.key()));
  }
  return std::string(text);
}

ConditionPtr Reader::read_jsonata_condition(const Object& rule) {
  for (std::size_t i = 0; i < rule.node.size(); ++i) {
    const std::string_view key = rule.node.member(i).key();
    if (key == "Variable" || is_combinator(key) || find_operator(key).has_value()) {
      other_language(rule, key);
    } else if (key != "Condition" && key != "Next" && key != "Assign" && key != "Output" && key != "Comment") {
      unsupported(rule, key, {"Condition", "Next", "Assign", "Output", "Comment"});
    }
  }
  require(rule, {"Condition"});
  const Node* node = rule.find("Condition");
  if (node == nullptr) {
    return nullptr;
  }
  const Place place(rule.place, "Condition");
  const bool expression = node->is_string() && jsonata::is_expression_string(node->as_string());
  if (!expression && !node->is_boolean()) {
    wrong_type(place, "BOOLEAN");
    return nullptr;
  }
  ExpressionPtr compiled = read_jsonata(rule, "Condition");
  if (compiled == nullptr) {
    return nullptr;
  }
  return make_expression_condition(std::move(compiled), expression ? std::string(node->as_string()) : std::string(),
                                   place.relative_to(rule.state));
}

}  // namespace lockstep::asl
