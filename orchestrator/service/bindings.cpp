#include "service/bindings.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "mpi_worker/plugin_host.hpp"

namespace lockstep::service {

namespace {

/// Task states by name with the constant FunctionName of their Parameters or Arguments, from the definition's own text:
/// the compiled templates no longer tell a constant from a computed value.
void collect_functions(const Node& scope, std::vector<std::pair<std::string_view, std::string_view>>& functions) {
  const Node* states = scope.is_object() ? scope.find("States") : nullptr;
  for (std::size_t i = 0; states != nullptr && states->is_object() && i < states->size(); ++i) {
    const Node& state = states->member(i).value();
    if (!state.is_object()) {
      continue;
    }
    for (const std::string_view field : {"Parameters", "Arguments"}) {
      const Node* payload = state.find(field);
      const Node* function = payload != nullptr && payload->is_object() ? payload->find("FunctionName") : nullptr;
      if (function != nullptr && function->is_string() && function->as_string().substr(0, 2) != "{%") {
        functions.emplace_back(states->member(i).key(), function->as_string());
      }
    }
    for (const std::string_view field : {"ItemProcessor", "Iterator"}) {
      if (const Node* processor = state.find(field)) {
        collect_functions(*processor, functions);
      }
    }
    const Node* branches = state.find("Branches");
    for (std::size_t k = 0; branches != nullptr && branches->is_array() && k < branches->size(); ++k) {
      collect_functions(branches->at(k), functions);
    }
  }
}

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

}  // namespace

std::vector<integrations::ResourceUse> resource_uses(const asl::StateMachine& machine) {
  const Value definition = Value::from_checked_text(machine.text);
  std::vector<std::pair<std::string_view, std::string_view>> functions;
  collect_functions(definition.node(), functions);
  std::vector<integrations::ResourceUse> uses;
  for (const asl::State& state : machine.states) {
    const auto* task = std::get_if<asl::Task>(&state.detail);
    if (task == nullptr) {
      continue;
    }
    integrations::ResourceUse use{task->resource, std::nullopt};
    for (const auto& [name, function] : functions) {
      if (name == state.name) {
        use.function_name = std::string(function);
      }
    }
    uses.push_back(std::move(use));
  }
  return uses;
}

Result<void> check_bindings(const asl::StateMachine& machine, const integrations::Integrations& integrations) {
  for (const asl::State& state : machine.states) {
    if (const auto* map = std::get_if<asl::Map>(&state.detail); map != nullptr && map->distributed) {
      return fail(
          ErrorKind::invalid,
          fmt::format("state '{}' is a Distributed Map, which this version cannot run: use an inline Map", state.name));
    }
    if (const auto* task = std::get_if<asl::Task>(&state.detail)) {
      if (contains(task->resource, ":activity:")) {
        return fail(ErrorKind::invalid, fmt::format("state '{}' is an activity ({}), which this version cannot serve",
                                                    state.name, task->resource));
      }
    }
  }
  const std::vector<std::string> unmapped = integrations.unmapped(resource_uses(machine));
  if (!unmapped.empty()) {
    return fail(ErrorKind::invalid, fmt::format("nothing in jobs.json maps {}", fmt::join(unmapped, ", ")));
  }
  return {};
}

Result<void> check_plugins(const asl::StateMachine& machine, const integrations::Integrations& integrations) {
  for (const integrations::JobId id : integrations.used(resource_uses(machine))) {
    const integrations::Job& job = integrations.jobs()[static_cast<std::size_t>(id)];
    if (job.kind == integrations::JobKind::plugin) {
      if (auto checked = worker::check_plugin(job); !checked) {
        return checked;
      }
    }
  }
  return {};
}

}  // namespace lockstep::service
