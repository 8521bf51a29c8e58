// The results of a Map Run in one file, made of the shards that its ResultWriter left.
#pragma once

#include <cstdint>
#include <string>

#include "map_run/buckets.hpp"
#include "map_run/result_files.hpp"
#include "value/error.hpp"

namespace lockstep::map_run {

/// Writes what the SUCCEEDED files hold that manifest.json lists, in their order (in which the children ended), to
/// `file`: a line each if its name ends in .jsonl, else one JSON array. How many there were. After a crash either all
/// of it stands or what stood there before. Errors (invalid): no manifest, as while the Map Run is at work; (io): a
/// file cannot be read or written.
Result<std::uint64_t> merge_results(const Buckets& buckets, const ResultTarget& target, const std::string& file);

}  // namespace lockstep::map_run
