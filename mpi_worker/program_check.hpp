// Whether a job's program could be started here; asked before anything runs.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "work/job.hpp"

namespace lockstep::worker {

/// Why the exec or stream job could not be started on this machine with these arguments: its program is not found in
/// `path` (a list of folders) or not executable, the interpreter that its first line names is missing, the script that
/// an interpreter is given or the first word of a shell's command is not there. Nothing where it could, and where that
/// cannot be told: a `${field}` that is not filled in yet.
std::optional<std::string> why_not_runnable(const work::Job& job, const std::vector<std::string>& argv,
                                            std::string_view path);

}  // namespace lockstep::worker
