// Characters of UTF-8.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>

namespace lockstep {

/// Whether `byte` of well-formed UTF-8 is a character's first.
constexpr bool starts_character(char byte) {
  return (static_cast<unsigned char>(byte) & 0xC0U) != 0x80U;
}

/// In well-formed UTF-8.
inline std::size_t count_characters(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), starts_character));
}

/// Bytes of the character that `text` starts with; 0 where it is none: overlong, a surrogate, or beyond U+10FFFF.
/// Requires that `text` is not empty.
std::size_t character_length(std::string_view text);

bool is_utf8(std::string_view text);
/// `text` with every byte that is not UTF-8 replaced by U+FFFD.
std::string as_utf8(std::string_view text);

}  // namespace lockstep
