#include "mpi_worker/environment.hpp"

#include <algorithm>

#include "mpi_worker/program.hpp"

namespace lockstep::worker {
namespace {

bool starts_with_one_of(std::string_view name, std::initializer_list<std::string_view> prefixes) {
  return std::any_of(prefixes.begin(), prefixes.end(),
                     [&](std::string_view prefix) { return name.substr(0, prefix.size()) == prefix; });
}

constexpr std::string_view kTold[] = {"LOCKSTEP_RUN_ID",     "LOCKSTEP_RUN_DIR",    "LOCKSTEP_RANK",
                                      "LOCKSTEP_HOST",       "LOCKSTEP_CPUS",       "LOCKSTEP_STATE",
                                      "LOCKSTEP_ATTEMPT",    "LOCKSTEP_ITEM_INDEX", "LOCKSTEP_TASK_DIR",
                                      "LOCKSTEP_TASK_TOKEN", "LOCKSTEP_EXECUTION",  "LOCKSTEP_DEADLINE"};
constexpr std::string_view kOthers[] = {"LOCKSTEP_JOB", "LOCKSTEP_STATUS_FILE", "LOCKSTEP_HEARTBEAT_FD",
                                        "LOCKSTEP_TERMINAL"};

/// Variables that a task gets from us, so that those of a surrounding run do not shine through.
bool is_ours(std::string_view name) {
  return std::find(std::begin(kTold), std::end(kTold), name) != std::end(kTold) ||
         std::find(std::begin(kOthers), std::end(kOthers), name) != std::end(kOthers);
}

}  // namespace

std::span<const std::string_view> told_variables() {
  return kTold;
}

bool belongs_to_launcher(std::string_view name) {
  if (starts_with_one_of(name, {"OMPI_ALLOW_RUN_AS_ROOT"})) {
    return false;  // a permission of the user's, not a place in our job
  }
  return starts_with_one_of(name, {"OMPI_", "PMIX_", "PMI_", "ORTE_", "PRTE_", "SLURM_STEP", "SLURM_PMI",
                                   "SLURM_CPU_BIND", "SLURM_SRUN_COMM"}) ||
         name == "SLURM_PROCID" || name == "SLURM_LOCALID" || name == "SLURM_NODEID" || name == "SLURM_TASK_PID" ||
         name == "SLURM_GTIDS" || name == "SLURM_LAUNCH_NODE_IPADDR" || name == "SLURM_MPI_TYPE";
}

std::vector<std::string> shared_environment(const char* const* environment, const RunSettings& settings,
                                            const Place& place) {
  std::vector<std::string> variables;
  bool threads_set = false;
  for (const char* const* entry = environment; *entry != nullptr; ++entry) {
    const std::string_view variable = *entry;
    const std::string_view name = variable.substr(0, variable.find('='));
    threads_set = threads_set || name == "OMP_NUM_THREADS";
    if (!belongs_to_launcher(name) && !is_ours(name)) {
      variables.emplace_back(variable);
    }
  }
  if (!threads_set) {
    variables.emplace_back("OMP_NUM_THREADS=1");  // a slot is one core
  }
  variables.push_back("LOCKSTEP_RUN_ID=" + settings.run_id);
  if (!settings.run_folder.empty()) {
    variables.push_back("LOCKSTEP_RUN_DIR=" + settings.run_folder);
  }
  variables.push_back(fmt::format("LOCKSTEP_RANK={}", place.rank));
  variables.push_back("LOCKSTEP_HOST=" + place.host);
  variables.emplace_back("LOCKSTEP_CPUS=1");
  return variables;
}

std::vector<std::string> task_environment(const Task& task, const std::string& task_folder) {
  std::vector<std::string> variables;
  variables.push_back("LOCKSTEP_EXECUTION=" + task.execution_name);
  variables.push_back("LOCKSTEP_STATE=" + task.state_name);
  variables.push_back(fmt::format("LOCKSTEP_ATTEMPT={}", task.attempt));
  if (task.item_index >= 0) {
    variables.push_back(fmt::format("LOCKSTEP_ITEM_INDEX={}", task.item_index));
  }
  if (!task_folder.empty()) {
    variables.push_back("LOCKSTEP_TASK_DIR=" + task_folder);
  }
  if (!task.task_token.empty()) {
    variables.push_back("LOCKSTEP_TASK_TOKEN=" + task.task_token);
  }
  if (task.heartbeat) {
    variables.push_back(fmt::format("LOCKSTEP_HEARTBEAT_FD={}", kHeartbeatDescriptor));
  }
  if (task.timeout) {
    const auto end = std::chrono::system_clock::now() + *task.timeout;
    variables.push_back(fmt::format("LOCKSTEP_DEADLINE={}",
                                    std::chrono::duration_cast<std::chrono::seconds>(end.time_since_epoch()).count()));
  }
  return variables;
}

}  // namespace lockstep::worker
