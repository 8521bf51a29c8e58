// How a command becomes the owner of a run and carries it out: alone, as rank 0 of several, or by starting them.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "cli/commands.hpp"
#include "cli/owner_options.hpp"
#include "fleet/fleet.hpp"
#include "service/history_file.hpp"
#include "service/session.hpp"

namespace lockstep::cli {

using MakeFleet = std::function<std::unique_ptr<fleet::Fleet>(fleet::FleetSettings)>;
/// What the owner does; returns the exit status.
using Coordinate = std::function<int(const MakeFleet&)>;

/// Carries out `coordinate` in this process, as rank 0 where it was launched as a rank (other ranks work), or starts
/// the ranks that `options` asks for, each with `command` and `arguments`. An error in `options` is reported once.
int as_owner(const std::string& command, const Arguments& arguments, const Result<OwnerOptions>& options,
             const Coordinate& coordinate);

/// Tells `error`, and returns its exit status.
int report(const Error& error);
/// Prints the result line; its exit status.
int print_result(const service::Finished& finished);

/// Becomes the owner of the run folder.
Result<std::unique_ptr<journal::Lease>> acquire_lease(const service::RunFolder& folder, const OwnerOptions& options);

/// Where AWS's history is to go; null if nowhere. Before anything else is touched.
Result<std::unique_ptr<service::HistoryFile>> open_history(const OwnerOptions& options);

/// Opens the run, whose folder keeps the plan already, carries it out and prints its result. `before` may still refuse.
int carry_out(const service::RunFolder& folder, service::Plan plan, std::unique_ptr<journal::Lease> lease,
              const OwnerOptions& options, const MakeFleet& make_fleet, std::unique_ptr<service::HistoryFile> history,
              const std::function<Result<void>(service::Session&)>& before = nullptr);

/// The folder's request, read and checked.
Result<service::Plan> plan_of(const service::RunFolder& folder);

}  // namespace lockstep::cli
