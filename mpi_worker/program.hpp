// Starting a job's program with pipes to it.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "mpi_worker/keeper.hpp"
#include "mpi_worker/settings.hpp"
#include "mpi_worker/task.hpp"
#include "mpi_worker/task_folders.hpp"
#include "mpi_worker/task_log.hpp"
#include "value/descriptor.hpp"
#include "work/job.hpp"

namespace lockstep::worker {

/// What all processes of a runner share.
struct ProcessContext {
  const RunSettings* settings = nullptr;
  TaskLog* log = nullptr;
  TaskFolders* folders = nullptr;
  Keepers* keepers = nullptr;
  const std::vector<std::string>* environment = nullptr;  ///< shared_environment()
  std::unordered_map<std::string, std::string> programs;  ///< found in PATH
  std::string path;                                       ///< PATH
};

struct ProgramPlan {
  const work::Job& job;
  const std::vector<std::string>& argv;         ///< not empty
  const std::vector<std::string>& environment;  ///< beyond what all share
  const std::string& folder;                    ///< working directory; empty: ours
  std::string_view input;                       ///< what there is to write to it, now; see Program::in
  bool more_input = false;                      ///< there may be more later
  bool heartbeat = false;                       ///< it gets a pipe for beats, as descriptor kHeartbeatDescriptor
  bool tells_pid = false;                       ///< the keeper tells its number
  std::size_t replacing = 0;                    ///< the last of `environment`, instead of what all share
};

inline constexpr int kHeartbeatDescriptor = 3;

/// Outcome::cause of a task that was interrupted because its keeper was.
inline constexpr std::string_view kKeeperGone = "the process that kept the task's processes was killed";

/// A program that runs or is about to, in a process group of its own. Our ends of the pipes do not block.
struct Program {
  std::unique_ptr<Keeper> keeper;  ///< tells what becomes of it
  std::string path;
  Descriptor in;  ///< -1: all input was written, and there is no more
  Descriptor out, err, beat;
  bool input_written = false;
};

/// Why a task could not be started.
struct StartFailure {
  std::string error;  ///< of a failed task; empty: it is not the task's fault, and it goes back as it came
  std::string cause;
};
tl::expected<Program, StartFailure> start_program(const ProgramPlan& plan, ProcessContext& context);

/// What the keeper's Report::refused means for a task; `folder`: its plan's.
StartFailure explain_refusal(const Report& report, const Program& program, const std::string& folder,
                             ProcessContext& context);

/// The outcome of a task that could not be started; `cancelled`: and that nobody wants any more.
Outcome outcome_of(const Task& task, StartFailure failure, bool cancelled = false);
/// The same; its log says so.
Outcome not_started(const Task& task, StartFailure failure, ProcessContext& context);

}  // namespace lockstep::worker
