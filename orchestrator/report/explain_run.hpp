// `lockstep explain` of a run: what it is doing, and where that is nothing, why.
#pragma once

#include <string>

#include "report/status.hpp"

namespace lockstep::report {

/// Lines for people, each a reason; ends with a line feed. `most` of a kind are named.
std::string explain_run(const RunStatus& status, std::size_t most);

}  // namespace lockstep::report
