// Strings.
#include <openssl/evp.h>

#include <cmath>

#include "query/jsonata/evaluator.hpp"
#include "query/jsonata/text.hpp"

namespace lockstep::jsonata {

namespace {

// A piece of a string argument: nothing is copied, the piece lives as long as the whole.
Item piece(const Item& whole, std::string_view part) {
  return string_item(part, whole.is_ascii() || is_ascii(part));
}

bool is_unreserved(char c, std::string_view also) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         also.find(c) != std::string_view::npos;
}

[[noreturn]] void malformed(Evaluator& e, std::string_view function, const Item& value) {
  Problem p = problem("D3140");
  p.text = function;
  p.value_json = e.describe(value);
  throw p;
}

Item encode(Evaluator& e, const Item& value, std::string_view function, std::string_view also) {
  if (value.is_undefined()) {
    return value;
  }
  const std::string_view text = value.as_string();
  e.spend(text.size() / 16 + 1);
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t start = at;
    const std::uint32_t point = next_code_point(text, at);
    if (point >= 0xD800 && point < 0xE000) {
      malformed(e, function, value);
    }
    for (std::size_t i = start; i < at; ++i) {
      if (is_unreserved(text[i], also)) {
        out += text[i];
      } else {
        out += fmt::format("%{:02X}", static_cast<unsigned char>(text[i]));
      }
    }
  }
  return e.make_string(out);
}

int hex_value(char c) {
  return c >= '0' && c <= '9'   ? c - '0'
         : c >= 'a' && c <= 'f' ? c - 'a' + 10
         : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                : -1;
}

bool hex_byte(std::string_view text, std::size_t at, unsigned& byte) {
  if (at + 2 >= text.size() || text[at] != '%' || hex_value(text[at + 1]) < 0 || hex_value(text[at + 2]) < 0) {
    return false;
  }
  byte = static_cast<unsigned>(hex_value(text[at + 1]) * 16 + hex_value(text[at + 2]));
  return true;
}

// As decodeURI, which leaves escapes of the characters in `reserved` alone.
Item decode(Evaluator& e, const Item& value, std::string_view function, std::string_view reserved) {
  if (value.is_undefined()) {
    return value;
  }
  const std::string_view text = value.as_string();
  e.spend(text.size() / 16 + 1);
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    if (text[at] != '%') {
      out += text[at++];
      continue;
    }
    const std::size_t start = at;
    unsigned byte = 0;
    if (!hex_byte(text, at, byte)) {
      malformed(e, function, value);
    }
    at += 3;
    if (byte < 0x80) {
      if (reserved.find(static_cast<char>(byte)) != std::string_view::npos) {
        out += text.substr(start, 3);
      } else {
        out += static_cast<char>(byte);
      }
      continue;
    }
    const std::size_t length = byte >= 0xF0 && byte < 0xF8 ? 4 : byte >= 0xE0 ? 3 : byte >= 0xC2 ? 2 : 0;
    if (length == 0 || byte >= 0xF8) {
      malformed(e, function, value);
    }
    std::string character(1, static_cast<char>(byte));
    for (std::size_t i = 1; i < length; ++i, at += 3) {
      if (!hex_byte(text, at, byte) || (byte & 0xC0U) != 0x80U) {
        malformed(e, function, value);
      }
      character += static_cast<char>(byte);
    }
    std::size_t end = 0;
    const std::uint32_t point = next_code_point(character, end);
    const std::uint32_t least = length == 4 ? 0x10000 : length == 3 ? 0x800 : 0x80;
    if (point < least || point > 0x10FFFF || (point >= 0xD800 && point < 0xE000)) {
      malformed(e, function, value);
    }
    out += character;
  }
  return e.make_string(out);
}

constexpr std::string_view kMarks = "-_.!~*'()";
constexpr std::string_view kMarksAndReserved = "-_.!~*'();/?:@&=+$,#";
constexpr std::string_view kReserved = ";/?:@&=+$,#";

}  // namespace

