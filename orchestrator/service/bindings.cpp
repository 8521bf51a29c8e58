#include "service/bindings.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "mpi_worker/plugin_host.hpp"
#include "service/nested_call.hpp"
#include "value/nearest.hpp"
#include "value/shell.hpp"

namespace lockstep::service {

namespace {

/// "states 'A', 'B' and 3 more"
std::string list_states(const std::vector<std::string>& states) {
  constexpr std::size_t kMost = 3;
  std::string text = states.size() == 1 ? "state " : "states ";
  for (std::size_t i = 0; i < std::min(states.size(), kMost); ++i) {
    text += fmt::format("{}'{}'", i == 0 ? "" : i + 1 == states.size() ? " and " : ", ", states[i]);
  }
  return states.size() > kMost ? fmt::format("{} and {} more", text, states.size() - kMost) : text;
}

/// An entry that maps `resource`, to begin with.
std::string example_entry(const std::string& resource) {
  const std::size_t colon = resource.rfind(':');
  std::string name;
  for (const char c : resource.substr(colon == std::string::npos ? 0 : colon + 1)) {
    name += std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' ? c : '-';
  }
  std::string text = R"({"jobs":[{"resource":)";
  append_json_string(text, resource);
  return text + fmt::format(R"(,"exec":["./{}.sh"]}}]}})", name);
}

}  // namespace

std::vector<integrations::ResourceUse> resource_uses(const asl::StateMachine& machine) {
  std::vector<integrations::ResourceUse> uses;
  for (const asl::State& state : machine.states) {
    if (const auto* task = std::get_if<asl::Task>(&state.detail)) {
      uses.push_back({task->resource, state.name});
    }
  }
  return uses;
}

Result<void> check_bindings(const asl::StateMachine& machine, const integrations::Integrations& integrations,
                            const JobsName& name, const std::vector<std::string>& activities) {
  std::vector<integrations::ResourceUse> uses;
  for (const integrations::ResourceUse& use : resource_uses(machine)) {
    const bool has_workers = use.resource.kind == asl::ResourceKind::activity &&
                             std::find(activities.begin(), activities.end(), use.resource.action) != activities.end();
    if (!has_workers && !is_nested_call(use.resource)) {
      uses.push_back(use);
    }
  }
  const std::vector<integrations::Unmapped> unmapped = integrations.unmapped(uses);
  if (unmapped.empty()) {
    return {};
  }
  std::vector<std::string> patterns;
  for (const integrations::Job& job : integrations.jobs()) {
    patterns.push_back(job.resource);
  }
  std::string needed;
  for (const integrations::Unmapped& one : unmapped) {
    needed += fmt::format("{}{} ({}{})", needed.empty() ? "" : ", ", one.name, list_states(one.states),
                          did_you_mean(one.text, patterns));
  }
  std::string workers;
  for (const integrations::Unmapped& one : unmapped) {
    if (const auto resource = asl::classify_resource(one.text); resource.kind == asl::ResourceKind::activity) {
      workers += " --activity " + shell_word(resource.action);
    }
  }
  workers =
      workers.empty() ? "" : fmt::format("; or leave an activity's tasks to `lockstep activity-worker`:{}", workers);
  return fail(ErrorKind::invalid,
              name.exists ? fmt::format("nothing in {} maps {}{}", name.file, needed, workers)
                          : fmt::format("there is no jobs.json (looked for {}), and these resources need one: {}; for "
                                        "example {}{}",
                                        name.file, needed, example_entry(unmapped.front().text), workers));
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
