// `--ranks N`: runs this same command under mpirun, with the settings that a run needs (slurm-mpi.md 4).
#pragma once

#include <string>
#include <vector>

#include "value/error.hpp"

namespace lockstep::fleet {

struct LaunchPlan {
  std::size_t ranks = 0;          ///< 0: as many as the allocation has (`--ranks all`)
  std::string program;            ///< path of this binary
  std::vector<std::string> argv;  ///< its arguments, without argv[0]; the ranks get them unchanged
};

/// The command line of mpirun. The variables named in `exported` reach the ranks of other machines too.
std::vector<std::string> mpirun_command(const LaunchPlan& plan, const std::vector<std::string>& exported);

/// Runs the ranks and waits for their end. TERM, INT, HUP, USR1 and USR2 go to rank 0, directly where it runs on this
/// machine, else through mpirun. The result is the exit status of rank 0; errors: the ranks could not be started, their
/// output not be written, or rank 0 died (interrupted). One thread, before any other was started.
Result<int> launch(const LaunchPlan& plan);

/// Rank 0's side; both do nothing, and report_status() is false, where launch() did not start this process.
void report_start();
bool report_status(int status);

}  // namespace lockstep::fleet
