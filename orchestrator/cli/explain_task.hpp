// What one task has been through, in words: from the journal, jobs.json, the logs and the task's folder.
#pragma once

#include <string>

#include "report/status.hpp"
#include "report/task_story.hpp"

namespace lockstep::cli {

/// For people. Errors: the run folder's jobs.json or its logs cannot be read.
Result<std::string> explain_tasks(const report::RunFiles& run, const report::RunStatus& status,
                                  const report::Stories& stories);

}  // namespace lockstep::cli
