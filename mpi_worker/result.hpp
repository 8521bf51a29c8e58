// What the end of an exec job's process means for its task (design: "jobs.json"; aws-behaviour.md 16).
#pragma once

#include <string>
#include <string_view>

#include "mpi_worker/task.hpp"
#include "work/job.hpp"

namespace lockstep::worker {

/// Lines, and bytes, of stderr that a cause shows; of stdout as many lines, and half the bytes.
inline constexpr std::size_t kCauseLines = 20;
inline constexpr std::size_t kCauseBytes = 8192;

/// Fills kind, result, error and cause from the status that waitpid() gave, stdout (all of it, or with StdoutMode::log
/// its end, which the end of stderr holds, too) and the end of stderr. `out` is taken only where it is the result.
void conclude(work::StdoutMode mode, int wait_status, std::string& out, std::string_view err_tail, Outcome& outcome);

/// The same for the one line that a stream answers a task with: JSON, or an object with a string `errorType`, which
/// names the error of a task that failed.
void conclude_line(std::string& line, std::string_view err_tail, Outcome& outcome);

/// Says where the folder of a task is that failed and has left something there: below the first line of its cause, but
/// not where that is the object in which the job itself has said why.
void tell_folder(const std::string& path, Outcome& outcome);

}  // namespace lockstep::worker
