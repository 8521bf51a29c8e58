// AWS's history as a projection of Events: what GetExecutionHistory would answer (aws-behaviour.md 1-26; api.md).
#pragma once

#include <string>

#include "engine/event.hpp"

namespace lockstep::engine {

/// Makes `machine` the one of whose states `event` and what follows it speak.
inline void follow_machine(asl::StateMachinePtr& machine, const Event& event) {
  if (const auto* started = std::get_if<ExecutionStarted>(&event.body)) {
    machine = started->machine;
  } else if (const auto* redriven = std::get_if<ExecutionRedriven>(&event.body);
             redriven != nullptr && redriven->machine != nullptr) {
    machine = redriven->machine;
  }
}

/// Appends the history entry of `event` as one JSON object, as AWS's API writes it; nothing where history shows
/// nothing. `machine` is the execution's at that time (follow_machine). Returns whether something was appended.
bool append_history(std::string& out, const Event& event, const asl::StateMachine& machine);

}  // namespace lockstep::engine
