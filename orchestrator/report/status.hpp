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
  std::optional<LiveView> live;  ///< while the execution is running
  Timestamp now;
};

/// `execution`: name, ARN or number; empty: the one that `run` started, else the newest. `most`: how many waits, tasks
/// and retries are listed. Errors: no such execution (usage), damage (io).
Result<RunStatus> read_status(const RunFiles& run, const std::string& execution, Timestamp now, std::size_t most);

/// For people; ends with a line feed.
std::string status_text(const RunStatus& status);
/// One line of JSON.
std::string status_json(const RunStatus& status);

/// The command that goes on with the run; empty where there is none: it has ended well, or it is running.
std::string next_command(const RunStatus& status);

/// "Survey[17]"
std::string place_name(const asl::StateMachine& machine, asl::StateId state, const std::optional<std::uint32_t>& item);

}  // namespace lockstep::report
