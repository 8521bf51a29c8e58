// `lockstep history`: AWS's history of an execution, as a projection of its Events.
#pragma once

#include <cstddef>
#include <ostream>
#include <string>
#include <vector>

#include "report/run_files.hpp"

namespace lockstep::report {

struct HistoryOptions {
  std::string execution;    ///< name, ARN or number; empty: the one that `run` started, else the newest
  std::string state;        ///< only Events in this state and in what is inside it; empty: all
  bool json = false;        ///< the document that GetExecutionHistory answers; else a line for each Event
  bool reverse = false;     ///< newest first
  std::size_t columns = 0;  ///< lines are cut there; 0: not
  bool color = false;
};

/// A line for each of these Events of one execution, its first among them.
void write_events(const std::vector<engine::Event>& events, const asl::StateMachinePtr& machine, std::ostream& out);

/// Streams: holds one segment of the journal and the iterations that are open, however long the history. Ends early
/// where `out` takes nothing more. Errors: no such execution or state (usage), damage (io); what was read before stands
/// in `out` then.
Result<void> write_history(const RunFiles& run, const HistoryOptions& options, std::ostream& out);

}  // namespace lockstep::report
