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

/// Runs the ranks and waits for their end. What asks to stop (TERM, INT, HUP, USR1, USR2) goes to rank 0: as it
/// is where rank 0 runs on this machine, else as USR1 through mpirun, which passes that on and does not end of it. The
/// result is the exit status of rank 0; errors: the ranks could not be started, their output not be written, or rank 0
/// died (interrupted). One thread, before any other was started.
Result<int> launch(const LaunchPlan& plan);

/// Rank 0's side; they do nothing, and report_status() is false, where launch() did not start this process.
void report_start();
bool report_status(int status);
/// A line about how the run was stopped. launch() says it where mpirun, which is being ended as well, may not have.
void report_words(const std::string& line);
/// Whether launch() started this process. Another launcher may give it a second from TERM to KILL.
bool has_own_launcher();

}  // namespace lockstep::fleet
