// AWS Batch's submitJob (services.md 1.2), whose job a process here is.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "integrations/job.hpp"
#include "value/value.hpp"
#include "work/outcome.hpp"

namespace lockstep::integrations {

/// What `parameters`, submitJob's, tell the job's process in its environment, as "NAME=value":
/// ContainerOverrides.Environment, and what Batch itself tells. The error says what is wrong with them.
tl::expected<std::vector<std::string>, std::string> batch_environment(const Value& parameters,
                                                                      const DispatchId& dispatch);

/// Timeout.AttemptDurationSeconds; nothing where there is none.
std::optional<std::int64_t> batch_seconds(const Value& parameters);

/// What submitJob answers.
Value batch_submitted(const Value& parameters, const DispatchId& dispatch);

/// What DescribeJobs says of the job once it is over, in the members that submitJob.sync answers with.
Value batch_detail(const Value& parameters, const work::Outcome& outcome);

}  // namespace lockstep::integrations
