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
  Timestamp scheduled;
  std::optional<Timestamp> started;
  std::optional<Timestamp> ended;
  /// Of one that is over: SUCCEEDED, FAILED, TIMED_OUT, ABORTED; INTERRUPTED: another dispatch followed. Of an open
  /// one: RUNNING, QUEUED (no worker has begun it), WAITING (for the answer to its token), INTERRUPTED (with its run).
  std::string_view status;
  std::optional<std::string> error;
  std::optional<std::string> cause;
  std::optional<std::uint64_t> result_bytes;
  std::optional<work::Usage> usage;  ///< where a worker has said it
  work::DispatchId id;
  std::string folder;  ///< where it has left something, or works now
};

/// Rows in the order in which the dispatches ended, open ones last. CSV is RFC 4180's, with a header. Memory follows
/// what is live. Ends early where `out` takes nothing more. Errors (io): damage; what was read before stands in `out`.
Result<void> write_export(const RunFiles& run, ExportFormat format, std::ostream& out);

}  // namespace lockstep::report
