// How a command becomes the owner of a run and carries it out: alone, as rank 0 of several, or by starting them.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "cli/commands.hpp"
#include "cli/owner_options.hpp"
#include "fleet/fleet.hpp"
#include "service/history_file.hpp"
#include "service/house.hpp"

namespace lockstep::cli {

using MakeFleet = std::function<std::unique_ptr<fleet::Fleet>(fleet::FleetSettings)>;
/// What the owner does; returns the exit status.
using Coordinate = std::function<int(const MakeFleet&)>;

/// Carries out `coordinate` in this process, as rank 0 where it was launched as a rank (other ranks work), or starts
/// the ranks that `options` asks for, each with `command` and `arguments`. An error in `options` is reported once.
int as_owner(const std::string& command, const Arguments& arguments, const Result<OwnerOptions>& options,
             const Coordinate& coordinate);

/// Prints the result line; its exit status.
int print_result(const service::Finished& finished);

/// Becomes the owner of the run folder, with an epoch above `at_least`. Where another one may live, or something of
/// what earlier ones had running, this waits, and says so: nothing of that is left then.
Result<std::unique_ptr<journal::Lease>> acquire_lease(const std::string& run_folder, const OwnerOptions& options,
                                                      journal::Epoch at_least = 0);

/// Where AWS's history is to go; null if nowhere. Before anything else is touched.
Result<std::unique_ptr<service::HistoryFile>> open_history(const OwnerOptions& options);

/// Opens the run, whose folder keeps the plan already, carries it out and prints its result. `before` may still refuse.
int carry_out(const service::RunFolder& folder, service::Plan plan, std::unique_ptr<journal::Lease> lease,
              const OwnerOptions& options, const MakeFleet& make_fleet, std::unique_ptr<service::HistoryFile> history,
              const std::function<Result<void>(service::House&)>& before = nullptr);

/// The same for a house of many executions, until `goal` is reached or, without one, until a signal comes (which is the
/// end that a server has: exit status 0).
int keep_house(const service::RunFolder& folder, std::unique_ptr<journal::Lease> lease, const OwnerOptions& options,
               const MakeFleet& make_fleet, const service::House::Goal& goal);

/// The folder's request, read and checked; with what the files `jobs` and `definition` hold instead of its own, where
/// they are not empty.
Result<service::Plan> plan_of(const service::RunFolder& folder, const std::string& jobs = {},
                              const std::string& definition = {});
/// Puts the file's jobs into the request. Errors: it cannot be read.
Result<void> take_jobs(const std::string& path, service::RunRequest& request);

}  // namespace lockstep::cli
