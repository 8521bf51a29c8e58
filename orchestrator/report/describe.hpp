// `lockstep describe`: what a run folder holds, as the API's documents say it.
#pragma once

#include <string>

#include "catalogue/execution_entry.hpp"
#include "report/run_files.hpp"

namespace lockstep::report {

/// What ListExecutions says of one.
std::string list_item_json(const catalogue::ExecutionEntry& entry);

/// DescribeExecution's document. `execution`: name, ARN or number; empty: the one that `run` started, else the newest.
/// Errors: there is no such execution (usage), damage (io).
Result<std::string> describe_execution(const RunFiles& run, const std::string& execution);

/// DescribeStateMachine's document. `machine`: name or ARN. Errors: there is no such machine (usage), damage (io).
Result<std::string> describe_machine(const RunFiles& run, const std::string& machine);

/// DescribeActivity's document, by name or ARN (an error of kind usage: there is none), and ListActivities'.
Result<std::string> describe_activity(const RunFiles& run, const std::string& activity);
Result<std::string> list_activities(const RunFiles& run);

}  // namespace lockstep::report
