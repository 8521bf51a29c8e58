// The command line of `lockstep run`.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/bucket_options.hpp"
#include "cli/commands.hpp"
#include "cli/owner_options.hpp"
#include "value/error.hpp"

namespace lockstep::cli {

struct RunOptions {
  std::string definition;  ///< path
  std::string input;       ///< a file's path, JSON text, or "-"
  std::string jobs;        ///< path; empty: jobs.json beside the definition, if it is there
  std::string name;        ///< of the execution; empty: made up
  std::string type = "STANDARD";
  std::string limits = "hpc";
  std::vector<std::string> activities;  ///< names
  std::vector<std::string> machines;    ///< "NAME=PATH", or a folder's path: state machines besides
  std::vector<std::string> express;     ///< names of those that are EXPRESS
  BucketOptions buckets;
  bool fresh = false;
  bool dry_run = false;
  OwnerOptions owner;

  void add_to(boost::program_options::options_description& options);
  /// Reads `arguments` by the table that add_to() made. Errors: usage.
  Result<void> read(const Command& command, const Arguments& arguments,
                    const boost::program_options::options_description& options);
};

/// "pipeline" of "dir/pipeline.asl.json".
std::string stem_of(const std::string& path);
/// `text` as the name of an execution or a state machine: without what StartExecution does not allow in one
/// (aws-behaviour.md 31).
std::string execution_name(const std::string& text);

}  // namespace lockstep::cli
