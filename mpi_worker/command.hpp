// What is started for a task of an exec or stream job: `${field}` replaced, modules and container put in front.
#pragma once

#include <string>
#include <vector>

#include "value/value.hpp"
#include "work/job.hpp"

namespace lockstep::worker {

struct Command {
  std::vector<std::string> argv;
  std::vector<std::string> environment;  ///< "NAME=value", instead of what the task would inherit
  std::string folder;                    ///< working directory
};

/// `more`: variables of the task alone (work::Task::environment). `run_folder` and `task_folder` may be empty: there is
/// none. The error is the cause of Lockstep.BadArguments.
tl::expected<Command, std::string> command_of(const work::Job& job, const Value& input,
                                              const std::vector<std::string>& more, const std::string& run_folder,
                                              const std::string& task_folder);

/// The program that runs the containers of the job.
std::string_view runtime_name(work::Runtime runtime);

}  // namespace lockstep::worker
