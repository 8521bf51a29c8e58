#include "engine/definition_change.hpp"

#include <algorithm>
#include <unordered_map>

namespace lockstep::engine {

namespace {

using Names = std::unordered_map<std::string_view, const asl::State*>;

Names names_of(const asl::StateMachine& machine) {
  Names names;
  for (const asl::State& state : machine.states) {
    names.emplace(state.name, &state);
  }
  return names;
}

/// Within the state that owns it.
std::size_t branch_of(const asl::StateMachine& machine, const asl::Scope& scope) {
  const auto* parallel =
      scope.owner == asl::StateId::none ? nullptr : std::get_if<asl::Parallel>(&machine.state(scope.owner).detail);
  return parallel == nullptr
             ? 0
             : static_cast<std::size_t>(std::find(parallel->branches.begin(), parallel->branches.end(), scope.id) -
                                        parallel->branches.begin());
}

bool stands_alike(const asl::StateMachine& from, const asl::State& a, const asl::StateMachine& to,
                  const asl::State& b) {
  const asl::Scope& in_from = from.scope(a.scope);
  const asl::Scope& in_to = to.scope(b.scope);
  const auto owner = [](const asl::StateMachine& machine, const asl::Scope& scope) {
    return scope.owner == asl::StateId::none ? std::string_view() : machine.state(scope.owner).name;
  };
  return owner(from, in_from) == owner(to, in_to) && branch_of(from, in_from) == branch_of(to, in_to);
}

std::string_view kind_of(const asl::State& state) {
  const auto* map = std::get_if<asl::Map>(&state.detail);
  return map != nullptr && map->distributed ? "distributed Map" : asl::to_string(state.type);
}

/// Empty: nothing is wrong with it.
std::string problem_of(const asl::StateMachine& from, const asl::State& state, const asl::StateMachine& to,
                       const Names& names) {
  const auto found = names.find(state.name);
  if (found == names.end()) {
    return fmt::format("the state '{}' is not there any more", state.name);
  }
  if (kind_of(state) != kind_of(*found->second)) {
    return fmt::format("the state '{}' was a {} and is a {}", state.name, kind_of(state), kind_of(*found->second));
  }
  return stands_alike(from, state, to, *found->second) ? ""
                                                       : fmt::format("the state '{}' stands elsewhere", state.name);
}

/// The state of that name within a scope, as it is written; null: none.
const Node* find_state(const Node& scope, std::string_view name) {
  const Node* states = scope.is_object() ? scope.find("States") : nullptr;
  if (states == nullptr || !states->is_object()) {
    return nullptr;
  }
  if (const Node* found = states->find(name)) {
    return found;
  }
  for (std::size_t i = 0; i < states->size(); ++i) {
    const Node& state = states->member(i).value();
    if (!state.is_object()) {
      continue;
    }
    for (const char* processor : {"ItemProcessor", "Iterator"}) {
      const Node* inner = state.find(processor);
      const Node* found = inner == nullptr ? nullptr : find_state(*inner, name);
      if (found != nullptr) {
        return found;
      }
    }
    const Node* branches = state.find("Branches");
    for (std::size_t j = 0; branches != nullptr && branches->is_array() && j < branches->size(); ++j) {
      if (const Node* found = find_state(branches->at(j), name)) {
        return found;
      }
    }
  }
  return nullptr;
}

/// The first of the fields by which a Map Run's children come about, and its results are written, that is not as it
/// was: its children are known by number, and would be others. Null: none.
const char* changed_field(const asl::StateMachine& from, const asl::StateMachine& to, const std::string& name) {
  const Value before = Value::from_checked_text(from.text);
  const Value after = Value::from_checked_text(to.text);
  const Node* a = find_state(before.node(), name);
  const Node* b = find_state(after.node(), name);
  for (const char* field : {"ItemReader", "ItemSelector", "Parameters", "ItemBatcher", "ResultWriter"}) {
    const Node* in_a = a == nullptr ? nullptr : a->find(field);
    const Node* in_b = b == nullptr ? nullptr : b->find(field);
    if ((in_a == nullptr) != (in_b == nullptr) || (in_a != nullptr && !equal(*in_a, *in_b))) {
      return field;
    }
  }
  return nullptr;
}

/// Which states of the execution keep it from going on with `to`, in words; empty: none.
std::string why_not(const Execution& execution, const asl::StateMachine& to) {
  const asl::StateMachine& from = *execution.machine;
  StateSet needed(execution.entered.words());
  if (const asl::StateId owner = from.scope(execution.origin.scope()).owner; owner != asl::StateId::none) {
    needed.add(owner);
  }
  for (const Strand& strand : execution.strands) {
    needed.add(strand.state);
  }
  const Names names = names_of(to);
  std::string why;
  const auto add = [&](const std::string& problem) { why += (why.empty() || problem.empty() ? "" : "; ") + problem; };
  for (const asl::State& state : from.states) {
    if (needed.contains(state.id)) {
      add(problem_of(from, state, to, names));
    }
  }
  for (const Strand& strand : execution.strands) {
    const asl::State& state = from.state(strand.state);
    const auto found = names.find(state.name);
    const bool has_map_run =
        strand.children != nullptr && strand.children->run != nullptr && !strand.children->run->arn.empty();
    if (const char* field = has_map_run && found != names.end() ? changed_field(from, to, state.name) : nullptr) {
      add(fmt::format("the {} of '{}' was changed, whose Map Run has begun", field, state.name));
    }
    const auto* parallel = found == names.end() ? nullptr : std::get_if<asl::Parallel>(&found->second->detail);
    if (parallel != nullptr && strand.children != nullptr &&
        parallel->branches.size() != strand.children->results.size()) {
      add(fmt::format("the state '{}' had {} branches and has {}", state.name, strand.children->results.size(),
                      parallel->branches.size()));
    }
  }
  return why;
}

}  // namespace

StateMapping::StateMapping(const asl::StateMachine& from, const asl::StateMachine& to) : from_(from), to_(to) {
  const Names names = names_of(to);
  for (const asl::State& state : from.states) {
    states_.push_back(problem_of(from, state, to, names).empty() ? names.at(state.name)->id : asl::StateId::none);
  }
}

asl::ScopeId StateMapping::of(asl::ScopeId scope) const {
  if (scope == asl::ScopeId::top) {
    return scope;
  }
  const asl::Scope& before = from_.scope(scope);
  const auto& owner = to_.state(of(before.owner)).detail;
  const auto* parallel = std::get_if<asl::Parallel>(&owner);
  return parallel != nullptr ? parallel->branches[branch_of(from_, before)] : std::get<asl::Map>(owner).processor;
}

RedriveVerdict may_redrive(const Execution& execution, const asl::StateMachine* to, const Limits& limits,
                           Timestamp now) {
  if (execution.status == Status::running || execution.status == Status::succeeded || execution.strands.empty() ||
      execution.origin.type != ExecutionType::standard) {
    return {Verdict::execution_not_redrivable, ""};
  }
  if (limits.redrive_time != 0 && now.us - execution.last_time.us > limits.redrive_time * kMicrosPerSecond) {
    return {Verdict::execution_not_redrivable,
            fmt::format("it ended more than {} days ago", limits.redrive_time / 86'400)};
  }
  if (limits.history_events != 0 && execution.last_event_id + 1 >= limits.history_events) {
    return {Verdict::execution_not_redrivable,
            fmt::format("its history has {} of {} events", execution.last_event_id, limits.history_events)};
  }
  std::string cause = to == nullptr ? "" : why_not(execution, *to);
  return {cause.empty() ? Verdict::accepted : Verdict::definition_does_not_fit, std::move(cause)};
}

void change_definition(Execution& execution, const asl::StateMachinePtr& machine) {
  const StateMapping mapping(*execution.machine, *machine);
  StateSet entered;
  for (const asl::State& state : execution.machine->states) {
    if (execution.entered.contains(state.id)) {
      entered.add(mapping.of(state.id));
    }
  }
  execution.entered = std::move(entered);
  for (Strand& strand : execution.strands) {
    strand.state = mapping.of(strand.state);
  }
  if (execution.origin.scope() != asl::ScopeId::top) {
    auto child = std::make_shared<ChildOrigin>(*execution.origin.child);
    child->scope = mapping.of(child->scope);
    execution.origin.child = std::move(child);
  }
  execution.machine = machine;
}

}  // namespace lockstep::engine
