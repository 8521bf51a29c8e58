// Quoted names and JSON literals within a path.
#include <charconv>

#include "query/jsonpath/compiler.hpp"
#include "value/utf8.hpp"

namespace lockstep::jsonpath {

namespace {

constexpr std::string_view kBetweenWords = " \t\r\n[]{},:'\"";

bool read_hex4(std::string_view text, unsigned& code) {
  if (text.size() < 4) {
    return false;
  }
  const auto [end, error] = std::from_chars(text.data(), text.data() + 4, code, 16);
  return error == std::errc() && end == text.data() + 4;
}

}  // namespace

std::string unescape(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\' || i + 1 == text.size()) {
      out += text[i];
      continue;
    }
    const char c = text[++i];
    unsigned code = 0;
    if (c == 'u' && read_hex4(text.substr(i + 1), code)) {
      i += 4;
      unsigned low = 0;
      if (code >= 0xD800 && code < 0xDC00 && text.substr(i + 1, 2) == "\\u" && read_hex4(text.substr(i + 3), low) &&
          low >= 0xDC00 && low < 0xE000) {
        code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
        i += 6;
      }
      append_utf8(out, code);
      continue;
    }
    constexpr std::string_view kLetters = "nrtbf";
    constexpr std::string_view kControls = "\n\r\t\b\f";
    const auto which = kLetters.find(c);
    out += which == std::string_view::npos ? c : kControls[which];
  }
  return out;
}

bool read_lenient_json(std::string_view text, Value& value) {
  std::string strict;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char quote = text[i];
    if (quote != '\'' && quote != '"') {
      const std::size_t word_end = std::min(text.find_first_of(kBetweenWords, i), text.size());
      if (word_end == i) {
        strict += quote;
        continue;
      }
      // A word without quotes is a string, too, where it is nothing else.
      const std::string word(text.substr(i, word_end - i));
      if (Value::from_text(word)) {
        strict += word;
      } else {
        append_json_string(strict, word);
      }
      i = word_end - 1;
      continue;
    }
    std::size_t end = i + 1;
    while (end < text.size() && text[end] != quote) {
      end += text[end] == '\\' ? 2 : 1;
    }
    if (end >= text.size()) {
      return false;
    }
    append_json_string(strict, unescape(text.substr(i + 1, end - i - 1)));
    i = end;
  }
  Result<Value> parsed = Value::from_text(std::move(strict));
  if (!parsed) {
    return false;
  }
  value = std::move(*parsed);
  return true;
}

}  // namespace lockstep::jsonpath
