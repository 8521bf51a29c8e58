// The runs of a folder: its direct subfolders that hold one, and the folder itself where it is one.
#pragma once

#include <string>
#include <vector>

#include "value/error.hpp"

namespace lockstep::report {

struct ListedRun {
  std::string folder;        ///< as one would name it from there: "survey-1.lockstep"
  std::int64_t begun_s = 0;  ///< when run.json was written, in seconds since 1970
};

/// Newest first. Errors: the folder cannot be read (io).
Result<std::vector<ListedRun>> list_runs(const std::string& folder);

/// The newest. Errors: there is none (usage, as a command that names none needs one), the folder cannot be read (io).
Result<std::string> last_run(const std::string& folder);

}  // namespace lockstep::report
