// What every task of a run shares, wherever it runs. Plain data: it travels to the ranks once, before any task; jobs
// follow, each before the first task that needs it.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

#include "journal/format.hpp"
#include "work/job_table.hpp"

namespace lockstep::worker {

struct RunSettings {
  work::JobTable jobs;
  /// Absolute; logs/ and tasks/ are made in it. Empty: stderr of tasks goes to ours, no task folders.
  std::string run_folder;
  std::string run_id;
  std::chrono::milliseconds kill_after{5000};         ///< from TERM to KILL, on timeout and cancel
  std::chrono::milliseconds grace{0};                 ///< that tasks have to end once the run is told to stop
  std::size_t output_limit = std::size_t{256} << 20;  ///< bytes of stdout that become a task's result
  std::uint64_t log_limit = std::uint64_t{16} << 30;  ///< bytes of a rank's file in logs/
  journal::Epoch epoch = 0;                           ///< of the run's owner; tells this run's spools from earlier ones
  /// Workers keep spools (spool.hpp) of the tasks that want it. Needs a run folder.
  bool spool = false;
  journal::Sync sync = journal::Sync::group;  ///< of the spool
};

/// Where tasks run, as their environment and their outcomes say it.
struct Place {
  std::uint32_t rank = 0;
  std::string host;
  bool calls_plugins = false;  ///< in this process; else each slot has a process for that
};

}  // namespace lockstep::worker
