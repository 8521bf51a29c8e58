// What is said of a run that is not what it seems: its files on disk have changed since, or it has ended already.
#pragma once

#include <string>
#include <vector>

#include "service/run_folder.hpp"

namespace lockstep::cli {

/// A line for each of `changes`: what differs, and the command that takes what is on disk now. `is_running`: somebody
/// runs it.
std::vector<std::string> describe_changes(const service::RunFolder& folder, const std::vector<service::Change>& changes,
                                          bool is_running = false);
/// The same for all that has changed on disk since the run took it in. Nothing where that cannot be told.
std::vector<std::string> changes_on_disk(const service::RunFolder& folder, bool is_running = false);

/// What is to be taken for the run's jobs, where that is not what it has kept; for describe_changes().
std::vector<service::Change> changed_jobs(const service::RunRequest& kept, const service::RunRequest& request);

/// Of a result that is printed again: that nothing was run, and how to go on.
std::string describe_ended(const service::RunFolder& folder, const service::Finished& finished);

}  // namespace lockstep::cli
