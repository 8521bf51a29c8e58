// Transitions and names: resolves targets to states once all are known, and checks the graph that they make
// (validation.md 3). Internal to the asl room.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "asl/model.hpp"
#include "asl/report.hpp"

namespace lockstep::asl {

/// Where in a state a target goes.
enum class Slot : std::uint8_t { next, otherwise, rule, catcher };

class Graph {
 public:
  Graph(StateMachine& machine, Report& report) : machine_(machine), report_(report) {}

  /// Scopes are added in the order of their ids; `place` has to live until the last call for this scope.
  void add_scope(ScopeId id, const Place& place, bool fresh_variables);
  void set_start(ScopeId scope, std::string name);
  void add_state(ScopeId scope, StateId id, std::string name);
  void add_transition(ScopeId scope, StateId from, Slot slot, std::size_t index, std::string_view target,
                      const Place& place);
  void add_terminal(ScopeId scope) { scopes_[static_cast<std::size_t>(scope)].terminal = true; }
  /// Something in the scope could not be read: what seems unreachable, or without an end, may be neither.
  void set_incomplete(ScopeId scope) { scopes_[static_cast<std::size_t>(scope)].incomplete = true; }
  /// A variable that a state of `scope` assigns; `catching`: the state whose Catch does.
  void add_assignment(ScopeId scope, std::string_view name, const Place& place, StateId catching = StateId::none);

  /// Fills every target of the machine in, and reports what is wrong.
  void resolve();

 private:
  struct Named {
    std::string name;
    StateId id;
  };
  struct Transition {
    StateId from;
    Slot slot;
    std::size_t index;
    std::string target;
    std::string location;  // within the scope
    StateId to = StateId::none;
  };
  struct Assignment {
    std::string name;
    std::string location;  // within the scope
    StateId catching;      // none: by an Assign that is no Catch's
  };
  struct ScopeGraph {
    const Place* place = nullptr;  // while the scope is read
    std::string location;          // "" for the top level
    bool fresh_variables = false;
    std::string start;
    bool terminal = false;
    bool incomplete = false;
    std::vector<Named> states;
    std::vector<Transition> transitions;
    std::vector<Assignment> assignments;
  };

  void resolve_scope(ScopeId id, ScopeGraph& scope);
  /// What may have been meant by a target that is none of its scope's `names`.
  std::string hint_for(const std::string& name, const std::vector<std::string>& names);
  void fill(const Transition& transition);
  void check_reachable(ScopeId id, const ScopeGraph& scope);
  void check_unique_names();
  void check_assignments();

  StateMachine& machine_;
  Report& report_;
  Hints hints_;
  std::vector<ScopeGraph> scopes_;
};

}  // namespace lockstep::asl
