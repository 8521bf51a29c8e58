// jobs.json: what a Task's Resource means on this machine (design: "What a user touches").
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "integrations/job.hpp"
#include "value/error.hpp"

namespace lockstep::integrations {

struct JobsFile {
  std::vector<Job> jobs;                       ///< in the order of the file: the first whose pattern matches wins
  std::map<std::string, std::string> buckets;  ///< bucket → absolute folder
  std::string bucket_root;  ///< absolute: below it lie the buckets that nothing names; empty: nowhere
};

/// Largest jobs.json that is read.
inline constexpr std::size_t kMaxJobsFileBytes = 16 << 20;

/// Reads the text of a jobs.json. `name` is how messages call the file; `folder` (absolute) is what relative paths
/// refer to. Anything unknown or not supported is refused: the error is one line that names the file, the entry
/// (counted from 1, with its resource where it has one) and the field.
Result<JobsFile> parse_jobs(std::string_view text, std::string_view name, const std::string& folder);

}  // namespace lockstep::integrations
