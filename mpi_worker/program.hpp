// Starting a job's program with pipes to it.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "integrations/job.hpp"
#include "mpi_worker/descriptor.hpp"
#include "mpi_worker/settings.hpp"
#include "mpi_worker/spawn.hpp"
#include "mpi_worker/task.hpp"
#include "mpi_worker/task_folders.hpp"
#include "mpi_worker/task_log.hpp"

namespace lockstep::worker {

/// What all processes of a runner share.
struct ProcessContext {
  const RunSettings* settings = nullptr;
  TaskLog* log = nullptr;
  TaskFolders* folders = nullptr;
  SignalsToReset signals;
  const std::vector<std::string>* environment = nullptr;  ///< shared_environment()
  std::unordered_map<std::string, std::string> programs;  ///< found in PATH
  std::string path;                                       ///< PATH
};

struct ProgramPlan {
  const integrations::Job& job;
  const std::vector<std::string>& argv;         ///< not empty
  const std::vector<std::string>& environment;  ///< beyond what all share
  const std::string& folder;                    ///< working directory; empty: ours
  std::string_view input;                       ///< what there is to write to it, now; see Program::in
  bool more_input = false;                      ///< there may be more later
  bool heartbeat = false;                       ///< it gets a pipe for beats, as descriptor kHeartbeatDescriptor
};

inline constexpr int kHeartbeatDescriptor = 3;

/// A program that runs, in a process group of its own. Our ends of the pipes do not block.
struct Program {
  pid_t pid = -1;
  Descriptor ended;  ///< readable once it has ended; -1: this kernel has no such thing
  Descriptor in;     ///< -1: all input was written, and there is no more
  Descriptor out, err, beat;
  bool input_written = false;
};

/// The error is that of a failed task.
struct StartFailure {
  std::string error;
  std::string cause;
};
tl::expected<Program, StartFailure> start_program(const ProgramPlan& plan, ProcessContext& context);

/// The outcome of a task that could not be started.
Outcome not_started(const Task& task, StartFailure failure);

}  // namespace lockstep::worker
