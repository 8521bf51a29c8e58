// The command line of `lockstep run`.
#pragma once

#include <optional>
#include <string>

#include "cli/commands.hpp"
#include "value/error.hpp"

namespace lockstep::cli {

struct RunOptions {
  bool help = false;
  std::string help_text;
  std::string definition;  ///< path
  std::string input;       ///< a file's path, JSON text, or "-"
  std::string jobs;        ///< path; empty: jobs.json beside the definition, if it is there
  std::string folder;      ///< path; empty: chosen
  std::string name;        ///< of the execution; empty: made up
  std::string type = "STANDARD";
  std::string limits = "hpc";
  std::string history;  ///< path; empty: none
  std::string ranks;    ///< "", a number or "all"
  unsigned slots = 0;   ///< per rank; 0: by the affinity mask
  double grace = 5;     ///< seconds from TERM to KILL
  bool fresh = false;
  bool quiet = false;
};

Result<RunOptions> parse_run_options(const Arguments& arguments);

}  // namespace lockstep::cli
