// What became of one execution, counted from its Events as they stand in the journal. Reads bodies only where a number
// or a name in them is wanted, so a million Events take a fraction of a second; keeps nothing per Event.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "catalogue/execution_entry.hpp"
#include "engine/event.hpp"
#include "journal/event_codec.hpp"
#include "report/run_files.hpp"

namespace lockstep::report {

/// Of one state, over all strands that came through it.
struct StateCounts {
  std::uint64_t entered = 0;
  std::uint64_t succeeded = 0;
  std::uint64_t caught = 0;   ///< failed, and a Catch went on
  std::uint64_t failed = 0;   ///< nothing handled it
  std::uint64_t aborted = 0;  ///< given up because something else failed
  std::uint64_t retries = 0;
  /// Of a Map, over all its visits. A redrive takes back what had failed or was given up: it is tried again.
  std::uint64_t items = 0;
  std::uint64_t items_started = 0;
  std::uint64_t items_succeeded = 0;
  std::uint64_t items_failed = 0;
  std::uint64_t items_aborted = 0;
};

/// Failures of one error and cause, with the first as an example.
struct FailureGroup {
  std::optional<std::string> error;
  std::optional<std::string> cause;
  std::uint64_t count = 0;
  asl::StateId state = asl::StateId::none;
  std::optional<std::uint32_t> item;  ///< where it failed in a Map's iteration of its own
  Timestamp time;
};

struct ExecutionTally {
  engine::ExecutionId id{};
  engine::ExecutionStarted started;  ///< its machine: the one with which a redrive went on last
  engine::Status status = engine::Status::running;
  Timestamp started_at;
  Timestamp last_at;  ///< of the latest Event; where it is over, its end
  std::uint64_t history_events = 0;
  std::uint64_t redrives = 0;
  std::optional<std::string> error;
  std::optional<std::string> cause;
  std::vector<StateCounts> states;      ///< by StateId
  std::vector<FailureGroup> failures;   ///< since the last redrive
  std::uint64_t failures_not_kept = 0;  ///< of further errors and causes
  /// It did not succeed, and a task may do better when it is tried again, or something from outside ended it. False: an
  /// expression or a Fail state, which a redrive would only meet again.
  bool may_be_redriven = false;
};

struct RunTally {
  std::optional<ExecutionTally> chosen;
  std::uint64_t executions = 0;
  std::map<engine::Status, std::uint64_t> by_status;
  std::uint64_t events = 0;  ///< in the journal, of all executions
  journal::Tail tail;
};

/// Reads the whole journal. Errors are the reader's: damage, a hole.
Result<RunTally> tally_run(const RunFiles& run, Choice choice);
/// Of one execution alone; reads what lies between its first Event and its last. The other counts stay 0.
Result<RunTally> tally_execution(const RunFiles& run, const catalogue::ExecutionEntry& entry);

}  // namespace lockstep::report
