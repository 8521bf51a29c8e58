// Names and ARNs of what a house holds.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace lockstep::catalogue {

/// Region and account of all that is here: there is one house, and AWS's tools want both.
inline constexpr std::string_view kRegionAndAccount = "us-east-1:123456789012";

inline constexpr std::size_t kLongestName = 80;  ///< characters

/// Whether AWS takes it as the name of a state machine, an activity or an execution.
bool is_valid_name(std::string_view name);

std::string machine_arn(std::string_view name);
std::string activity_arn(std::string_view name);
/// The same for an activity's name or its ARN, in whatever region and account a definition has it: there is one house.
std::string activity_arn_of(std::string_view name_or_arn);

/// A STANDARD execution's ARN, taken apart.
struct ExecutionName {
  std::string machine_arn;
  std::string name;
};
/// Nothing where it is anything else.
std::optional<ExecutionName> parse_execution_arn(std::string_view arn);
/// What AWS says where a STANDARD execution's ARN is wanted and `arn` is none: the message of an InvalidArn.
std::string not_an_execution(std::string_view arn);

}  // namespace lockstep::catalogue
