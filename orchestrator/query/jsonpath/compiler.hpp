// Reads the steps of a path. Internal to jsonpath/.
#pragma once

#include <string_view>

#include "query/jsonpath/steps.hpp"

namespace lockstep::jsonpath {

/// A path is refused beyond these; they bound recursion and memory, not what anybody writes.
inline constexpr std::size_t kMaxSteps = 1000;
inline constexpr int kMaxNesting = 50;

/// Reads what stands behind the root in `text`, from byte `begin` to the end. `nesting` counts the filters around it.
/// Positions in problems are bytes from the start of `text`.
query::Compiled<StepList> compile_steps(std::string_view text, std::size_t begin, Dialect dialect, int nesting);

/// A path within a filter or an argument: begins with `@` or `$`.
query::Compiled<StepList> compile_inner(std::string_view text, Dialect dialect, int nesting);

/// Undoes the backslash escapes of a quoted name or string, as Java does: \n, \t, \u00e9, \', ….
std::string unescape(std::string_view text);

/// JSON that may also quote strings with apostrophes. False where it is no JSON.
bool read_lenient_json(std::string_view text, Value& value);

}  // namespace lockstep::jsonpath
