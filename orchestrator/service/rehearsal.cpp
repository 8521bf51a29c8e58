#include "service/rehearsal.hpp"

#include <fmt/format.h>

#include "mpi_worker/arguments.hpp"
#include "mpi_worker/printable.hpp"
#include "service/clock.hpp"

namespace lockstep::service {

namespace {

constexpr std::size_t kMostCalls = 3;
/// A machine that turns in circles without a task must not turn for ever here.
constexpr int kMostSteps = 1'000;
/// Nor should a Map over millions be laid out in memory.
constexpr std::uint64_t kMostTasks = 100'000;
constexpr std::size_t kMostArgument = 120;
constexpr std::size_t kMostInput = 60;

/// As a shell would take it.
std::string quoted(const std::string& argument) {
  const std::string text = worker::excerpt(argument, kMostArgument);
  const bool plain = !text.empty() && text.find_first_not_of(
                                          "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ01234"
                                          "56789_-+=./,:@%") == std::string::npos;
  if (plain) {
    return text;
  }
  std::string all = "'";
  for (const char c : text) {
    all += c == '\'' ? "'\\''" : std::string(1, c);
  }
  return all + "'";
}

std::string command_line(const std::vector<std::string>& argv) {
  std::string line;
  for (const std::string& argument : argv) {
    line += (line.empty() ? "" : " ") + quoted(argument);
  }
  return line;
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

std::string call_text(const integrations::Job& job, const Value& input) {
  std::string scratch;
  const std::string given = worker::excerpt(input.text(scratch), kMostInput);
  if (job.kind != integrations::JobKind::exec) {
    return fmt::format("{} with {}", describe_job(job), given);
  }
  const auto argv = worker::fill_arguments(job.argv, input);
  if (!argv) {
    return fmt::format("would fail as Lockstep.BadArguments: {}", argv.error());
  }
  const char* folder = job.cwd == integrations::WorkingDirectory::task_folder ? "TASK FOLDER" : job.folder.c_str();
  return fmt::format("cd {} && {} <<< {}", quoted(folder), command_line(*argv), quoted(given));
}

}  // namespace

std::string describe_job(const integrations::Job& job) {
  switch (job.kind) {
    case integrations::JobKind::exec:
      return "exec " + command_line(job.argv);
    case integrations::JobKind::stream:
      return "stream " + command_line(job.argv);
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
  auto identity = std::make_shared<engine::Identity>();
  identity->name = plan.request.name;
  identity->machine_name = plan.request.machine_name;
  const Timestamp now = SystemClock().now();
  Rehearsal found;
  engine::Step step;
  engine.handle({now, 1, engine::StartExecution{engine::ExecutionId{1}, identity, plan.machine, plan.input}}, step);
  for (int i = 0; i < kMostSteps; ++i) {
    for (const engine::Event& event : step.events) {
      if (const auto* started = std::get_if<engine::MapStarted>(&event.body)) {
        found.maps.push_back({event.state, started->items.node().size()});
      }
    }
    for (const engine::Effect& effect : step.effects) {
      if (const auto* end = std::get_if<engine::EndExecution>(&effect)) {
        found.ending = result_of(*end).line;
      }
      const auto* dispatch = std::get_if<engine::DispatchTask>(&effect);
      if (dispatch == nullptr || ++found.tasks > kMostCalls) {
        continue;
      }
      const auto& task = std::get<asl::Task>(plan.machine->state(dispatch->state).detail);
      const auto resolved = integrations.resolve(task.resource, dispatch->parameters, {});
      found.calls.push_back(
          {dispatch->state, dispatch->item_index,
           resolved ? call_text(integrations.jobs()[static_cast<std::size_t>(resolved->job)], resolved->input)
                    : fmt::format("would fail as {}: {}", resolved.error().error, resolved.error().cause)});
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
