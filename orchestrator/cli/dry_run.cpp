#include "cli/dry_run.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <iostream>

#include "asl/parser.hpp"
#include "cli/exit_status.hpp"
#include "cli/owner.hpp"
#include "cli/progress.hpp"
#include "mpi_worker/cores.hpp"
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
  if (!folder || !folder->holds_run()) {
    return path + " (there, without a run)";
  }
  if (options.fresh) {
    return path + " (the run that it holds would be removed)";
  }
  const auto kept = folder->load();
  if (!kept) {
    return tl::unexpected<Error>(kept.error());
  }
  if (const auto same = service::RunFolder::compare(path, *kept, plan.request); !same) {
    return tl::unexpected<Error>(same.error());
  }
  const auto finished = folder->finished();
  if (!finished) {
    return tl::unexpected<Error>(finished.error());
  }
  return path + (*finished ? " (its run has ended: the result would be printed again)" : " (its run would go on)");
}

std::string describe_workers(const OwnerOptions& options) {
  const std::string slots = options.slots != 0 ? report::counted(options.slots, "slot")
                                               : fmt::format("a slot for each core ({} here)", worker::usable_cores());
  if (options.ranks.empty()) {
    return "this process, " + slots;
  }
  return options.ranks == "all"
             ? "all ranks of the allocation, each with " + slots
             : fmt::format("{} ranks, of which rank 0 coordinates, each other with {}", options.ranks, slots);
}

void print_resources(const service::Plan& plan) {
  const integrations::Integrations integrations(plan.jobs.jobs);
  for (const integrations::JobId id : integrations.used(service::resource_uses(*plan.machine))) {
    const integrations::Job& job = integrations.jobs()[static_cast<std::size_t>(id)];
    print("resource", fmt::format("{}: {}", job.resource, service::describe_job(job)));
  }
}

void print_rehearsal(const service::Plan& plan) {
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
}

}  // namespace

int dry_run(const RunOptions& options, const service::Plan& plan, const std::string& path) {
  const auto folder = describe_folder(options, plan, path);
  if (!folder) {
    return report(folder.error());
  }
  asl::ParseOptions parse;
  parse.type = options.type == "EXPRESS" ? asl::ExecutionType::express : asl::ExecutionType::standard;
  for (const asl::Diagnostic& diagnostic : asl::parse_definition(plan.request.definition, parse).diagnostics) {
    complain(asl::format_diagnostic(options.definition, diagnostic));
  }
  print("definition", describe_definition(options, plan));
  print("input", report::counted(plan.request.input.size(), "byte"));
  print("run folder", *folder);
  print("workers", describe_workers(options.owner));
  print_resources(plan);
  print_rehearsal(plan);
  if (std::fflush(stdout) != 0) {
    complain("cannot write to standard output");
    return kIo;
  }
  return kSucceeded;
}

}  // namespace lockstep::cli
