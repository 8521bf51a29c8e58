#include "asl/graph.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

namespace lockstep::asl {

namespace {

constexpr std::string_view kMissingTarget = "MISSING_TRANSITION_TARGET";

std::size_t index_of(auto id) {
  return static_cast<std::size_t>(id);
}

}  // namespace

void Graph::add_scope(ScopeId id, const Place& place, bool fresh_variables) {
  scopes_.resize(std::max(scopes_.size(), index_of(id) + 1));
  ScopeGraph& scope = scopes_[index_of(id)];
  scope.place = &place;
  const std::string location = place.location();
  scope.location = location == "/" ? std::string() : location;
  scope.fresh_variables = fresh_variables;
}

void Graph::set_start(ScopeId scope, std::string name) {
  scopes_[index_of(scope)].start = std::move(name);
}

void Graph::add_state(ScopeId scope, StateId id, std::string name) {
  scopes_[index_of(scope)].states.push_back({std::move(name), id});
}

void Graph::add_transition(ScopeId scope, StateId from, Slot slot, std::size_t index, std::string_view target,
                           const Place& place) {
  ScopeGraph& graph = scopes_[index_of(scope)];
  graph.transitions.push_back({from, slot, index, std::string(target), place.relative_to(*graph.place)});
}

void Graph::add_assignment(ScopeId scope, std::string_view name, const Place& place, StateId catching) {
  ScopeGraph& graph = scopes_[index_of(scope)];
  graph.assignments.push_back({std::string(name), place.relative_to(*graph.place), catching});
}

void Graph::resolve() {
  for (std::size_t i = 0; i < scopes_.size(); ++i) {
    resolve_scope(static_cast<ScopeId>(i), scopes_[i]);
  }
  check_unique_names();
  check_assignments();
}

void Graph::resolve_scope(ScopeId id, ScopeGraph& scope) {
  std::unordered_map<std::string_view, StateId> by_name;
  std::vector<std::string> names;
  for (const Named& state : scope.states) {
    by_name.emplace(state.name, state.id);
    names.push_back(state.name);
  }
  const auto find = [&](const std::string& name, std::string_view location) {
    const auto found = by_name.find(name);
    if (found != by_name.end()) {
      return found->second;
    }
    // AWS says 'Next' of every field.
    report_.graph_error(kMissingTarget, fmt::format("{}/{}", scope.location, location),
                        fmt::format("Missing 'Next' target: {}", shortened(name)), hint_for(name, names));
    return StateId::none;
  };

  if (!scope.start.empty() && !scope.states.empty()) {
    machine_.scopes[index_of(id)].start_at = find(scope.start, "StartAt");
  }
  for (Transition& transition : scope.transitions) {
    transition.to = find(transition.target, transition.location);
    fill(transition);
  }
  if (scope.incomplete || scope.start.empty()) {
    return;
  }
  if (id == ScopeId::top && !scope.terminal) {
    report_.graph_error("MISSING_END_STATE", "", "Workflow has no terminal state");
    return;
  }
  check_reachable(id, scope);
}

std::string Graph::hint_for(const std::string& name, const std::vector<std::string>& names) {
  if (!hints_.take()) {
    return {};
  }
  const bool is_elsewhere = std::any_of(scopes_.begin(), scopes_.end(), [&](const ScopeGraph& scope) {
    return std::any_of(scope.states.begin(), scope.states.end(), [&](const Named& one) { return one.name == name; });
  });
  return is_elsewhere ? fmt::format("'{}' is there, but not in the same Map or Parallel branch", shortened(name))
                      : hints_.of(name, names);
}

void Graph::fill(const Transition& transition) {
  State& state = machine_.states[index_of(transition.from)];
  switch (transition.slot) {
    case Slot::next:
      state.next = transition.to;
      break;
    case Slot::otherwise:
      std::get<Choice>(state.detail).otherwise = transition.to;
      break;
    case Slot::rule:
      std::get<Choice>(state.detail).rules[transition.index].next = transition.to;
      break;
    case Slot::catcher:
      state.catchers[transition.index].next = transition.to;
      break;
  }
}

void Graph::check_reachable(ScopeId id, const ScopeGraph& scope) {
  std::unordered_map<std::uint32_t, std::vector<StateId>> targets;
  for (const Transition& transition : scope.transitions) {
    targets[static_cast<std::uint32_t>(transition.from)].push_back(transition.to);
  }
  std::unordered_set<std::uint32_t> reached;
  std::vector<StateId> open{machine_.scopes[index_of(id)].start_at};
  while (!open.empty()) {
    const StateId state = open.back();
    open.pop_back();
    if (state == StateId::none || !reached.insert(static_cast<std::uint32_t>(state)).second) {
      continue;
    }
    const std::vector<StateId>& next = targets[static_cast<std::uint32_t>(state)];
    open.insert(open.end(), next.begin(), next.end());
  }
  for (const Named& state : scope.states) {
    if (!reached.contains(static_cast<std::uint32_t>(state.id))) {
      const std::string name = shortened(state.name);
      report_.graph_error(kMissingTarget, fmt::format("{}/States/{}", scope.location, name),
                          fmt::format("State \"{}\" is not reachable.", name));
    }
  }
}

void Graph::check_unique_names() {
  std::unordered_set<std::string_view> names;
  for (const ScopeGraph& scope : scopes_) {
    for (const Named& state : scope.states) {
      if (!names.insert(state.name).second) {
        const std::string name = shortened(state.name);
        report_.graph_error("DUPLICATE_STATE_NAME", fmt::format("{}/States/{}", scope.location, name),
                            fmt::format("Duplicate State name: {}", name));
      }
    }
  }
}

void Graph::check_assignments() {
  using ByName = std::unordered_map<std::string_view, std::vector<StateId>>;  // whose Catch assigns it; none: an Assign
  std::vector<ByName> assigned(scopes_.size());
  for (std::size_t i = 0; i < scopes_.size(); ++i) {
    for (const Assignment& assignment : scopes_[i].assignments) {
      assigned[i][assignment.name].push_back(assignment.catching);
    }
  }
  for (std::size_t i = 0; i < scopes_.size(); ++i) {
    for (const Assignment& assignment : scopes_[i].assignments) {
      std::size_t inner = i;
      while (!scopes_[inner].fresh_variables && machine_.scopes[inner].owner != StateId::none) {
        const StateId owner = machine_.scopes[inner].owner;
        inner = index_of(machine_.state(owner).scope);
        const auto outer = assigned[inner].find(assignment.name);
        // What the Catch of a Parallel or Map assigns, its branches may, too: they are over by then.
        if (outer != assigned[inner].end() &&
            std::any_of(outer->second.begin(), outer->second.end(), [&](StateId by) { return by != owner; })) {
          report_.graph_error(
              kSchema, fmt::format("{}/{}", scopes_[i].location, assignment.location),
              fmt::format("Variable '{}' is already assigned in an outer scope", shortened(assignment.name)));
          break;
        }
      }
    }
  }
}

}  // namespace lockstep::asl
