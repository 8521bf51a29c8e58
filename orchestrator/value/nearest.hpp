// What was probably meant by a name that is not known.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace lockstep {

/// The candidate that differs from `word` in the fewest letters (one wrong, missing, too many, or two changed round),
/// case aside; nothing where none is near enough to be a slip. Of equally near ones the first.
std::string_view nearest(std::string_view word, const std::vector<std::string>& candidates);

/// "; did you mean 'Middle'?", or nothing.
std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace lockstep
