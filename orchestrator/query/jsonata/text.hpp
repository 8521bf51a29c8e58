// UTF-8 as JavaScript's strings need it: WTF-8 (lone surrogates as three bytes), characters and UTF-16 units.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "value/utf8.hpp"

namespace lockstep::jsonata {

bool is_ascii(std::string_view text);

/// Bytes of the character that begins with `first`.
inline std::size_t utf8_length(char first) {
  const auto byte = static_cast<unsigned char>(first);
  return byte < 0xC0 ? 1 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4;
}

/// The character at `text[at]`, which must be the first byte of one; moves `at` behind it.
std::uint32_t next_code_point(std::string_view text, std::size_t& at);
/// Appends one UTF-16 unit; a low surrogate after a high one makes one character of both.
void append_utf16_unit(std::string& out, unsigned unit);
/// Appends `text`; joins surrogates at the seam.
void append_text(std::string& out, std::string_view text);

/// UTF-16 units.
std::size_t count_units(std::string_view text);
/// Offset of character `index`; text.size() if there are not so many.
std::size_t offset_of_character(std::string_view text, std::size_t index);

/// -1, 0, 1 by UTF-16 units, as JavaScript compares.
int compare_units(std::string_view a, std::string_view b);

/// The nearest double; ±infinity out of range. `text` must be a JSON number, perhaps with leading zeros.
double parse_number(std::string_view text);
/// As JavaScript prints it: 100, 1e+21, 1.5e-7, NaN, Infinity.
void append_number(std::string& out, double value);
/// `value` rounded to 15 significant digits.
double to_precision_15(double value);

/// Appends `text` as a JSON string, as JSON.stringify does.
void append_quoted(std::string& out, std::string_view text);

/// Unicode's full mappings (ß becomes SS), without those that depend on a language.
std::string to_upper(std::string_view text);
std::string to_lower(std::string_view text);

}  // namespace lockstep::jsonata
