#include "value/node.hpp"

#include <charconv>
#include <cmath>

#include "value/number.hpp"
#include "value/quote.hpp"
#include "value/text.hpp"

namespace lockstep {

namespace {

int decimal_digits(std::int64_t value) {
  std::uint64_t magnitude = value < 0 ? 0 - static_cast<std::uint64_t>(value) : static_cast<std::uint64_t>(value);
  int digits = value < 0 ? 2 : 1;
  while (magnitude >= 10) {
    magnitude /= 10;
    ++digits;
  }
  return digits;
}

// Whether eight characters are ASCII and none of them needs an escape.
bool is_simple(const char* p) {
  constexpr std::uint64_t kOnes = 0x0101010101010101U;
  constexpr std::uint64_t kHigh = 0x8080808080808080U;
  std::uint64_t word = 0;
  std::memcpy(&word, p, 8);
  const std::uint64_t quote = word ^ (kOnes * '"');
  const std::uint64_t backslash = word ^ (kOnes * '\\');
  // Where a byte is zero (or below 0x20), taking away one (or 0x20) borrows into its high bit.
  const std::uint64_t special = (word - kOnes * 0x20) | (quote - kOnes) | (backslash - kOnes);
  return ((word | special) & kHigh) == 0;
}

bool is_surrogate(std::string_view text, std::size_t i) {
  return static_cast<unsigned char>(text[i]) == 0xED && i + 2 < text.size() &&
         static_cast<unsigned char>(text[i + 1]) >= 0xA0;
}

}  // namespace

std::string_view to_string(Kind kind) {
  switch (kind) {
    case Kind::null:
      return "null";
    case Kind::boolean:
      return "boolean";
    case Kind::number:
      return "number";
    case Kind::string:
      return "string";
    case Kind::array:
      return "array";
    case Kind::object:
      return "object";
  }
  return "null";
}

std::optional<std::int64_t> Node::as_integer() const {
  if (tag_ == Tag::integer) {
    return u_.integer;
  }
  const double value = as_double();
  // 2^63 itself is out; every double below it in magnitude that is whole converts exactly.
  if (value != std::trunc(value) || value < -9223372036854775808.0 || value >= 9223372036854775808.0) {
    return std::nullopt;
  }
  return static_cast<std::int64_t>(value);
}

void Node::append_number(std::string& out) const {
  if (tag_ == Tag::integer) {
    char buffer[24];
    const auto end = std::to_chars(buffer, buffer + sizeof buffer, u_.integer).ptr;
    out.append(buffer, end);
  } else if (tag_ == Tag::real) {
    append_json_double(out, u_.real);
  } else {
    out.append(u_.spelled->text, count_);
  }
}

const Node* Node::find(std::string_view key) const {
  return count_ == 0 ? nullptr : find(key, hash_key(key));
}

const Node* Node::find(std::string_view key, std::uint32_t hash) const {
  if (count_ == 0) {
    return nullptr;
  }
  const std::uint32_t mask = header()->index_mask;
  if (mask == 0) {
    for (std::size_t i = 0; i < count_; ++i) {
      const Member& member = u_.members[i];
      if (member.has_key(key, hash)) {
        return &member.value();
      }
    }
    return nullptr;
  }
  const auto* table = reinterpret_cast<const std::uint32_t*>(header()) - (std::size_t{mask} + 1);
  for (std::uint32_t slot = hash & mask; table[slot] != UINT32_MAX; slot = (slot + 1) & mask) {
    const Member& member = u_.members[table[slot]];
    if (member.has_key(key, hash)) {
      return &member.value();
    }
  }
  return nullptr;
}

std::size_t Node::text_size() const {
  switch (tag_) {
    case Tag::null:
      return 4;
    case Tag::boolean:
      return u_.integer != 0 ? 4 : 5;
    case Tag::integer:
      return static_cast<std::size_t>(decimal_digits(u_.integer));
    case Tag::real: {
      std::string text;
      append_json_double(text, u_.real);
      return text.size();
    }
    case Tag::spelled:
      return count_;
    case Tag::string:
      return (flags_ & kPlain) != 0 ? count_ + std::size_t{2} : string_traits(as_string()).text_size;
    case Tag::array:
    case Tag::object:
      return count_ == 0 ? 2 : header()->text_size;
    case Tag::link:
      return u_.link->node->text_size();
  }
  return 0;
}

std::uint32_t hash_key(std::string_view key) {
  // FNV-1a over eight bytes at a time: keys are short, and only equality within one process depends on it. The last
  // bytes are read as a whole too (some of them twice): gathering them one by one would take longer than all else.
  std::uint64_t hash = 0xCBF29CE484222325U ^ key.size();
  const char* p = key.data();
  const std::size_t size = key.size();
  std::uint64_t word = 0;
  if (size >= 8) {
    for (const char* last = p + size - 8; p < last; p += 8) {
      std::memcpy(&word, p, 8);
      hash = (hash ^ word) * 0x9E3779B97F4A7C15U;
      hash ^= hash >> 32;
    }
    std::memcpy(&word, key.data() + size - 8, 8);
  } else if (size >= 4) {
    std::uint32_t low = 0;
    std::uint32_t high = 0;
    std::memcpy(&low, p, 4);
    std::memcpy(&high, p + size - 4, 4);
    word = low | std::uint64_t{high} << 32;
  } else if (size > 0) {
    const auto byte = [p](std::size_t i) { return std::uint64_t{static_cast<unsigned char>(p[i])}; };
    word = byte(0) | byte(size / 2) << 8 | byte(size - 1) << 16;
  }
  hash = (hash ^ word) * 0x9E3779B97F4A7C15U;
  hash = (hash ^ (hash >> 32)) * 0xD6E8FEB86659FD93U;  // or the last characters would not reach the low bits
  return static_cast<std::uint32_t>(hash >> 32);
}

bool equal(const Node& a, const Node& b) {
  if (&a == &b) {
    return true;
  }
  const Kind kind = a.kind();
  if (kind != b.kind()) {
    return false;
  }
  switch (kind) {
    case Kind::null:
      return true;
    case Kind::boolean:
      return a.as_boolean() == b.as_boolean();
    case Kind::number: {
      const auto x = a.as_integer();
      const auto y = b.as_integer();
      return x && y ? *x == *y : a.as_double() == b.as_double();
    }
    case Kind::string:
      return a.as_string() == b.as_string();
    case Kind::array: {
      if (a.size() != b.size()) {
        return false;
      }
      for (std::size_t i = 0; i < a.size(); ++i) {
        if (!equal(a.at(i), b.at(i))) {
          return false;
        }
      }
      return true;
    }
    case Kind::object: {
      if (a.size() != b.size()) {
        return false;
      }
      for (std::size_t i = 0; i < a.size(); ++i) {
        const Member& member = a.member(i);
        const Node* other = b.find(member.key(), member.key_hash);
        if (other == nullptr || !equal(member.value(), *other)) {
          return false;
        }
      }
      return true;
    }
  }
  return false;
}

void append_json(std::string& out, const Node& node) {
  switch (node.kind()) {
    case Kind::null:
      out += "null";
      return;
    case Kind::boolean:
      out += node.as_boolean() ? "true" : "false";
      return;
    case Kind::number:
      node.append_number(out);
      return;
    case Kind::string:
      append_json_string(out, node.as_string());
      return;
    case Kind::array:
      out += '[';
      for (std::size_t i = 0; i < node.size(); ++i) {
        if (i > 0) {
          out += ',';
        }
        append_json(out, node.at(i));
      }
      out += ']';
      return;
    case Kind::object:
      out += '{';
      for (std::size_t i = 0; i < node.size(); ++i) {
        if (i > 0) {
          out += ',';
        }
        append_json_string(out, node.member(i).key());
        out += ':';
        append_json(out, node.member(i).value());
      }
      out += '}';
      return;
  }
}

void append_json_string(std::string& out, std::string_view text) {
  append_json_string(out, text, "0123456789ABCDEF");
}

void append_json_string(std::string& out, std::string_view text, const char* hex) {
  out += '"';
  std::size_t done = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    const bool surrogate = c == 0xED && is_surrogate(text, i);
    if (c >= 0x20 && c != '"' && c != '\\' && !surrogate) {
      continue;
    }
    out.append(text, done, i - done);
    done = i + 1;
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\b':
        out += "\\b";
        break;
      case '\f':
        out += "\\f";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      default: {
        unsigned unit = c;
        if (surrogate) {
          unit = 0xD000U | ((static_cast<unsigned char>(text[i + 1]) & 0x3FU) << 6) |
                 (static_cast<unsigned char>(text[i + 2]) & 0x3FU);
          i += 2;
          done = i + 1;
        }
        out += "\\u";
        for (int shift = 12; shift >= 0; shift -= 4) {
          out += hex[(unit >> shift) & 0xF];
        }
      }
    }
  }
  out.append(text, done, text.size() - done);
  out += '"';
}

