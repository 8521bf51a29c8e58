// What the end of an exec job's process means for its task (design: "jobs.json"; aws-behaviour.md 16).
#pragma once

#include <string>
#include <string_view>

#include "integrations/job.hpp"
#include "mpi_worker/task.hpp"

namespace lockstep::worker {

/// Lines, and bytes, of stderr that a cause shows.
inline constexpr std::size_t kCauseLines = 20;
inline constexpr std::size_t kCauseBytes = 8192;

/// Fills kind, result, error and cause from the status that waitpid() gave, stdout (all of it, or with StdoutMode::log
/// its end) and the end of stderr.
void conclude(integrations::StdoutMode mode, int wait_status, std::string out, std::string_view err_tail,
              Outcome& outcome);

/// The same for the one line that a stream answers a task with: JSON, or an object with a string `errorType`, which
/// names the error of a task that failed.
void conclude_line(std::string line, Outcome& outcome);

}  // namespace lockstep::worker
