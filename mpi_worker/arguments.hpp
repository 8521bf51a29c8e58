// The arguments of an exec job, with `${field}` replaced from the task's input.
#pragma once

#include <string>
#include <vector>

#include "value/value.hpp"

namespace lockstep::worker {

/// Replaces each `${field}` by the member `field` of `input`: a string as it is, a number as it is spelled, true or
/// false. The error is the cause of Lockstep.BadArguments: the input is no object, or the field is missing or no
/// scalar.
tl::expected<std::vector<std::string>, std::string> fill_arguments(const std::vector<std::string>& argv,
                                                                   const Value& input);

}  // namespace lockstep::worker
