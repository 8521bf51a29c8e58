// `lockstep test --record`: a test case of a run that has ended.
#pragma once

#include <string>

namespace lockstep::cli {

struct RecordOptions {
  std::string run;        ///< the run folder
  std::string execution;  ///< empty: the run's own
  std::string name;       ///< of the case; empty: the execution's
  std::string file;       ///< a new one; empty: standard output
};

/// Writes the file of mocks and returns an exit status: kFailed, saying what differs, where the case would not end as
/// the run has.
int record_case(const RecordOptions& options);

}  // namespace lockstep::cli