namespace fn {

Item string(Evaluator& e, const Arguments& a) {
  if (a[0].is_undefined() || a[0].is_string()) {
    return a[0];
  }
  std::string out;
  const bool pretty = a[1].is_boolean() && a[1].as_boolean();
  if (pretty && (a[0].is_array() || a[0].is_object())) {
    e.append_json(out, is_outer_wrapper(a[0]) ? a[0].array()->items[0] : a[0], 2);
  } else {
    e.append_string(out, a[0]);
  }
  return e.make_string(out);
}

Item substring(Evaluator& e, const Arguments& a) {
  if (a[0].is_undefined()) {
    return {};
  }
  const std::string_view text = a[0].as_string();
  const bool ascii = a[0].is_ascii();
  if (!ascii) {
    e.spend(text.size() / 16 + 1);
  }
  const auto length = static_cast<double>(ascii ? text.size() : count_characters(text));
  double start = a[1].is_undefined() ? 0 : a[1].as_double();
  if (length + start < 0) {
    start = 0;
  }
  // Where slice() begins and ends: whole numbers, negative ones from the end.
  const auto place = [length](double index) {
    index = std::isnan(index) ? 0 : std::trunc(index);
    return index < 0 ? std::max(0.0, length + index) : std::min(index, length);
  };
  double end = length;
  if (!a[2].is_undefined()) {
    const double wanted = a[2].as_double();
    if (wanted <= 0 || a[1].is_undefined()) {
      return string_item("", true);
    }
    end = place(start >= 0 ? start + wanted : length + start + wanted);
  }
  const double first = place(start);
  if (!(first < end)) {
    return string_item("", true);
  }
  const auto from = static_cast<std::size_t>(first);
  const auto count = static_cast<std::size_t>(end) - from;
  if (ascii) {
    return string_item(text.substr(from, count), true);
  }
  const std::size_t offset = offset_of_character(text, from);
  const std::string_view rest = text.substr(offset);
  return piece(a[0], rest.substr(0, offset_of_character(rest, count)));
}

Item substring_before(Evaluator&, const Arguments& a) {
  if (a[0].is_undefined()) {
    return {};
  }
  const std::string_view text = a[0].as_string();
  const std::size_t at = text.find(a[1].is_undefined() ? std::string_view("undefined") : a[1].as_string());
  return at == std::string_view::npos ? a[0] : piece(a[0], text.substr(0, at));
}

Item substring_after(Evaluator&, const Arguments& a) {
  if (a[0].is_undefined()) {
    return {};
  }
  const std::string_view text = a[0].as_string();
  if (a[1].is_undefined()) {
    return a[0];
  }
  const std::size_t at = text.find(a[1].as_string());
  return at == std::string_view::npos ? a[0] : piece(a[0], text.substr(at + a[1].as_string().size()));
}

Item lowercase(Evaluator& e, const Arguments& a) {
  return a[0].is_undefined() ? Item() : e.make_string(to_lower(a[0].as_string()));
}

Item uppercase(Evaluator& e, const Arguments& a) {
  return a[0].is_undefined() ? Item() : e.make_string(to_upper(a[0].as_string()));
}

Item length(Evaluator&, const Arguments& a) {
  if (a[0].is_undefined()) {
    return {};
  }
  const std::string_view text = a[0].as_string();
  return number_item(static_cast<double>(a[0].is_ascii() ? text.size() : count_characters(text)));
}

Item trim(Evaluator& e, const Arguments& a) {
  if (a[0].is_undefined()) {
    return {};
  }
  std::string out;
  for (const char c : a[0].as_string()) {
    if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
      if (!out.empty() && out.back() != ' ') {
        out += ' ';
      }
    } else {
      out += c;
    }
  }
  if (!out.empty() && out.back() == ' ') {
    out.pop_back();
  }
  return e.make_string(out);
}

Item pad(Evaluator& e, const Arguments& a) {
  if (a[0].is_undefined()) {
    return {};
  }
  std::string_view fill = a[2].is_undefined() ? std::string_view() : a[2].as_string();
  fill = fill.empty() ? std::string_view(" ") : fill;
  const double width = a[1].is_undefined() ? 0 : std::trunc(a[1].as_double());
  const std::string_view text = a[0].as_string();
  const double missing = std::abs(width) - static_cast<double>(count_characters(text));
  if (!(missing > 0)) {
    return a[0];
  }
  e.check_value(missing > 1e15 ? SIZE_MAX : static_cast<std::size_t>(missing));
  auto left = static_cast<std::size_t>(missing);
  e.spend(left / 16 + 1);
  std::string padding;
  const std::size_t characters = count_characters(fill);
  while (left >= characters) {
    padding += fill;
    e.check_value(padding.size());
    left -= characters;
  }
  padding += fill.substr(0, offset_of_character(fill, left));
  std::string out(width > 0 ? text : padding);
  out += width > 0 ? std::string_view(padding) : text;
  return e.make_string(out);
}

