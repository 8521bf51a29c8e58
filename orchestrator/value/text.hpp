// JSON's characters and numbers: what the parser, the builder and the writer share. Internal to the value room.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace lockstep {

struct StringTraits {
  bool ascii;             // every character is below U+0080
  bool plain;             // written without an escape
  std::size_t text_size;  // bytes as a JSON string, quotes included
};
StringTraits string_traits(std::string_view utf8);

/// Whether `text` is the canonical spelling of an int64 ("0", "-12"; not "-0", "1.0", "1e3").
bool parse_plain_integer(std::string_view text, std::int64_t& value);
/// Requires a JSON number; ±infinity where it is out of range, ±0 where it is too small.
double parse_double(std::string_view number);

}  // namespace lockstep
