#include "service/rehearsal.hpp"
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <set>

#include "engine/engine.hpp"
#include "engine/map_run.hpp"
#include "integrations/integration.hpp"
#include "mpi_worker/arguments.hpp"
#include "mpi_worker/command.hpp"
#include "mpi_worker/printable.hpp"
#include "mpi_worker/program_check.hpp"
#include "mpi_worker/spawn.hpp"
#include "service/clock.hpp"
#include "value/shell.hpp"

namespace lockstep::service {

namespace {

constexpr std::size_t kMostCalls = 3;
/// Of so many tasks the program is looked for.
constexpr std::uint64_t kMostChecked = 1'000;
/// A machine that turns in circles without a task must not turn for ever here.
constexpr int kMostSteps = 1'000;
/// Nor should a Map over millions be laid out in memory.
constexpr std::uint64_t kMostTasks = 100'000;
constexpr std::size_t kMostArgument = 120;
constexpr std::size_t kMostInput = 60;

std::string command_line(std::vector<std::string> argv) {
  for (std::string& argument : argv) {
    argument = worker::excerpt(argument, kMostArgument);
  }
  return shell_line(argv);
}

const char* name_of(integrations::Builtin builtin) {
  switch (builtin) {
    case integrations::Builtin::noop:
      return "noop";
    case integrations::Builtin::echo:
      return "echo";
    case integrations::Builtin::sleep:
      return "sleep";
    case integrations::Builtin::fail:
      return "fail";
  }
  return "?";
}

/// One task, as far as it can be told before.
struct Call {
  std::string text;
  std::optional<std::string> problem;
};

Call call_of(const integrations::Job& job, const integrations::Resolved& resolved) {
  const Value& input = resolved.input;
  std::string scratch;
  const std::string given = worker::excerpt(input.text(scratch), kMostInput);
  if (job.kind != integrations::JobKind::exec) {
    return {fmt::format("{} with {}", describe_job(job), given), std::nullopt};
  }
  integrations::Job plain = job;
  plain.modules.clear();
  const auto command = worker::command_of(plain, input, resolved.environment, {}, "TASK FOLDER");
  if (!command) {
    const std::string problem = fmt::format("Lockstep.BadArguments: {}", command.error());
    return {"would fail as " + problem, problem};
  }
  std::string line = fmt::format("cd {} && ", shell_word(command->folder));
  line += job.modules.empty() ? "" : fmt::format("module load {} && ", shell_line(job.modules));
  for (const std::string& variable : command->environment) {
    const std::size_t equals = variable.find('=') + 1;
    line += fmt::format("{}{} ", variable.substr(0, equals), shell_word(variable.substr(equals)));
  }
  line += fmt::format("{} <<< {}", command_line(command->argv), shell_word(given));
  const auto argv = job.shell ? job.argv : worker::fill_arguments(job.argv, input).value_or(job.argv);
  return {std::move(line), worker::why_not_runnable(job, argv, worker::program_path())};
}

std::string surroundings(const integrations::Job& job) {
  std::string text = job.modules.empty() ? "" : fmt::format(" (modules {})", fmt::join(job.modules, ", "));
  return job.container == integrations::Runtime::none
             ? text
             : fmt::format("{} ({} {})", text, worker::runtime_name(job.container), job.image);
}

Call failed_call(const integrations::Failure& failure) {
  const std::string problem = fmt::format("{}: {}", failure.error, failure.cause);
  return {"would fail as " + problem, problem};
}

/// What it would read, as far as its reader's arguments say.
std::string describe_map_run(const engine::DispatchTask& dispatch) {
  const auto& reader = std::get<asl::Map>(dispatch.machine->state(dispatch.state).detail).reader;
  std::string text = "a Map Run";
  if (reader) {
    text += fmt::format(" over what {} reads", reader->resource);
    if (const auto arguments = engine::plan_of(dispatch.parameters).reader) {
      text += ": " + arguments->to_text();
    }
  }
  return text;
}

}  // namespace

std::string describe_job(const integrations::Job& job) {
  switch (job.kind) {
    case integrations::JobKind::exec:
      return "exec " + command_line(job.argv) + surroundings(job);
    case integrations::JobKind::stream:
      return "stream " + command_line(job.argv) + surroundings(job);
    case integrations::JobKind::plugin:
      return "plugin " + command_line(job.argv);
    case integrations::JobKind::builtin:
      return std::string("builtin ") + name_of(job.builtin);
  }
  return "?";
}

Rehearsal rehearse(const Plan& plan) {
  const integrations::Integrations integrations(plan.jobs.jobs);
  engine::Engine engine(plan.request.limits == "aws" ? engine::Limits::aws() : engine::Limits::hpc());
  auto identity = std::make_shared<engine::Identity>(
      plan.request.name,
      std::make_shared<engine::MachineIdentity>(engine::MachineIdentity{plan.request.machine_name, "", ""}));
  const Timestamp now = SystemClock().now();
  Rehearsal found;
  std::set<std::string> problems;
  engine::Step step;
  engine.handle({now, 1, engine::StartExecution{engine::ExecutionId{1}, identity, plan.machine, plan.input}}, step);
  for (int i = 0; i < kMostSteps; ++i) {
    for (const engine::Event& event : step.events) {
      if (const auto* started = std::get_if<engine::MapStarted>(&event.body)) {
        found.maps.push_back({event.state, started->items.node().size()});
      }
    }
    for (const engine::Effect& effect : step.effects) {
      if (const auto* end = std::get_if<engine::EndExecution>(&effect.body)) {
        const Finished ending = result_of(*end);
        found.ending = ending.line;
        found.ends_well = ending.exit_status == 0;
      }
      const auto* dispatch = std::get_if<engine::DispatchTask>(&effect.body);
      if (dispatch == nullptr || ++found.tasks > kMostChecked) {
        continue;
      }
      if (engine::is_map_run(*dispatch)) {
        if (found.tasks <= kMostCalls) {
          found.calls.push_back({dispatch->state, dispatch->item_index, describe_map_run(*dispatch)});
        }
        continue;
      }
      const asl::Task& task = std::get<asl::Task>(plan.machine->state(dispatch->state).detail);
      const auto resolved = integrations.resolve(task.resource, dispatch->parameters, {});
      const bool waits_for_worker = task.resource.kind == asl::ResourceKind::activity && !resolved;
      const Call call = waits_for_worker ? Call{"waits for a worker of activity " + task.resource.action, {}}
                        : resolved ? call_of(integrations.jobs()[static_cast<std::size_t>(resolved->job)], *resolved)
                                   : failed_call(resolved.error());
      if (call.problem && problems.insert(*call.problem).second) {
        found.problems.push_back({dispatch->state, dispatch->item_index, *call.problem});
      }
      if (found.tasks <= kMostCalls) {
        found.calls.push_back({dispatch->state, dispatch->item_index, call.text});
      }
    }
    if (!engine.has_ready() || found.tasks > kMostTasks) {
      break;
    }
    step.clear();
    engine.handle({now, 1, engine::Proceed{}}, step);
  }
  return found;
}

}  // namespace lockstep::service