Item join(Evaluator& e, const Arguments& a) {
  if (a[0].is_undefined()) {
    return {};
  }
  const std::string_view separator = a[1].is_undefined() ? std::string_view() : a[1].as_string();
  std::string out;
  const std::size_t size = size_of(a[0]);
  e.spend(size / 4 + 1);
  for (std::size_t i = 0; i < size; ++i) {
    if (i > 0) {
      out += separator;
    }
    const Item item = at(a[0], i);
    if (item.is_string()) {
      out += item.as_string();
    }
    e.check_value(out.size());
  }
  return e.make_string(out);
}

Item base64_encode(Evaluator& e, const Arguments& a) {
  if (a[0].is_undefined()) {
    return {};
  }
  // Level::suite encodes UTF-16 units as bytes, as the reference implementation does; state machines encode UTF-8.
  std::string bytes;
  const std::string_view text = a[0].as_string();
  if (e.level() == Level::asl || a[0].is_ascii()) {
    bytes = text;
  } else {
    for (std::size_t at = 0; at < text.size();) {
      const std::uint32_t point = next_code_point(text, at);
      if (point >= 0x10000) {
        bytes += static_cast<char>((0xD800 + ((point - 0x10000) >> 10)) & 0xFF);
      }
      bytes += static_cast<char>(point & 0xFF);
    }
  }
  e.check_value(bytes.size() * 2);
  std::string out((bytes.size() + 2) / 3 * 4 + 1, '\0');
  const int size =
      EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                      reinterpret_cast<const unsigned char*>(bytes.data()), static_cast<int>(bytes.size()));
  out.resize(static_cast<std::size_t>(size));
  return e.make_string(out, true);
}

Item base64_decode(Evaluator& e, const Arguments& a) {
  if (a[0].is_undefined()) {
    return {};
  }
  std::string bytes;
  unsigned bits = 0;
  int count = 0;
  for (const char c : a[0].as_string()) {
    int value = -1;
    if (c >= 'A' && c <= 'Z') {
      value = c - 'A';
    } else if (c >= 'a' && c <= 'z') {
      value = c - 'a' + 26;
    } else if (c >= '0' && c <= '9') {
      value = c - '0' + 52;
    } else if (c == '+' || c == '-') {
      value = 62;
    } else if (c == '/' || c == '_') {
      value = 63;
    } else if (c == '=') {
      break;
    }
    if (value < 0) {
      continue;
    }
    bits = (bits << 6) | static_cast<unsigned>(value);
    if (++count % 4 != 1) {
      bytes += static_cast<char>((bits >> ((4 - (count - 1) % 4 - 1) * 2)) & 0xFF);
    }
  }
  const auto valid_utf8 = [](std::string_view text) {
    JsonProblem ignored;
    std::string quoted;
    append_quoted(quoted, text);
    return check_json(quoted, ignored);
  };
  if (e.level() == Level::asl && valid_utf8(bytes)) {
    return e.make_string(bytes);
  }
  std::string out;
  for (const char c : bytes) {
    append_utf8(out, static_cast<unsigned char>(c));
  }
  return e.make_string(out);
}

Item encode_url_component(Evaluator& e, const Arguments& a) {
  return encode(e, a[0], "encodeUrlComponent", kMarks);
}

Item encode_url(Evaluator& e, const Arguments& a) {
  return encode(e, a[0], "encodeUrl", kMarksAndReserved);
}

Item decode_url_component(Evaluator& e, const Arguments& a) {
  return decode(e, a[0], "decodeUrlComponent", "");
}

Item decode_url(Evaluator& e, const Arguments& a) {
  return decode(e, a[0], "decodeUrl", kReserved);
}

}  // namespace fn

}  // namespace lockstep::jsonata
