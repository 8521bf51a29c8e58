#include "asl/reader.hpp"

#include <fmt/format.h>

#include "asl/fields.hpp"
#include "value/utf8.hpp"

namespace lockstep::asl {

namespace {

constexpr std::size_t kMaxStateName = 80;
/// States within states. AWS has such a limit too, but does not publish it.
constexpr std::size_t kMaxStateDepth = 100;

bool has_control_character(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const bool latin1_control = byte == 0xC2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xA0;
    if (byte < 0x20 || byte == 0x7F || latin1_control) {
      return true;
    }
  }
  return false;
}

}  // namespace

void Reader::read_machine() {
  const Place root;
  const Node& node = document_.node();
  machine_.language = read_language(node, root, QueryLanguage::jsonpath);
  const Object object{node, root, root, machine_.language};
  const Node* version = object.find("Version");
  // YAML reads an unquoted 1.0 as a number.
  const bool number_one = version != nullptr && version->is_number() && version->as_double() == 1.0;
  if (!number_one) {
    read_choice_of(object, "Version", {"1.0"});
  }
  machine_.timeout_seconds = read_integer(object, "TimeoutSeconds", {1, kMaxSeconds});
  Enclosing enclosing;
  enclosing.express = type_ == ExecutionType::express;
  read_scope(node, root, enclosing);
  graph_.resolve();
}

QueryLanguage Reader::read_language(const Node& node, const Place& place, QueryLanguage inherited) {
  const Node* language = node.find("QueryLanguage");
  if (language == nullptr) {
    return inherited;
  }
  const Place field(place, "QueryLanguage");
  if (!language->is_string()) {
    wrong_type(field, "STRING");
    return QueryLanguage::jsonata;
  }
  if (language->as_string() == "JSONPath") {
    return QueryLanguage::jsonpath;
  }
  if (language->as_string() != "JSONata") {
    report_.schema(field, "Value should be one of the following: [JSONPath, JSONata]");
  }
  return QueryLanguage::jsonata;
}

ScopeId Reader::read_scope(const Node& node, const Place& place, const Enclosing& enclosing) {
  const auto id = static_cast<ScopeId>(machine_.scopes.size());
  machine_.scopes.push_back({id, enclosing.owner, StateId::none, {}});
  graph_.add_scope(id, place, enclosing.fresh_scope);
  if (enclosing.depth > kMaxStateDepth) {
    report_.error("TOO_DEEPLY_NESTED", place,
                  fmt::format("The states are nested more than {} levels deep", kMaxStateDepth));
    return id;
  }
  if (!node.is_object()) {
    wrong_type(place, "OBJECT");
    return id;
  }
  check_scope_fields(node, place, enclosing);
  const Object object{node, place, place, machine_.language};
  require(object, {"States", "StartAt"});
  check_comment(object);
  if (const auto start = read_string(object, "StartAt"); start.has_value()) {
    graph_.set_start(id, std::string(*start));
    if (start->empty()) {
      report_.schema(Place(place, "StartAt"), "Value cannot be empty");
    }
  }
  const Node* states = object.find("States");
  if (states == nullptr) {
    graph_.set_incomplete(id);
    return id;
  }
  const Place states_place(place, "States");
  if (!states->is_object()) {
    wrong_type(states_place, "OBJECT");
    graph_.set_incomplete(id);
    return id;
  }
  if (states->size() == 0) {
    report_.schema(states_place, "Value cannot be empty");
    graph_.set_incomplete(id);
  }
  const ScopeId outer = std::exchange(scope_, id);
  for (std::size_t i = 0; i < states->size(); ++i) {
    const Member& member = states->member(i);
    const StateId state = read_state(member, Place(states_place, member.key()), id, enclosing);
    machine_.scopes[static_cast<std::size_t>(id)].states.push_back(state);
  }
  scope_ = outer;
  return id;
}

void Reader::check_scope_fields(const Node& node, const Place& place, const Enclosing& enclosing) {
  const Object object{node, place, place, machine_.language};
  if (enclosing.owner == StateId::none) {
    check_keys(object, {"Comment", "StartAt", "States", "Version", "TimeoutSeconds", "QueryLanguage"});
    return;
  }
  check_keys(object, {"Comment", "StartAt", "States", "Version", "TimeoutSeconds", "ProcessorConfig"});
  if (object.has("ProcessorConfig") && !enclosing.is_processor) {
    unsupported(object, "ProcessorConfig");
  }
  for (const std::string_view key : {"Version", "TimeoutSeconds"}) {
    if (object.has(key)) {
      report_.warning(kSchema, Place(place, key), fmt::format("Field '{}' has no effect within a state", key));
    }
  }
}

StateId Reader::read_state(const Member& member, const Place& place, ScopeId scope, const Enclosing& enclosing) {
  State state;
  state.id = static_cast<StateId>(machine_.states.size());
  state.scope = scope;
  state.name = std::string(member.key());
  machine_.states.emplace_back();  // keeps the place: inner states come behind
  graph_.add_state(scope, state.id, state.name);
  check_state_name(state.name, place);

  const StateId id = state.id;
  const Node& node = member.value();
  if (!node.is_object()) {
    wrong_type(place, "OBJECT");
    graph_.set_incomplete(scope);
  } else {
    state.language = read_language(node, place, machine_.language);
    const Object object{node, place, place, state.language};
    const std::optional<StateType> type = read_type(object);
    if (!type.has_value()) {
      graph_.set_incomplete(scope);
    } else {
      state.type = *type;
      // A state that may not be in JSONPath at all draws that complaint alone, not one for each of its fields.
      if (check_state_fields(object, *type)) {
        read_transition(object, state);
        read_data_flow(object, state);
        read_detail(object, state, enclosing);
      } else {
        graph_.set_incomplete(scope);
      }
    }
  }
  machine_.states[static_cast<std::size_t>(id)] = std::move(state);
  return id;
}

