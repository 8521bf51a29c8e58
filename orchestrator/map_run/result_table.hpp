// A shard of results as HDF5 and the part file that it is made of. A line of that part is a row: index, status (a
// number) and JSON text, with a blank between them. Internal to result_shards.cpp.
#pragma once

#include <cstdint>
#include <string>

#include "map_run/child_record.hpp"
#include "value/error.hpp"

namespace lockstep::map_run {

/// What a child's lines begin with.
std::string row_of(const ChildRecord& child);
/// Makes a table, synced, of the first `bytes` of a part, which must end with a line. Memory: some MiB.
Result<void> table_of_part(const std::string& part, std::uint64_t bytes, const std::string& table);
/// How many bytes of a part a table was made of.
Result<std::uint64_t> part_bytes_of(const std::string& table);
/// Makes that part of a table again, synced; its name is durable once the folder is synced.
Result<void> part_of_table(const std::string& table, const std::string& part);

}  // namespace lockstep::map_run
