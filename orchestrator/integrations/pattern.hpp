// Patterns of jobs.json: text in which `*` stands for any run of characters.
#pragma once

#include <string_view>

namespace lockstep::integrations {

/// Whether all of `text` matches `pattern`. `*` matches any characters, also none and also `:`; nothing else is
/// special.
bool matches(std::string_view pattern, std::string_view text);

}  // namespace lockstep::integrations
