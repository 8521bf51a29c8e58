// `lockstep list`: the executions that a run folder holds, the newest first.
#pragma once

#include <cstddef>
#include <optional>
#include <ostream>
#include <string>

#include "engine/event.hpp"
#include "report/run_files.hpp"

namespace lockstep::report {

struct ListOptions {
  std::string machine;  ///< name or ARN; empty: of all
  std::optional<engine::Status> status;
  std::size_t most = 100;
  std::string token;  ///< what the page before ended with
  bool json = false;  ///< the document that ListExecutions answers; else a line for each
};

/// The token that goes on with the next page; empty: there is none. Errors: there is no such machine, its executions
/// leave no entry, a token of another list (usage); damage (io).
Result<std::string> write_list(const RunFiles& run, const ListOptions& options, std::ostream& out);

}  // namespace lockstep::report