void append_json_double(std::string& out, double value) {
  if (!std::isfinite(value)) {
    out += std::isnan(value) ? "\"NaN\"" : value > 0 ? "\"Infinity\"" : "\"-Infinity\"";
    return;
  }
  if (value == 0) {
    out += '0';
    return;
  }
  // Shortest digits d1d2…dn × 10^exponent, then ECMAScript's layout (ECMA-262, Number::toString).
  char buffer[32];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, std::abs(value), std::chars_format::scientific).ptr;
  const std::string_view text(buffer, static_cast<std::size_t>(end - buffer));
  const std::size_t e = text.find('e');
  if (e > 2) {
    buffer[1] = buffer[0];  // over the point: the digits in one piece, without a string of their own
  }
  const std::string_view digits = e > 2 ? text.substr(1, e - 1) : text.substr(0, 1);
  int exponent = 0;
  const char* number = text.data() + e + 1 + (text[e + 1] == '+' ? 1 : 0);
  std::from_chars(number, text.data() + text.size(), exponent);
  const int count = static_cast<int>(digits.size());
  const int point = exponent + 1;  // digits before the decimal point
  if (value < 0) {
    out += '-';
  }
  if (count <= point && point <= 21) {
    out += digits;
    out.append(static_cast<std::size_t>(point - count), '0');
  } else if (0 < point && point <= 21) {
    out += digits.substr(0, static_cast<std::size_t>(point));
    out += '.';
    out += digits.substr(static_cast<std::size_t>(point));
  } else if (-6 < point && point <= 0) {
    out += "0.";
    out.append(static_cast<std::size_t>(-point), '0');
    out += digits;
  } else {
    out += digits[0];
    if (count > 1) {
      out += '.';
      out += digits.substr(1);
    }
    out += 'e';
    out += exponent < 0 ? '-' : '+';
    out += std::to_string(std::abs(exponent));
  }
}

