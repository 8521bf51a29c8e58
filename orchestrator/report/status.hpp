// `lockstep status`: how a run stands.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "journal/lease.hpp"
#include "report/live.hpp"
#include "report/tally.hpp"

namespace lockstep::report {

struct RunStatus {
  RunFiles run;
  RunTally tally;
  journal::OwnerState owner;
  std::optional<LiveView> live;    ///< while the execution is running
  std::optional<Running> running;  ///< where an execution was chosen
  Timestamp now;
};

/// `execution`: name, ARN or number; empty: the one that `run` started, else the newest. `most`: how many waits, tasks
/// and retries are listed. Errors: no such execution (usage), damage (io).
Result<RunStatus> read_status(const RunFiles& run, const std::string& execution, Timestamp now, std::size_t most);

/// For people; ends with a line feed.
std::string status_text(const RunStatus& status);
/// One line of JSON.
std::string status_json(const RunStatus& status);

/// What one word says of the run: its execution's status, INTERRUPTED where nobody carries on with one that is not
/// over, NOT STARTED.
std::string state_of(const RunStatus& status);

/// Microseconds that the execution has run: without the time in which nobody was its owner, where that is known.
/// Requires that one was chosen.
std::int64_t run_time(const RunStatus& status);

/// It did not succeed, and a redrive might.
bool can_be_redriven(const RunStatus& status);

/// The command that goes on with the run; empty where there is none: it has ended well, it is running, or a redrive
/// would only fail the same way.
std::string next_command(const RunStatus& status);

/// How an activity's task stands, and the command that takes it where nobody has.
std::string activity_text(const asl::StateMachine& machine, const Waiting& task, const std::string& run_folder);

/// "Survey[17]"
std::string place_name(const asl::StateMachine& machine, asl::StateId state, const std::optional<std::uint32_t>& item);

}  // namespace lockstep::report
