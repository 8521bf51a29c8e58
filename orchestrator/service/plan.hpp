// What a run is asked for, read and checked; and the line that it prints in the end.
#pragma once

#include <string>
#include <vector>

#include "asl/parser.hpp"
#include "engine/input.hpp"
#include "engine/limits.hpp"
#include "integrations/jobs_file.hpp"
#include "service/run_folder.hpp"

namespace lockstep::service {

/// A request, read and checked.
struct Plan {
  RunRequest request;
  asl::StateMachinePtr machine;
  Value input;
  integrations::JobsFile jobs;
  std::vector<asl::Diagnostic> warnings;            ///< of the definition
  std::vector<asl::StateMachinePtr> machines = {};  ///< of request.machines, in order
};

/// What a house is opened with.
struct HousePlan {
  RunRequest request;
  integrations::JobsFile jobs;
};
/// `jobs_name`: the file of its jobs, for messages.
Result<HousePlan> make_house_plan(RunRequest request, const std::string& jobs_name);
/// Puts the buckets that were asked for before those of the jobs.
void add_buckets(const RunRequest& request, integrations::JobsFile& jobs);
engine::Limits limits_of(const RunRequest& request);

/// What messages call the parts of a request.
struct RequestNames {
  std::string definition;                  ///< its file
  std::string definition_yaml;             ///< the text that it was made of, where that was YAML: places are in there
  std::string jobs;                        ///< their file; where request.jobs is empty, where it was looked for
  std::vector<std::string> machines = {};  ///< files of request.machines, in order; fewer: they are called by name
};
struct CheckedDefinition {
  asl::StateMachinePtr machine;
  std::vector<asl::Diagnostic> warnings;
};
/// The request's definition, compiled. Errors (invalid) may have several lines.
Result<CheckedDefinition> check_definition(const RunRequest& request, const RequestNames& names);
/// Parses and checks what `request` holds. Errors (invalid) may have several lines.
Result<Plan> make_plan(RunRequest request, const RequestNames& names);

/// The line that a run prints, and its exit status (README).
Finished result_of(const engine::EndExecution& end);

}  // namespace lockstep::service
