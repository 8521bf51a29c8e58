// What every task of a run shares, wherever it runs. Plain data: it travels to the ranks once, before any task.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "integrations/job.hpp"
#include "journal/format.hpp"

namespace lockstep::worker {

/// What a worker makes durable in its spool (spool.hpp).
enum class SpoolUse : std::uint8_t {
  none,     ///< nothing: the run keeps no journal
  markers,  ///< that a task begins whose job must never start twice
  results   ///< that, and each outcome before it is reported
};

struct RunSettings {
  std::vector<integrations::Job> jobs;  ///< by JobId
  /// Absolute; logs/ and tasks/ are made in it. Empty: stderr of tasks goes to ours, no task folders.
  std::string run_folder;
  std::string run_id;
  std::chrono::milliseconds kill_after{5000};         ///< from TERM to KILL, on timeout and cancel
  std::chrono::milliseconds grace{0};                 ///< that tasks have to end once the run is told to stop
  std::size_t output_limit = std::size_t{256} << 20;  ///< bytes of stdout that become a task's result
  journal::Epoch epoch = 0;                           ///< of the run's owner; tells this run's spools from earlier ones
  SpoolUse spool = SpoolUse::none;                    ///< needs a run folder
  journal::Sync sync = journal::Sync::group;          ///< of the spool
};

/// Where tasks run, as their environment and their outcomes say it.
struct Place {
  std::uint32_t rank = 0;
  std::string host;
  bool calls_plugins = false;  ///< in this process; else each slot has a process for that
};

}  // namespace lockstep::worker