StringTraits string_traits(std::string_view utf8) {
  StringTraits traits{true, true, utf8.size() + 2};
  std::size_t i = 0;
  while (i + 8 <= utf8.size() && is_simple(utf8.data() + i)) {
    i += 8;
  }
  for (; i < utf8.size(); ++i) {
    const auto c = static_cast<unsigned char>(utf8[i]);
    if (c >= 0x80) {
      traits.ascii = false;
      if (c == 0xED && is_surrogate(utf8, i)) {  // three bytes become \uD800
        traits.plain = false;
        traits.text_size += 3;
      }
    } else if (c == '"' || c == '\\' || c == '\b' || c == '\f' || c == '\n' || c == '\r' || c == '\t') {
      traits.plain = false;
      traits.text_size += 1;
    } else if (c < 0x20) {
      traits.plain = false;
      traits.text_size += 5;
    }
  }
  return traits;
}

bool parse_plain_integer(std::string_view text, std::int64_t& value) {
  const std::size_t digits = text.size() - (text.empty() || text[0] != '-' ? 0 : 1);
  if (digits == 0 || digits > 19 || (text[text.size() - digits] == '0' && text.size() > 1)) {
    return false;
  }
  return parse_whole(text, value);
}

double parse_double(std::string_view number) {
  double value = 0;
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), value);
  if (error == std::errc::result_out_of_range) {
    // from_chars leaves open which way: the exponent's sign tells, or the magnitude of a number without one.
    const std::size_t e = number.find_first_of("eE");
    const bool tiny =
        e != std::string_view::npos ? number[e + 1] == '-' : number.substr(0, 3).find('.') != std::string_view::npos;
    value = tiny ? 0.0 : HUGE_VAL;
    if (number[0] == '-') {
      value = -value;
    }
  }
  return value;
}

}  // namespace lockstep
