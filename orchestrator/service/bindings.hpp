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

/// Where a run's jobs come from, for messages.
struct JobsName {
  std::string file;    ///< its path; where there is none, where it was looked for
  bool exists = true;  ///< whether there is one
};
/// An error (invalid) that names each resource that nothing maps, with the states that use it, what it may be a slip
/// for, and how an entry looks where there is no file at all. `activities`: names of those whose workers take tasks.
Result<void> check_bindings(const asl::StateMachine& machine, const integrations::Integrations& integrations,
                            const JobsName& name, const std::vector<std::string>& activities = {});

/// Whether the plugins that `machine` uses can be loaded here. The error (invalid) names the first that cannot.
Result<void> check_plugins(const asl::StateMachine& machine, const integrations::Integrations& integrations);

}  // namespace lockstep::service
