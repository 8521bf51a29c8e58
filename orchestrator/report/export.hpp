// `lockstep export`: a row for each dispatch of each task, for pandas, SQLite and spreadsheets.
#pragma once

#include <cstdint>
#include <optional>
#include <ostream>
#include <string>

#include "engine/event.hpp"
#include "report/run_files.hpp"

namespace lockstep::report {

enum class ExportFormat : std::uint8_t { csv, jsonl };

/// One dispatch. Nothing where it is not so far, or has none.
struct TaskRow {
  std::string execution;  ///< its name
  std::string state;
  std::optional<std::uint32_t> item;  ///< index of the innermost Map iteration
  std::uint32_t attempt = 0;          ///< retries of the state before, as LOCKSTEP_ATTEMPT
  std::uint32_t dispatch = 0;         ///< dispatches of the visit, this one included
  Timestamp scheduled;
  std::optional<Timestamp> started;
  std::optional<Timestamp> ended;
  std::string_view status;  ///< RUNNING, SUCCEEDED, FAILED, TIMED_OUT, ABORTED; INTERRUPTED: another dispatch followed
  std::optional<std::string> error;
  std::optional<std::string> cause;
  std::optional<std::uint64_t> result_bytes;
  std::optional<engine::TaskUsage> usage;  ///< where a worker has said it
};

/// Rows in the order in which the dispatches ended, open ones last. CSV is RFC 4180's, with a header. Memory follows
/// what is live. Ends early where `out` takes nothing more. Errors (io): damage; what was read before stands in `out`.
Result<void> write_export(const RunFiles& run, ExportFormat format, std::ostream& out);

}  // namespace lockstep::report
