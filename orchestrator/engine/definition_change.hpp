// Another definition for an execution that is redriven: its states are found again by name.
#pragma once

#include <string>
#include <vector>

#include "engine/execution.hpp"
#include "engine/limits.hpp"

namespace lockstep::engine {

/// Where the states of one definition stand in another: by name, which is unique in either.
class StateMapping {
 public:
  StateMapping(const asl::StateMachine& from, const asl::StateMachine& to);
  /// None: it is not there any more, has another type, or stands elsewhere.
  asl::StateId of(asl::StateId state) const { return states_[static_cast<std::uint32_t>(state)]; }
  /// Of a scope whose owner is there.
  asl::ScopeId of(asl::ScopeId scope) const;

 private:
  const asl::StateMachine& from_;
  const asl::StateMachine& to_;
  std::vector<asl::StateId> states_;  // by the id in `from`
};

/// What the wish to redrive the execution comes to.
struct RedriveVerdict {
  Verdict verdict = Verdict::accepted;
  std::string cause;  ///< in words: the states that keep it from going on, or the limit; empty: the verdict says it
};
/// `to`: with another definition; null: with its own.
RedriveVerdict may_redrive(const Execution& execution, const asl::StateMachine* to, const Limits& limits,
                           Timestamp now);

/// evolve: the execution, which is over, goes on with `machine`. Requires that nothing keeps it from that.
void change_definition(Execution& execution, const asl::StateMachinePtr& machine);

}  // namespace lockstep::engine
