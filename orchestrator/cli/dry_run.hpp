// `lockstep run --dry-run`: all checks, and what a run would do first.
#pragma once

#include <string>

#include "cli/run_options.hpp"
#include "service/plan.hpp"

namespace lockstep::cli {

/// Prints to stdout; touches nothing. `path`: where the run folder would be. The exit status.
int dry_run(const RunOptions& options, const service::Plan& plan, const std::string& path);

}  // namespace lockstep::cli
