// JSON Pointer (RFC 6901), as ItemsPointer is one.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace lockstep::map_run {

/// The names and numbers that lead from the root; none: the pointer is empty. Requires that it is empty or begins with
/// a slash.
std::vector<std::string> pointer_tokens(std::string_view pointer);

}  // namespace lockstep::map_run
