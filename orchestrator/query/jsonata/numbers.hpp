// Numbers as text, after pictures: what several functions of the library share.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace lockstep::jsonata {

/// `value` rounded to `precision` decimal places (negative: to tens), halves to the even neighbour; never -0.
double round_half_even(double value, double precision);

/// What an integer picture asks for (XPath F&O 4.6).
struct IntegerPicture {
  enum class Primary : std::uint8_t { decimal, letters, roman, words, sequence };
  enum class Case : std::uint8_t { lower, upper, title };
  struct Separator {
    std::size_t position;  ///< digits to its right
    std::uint32_t character;
  };

  Primary primary = Primary::decimal;
  Case letter_case = Case::lower;
  bool ordinal = false;
  std::uint32_t zero = '0';
  std::size_t mandatory_digits = 0;
  std::size_t optional_digits = 0;
  bool regular = false;  ///< separators[0] stands every `position` digits
  std::vector<Separator> separators;
  std::size_t parse_width = 0;  ///< 0: any
  std::string token;            ///< a sequence that nobody knows
};

/// Throws Problem D3131.
IntegerPicture parse_integer_picture(std::string_view picture);
/// Throws Problem D3130.
std::string format_with(const IntegerPicture& picture, double value);
/// The regular expression that text in this picture matches. Throws Problem D3130.
std::string pattern_of(const IntegerPicture& picture);
/// The integer in `text`; NaN where there is none.
double parse_with(const IntegerPicture& picture, std::string_view text);

}  // namespace lockstep::jsonata
