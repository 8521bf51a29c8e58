// $formatInteger and $parseInteger: decimal pictures, letters, roman numerals, English words.
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>

#include "query/jsonata/evaluator.hpp"
#include "query/jsonata/numbers.hpp"
#include "query/jsonata/text.hpp"

namespace lockstep::jsonata {

namespace {

constexpr std::array<std::string_view, 20> kSmallNumbers = {
    "Zero", "One",    "Two",    "Three",    "Four",     "Five",    "Six",     "Seven",     "Eight",    "Nine",
    "Ten",  "Eleven", "Twelve", "Thirteen", "Fourteen", "Fifteen", "Sixteen", "Seventeen", "Eighteen", "Nineteen"};
constexpr std::array<std::string_view, 20> kOrdinals = {
    "Zeroth",     "First",     "Second",    "Third",       "Fourth",     "Fifth",     "Sixth",
    "Seventh",    "Eighth",    "Ninth",     "Tenth",       "Eleventh",   "Twelfth",   "Thirteenth",
    "Fourteenth", "Fifteenth", "Sixteenth", "Seventeenth", "Eighteenth", "Nineteenth"};
constexpr std::array<std::string_view, 9> kDecades = {"Twenty",  "Thirty", "Forty",  "Fifty",  "Sixty",
                                                      "Seventy", "Eighty", "Ninety", "Hundred"};
constexpr std::array<std::string_view, 4> kMagnitudes = {"Thousand", "Million", "Billion", "Trillion"};

// The zeros of Unicode's decimal digit groups.
constexpr std::array<std::uint32_t, 37> kZeros = {
    0x30,   0x0660, 0x06F0, 0x07C0, 0x0966, 0x09E6, 0x0A66, 0x0AE6, 0x0B66, 0x0BE6, 0x0C66, 0x0CE6, 0x0D66,
    0x0DE6, 0x0E50, 0x0ED0, 0x0F20, 0x1040, 0x1090, 0x17E0, 0x1810, 0x1946, 0x19D0, 0x1A80, 0x1A90, 0x1B50,
    0x1BB0, 0x1C40, 0x1C50, 0xA620, 0xA8D0, 0xA900, 0xA9D0, 0xA9F0, 0xAA50, 0xABF0, 0xFF10};

constexpr std::size_t kMostPadding = 100'000;  // of a padded number

std::string words(double value, bool continues, bool ordinal) {
  std::string out;
  if (value <= 19) {
    const auto i = static_cast<std::size_t>(value);
    out = continues ? " and " : "";
    out += ordinal ? kOrdinals[i] : kSmallNumbers[i];
  } else if (value < 100) {
    const auto tens = static_cast<std::size_t>(value / 10);
    const double rest = std::fmod(value, 10);
    out = continues ? " and " : "";
    out += kDecades[tens - 2];
    if (rest > 0) {
      out += "-" + words(rest, false, ordinal);
    } else if (ordinal) {
      out.back() = 'i';
      out += "eth";
    }
  } else if (value < 1000) {
    const double rest = std::fmod(value, 100);
    out = continues ? ", " : "";
    out += kSmallNumbers[static_cast<std::size_t>(value / 100)];
    out += " Hundred";
    if (rest > 0) {
      out += words(rest, true, ordinal);
    } else if (ordinal) {
      out += "th";
    }
  } else {
    const double magnitude = std::min(std::floor(std::log10(value) / 3), static_cast<double>(kMagnitudes.size()));
    const double factor = std::pow(10, magnitude * 3);
    const double mantissa = std::floor(value / factor);
    const double rest = value - mantissa * factor;
    out = continues ? ", " : "";
    out += words(mantissa, false, false) + " ";
    out += kMagnitudes[static_cast<std::size_t>(magnitude) - 1];
    if (rest > 0) {
      out += words(rest, true, ordinal);
    } else if (ordinal) {
      out += "th";
    }
  }
  return out;
}

const std::map<std::string, double, std::less<>>& word_values() {
  static const auto kValues = [] {
    std::map<std::string, double, std::less<>> values;
    for (std::size_t i = 0; i < kSmallNumbers.size(); ++i) {
      values[to_lower(kSmallNumbers[i])] = static_cast<double>(i);
      values[to_lower(kOrdinals[i])] = static_cast<double>(i);
    }
    for (std::size_t i = 0; i < kDecades.size(); ++i) {
      std::string word = to_lower(kDecades[i]);
      const double value = static_cast<double>(i + 2) * 10;
      values[word] = value;
      word.pop_back();
      values[word + "ieth"] = value;
    }
    values["hundredth"] = 100;
    for (std::size_t i = 0; i < kMagnitudes.size(); ++i) {
      const std::string word = to_lower(kMagnitudes[i]);
      values[word] = std::pow(10, (static_cast<double>(i) + 1) * 3);
      values[word + "th"] = values[word];
    }
    return values;
  }();
  return kValues;
}

double parse_words(std::string_view text) {
  std::vector<double> segments = {0};
  std::size_t at = 0;
  const auto is_blank = [](char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; };
  for (;;) {
    // A word ends at ", ", at " and ", at a blank, a hyphen or a backslash.
    std::size_t end = at;
    std::size_t skip = 0;
    for (; end < text.size() && skip == 0; ++end) {
      const std::string_view rest = text.substr(end);
      if (rest[0] == ',' && rest.size() > 1 && is_blank(rest[1])) {
        skip = 2;
      } else if (is_blank(rest[0]) && rest.substr(1, 3) == "and" && rest.size() > 4 && is_blank(rest[4])) {
        skip = 5;
      } else if (is_blank(rest[0]) || rest[0] == '-' || rest[0] == '\\') {
        skip = 1;
      }
      if (skip != 0) {
        break;
      }
    }
    const auto found = word_values().find(text.substr(at, end - at));
    const double value = found == word_values().end() ? std::numeric_limits<double>::quiet_NaN() : found->second;
    if (value < 100) {
      double top = segments.back();
      segments.pop_back();
      if (top >= 1000) {
        segments.push_back(top);
        top = 0;
      }
      segments.push_back(top + value);
    } else {
      segments.back() *= value;
    }
    if (skip == 0) {
      break;
    }
    at = end + skip;
  }
  return std::accumulate(segments.begin(), segments.end(), 0.0);
}

std::string roman(double value) {
  static constexpr std::pair<int, std::string_view> kNumerals[] = {
      {1000, "m"}, {900, "cm"}, {500, "d"}, {400, "cd"}, {100, "c"}, {90, "xc"}, {50, "l"},
      {40, "xl"},  {10, "x"},   {9, "ix"},  {5, "v"},    {4, "iv"},  {1, "i"}};
  std::string out;
  for (const auto& [number, numeral] : kNumerals) {
    while (value >= number && out.size() < kMostPadding) {
      out += numeral;
      value -= number;
    }
  }
  return out;
}

double parse_roman(std::string_view text) {
  double total = 0;
  double largest = 1;
  for (std::size_t i = text.size(); i-- > 0;) {
    static constexpr std::string_view kDigits = "MDCLXVI";
    static constexpr std::array<double, 7> kValues = {1000, 500, 100, 50, 10, 5, 1};
    const std::size_t digit = kDigits.find(text[i]);
    if (digit == std::string_view::npos) {
      return std::numeric_limits<double>::quiet_NaN();
    }
    const double value = kValues[digit];
    if (value < largest) {
      total -= value;
    } else {
      largest = value;
      total += value;
    }
  }
  return total;
}

std::string letters(double value, char first) {
  std::string out;
  while (value > 0) {
    out += static_cast<char>(first + static_cast<int>(std::fmod(value - 1, 26)));
    value = std::floor((value - 1) / 26);
  }
  std::reverse(out.begin(), out.end());
  return out;
}

// The distance between separators that are all alike and stand at every multiple of it; 0 where they do not.
std::size_t regular_distance(const std::vector<IntegerPicture::Separator>& separators) {
  if (separators.empty()) {
    return 0;
  }
  std::size_t factor = 0;
  for (const auto& separator : separators) {
    if (separator.character != separators[0].character) {
      return 0;
    }
    factor = std::gcd(factor, separator.position);
  }
  for (std::size_t i = 1; i <= separators.size(); ++i) {
    const bool found = std::any_of(separators.begin(), separators.end(),
                                   [&](const auto& separator) { return separator.position == i * factor; });
    if (!found) {
      return 0;
    }
  }
  return factor;
}

void parse_decimal_picture(std::string_view text, IntegerPicture& picture) {
  std::vector<std::uint32_t> points;
  for (std::size_t at = 0; at < text.size();) {
    points.push_back(next_code_point(text, at));
  }
  bool zero_known = false;
  std::size_t position = 0;
  for (auto point = points.rbegin(); point != points.rend(); ++point) {
    const auto zero =
        std::find_if(kZeros.begin(), kZeros.end(), [&](std::uint32_t z) { return *point >= z && *point <= z + 9; });
    if (zero != kZeros.end()) {
      ++picture.mandatory_digits;
      ++position;
      if (zero_known && *zero != picture.zero) {
        throw problem("D3131");
      }
      zero_known = true;
      picture.zero = *zero;
    } else if (*point == '#') {
      ++position;
      ++picture.optional_digits;
    } else {
      picture.separators.push_back({position, *point});
    }
  }
  if (picture.mandatory_digits == 0) {
    picture.primary = IntegerPicture::Primary::sequence;
    picture.token = text;
    return;
  }
  const std::size_t distance = regular_distance(picture.separators);
  if (distance > 0) {
    picture.regular = true;
    picture.separators = {{distance, picture.separators[0].character}};
  }
}

Problem sequence_problem(const IntegerPicture& picture) {
  Problem p = problem("D3130");
  append_quoted(p.value_json, picture.token);
  return p;
}

std::string format_decimal(const IntegerPicture& picture, double value) {
  std::string digits;
  append_number(digits, value);
  if (digits.size() < picture.mandatory_digits) {
    digits.insert(0, std::min(picture.mandatory_digits, kMostPadding) - digits.size(), '0');
  }
  std::u32string text;
  for (const char c : digits) {
    text += static_cast<char32_t>(c) + picture.zero - U'0';
  }
  if (picture.regular) {
    const auto& [distance, character] = picture.separators[0];
    const std::size_t groups = (text.size() - 1) / distance;
    std::u32string grouped;
    for (std::size_t i = 0; i < text.size(); ++i) {
      const std::size_t right = text.size() - i;
      if (i > 0 && right % distance == 0 && right / distance <= groups) {
        grouped += character;
      }
      grouped += text[i];
    }
    text = std::move(grouped);
  } else {
    for (auto mark = picture.separators.rbegin(); mark != picture.separators.rend(); ++mark) {
      // Beyond the digits the reference implementation keeps only as many of them as are missing.
      const std::size_t missing = mark->position - std::min(mark->position, text.size());
      const std::size_t place = missing == 0 ? text.size() - mark->position : 0;
      const std::u32string head = text.substr(0, place);
      const std::u32string tail =
          missing == 0 ? text.substr(place) : text.substr(text.size() - std::min(missing, text.size()));
      text = head + static_cast<char32_t>(mark->character) + tail;
    }
  }
  std::string out;
  for (const char32_t c : text) {
    append_utf8(out, c);
  }
  if (picture.ordinal) {
    const char32_t last = text.back();
    const bool teen = text.size() > 1 && text[text.size() - 2] == U'1';
    const bool named = !teen && last >= U'1' && last <= U'3';
    out += named ? (last == U'1' ? "st" : last == U'2' ? "nd" : "rd") : "th";
  }
  return out;
}

}  // namespace

IntegerPicture parse_integer_picture(std::string_view text) {
  IntegerPicture picture;
  std::string_view primary = text;
  const std::size_t semicolon = text.rfind(';');
  if (semicolon != std::string_view::npos) {
    primary = text.substr(0, semicolon);
    picture.ordinal = text.substr(semicolon + 1).starts_with('o');
  }
  using Primary = IntegerPicture::Primary;
  using Case = IntegerPicture::Case;
  if (primary == "A" || primary == "a") {
    picture.primary = Primary::letters;
    picture.letter_case = primary == "A" ? Case::upper : Case::lower;
  } else if (primary == "I" || primary == "i") {
    picture.primary = Primary::roman;
    picture.letter_case = primary == "I" ? Case::upper : Case::lower;
  } else if (primary == "W" || primary == "w" || primary == "Ww") {
    picture.primary = Primary::words;
    picture.letter_case = primary == "W" ? Case::upper : primary == "w" ? Case::lower : Case::title;
  } else {
    parse_decimal_picture(primary, picture);
  }
  return picture;
}

std::string format_with(const IntegerPicture& picture, double value) {
  using Primary = IntegerPicture::Primary;
  using Case = IntegerPicture::Case;
  const bool negative = value < 0;
  value = std::abs(value);
  std::string out;
  switch (picture.primary) {
    case Primary::letters:
      out = letters(value, picture.letter_case == Case::upper ? 'A' : 'a');
      break;
    case Primary::roman:
      out = roman(value);
      out = picture.letter_case == Case::upper ? to_upper(out) : out;
      break;
    case Primary::words:
      out = std::isfinite(value) ? words(value, false, picture.ordinal) : "";
      if (picture.letter_case != Case::title) {
        out = picture.letter_case == Case::upper ? to_upper(out) : to_lower(out);
      }
      break;
    case Primary::decimal:
      out = format_decimal(picture, value);
      break;
    case Primary::sequence:
      throw sequence_problem(picture);
  }
  return negative ? "-" + out : out;
}

std::string pattern_of(const IntegerPicture& picture) {
  using Primary = IntegerPicture::Primary;
  const bool upper = picture.letter_case == IntegerPicture::Case::upper;
  switch (picture.primary) {
    case Primary::letters:
      return upper ? "[A-Z]+" : "[a-z]+";
    case Primary::roman:
      return upper ? "[MDCLXVI]+" : "[mdclxvi]+";
    case Primary::words: {
      std::string out = "(?:";
      for (const auto& [word, value] : word_values()) {
        out += word + "|";
      }
      return out + "and|[\\-, ])+";
    }
    case Primary::decimal: {
      std::string out = "[0-9]";
      out += picture.parse_width != 0 ? "{" + std::to_string(std::min(picture.parse_width, std::size_t{60000})) + "}"
                                      : "+";
      return out + (picture.ordinal ? "(?:th|st|nd|rd)" : "");
    }
    case Primary::sequence:
      break;
  }
  throw sequence_problem(picture);
}

double parse_with(const IntegerPicture& picture, std::string_view text) {
  using Primary = IntegerPicture::Primary;
  const bool upper = picture.letter_case == IntegerPicture::Case::upper;
  switch (picture.primary) {
    case Primary::letters: {
      double value = 0;
      for (const char c : text) {
        value = value * 26 + (static_cast<unsigned char>(c) - (upper ? 'A' : 'a') + 1);
      }
      return value;
    }
    case Primary::roman:
      return parse_roman(upper ? std::string(text) : to_upper(text));
    case Primary::words:
      return parse_words(to_lower(text));
    case Primary::sequence:
      throw sequence_problem(picture);
    case Primary::decimal:
      break;
  }
  if (picture.ordinal) {
    text = text.substr(0, text.size() - std::min<std::size_t>(2, text.size()));
  }
  std::string digits;
  double radix = 10;
  for (std::size_t at = text.find_first_not_of(" \t\r\n"); at < text.size();) {
    std::uint32_t point = next_code_point(text, at);
    const bool separator = picture.regular ? point == ','
                                           : std::any_of(picture.separators.begin(), picture.separators.end(),
                                                         [point](const auto& s) { return s.character == point; });
    if (separator) {
      continue;
    }
    if (picture.zero != '0') {
      point = point - picture.zero + '0';
    }
    if (digits == "0" && (point == 'x' || point == 'X')) {
      radix = 16;
      continue;
    }
    const bool digit = (point >= '0' && point <= '9') ||
                       (radix == 16 && ((point >= 'a' && point <= 'f') || (point >= 'A' && point <= 'F')));
    if (!digit && !(digits.empty() && (point == '-' || point == '+'))) {
      break;
    }
    digits += static_cast<char>(point);
  }
  if (digits.empty() || digits == "-" || digits == "+") {
    return std::numeric_limits<double>::quiet_NaN();
  }
  if (radix == 16) {
    return digits == "0" ? std::numeric_limits<double>::quiet_NaN() : std::strtod(("0x" + digits).c_str(), nullptr);
  }
  return parse_number(digits[0] == '+' ? std::string_view(digits).substr(1) : std::string_view(digits));
}

namespace fn {

Item format_integer(Evaluator& e, const Arguments& a) {
  if (a[0].is_undefined()) {
    return {};
  }
  const std::string picture(a[1].is_undefined() ? "" : a[1].as_string());
  return e.make_string(format_with(parse_integer_picture(picture), std::floor(a[0].as_double())));
}

Item parse_integer(Evaluator&, const Arguments& a) {
  if (a[0].is_undefined()) {
    return {};
  }
  const std::string picture(a[1].is_undefined() ? "" : a[1].as_string());
  return number_item(parse_with(parse_integer_picture(picture), a[0].as_string()));
}

}  // namespace fn

}  // namespace lockstep::jsonata
