// A run's progress as lines that a terminal shows and redraws: a bar for each Map that goes on, a line for each other
// state that somebody is in.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "report/pace.hpp"
#include "report/run_counts.hpp"

namespace lockstep::report {

struct FrameSize {
  std::size_t columns = 80;
  std::size_t rows = 24;
};

/// No line is wider than `size`, and there are fewer than it has rows. With `colour` they hold ANSI's colours.
std::vector<std::string> progress_frame(const RunCounts& counts, const Pace& pace, Timestamp now, Timestamp start,
                                        FrameSize size, bool colour);

}  // namespace lockstep::report
