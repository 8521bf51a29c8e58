// Characters of UTF-8.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
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

/// Writes the character to `out`, in up to four bytes; where it ends. Of a surrogate, too (WTF-8).
inline char* put_utf8(char* out, std::uint32_t c) {
  if (c < 0x80) {
    *out++ = static_cast<char>(c);
  } else if (c < 0x800) {
    *out++ = static_cast<char>(0xC0 | (c >> 6));
    *out++ = static_cast<char>(0x80 | (c & 0x3F));
  } else if (c < 0x10000) {
    *out++ = static_cast<char>(0xE0 | (c >> 12));
    *out++ = static_cast<char>(0x80 | ((c >> 6) & 0x3F));
    *out++ = static_cast<char>(0x80 | (c & 0x3F));
  } else {
    *out++ = static_cast<char>(0xF0 | (c >> 18));
    *out++ = static_cast<char>(0x80 | ((c >> 12) & 0x3F));
    *out++ = static_cast<char>(0x80 | ((c >> 6) & 0x3F));
    *out++ = static_cast<char>(0x80 | (c & 0x3F));
  }
  return out;
}
inline void append_utf8(std::string& out, std::uint32_t c) {
  char bytes[4];
  out.append(bytes, put_utf8(bytes, c));
}

}  // namespace lockstep
