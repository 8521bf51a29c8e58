// The arguments of an exec job, with `${field}` replaced from the task's input.
#pragma once

#include <string>
#include <vector>

#include "value/value.hpp"

namespace lockstep::worker {

/// Replaces each `${field}` by the member `field` of `input`: a string as it is, a number as it is spelled, true or
/// false. `${a.b}` is the member b of the member a, where there is no member `a.b`. The error is the cause of
/// Lockstep.BadArguments: the input is no object, or the field is missing or no scalar.
tl::expected<std::string, std::string> fill_text(const std::string& text, const Value& input);

/// The same for each of `argv`. An argument that is `${list...}` stands for the elements of the array `list`; for none
/// where there is no such field. Another error: it is no array, or has elements that are no scalars.
tl::expected<std::vector<std::string>, std::string> fill_arguments(const std::vector<std::string>& argv,
                                                                   const Value& input);

}  // namespace lockstep::worker
