// The command line of `lockstep run`.
#pragma once

#include <optional>
#include <string>

#include "cli/commands.hpp"
#include "cli/owner_options.hpp"
#include "value/error.hpp"

namespace lockstep::cli {

struct RunOptions {
  bool help = false;
  std::string help_text;
  std::string definition;  ///< path
  std::string input;       ///< a file's path, JSON text, or "-"
  std::string jobs;        ///< path; empty: jobs.json beside the definition, if it is there
  std::string name;        ///< of the execution; empty: made up
  std::string type = "STANDARD";
  std::string limits = "hpc";
  bool fresh = false;
  bool dry_run = false;
  OwnerOptions owner;
};

Result<RunOptions> parse_run_options(const Arguments& arguments);

}  // namespace lockstep::cli