std::optional<StateType> Reader::read_type(const Object& object) {
  const Node* type = object.find("Type");
  if (type == nullptr) {
    require(object, {"Type"});
    return std::nullopt;
  }
  const std::optional<StateType> found = type->is_string() ? find_state_type(type->as_string()) : std::nullopt;
  if (!found.has_value()) {
    report_.schema(Place(object.place, "Type"),
                   "The field 'Type' should have one of these values: [Task, Wait, Pass, Succeed, Fail, Choice, "
                   "Parallel, Map]",
                   type->is_string() ? hints_.of(type->as_string(), state_type_names()) : std::string());
  }
  return found;
}

void Reader::check_state_name(std::string_view name, const Place& place) {
  if (name.empty()) {
    report_.error("INVALID_STATE_NAME", place, "The state name cannot be empty");
  } else if (count_characters(name) > kMaxStateName) {
    report_.error("INVALID_STATE_NAME", place,
                  fmt::format("The state name '{}' is longer than {} characters", shortened(name), kMaxStateName));
  } else if (has_control_character(name)) {
    report_.error("INVALID_STATE_NAME", place, "The state name contains control characters");
  }
}

bool Reader::check_state_fields(const Object& object, StateType type) {
  if (machine_.language == QueryLanguage::jsonata && object.language == QueryLanguage::jsonpath) {
    report_.schema(object.place, "'QueryLanguage' can not be 'JSONPath' if set to 'JSONata' for whole state machine");
    return false;
  }
  for (std::size_t i = 0; i < object.node.size(); ++i) {
    const std::string_view key = object.node.member(i).key();
    switch (field_use(type, object.language, key)) {
      case FieldUse::allowed:
        break;
      case FieldUse::other_language:
        other_language(object, key);
        break;
      case FieldUse::unsupported:
        unsupported(object, key, field_names(type, object.language));
        break;
    }
  }
  check_comment(object);
  return true;
}

void Reader::read_transition(const Object& object, State& state) {
  if (state.type == StateType::succeed || state.type == StateType::fail) {
    graph_.add_terminal(state.scope);
    return;
  }
  if (state.type == StateType::choice) {
    return;
  }
  const Node* end = object.find("End");
  if (end != nullptr && !end->is_boolean()) {
    wrong_type(Place(object.place, "End"), "BOOLEAN");
    graph_.set_incomplete(state.scope);
    return;
  }
  const bool ends = end != nullptr && end->as_boolean();
  const Node* next = object.find("Next");
  if (ends == (next != nullptr)) {
    report_.schema(object.place, "Exactly one of these fields is required: [Next, End]");
    graph_.set_incomplete(state.scope);
  }
  if (ends) {
    graph_.add_terminal(state.scope);
  }
  if (const auto target = read_string(object, "Next"); target.has_value()) {
    graph_.add_transition(state.scope, state.id, Slot::next, 0, *target, Place(object.place, "Next"));
  } else if (next != nullptr) {
    graph_.set_incomplete(state.scope);
  }
}

void Reader::read_data_flow(const Object& object, State& state) {
  const bool works = state.type == StateType::task || state.type == StateType::parallel || state.type == StateType::map;
  const jsonata::FieldScope with_result{.result = works, .error_output = false};
  const auto may = [&](std::string_view key) {
    return object.has(key) && field_use(state.type, state.language, key) == FieldUse::allowed;
  };
  if (object.jsonata()) {
    if (may("Arguments")) {
      const Node& arguments = *object.find("Arguments");
      if (arguments.is_object() || (arguments.is_string() && jsonata::is_expression_string(arguments.as_string()))) {
        state.arguments = read_jsonata(object, "Arguments");
      } else {
        wrong_type(Place(object.place, "Arguments"), "OBJECT");
      }
    }
    if (may("Output")) {
      state.output = read_jsonata(object, "Output", with_result);
    }
  } else {
    if (may("InputPath")) {
      state.input_path = read_data_path(object, "InputPath", state.input_discarded);
    }
    // A Map's Parameters are the old name of its ItemSelector.
    if (may("Parameters") && state.type != StateType::map) {
      state.arguments = read_template(object, "Parameters");
    }
    if (may("ResultSelector")) {
      state.result_selector = read_template(object, "ResultSelector");
    }
    if (may("ResultPath")) {
      state.result_path = read_result_path(object);
    }
    if (may("OutputPath")) {
      state.output = read_data_path(object, "OutputPath", state.output_discarded);
    }
  }
  if (may("Assign")) {
    state.assign = read_assign(object, with_result);
  }
  if (works) {
    read_retry(object, state);
    read_catch(object, state);
  }
}

void Reader::read_detail(const Object& object, State& state, const Enclosing& enclosing) {
  switch (state.type) {
    case StateType::task:
      state.detail = read_task(object, enclosing.express);
      break;
    case StateType::pass:
      state.detail = read_pass(object);
      break;
    case StateType::choice:
      state.detail = read_choice(object, state);
      break;
    case StateType::wait:
      state.detail = read_wait(object);
      break;
    case StateType::succeed:
      state.detail = Succeed{};
      break;
    case StateType::fail:
      state.detail = read_fail(object);
      break;
    case StateType::parallel:
      state.detail = read_parallel(object, state, enclosing);
      break;
    case StateType::map:
      state.detail = read_map(object, state, enclosing);
      break;
  }
}

}  // namespace lockstep::asl
