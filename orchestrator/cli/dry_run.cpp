#include "cli/dry_run.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <iostream>

#include "asl/parser.hpp"
#include "cli/carry_out.hpp"
#include "cli/changes.hpp"
#include "cli/exit_status.hpp"
#include "cli/progress.hpp"
#include "mpi_worker/cores.hpp"
#include "mpi_worker/program_check.hpp"
#include "mpi_worker/spawn.hpp"
#include "report/format.hpp"
#include "service/bindings.hpp"
#include "service/rehearsal.hpp"

namespace lockstep::cli {

namespace {

/// Before it is known who will run it: what the tasks of the first map would see as `TASK`.
std::string place_name(const asl::StateMachine& machine, asl::StateId state, std::int64_t item) {
  const std::string& name = machine.state(state).name;
  return item < 0 ? name : fmt::format("{}[{}]", name, item);
}

void print(std::string_view label, std::string_view text) {
  fmt::print("{:<11} {}\n", label, report::one_line(text, SIZE_MAX));
}

std::string describe_definition(const RunOptions& options, const service::Plan& plan) {
  return fmt::format("{}: {}, {}", options.definition, report::counted(plan.machine->states.size(), "state"),
                     options.type);
}

/// What would become of the run folder; an error where the run would be refused.
Result<std::string> describe_folder(const RunOptions& options, const service::Plan& plan, const std::string& path) {
  std::error_code error;
  if (!std::filesystem::exists(path, error)) {
    return path + " (new)";
  }
  const auto folder = service::RunFolder::existing(path);
  if (!folder || !folder->holds_run().value_or(true)) {
    return path + " (there, without a run)";
  }
  if (options.fresh) {
    return path + " (the run that it holds would be removed)";
  }
  const auto kept = TRY(folder->load());
  TRY(service::RunFolder::compare(path, kept, plan.request));
  complain_each(describe_changes(*folder, changed_jobs(kept, plan.request)));
  const auto finished = TRY(folder->finished());
  return path + (finished ? " (its run has ended: the result would be printed again)" : " (its run would go on)");
}

/// Whether a batch system has given out more than this machine.
bool has_allocation() {
  for (const char* variable : {"SLURM_JOB_ID", "PBS_JOBID", "LSB_JOBID", "JOB_ID"}) {
    if (std::getenv(variable) != nullptr) {
      return true;
    }
  }
  return false;
}

std::string describe_workers(const OwnerOptions& options) {
  const std::size_t cores = worker::usable_cores();
  const std::string slots = options.slots != 0 ? report::counted(options.slots, "slot")
                                               : fmt::format("a slot for each core ({} here)", cores);
  if (options.ranks.empty()) {
    return "this process, " + slots;
  }
  const std::string each = options.slots != 0 ? fmt::format("each other has {}", slots)
                                              : "the others share the cores of their machine, a slot for each";
  if (has_allocation()) {
    return options.ranks == "all" ? fmt::format("all ranks of the allocation; rank 0 coordinates, {}", each)
                                  : fmt::format("{} ranks; rank 0 coordinates, {}", options.ranks, each);
  }
  if (options.ranks == "all") {
    // mpirun counts the cores in its own way; what matters is what comes of it.
    return fmt::format("as many ranks as mpirun finds cores on this machine; rank 0 coordinates, {}{}", each,
                       options.slots != 0 ? "" : ": " + report::counted(cores, "slot"));
  }
  const std::size_t ranks = std::stoul(options.ranks);
  const std::size_t workers = ranks > 1 ? ranks - 1 : 1;
  const std::size_t sum = options.slots != 0 ? workers * options.slots : std::max(cores, workers);
  return ranks > 1 ? fmt::format("{} ranks; rank 0 coordinates, {}: {}", ranks, each, report::counted(sum, "slot"))
                   : fmt::format("one rank, which coordinates as well: {}", report::counted(sum, "slot"));
}

/// Prints what the resources mean; what would fail goes to `problems`.
void print_resources(const service::Plan& plan, std::vector<std::string>& problems) {
  const integrations::Integrations integrations(plan.jobs.jobs);
  for (const work::JobId id : integrations.used(service::resource_uses(*plan.machine))) {
    const work::Job& job = integrations.jobs()[static_cast<std::size_t>(id)];
    print("resource", fmt::format("{}: {}", job.resource, service::describe_job(job)));
    const bool is_process = job.kind == work::JobKind::exec || job.kind == work::JobKind::stream;
    if (const auto problem =
            is_process ? worker::why_not_runnable(job, job.argv, worker::program_path()) : std::nullopt) {
      problems.push_back(fmt::format("{}: {}", job.resource, *problem));
    }
  }
}

void print_rehearsal(const service::Plan& plan, std::vector<std::string>& problems) {
  const service::Rehearsal found = service::rehearse(plan);
  const asl::StateMachine& machine = *plan.machine;
  for (const service::Rehearsal::Items& items : found.maps) {
    print("map", fmt::format("{}: {}", place_name(machine, items.map, -1), report::counted(items.count, "item")));
  }
  for (const asl::State& state : machine.states) {
    const bool reached = std::any_of(found.maps.begin(), found.maps.end(),
                                     [&](const service::Rehearsal::Items& items) { return items.map == state.id; });
    if (state.type == asl::StateType::map && !reached) {
      print("map", fmt::format("{}: its items are made while the run goes on", state.name));
    }
  }
  for (const service::Rehearsal::Call& call : found.calls) {
    print("first", fmt::format("{}: {}", place_name(machine, call.state, call.item), call.command));
  }
  if (found.tasks > found.calls.size()) {
    print("", fmt::format("… and {} that need not wait for these",
                          report::counted(found.tasks - found.calls.size(), "more task")));
  } else if (found.ending) {
    print("result", *found.ending);
  } else if (found.calls.empty()) {
    print("first", "it waits");
  }
  for (const service::Rehearsal::Call& call : found.problems) {
    // What is wrong with a job altogether was told with it.
    const bool is_known = std::any_of(problems.begin(), problems.end(), [&](const std::string& problem) {
      return problem.ends_with(": " + call.command);
    });
    if (!is_known) {
      problems.push_back(fmt::format("{}: {}", place_name(machine, call.state, call.item), call.command));
    }
  }
  if (!found.ends_well) {
    problems.push_back("the execution, before any task runs: " + found.ending.value_or(""));
  }
}

}  // namespace

int dry_run(const RunOptions& options, const service::Plan& plan, const std::string& path) {
  const auto folder = TRY_OR_TELL(describe_folder(options, plan, path));
  for (const asl::Diagnostic& diagnostic : plan.warnings) {
    complain(asl::format_diagnostic(options.definition, diagnostic));
  }
  std::vector<std::string> problems;
  print("definition", describe_definition(options, plan));
  print("input", report::counted(plan.request.input.size(), "byte"));
  print("run folder", folder);
  print("workers", describe_workers(options.owner));
  print_resources(plan, problems);
  print_rehearsal(plan, problems);
  if (std::fflush(stdout) != 0) {
    complain("cannot write to standard output");
    return kIo;
  }
  for (const std::string& problem : problems) {
    complain("would fail: " + problem);
  }
  return problems.empty() ? kSucceeded : kInvalid;
}

}  // namespace lockstep::cli
