// The table of intrinsic functions. Internal to intrinsics/.
#pragma once

#include <cstddef>
#include <string_view>

#include "query/intrinsics/call.hpp"

namespace lockstep::intrinsics {

struct Definition {
  std::string_view name;
  std::size_t fewest, most;  ///< arguments
  Function function;
};

/// Null where there is no such function.
const Definition* find_function(std::string_view name);

// arrays.cpp
Outcome array(const Invocation& invocation);
Outcome array_partition(const Invocation& invocation);
Outcome array_contains(const Invocation& invocation);
Outcome array_range(const Invocation& invocation);
Outcome array_get_item(const Invocation& invocation);
Outcome array_length(const Invocation& invocation);
Outcome array_unique(const Invocation& invocation);
// texts.cpp
Outcome format(const Invocation& invocation);
Outcome string_to_json(const Invocation& invocation);
Outcome json_to_string(const Invocation& invocation);
Outcome json_merge(const Invocation& invocation);
Outcome string_split(const Invocation& invocation);
// encoding.cpp
Outcome base64_encode(const Invocation& invocation);
Outcome base64_decode(const Invocation& invocation);
Outcome hash(const Invocation& invocation);
Outcome uuid(const Invocation& invocation);
// numbers.cpp
Outcome math_random(const Invocation& invocation);
Outcome math_add(const Invocation& invocation);

/// Shorthand for `return` with what is wrong.
inline tl::unexpected<std::string> wrong(std::string what) {
  return tl::unexpected<std::string>(std::move(what));
}

/// The argument as an integer, rounded half up as Java's Math.round does; false where it is no number or beyond int64.
bool rounded(const Value& argument, std::int64_t& value);

/// What Base64 and Hash take at most.
inline constexpr std::size_t kMaxCharacters = 10'000;
/// Bytes of JSON text that a call's result has at most.
inline constexpr std::size_t kMaxResult = 64U << 20U;
/// What ArrayRange makes at most.
inline constexpr std::uint64_t kMaxRange = 1'000;

}  // namespace lockstep::intrinsics
