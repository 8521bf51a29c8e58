// Finding one execution among many by the catalogue of a run folder, and what the journal holds of it. No lock is
// needed.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "catalogue/catalogue.hpp"
#include "journal/event_reader.hpp"
#include "report/run_files.hpp"

namespace lockstep::report {

/// As it now is. Errors (io): a hole, damage, a newer version.
Result<std::unique_ptr<catalogue::Catalogue>> read_catalogue(const RunFiles& run);

/// By name, ARN or number, as Choice has it. Nothing if it has no entry, or that cannot be read.
std::optional<catalogue::ExecutionEntry> find_entry(const catalogue::Catalogue& catalogue, const std::string& wanted);

/// Its first Event, as the journal has it. Nothing if that is not to be had.
std::optional<FoundExecution> read_start(const RunFiles& run, const catalogue::ExecutionEntry& entry);

/// For reading the Events of that execution, and little else.
journal::ReadOptions range_of(const catalogue::ExecutionEntry& entry);

/// How many Events were journalled so far, of all executions.
Result<std::uint64_t> count_events(const RunFiles& run);

/// Of a request that made no sense (usage), or of a file of the catalogue that is damaged (io).
Error error_of(const catalogue::Refusal& refusal);

}  // namespace lockstep::report
