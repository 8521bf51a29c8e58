// The environment of tasks: ours, without what belongs to the launcher of this rank, with what a task is told
// (hpc-habits.md D4).
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "mpi_worker/settings.hpp"
#include "mpi_worker/task.hpp"

namespace lockstep::worker {

/// Whether the variable `name` tells a process which rank or job step it is. An MPI program that inherits such a
/// variable would take itself for a rank of ours (slurm-mpi.md 3).
bool belongs_to_launcher(std::string_view name);

/// The names of those variables that a task is told things in, but those that mean nothing in another namespace.
std::span<const std::string_view> told_variables();

/// What all tasks here share, as "NAME=value". `environment` is ours, ending with a null pointer.
std::vector<std::string> shared_environment(const char* const* environment, const RunSettings& settings,
                                            const Place& place);

/// What is said to one task only. `task_folder` may be empty: none.
std::vector<std::string> task_environment(const Task& task, const std::string& task_folder);

}  // namespace lockstep::worker
