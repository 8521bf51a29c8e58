// The run folder: everything about one run, in one place (design, "What a user touches").
//
//   definition.json  input.json  jobs.json  run.json    what was asked for, as it was given; run.json is written last
//   result.json                                         how it ended; there once it has
//   journal/  spool/  LOCK  lease  mailbox/             what survives, who owns it, and what others say to it
//   logs/  tasks/                                       what the tasks wrote, their folders
#pragma once

#include <optional>
#include <string>

#include "value/error.hpp"

namespace lockstep::service {

/// What was asked for. All that a run needs to go on without its first command line.
struct RunRequest {
  std::string definition;    ///< JSON text
  std::string input;         ///< JSON text
  std::string jobs;          ///< text of jobs.json; empty: none
  std::string jobs_folder;   ///< absolute: to which its relative paths refer
  std::string name;          ///< of the execution; empty when asking: the kept one, or one that is made up
  std::string type;          ///< "STANDARD" or "EXPRESS"
  std::string limits;        ///< "hpc" or "aws"
  std::string machine_name;  ///< of the state machine
};

/// The line that a finished run printed, and its exit status.
struct Finished {
  std::string line;
  int exit_status = 0;
};

class RunFolder {
 public:
  /// The folder at `path`, which is made if it is not there. An error (occupied) where something else stands there.
  /// Writes nothing else.
  static Result<RunFolder> at(const std::string& path);
  /// The folder at `path`, which must hold a run.
  static Result<RunFolder> existing(const std::string& path);

  /// A path for a new folder: beside the definition, or in the working folder where that cannot be written; in a Slurm
  /// job named by the job's id.
  static std::string choose(const std::string& definition_path, const std::string& stem);

  const std::string& path() const { return path_; }
  /// Whether a run stands here.
  bool holds_run() const;
  /// How it ended; nothing if it has not.
  Result<std::optional<Finished>> finished() const;
  /// What was asked for.
  Result<RunRequest> load() const;
  /// An error (occupied) that shows the difference, if `request` asks for another definition, input or name.
  static Result<void> compare(const std::string& path, const RunRequest& kept, const RunRequest& request);

  // For the owner of the run only.
  /// Keeps what is asked for.
  Result<void> keep(const RunRequest& request) const;
  /// Removes the run that stands here.
  Result<void> clear() const;
  /// Keeps how the run ended.
  Result<void> finish(const Finished& finished) const;
  /// It has not ended after all (redrive).
  Result<void> reopen() const;

 private:
  explicit RunFolder(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

}  // namespace lockstep::service
