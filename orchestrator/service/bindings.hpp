// Whether everything that a state machine names can be run here; asked before anything runs.
#pragma once

#include <string>
#include <vector>

#include "asl/model.hpp"
#include "integrations/integration.hpp"
#include "value/error.hpp"

namespace lockstep::service {

/// The resources that the Task states of `machine` use, in the order of the text; a lambda:invoke with its function
/// where that is constant.
std::vector<integrations::ResourceUse> resource_uses(const asl::StateMachine& machine);

/// An error (invalid) that names each resource that nothing maps, and what this version cannot run: Distributed Map,
/// task tokens, activities.
Result<void> check_bindings(const asl::StateMachine& machine, const integrations::Integrations& integrations);

/// Whether the plugins that `machine` uses can be loaded here. The error (invalid) names the first that cannot.
Result<void> check_plugins(const asl::StateMachine& machine, const integrations::Integrations& integrations);

}  // namespace lockstep::service
