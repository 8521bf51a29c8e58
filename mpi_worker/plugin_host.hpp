// A plugin in a process of its own: this binary as `lockstep plugin-host`, which its runner keeps like a stream. A
// request is a line "SIZE FOLDER" with the sizes of what follows it, a message with the task and the task's folder; an
// answer is a line. Blanks before an answer are signs of life.
#pragma once

#include <string>
#include <vector>

#include "mpi_worker/settings.hpp"
#include "mpi_worker/task.hpp"
#include "value/error.hpp"
#include "work/job.hpp"

namespace lockstep::worker {

/// Program and arguments of the host for a job's plugin.
std::vector<std::string> plugin_host_command(const work::Job& job);

/// What is written to the host for a task.
std::string plugin_request(const Task& task, const std::string& task_folder);

/// Fills kind, result, error, cause and what was used, from the line that the host has answered.
void conclude_plugin_line(std::string_view line, std::size_t output_limit, Outcome& outcome);

/// The host's side: `arguments` are those after "plugin-host". The exit status of the process.
int run_plugin_host(const std::vector<std::string>& arguments);

/// Whether the job's plugin can be loaded, found out in another process, as its constructors may do anything. The error
/// (invalid) names it and says why not.
Result<void> check_plugin(const work::Job& job);

}  // namespace lockstep::worker
