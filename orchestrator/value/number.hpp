// Numbers that stand alone in a text.
#pragma once

#include <charconv>
#include <optional>
#include <string_view>
#include <system_error>

namespace lockstep {

/// Whether the whole of `text` is a number that a Number can be, without blanks and without a plus; it goes to
/// `number`. Else `number` is of no use.
template <class Number>
bool parse_whole(std::string_view text, Number& number) {
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  return problem == std::errc() && end == text.data() + text.size();
}
template <class Number>
std::optional<Number> parse_whole(std::string_view text) {
  Number number{};
  return parse_whole(text, number) ? std::optional(number) : std::nullopt;
}

}  // namespace lockstep
