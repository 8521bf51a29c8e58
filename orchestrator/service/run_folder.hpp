// The run folder: everything about one run, in one place (design, "What a user touches").
//
//   definition.json  input.json  jobs.json  run.json    what was asked for, as it was given
//   result.json                                         how it ended; there once it has
//   logs/  tasks/                                       what the tasks wrote, their folders
#pragma once

#include <optional>
#include <string>

#include "value/error.hpp"

namespace lockstep::service {

struct RunRequest {
  std::string definition;  ///< JSON text
  std::string input;       ///< JSON text
  std::string jobs;        ///< text of jobs.json; empty: none
  std::string name;        ///< of the execution
  std::string type;        ///< "STANDARD" or "EXPRESS"
};

class RunFolder {
 public:
  /// Makes the folder at `path` for `request`. If a run stands there already: with `fresh` it is removed first; if it
  /// has ended and asked for the same, result() holds how; else an error (occupied) that says what differs or what to
  /// do.
  static Result<RunFolder> open(const std::string& path, const RunRequest& request, bool fresh);

  /// A path for a new folder: beside the definition, or in the working folder where that cannot be written; in a Slurm
  /// job named by the job's id.
  static std::string choose(const std::string& definition_path, const std::string& stem);

  const std::string& path() const { return path_; }
  /// The line that the finished run printed, and its exit status; nothing if this run is new.
  struct Finished {
    std::string line;
    int exit_status;
  };
  const std::optional<Finished>& finished() const { return finished_; }

  /// Keeps how the run ended.
  Result<void> finish(const Finished& finished) const;

 private:
  std::string path_;
  std::optional<Finished> finished_;
};

}  // namespace lockstep::service
