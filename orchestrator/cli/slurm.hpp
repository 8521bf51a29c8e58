// What Slurm knows of a job, by its own commands: there is no other way to ask that is the same everywhere.
#pragma once

#include <optional>
#include <string>

#include "value/time.hpp"

namespace lockstep::cli {

/// Whether processes of the job may still run, by `squeue`; nothing where it is not there, does not answer within some
/// seconds, or says what nobody here understands.
std::optional<bool> slurm_job_runs(const std::string& job);

/// When this process's job ends, where its environment says so.
std::optional<Timestamp> end_of_allocation();

}  // namespace lockstep::cli
