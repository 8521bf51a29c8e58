// AWS's history as a projection of Events: what GetExecutionHistory would answer (aws-behaviour.md 1-26; api.md).
#pragma once

#include <string>

#include "engine/event.hpp"

namespace lockstep::engine {

/// Appends the history entry of `event` as one JSON object, as AWS's API writes it; nothing where history shows
/// nothing. `machine` is the execution's. Returns whether something was appended.
bool append_history(std::string& out, const Event& event, const asl::StateMachine& machine);

}  // namespace lockstep::engine
