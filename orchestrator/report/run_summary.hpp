// What a run came to, at its end.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "report/run_counts.hpp"

namespace lockstep::report {

struct SummaryFacts {
  bool interrupted = false;   ///< a signal stopped it with work left
  std::string because;        ///< the signal
  std::int64_t wall = 0;      ///< microseconds
  std::size_t slots = 0;      ///< 0: not known
  bool rank_0_apart = false;  ///< rank 0 has no slot of its own
  std::string next;           ///< the command that goes on with the run; empty: none
  bool may_redrive = false;   ///< that command is a redrive: named only where it can help
};

/// A line each: how it ended, tasks, slowest tasks, failures, and how to go on; those that have nothing to say are left
/// out.
std::vector<std::string> run_summary(const RunCounts& counts, const SummaryFacts& facts);

}  // namespace lockstep::report
