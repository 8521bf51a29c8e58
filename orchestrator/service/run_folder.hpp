// The run folder: everything about one run, in one place (design, "What a user touches").
//
//   definition.json  input.json  jobs.json  run.json    what was asked for, as it was given; run.json is written last
//   machines.json                                       state machines besides, where there are any
//   result.json                                         how it ended; there once it has
//   journal/  spool/  LOCK  lease  mailbox/             what survives, who owns it, and what others say to it
//   logs/  tasks/                                       what the tasks wrote, their folders
//   state.json                                          what runs now, for people to see (report/run_state.hpp)
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "journal/files.hpp"
#include "service/sources.hpp"
#include "value/error.hpp"

namespace lockstep::service {

/// A state machine besides the run's own, which its tasks may start executions of.
struct OtherMachine {
  std::string name;
  std::string type;        ///< "STANDARD" or "EXPRESS"
  std::string definition;  ///< JSON text
  friend bool operator==(const OtherMachine&, const OtherMachine&) = default;
};

/// What was asked for. All that a run needs to go on without its first command line.
struct RunRequest {
  std::string definition;               ///< JSON text
  std::string input;                    ///< JSON text
  std::string jobs;                     ///< text of jobs.json; empty: none
  std::string jobs_folder;              ///< absolute: to which its relative paths refer
  std::string name;                     ///< of the execution; empty when asking: the kept one, or one that is made up
  std::string type;                     ///< "STANDARD" or "EXPRESS", or kHouse
  std::string limits;                   ///< "hpc" or "aws"
  std::string machine_name;             ///< of the state machine
  std::vector<OtherMachine> machines;   ///< in order of their names
  std::vector<std::string> activities;  ///< names of those that are made for it
  std::map<std::string, std::string> buckets;  ///< bucket → absolute folder; they go before those of the jobs
  std::string bucket_root;                     ///< as integrations::JobsFile has it
  Sources sources;                             ///< the files that all this was read from

  /// A house of many executions: it has no definition, no input and no name of its own.
  bool is_house() const { return type == kHouse; }
  static constexpr std::string_view kHouse = "HOUSE";
};

/// The line that a finished run printed, and its exit status.
struct Finished {
  std::string line;
  int exit_status = 0;
};

class RunFolder {
 public:
  /// The folder at `path`, which is made, durably, if it is not there. An error (occupied) where something else stands
  /// there, or it is not this user's alone. Writes nothing else.
  static Result<RunFolder> at(const std::string& path);
  /// The folder `path` of other files: for tests.
  static RunFolder on(journal::FileLayer& files, const std::string& path) { return RunFolder(path, files); }
  /// The folder at `path`, which must hold a run and be this user's alone.
  static Result<RunFolder> existing(const std::string& path);

  /// A path for a new folder: beside the definition, or in the working folder where that cannot be written. Called
  /// `name`, or, where that is empty, STEM-N: in a Slurm job with the job's id, else with the next number there.
  static std::string choose(const std::string& definition_path, const std::string& stem, const std::string& name);

  const std::string& path() const { return path_; }
  /// What it lies on.
  journal::FileLayer& files() const { return *files_; }
  /// Whether a run stands here.
  Result<bool> holds_run() const;
  /// How it ended; nothing if it has not.
  Result<std::optional<Finished>> finished() const;
  /// What was asked for.
  Result<RunRequest> load() const;
  /// The same without the texts of definition, input and jobs.
  Result<RunRequest> settings() const;
  /// An error (occupied) that shows the difference, if `request` asks for another definition, input, name or type.
  static Result<void> compare(const std::string& path, const RunRequest& kept, const RunRequest& request);

  // For the owner of the run only.
  /// Keeps what is asked for.
  Result<void> keep(const RunRequest& request) const;
  /// Of that only its jobs: others than before.
  Result<void> keep_jobs(const RunRequest& request) const;
  /// Of that only its definition, unless that is the one that is kept. `from`: its file; nothing: not known.
  Result<void> keep_definition(const std::string& definition, const std::optional<Source>& from) const;
  /// Removes the run that stands here.
  Result<void> clear() const;
  /// Keeps how the run ended.
  Result<void> finish(const Finished& finished) const;
  /// It has not ended after all (redrive).
  Result<void> reopen() const;

 private:
  explicit RunFolder(std::string path, journal::FileLayer& files = journal::posix_files())
      : path_(std::move(path)), files_(&files) {}

  std::string path_;
  journal::FileLayer* files_;
};

}  // namespace lockstep::service
