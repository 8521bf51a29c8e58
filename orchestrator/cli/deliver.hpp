// How a command makes a request to a run or a house, hands it over and tells what came of it.
#pragma once

#include <functional>
#include <optional>

#include "service/request.hpp"
#include "service/run_folder.hpp"

namespace lockstep::cli {

/// The house at `path`, which is made where nothing stands. An error (occupied): a run stands there, or what was asked
/// for is not what the house was made with.
Result<service::RunFolder> house_at(const std::string& path, const std::string& limits);

/// Posts `request` and waits at most `wait` seconds for what it comes to, which is told: documents on standard output,
/// and no word where it was done; the exit status. Where nobody
/// owns the folder, `unowned` (null: nothing) may deal with it; else the request waits there for an owner.
int deliver(const service::RunFolder& folder, const service::Request& request, double wait,
            const std::function<std::optional<int>()>& unowned = nullptr);

/// The definition in `file`, as JSON text, for a house: what is wrong with it is told here, with its places. `type`:
/// "STANDARD", "EXPRESS" or empty.
Result<std::string> read_machine(const std::string& file, const std::string& type);
/// What is in a jobs file, checked, in the members of a request that are about jobs.
Result<service::RunRequest> read_jobs(const std::string& file);

}  // namespace lockstep::cli
