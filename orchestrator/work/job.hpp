// What a Task's Resource resolves to and a worker can run. Plain data: it travels to the ranks.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace lockstep::work {

enum class JobKind : std::uint8_t {
  exec,     ///< a process for each task
  builtin,  ///< none
  stream,   ///< a process for each slot: a task a line
  plugin    ///< a function of a shared library (lockstep_plugin.h)
};
/// How stdout of an exec job becomes the task's result.
enum class StdoutMode : std::uint8_t { json, text, log };
enum class Builtin : std::uint8_t { noop, echo, sleep, fail };
enum class WorkingDirectory : std::uint8_t {
  jobs_folder,
  task_folder,
  named  ///< Job::directory
};
/// What a container is run with.
enum class Runtime : std::uint8_t { none, apptainer, singularity, docker, podman };
/// What becomes of a task that was running when its worker or the whole run was lost (design, wall 3).
enum class Interrupted : std::uint8_t {
  rerun,  ///< it is dispatched again, in the same task folder
  fail    ///< it never starts twice: it fails as Lockstep.TaskInterrupted
};

/// One entry of jobs.json (design: "jobs.json").
struct Job {
  std::string resource;  ///< the pattern, as written: names the job in messages
  JobKind kind = JobKind::builtin;
  /// exec: program and arguments, `${field}` not yet replaced; stream: the same, without any; plugin: the library's
  /// absolute path.
  std::vector<std::string> argv;
  bool shell = false;                    ///< argv is a shell with its command, in which `${…}` is the shell's own
  std::vector<std::string> environment;  ///< "NAME=value", as argv; instead of what a task inherits
  std::vector<std::string> modules;      ///< environment modules that are loaded first
  Runtime container = Runtime::none;
  std::string image;                 ///< of the container: a name, or an absolute path
  std::vector<std::string> options;  ///< of the container's runtime
  Builtin builtin = Builtin::noop;
  StdoutMode stdout_mode = StdoutMode::json;
  WorkingDirectory cwd = WorkingDirectory::jobs_folder;
  std::string directory;  ///< named: absolute, as argv
  Interrupted interrupted = Interrupted::rerun;
  std::int32_t priority = 0;  ///< of its tasks that wait for a slot; higher goes first. Rank 0's alone
  std::string folder;         ///< absolute: the folder of jobs.json, to which relative paths refer
};

/// Position in the run's job table.
enum class JobId : std::uint32_t { none = UINT32_MAX };

}  // namespace lockstep::work
