// The jobs that need no process: noop, echo, sleep and fail.
#pragma once

#include <chrono>

#include "mpi_worker/task.hpp"
#include "work/job.hpp"

namespace lockstep::worker {

/// Now on this machine's clock.
Timestamp now();

/// Runs noop, echo or fail at once. False, and nothing done, where the job takes time or a process.
bool run_at_once(const work::Job& job, const Task& task, Outcome& outcome);

/// How long sleep with this input sleeps: a number of seconds or {"seconds": number}, from 0. The error is a cause of
/// Lockstep.BadArguments.
tl::expected<std::chrono::microseconds, std::string> sleep_duration(const Value& input);

}  // namespace lockstep::worker
