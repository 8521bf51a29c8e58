#include "query/jsonata/text.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "value/node.hpp"
#include "value/quote.hpp"

namespace lockstep::jsonata {

bool is_ascii(std::string_view text) {
  constexpr std::uint64_t kHigh = 0x8080808080808080U;
  const char* p = text.data();
  const std::size_t size = text.size();
  const auto word_at = [p](std::size_t at, auto word) {
    std::memcpy(&word, p + at, sizeof word);
    return std::uint64_t{word};
  };
  if (size >= 8) {
    // The last eight bytes as a whole, some of them twice.
    std::uint64_t all = word_at(size - 8, std::uint64_t{});
    for (std::size_t at = 0; at + 8 < size; at += 8) {
      all |= word_at(at, std::uint64_t{});
    }
    return (all & kHigh) == 0;
  }
  if (size >= 4) {
    return ((word_at(0, std::uint32_t{}) | word_at(size - 4, std::uint32_t{})) & kHigh) == 0;
  }
  return size == 0 || static_cast<unsigned char>(p[0] | p[size / 2] | p[size - 1]) < 0x80;
}

std::uint32_t next_code_point(std::string_view text, std::size_t& at) {
  const auto byte = [&text](std::size_t i) -> std::uint32_t {
    return i < text.size() ? static_cast<unsigned char>(text[i]) & 0x3FU : 0;
  };
  const std::uint32_t first = static_cast<unsigned char>(text[at]);
  std::uint32_t point = first;
  const std::size_t length = utf8_length(text[at]);
  if (length == 2) {
    point = ((first & 0x1FU) << 6) | byte(at + 1);
  } else if (length == 3) {
    point = ((first & 0x0FU) << 12) | (byte(at + 1) << 6) | byte(at + 2);
  } else if (length == 4) {
    point = ((first & 0x07U) << 18) | (byte(at + 1) << 12) | (byte(at + 2) << 6) | byte(at + 3);
  }
  at = std::min(at + length, text.size());
  return point;
}

namespace {

// The high surrogate that `text` ends with, or 0.
std::uint32_t trailing_high(std::string_view text) {
  if (text.size() < 3 || static_cast<unsigned char>(text[text.size() - 3]) != 0xED) {
    return 0;
  }
  std::size_t at = text.size() - 3;
  const std::uint32_t point = next_code_point(text, at);
  return point >= 0xD800 && point < 0xDC00 ? point : 0;
}

}  // namespace

void append_utf16_unit(std::string& out, unsigned unit) {
  const std::uint32_t high = unit >= 0xDC00 && unit < 0xE000 ? trailing_high(out) : 0;
  if (high == 0) {
    append_utf8(out, unit);
    return;
  }
  out.resize(out.size() - 3);
  append_utf8(out, 0x10000 + ((high - 0xD800) << 10) + (unit - 0xDC00));
}

void append_text(std::string& out, std::string_view text) {
  if (text.size() >= 3 && static_cast<unsigned char>(text[0]) == 0xED && trailing_high(out) != 0) {
    std::size_t at = 0;
    append_utf16_unit(out, next_code_point(text, at));
    text.remove_prefix(at);
  }
  out += text;
}

std::size_t count_units(std::string_view text) {
  std::size_t count = 0;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    count += byte >= 0xF0 ? 2 : starts_character(c) ? 1 : 0;
  }
  return count;
}

std::size_t offset_of_character(std::string_view text, std::size_t index) {
  std::size_t at = 0;
  while (index > 0 && at < text.size()) {
    at += utf8_length(text[at]);
    --index;
  }
  return std::min(at, text.size());
}

int compare_units(std::string_view a, std::string_view b) {
  const std::size_t n = std::min(a.size(), b.size());
  const auto [x, y] = std::mismatch(a.begin(), a.begin() + static_cast<std::ptrdiff_t>(n), b.begin());
  if (x == a.begin() + static_cast<std::ptrdiff_t>(n)) {
    return a.size() < b.size() ? -1 : a.size() > b.size() ? 1 : 0;
  }
  const auto p = static_cast<unsigned char>(*x);
  const auto q = static_cast<unsigned char>(*y);
  // Beyond U+FFFF a character is a surrogate pair, which sorts before U+E000 to U+FFFF.
  const bool p_pair = p >= 0xF0;
  const bool q_pair = q >= 0xF0;
  if (p_pair != q_pair && (p_pair ? q : p) >= 0xEE) {
    return p_pair ? -1 : 1;
  }
  return p < q ? -1 : 1;
}

double parse_number(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc::result_out_of_range) {
    value = std::strtod(std::string(text).c_str(), nullptr);
  }
  return value;
}

void append_number(std::string& out, double value) {
  if (std::isfinite(value)) {
    if (value == std::trunc(value) && std::abs(value) < 1e15) {
      char buffer[24];
      const auto end = std::to_chars(buffer, buffer + sizeof buffer, static_cast<std::int64_t>(value)).ptr;
      out.append(buffer, end);
      return;
    }
    append_json_double(out, value);
  } else {
    out += std::isnan(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity";
  }
}

double to_precision_15(double value) {
  char buffer[40];
  char* end = std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::scientific).ptr;
  const auto digits = std::count_if(buffer, std::find(buffer, end, 'e'), [](char c) { return c >= '0' && c <= '9'; });
  if (digits > 15) {
    end = std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::scientific, 14).ptr;
    std::from_chars(buffer, end, value);
  }
  return value;
}

void append_quoted(std::string& out, std::string_view text) {
  append_json_string(out, text, "0123456789abcdef");
}

}  // namespace lockstep::jsonata
