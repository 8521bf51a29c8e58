#include "service/plan.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "asl/definition_file.hpp"
#include "service/bindings.hpp"

namespace lockstep::service {

Finished result_of(const engine::EndExecution& end) {
  if (end.status == engine::Status::succeeded) {
    std::string line = end.output.to_text();
    if (line.find('\n') != std::string::npos || line.find('\r') != std::string::npos) {
      line.clear();
      append_json(line, end.output.node());
    }
    return {line, 0};
  }
  std::string line = fmt::format("{{\"status\":\"{}\"", engine::to_string(end.status));
  for (const auto& [key, text] : {std::pair{"error", &end.error}, {"cause", &end.cause}}) {
    if (*text) {
      line += fmt::format(",\"{}\":", key);
      append_json_string(line, **text);
    }
  }
  return {line + "}", 1};
}

engine::Limits limits_of(const RunRequest& request) {
  return request.limits == "aws" ? engine::Limits::aws() : engine::Limits::hpc();
}

void add_buckets(const RunRequest& request, integrations::JobsFile& jobs) {
  for (const auto& [bucket, folder] : request.buckets) {
    jobs.buckets.insert_or_assign(bucket, folder);
  }
  jobs.bucket_root = request.bucket_root;
}

Result<HousePlan> make_house_plan(RunRequest request, const std::string& jobs_name) {
  HousePlan plan;
  if (!request.jobs.empty()) {
    auto jobs = integrations::parse_jobs(request.jobs, jobs_name, request.jobs_folder);
    if (!jobs) {
      return tl::unexpected<Error>(jobs.error());
    }
    plan.jobs = *std::move(jobs);
  }
  add_buckets(request, plan.jobs);
  plan.request = std::move(request);
  return plan;
}

Result<CheckedDefinition> check_definition(const RunRequest& request, const RequestNames& names) {
  CheckedDefinition checked;
  asl::ParseOptions parse;
  parse.type = request.type == "EXPRESS" ? asl::ExecutionType::express : asl::ExecutionType::standard;
  asl::ParsedDefinition parsed = asl::parse_definition(request.definition, parse);
  std::vector<asl::Diagnostic>& diagnostics = parsed.diagnostics;
  std::move(parsed.beyond_this_version.begin(), parsed.beyond_this_version.end(), std::back_inserter(diagnostics));
  asl::find_positions({request.definition, names.definition_yaml}, diagnostics);
  std::string errors;
  for (asl::Diagnostic& diagnostic : diagnostics) {
    if (diagnostic.severity == asl::Severity::error) {
      errors += (errors.empty() ? "" : "\n") + asl::format_diagnostic(names.definition, diagnostic);
    } else {
      checked.warnings.push_back(std::move(diagnostic));
    }
  }
  if (!errors.empty()) {
    return fail(ErrorKind::invalid, errors);
  }
  checked.machine = parsed.machine;
  return checked;
}

Result<Plan> make_plan(RunRequest request, const RequestNames& names) {
  auto checked = TRY(check_definition(request, names));
  Plan plan;
  plan.machine = std::move(checked.machine);
  plan.warnings = std::move(checked.warnings);
  auto input = Value::from_text(request.input);
  if (!input) {
    return fail(ErrorKind::invalid, fmt::format("the input is not JSON: {}", input.error().message));
  }
  plan.input = *std::move(input);
  auto house = TRY(make_house_plan(request, names.jobs));
  plan.jobs = std::move(house.jobs);
  const integrations::Integrations integrations(plan.jobs.jobs);
  const auto check_jobs_of = [&](const asl::StateMachine& machine, const std::string& name) -> Result<void> {
    const auto bound = check_bindings(machine, integrations, {names.jobs, !request.jobs.empty()}, request.activities);
    return bound ? bound : fail(bound.error().kind, fmt::format("{}: {}", name, bound.error().message));
  };
  TRY(check_jobs_of(*plan.machine, names.definition));
  for (std::size_t i = 0; i < request.machines.size(); ++i) {
    const OtherMachine& other = request.machines[i];
    RunRequest asked;
    asked.definition = other.definition;
    asked.type = other.type;
    const std::string name = i < names.machines.size() ? names.machines[i] : "state machine " + other.name;
    plan.machines.push_back(TRY(check_definition(asked, {name, "", ""})).machine);
    TRY(check_jobs_of(*plan.machines.back(), name));
  }
  plan.request = std::move(request);
  return plan;
}

}  // namespace lockstep::service
