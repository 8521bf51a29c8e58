// $formatNumber: decimal pictures (XPath F&O 4.7).
#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>
#include <vector>

#include "query/jsonata/evaluator.hpp"
#include "query/jsonata/numbers.hpp"
#include "query/jsonata/text.hpp"

namespace lockstep::jsonata {

namespace {

using Text = std::u32string;
constexpr auto kNone = Text::npos;
constexpr std::size_t kMostDigits = 10'000;

Text to_text(std::string_view utf8) {
  Text out;
  for (std::size_t at = 0; at < utf8.size();) {
    out += static_cast<char32_t>(next_code_point(utf8, at));
  }
  return out;
}

std::string to_utf8(const Text& text) {
  std::string out;
  for (const char32_t c : text) {
    append_utf8(out, c);
  }
  return out;
}

// The characters that a picture may redefine.
struct Format {
  Text decimal_separator = U".";
  Text grouping_separator = U",";
  Text exponent_separator = U"e";
  Text minus_sign = U"-";
  Text percent = U"%";
  Text per_mille = U"\u2030";
  Text zero_digit = U"0";
  Text digit = U"#";
  Text pattern_separator = U";";

  char32_t zero() const { return zero_digit.empty() ? U'0' : zero_digit[0]; }
  bool is_digit(char32_t c) const { return c >= zero() && c < zero() + 10; }
  static bool is(char32_t c, const Text& text) { return text.size() == 1 && text[0] == c; }
  bool is_active(char32_t c) const {
    return is_digit(c) || is(c, decimal_separator) || is(c, exponent_separator) || is(c, grouping_separator) ||
           is(c, digit) || is(c, pattern_separator);
  }
};

struct Parts {
  Text picture;
  Text prefix, suffix, active, mantissa, exponent, integer, fraction;
  bool has_exponent = false;
};

// What is left of a picture once it is understood.
struct Layout {
  Text picture, prefix, suffix;
  std::vector<std::size_t> integer_groups;
  std::vector<std::size_t> fraction_groups;
  std::size_t regular_grouping = 0;
  std::size_t least_integer = 0;
  std::size_t scaling = 0;
  std::size_t least_fraction = 0;
  std::size_t most_fraction = 0;
  std::size_t least_exponent = 0;
};

Parts split_parts(const Text& picture, const Format& format) {
  Parts parts;
  parts.picture = picture;
  const auto bounds = [&](char32_t c) { return format.is_active(c) && !Format::is(c, format.exponent_separator); };
  const auto first = std::find_if(picture.begin(), picture.end(), bounds);
  const auto last = std::find_if(picture.rbegin(), picture.rend(), bounds);
  if (first != picture.end()) {
    parts.prefix = Text(picture.begin(), first);
    parts.suffix = Text(last.base(), picture.end());
  }
  const std::size_t tail = picture.size() - parts.suffix.size();
  parts.active = picture.substr(parts.prefix.size(), tail - parts.prefix.size());
  const std::size_t exponent = picture.find(format.exponent_separator, parts.prefix.size());
  if (exponent == kNone || exponent > tail) {
    parts.mantissa = parts.active;
  } else {
    parts.mantissa = parts.active.substr(0, exponent);
    parts.exponent = exponent + 1 < parts.active.size() ? parts.active.substr(exponent + 1) : Text();
    parts.has_exponent = true;
  }
  const std::size_t point = parts.mantissa.find(format.decimal_separator);
  if (point == kNone) {
    parts.integer = parts.mantissa;
    parts.fraction = parts.suffix;
  } else {
    parts.integer = parts.mantissa.substr(0, point);
    parts.fraction = parts.mantissa.substr(point + 1);
  }
  return parts;
}

bool twice(const Text& text, const Text& what) {
  return text.find(what) != text.rfind(what);
}

bool has_digit(const Text& text, const Format& format) {
  return std::any_of(text.begin(), text.end(), [&](char32_t c) { return format.is_digit(c); });
}

// The last rule that is broken names the error, as in the reference implementation.
void check(const Parts& parts, const Format& format) {
  std::string_view code;
  const Text& picture = parts.picture;
  const std::size_t point = picture.find(format.decimal_separator);
  const bool percent = picture.find(format.percent) != kNone;
  const bool per_mille = picture.find(format.per_mille) != kNone;
  if (twice(picture, format.decimal_separator)) {
    code = "D3081";
  }
  if (twice(picture, format.percent)) {
    code = "D3082";
  }
  if (twice(picture, format.per_mille)) {
    code = "D3083";
  }
  if (percent && per_mille) {
    code = "D3084";
  }
  const bool countable = std::any_of(parts.mantissa.begin(), parts.mantissa.end(),
                                     [&](char32_t c) { return format.is_digit(c) || Format::is(c, format.digit); });
  if (!countable) {
    code = "D3085";
  }
  if (std::any_of(parts.active.begin(), parts.active.end(), [&](char32_t c) { return !format.is_active(c); })) {
    code = "D3086";
  }
  const auto is_grouping = [&](const Text& text, std::size_t at) {
    return at < text.size() && Format::is(text[at], format.grouping_separator);
  };
  if (point != kNone) {
    if ((point > 0 && is_grouping(picture, point - 1)) || is_grouping(picture, point + 1)) {
      code = "D3087";
    }
  } else if (!parts.integer.empty() && is_grouping(parts.integer, parts.integer.size() - 1)) {
    code = "D3088";
  }
  if (picture.find(format.grouping_separator + format.grouping_separator) != kNone) {
    code = "D3089";
  }
  const std::size_t optional = parts.integer.find(format.digit);
  if (optional != kNone && has_digit(parts.integer.substr(0, optional), format)) {
    code = "D3090";
  }
  const std::size_t last_optional = parts.fraction.rfind(format.digit);
  if (last_optional != kNone && has_digit(parts.fraction.substr(last_optional), format)) {
    code = "D3091";
  }
  if (parts.has_exponent && !parts.exponent.empty() && (percent || per_mille)) {
    code = "D3092";
  }
  if (parts.has_exponent && (parts.exponent.empty() || !std::all_of(parts.exponent.begin(), parts.exponent.end(),
                                                                    [&](char32_t c) { return format.is_digit(c); }))) {
    code = "D3093";
  }
  if (!code.empty()) {
    throw problem(code);
  }
}

std::vector<std::size_t> group_positions(const Text& part, const Text& integer, bool to_left, const Format& format) {
  std::vector<std::size_t> positions;
  std::size_t at = part.find(format.grouping_separator);
  while (at != kNone) {
    const Text side = to_left ? part.substr(0, at) : at < part.size() ? part.substr(at) : Text();
    positions.push_back(static_cast<std::size_t>(std::count_if(
        side.begin(), side.end(), [&](char32_t c) { return format.is_digit(c) || Format::is(c, format.digit); })));
    at = integer.find(format.grouping_separator, at + 1);
  }
  return positions;
}

std::size_t regular_distance(const std::vector<std::size_t>& positions) {
  std::size_t factor = 0;
  for (const std::size_t position : positions) {
    factor = std::gcd(factor, position);
  }
  for (std::size_t i = 1; i <= positions.size(); ++i) {
    if (std::find(positions.begin(), positions.end(), i * factor) == positions.end()) {
      return 0;
    }
  }
  return factor;
}

Layout analyse(const Parts& parts, const Format& format) {
  const auto digits = [&](const Text& text) {
    return static_cast<std::size_t>(
        std::count_if(text.begin(), text.end(), [&](char32_t c) { return format.is_digit(c); }));
  };
  const auto optional = [&](const Text& text) {
    return static_cast<std::size_t>(
        std::count_if(text.begin(), text.end(), [&](char32_t c) { return Format::is(c, format.digit); }));
  };
  Layout layout;
  layout.picture = parts.picture;
  layout.prefix = parts.prefix;
  layout.suffix = parts.suffix;
  layout.integer_groups = group_positions(parts.integer, parts.integer, false, format);
  layout.regular_grouping = regular_distance(layout.integer_groups);
  layout.fraction_groups = group_positions(parts.fraction, parts.integer, true, format);
  layout.least_integer = digits(parts.integer);
  layout.scaling = layout.least_integer;
  layout.least_fraction = digits(parts.fraction);
  layout.most_fraction = layout.least_fraction + optional(parts.fraction);
  if (layout.least_integer == 0 && layout.most_fraction == 0) {
    if (parts.has_exponent) {
      layout.least_fraction = 1;
      layout.most_fraction = 1;
    } else {
      layout.least_integer = 1;
    }
  }
  if (parts.has_exponent && layout.least_integer == 0 && parts.integer.find(format.digit) != kNone) {
    layout.least_integer = 1;
  }
  if (layout.least_integer == 0 && layout.least_fraction == 0) {
    layout.least_fraction = 1;
  }
  layout.least_exponent = parts.has_exponent ? digits(parts.exponent) : 0;
  return layout;
}

// As Number.toFixed, in the picture's digits.
Text fixed(double value, std::size_t places, const Format& format) {
  value = std::abs(value);
  std::string text;
  if (value >= 1e21 || !std::isfinite(value)) {
    append_number(text, value);
  } else {
    text = fmt::format("{:.{}f}", value, std::min(places, std::size_t{100}));
  }
  Text out;
  for (const char c : text) {
    out += c >= '0' && c <= '9' ? format.zero() + static_cast<char32_t>(c - '0') : static_cast<char32_t>(c);
  }
  return out;
}

Text apply(const Layout& layout, const Format& format, double value) {
  double mantissa = value;
  if (layout.picture.find(format.percent) != kNone) {
    mantissa = value * 100;
  } else if (layout.picture.find(format.per_mille) != kNone) {
    mantissa = value * 1000;
  }
  int exponent = 0;
  if (layout.least_exponent > 0 && mantissa != 0 && std::isfinite(mantissa)) {
    const double most = std::pow(10, static_cast<double>(layout.scaling));
    const double least = std::pow(10, static_cast<double>(layout.scaling) - 1);
    while (std::abs(mantissa) < least && exponent > -400) {
      mantissa *= 10;
      --exponent;
    }
    while (std::abs(mantissa) > most && exponent < 400) {
      mantissa /= 10;
      ++exponent;
    }
  }
  const double rounded = round_half_even(mantissa, static_cast<double>(layout.most_fraction));
  Text text = fixed(rounded, layout.most_fraction, format);
  std::size_t point = text.find(U'.');
  if (point == kNone) {
    text += format.decimal_separator;
  } else {
    text.replace(point, 1, format.decimal_separator);
  }
  text.erase(0, std::min(text.find_first_not_of(format.zero()), text.size()));
  while (!text.empty() && text.back() == format.zero()) {
    text.pop_back();
  }
  point = std::min(text.find(format.decimal_separator), text.size());
  if (layout.least_integer > point) {
    text.insert(0, std::min(layout.least_integer, kMostDigits) - std::min(point, kMostDigits), format.zero());
  }
  point = std::min(text.find(format.decimal_separator), text.size());
  const std::size_t fraction = point < text.size() ? text.size() - point - 1 : 0;
  if (layout.least_fraction > fraction) {
    text.append(std::min(layout.least_fraction, kMostDigits) - std::min(fraction, kMostDigits), format.zero());
  }
  if (layout.regular_grouping > 0) {
    const std::size_t groups = point > 0 ? (point - 1) / layout.regular_grouping : 0;
    for (std::size_t group = 1; group <= groups; ++group) {
      text.insert(point - group * layout.regular_grouping, format.grouping_separator);
    }
  } else {
    for (const std::size_t position : layout.integer_groups) {
      // A group to the left of all digits: the reference implementation counts from the end then.
      const std::size_t behind = position - std::min(position, point);
      text.insert(behind == 0 ? point - position : text.size() - std::min(behind, text.size()),
                  format.grouping_separator);
      ++point;
    }
  }
  point = std::min(text.find(format.decimal_separator), text.size());
  for (const std::size_t position : layout.fraction_groups) {
    text.insert(std::min(position + point + 1, text.size()), format.grouping_separator);
  }
  point = std::min(text.find(format.decimal_separator), text.size());
  if (!text.empty() && (layout.picture.find(format.decimal_separator) == kNone || point + 1 == text.size())) {
    text.pop_back();
  }
  if (layout.least_exponent > 0) {
    Text digits = fixed(exponent, 0, format);
    if (digits.size() < layout.least_exponent) {
      digits.insert(0, std::min(layout.least_exponent, kMostDigits) - digits.size(), format.zero());
    }
    text += format.exponent_separator;
    text += exponent < 0 ? format.minus_sign : Text();
    text += digits;
  }
  return layout.prefix + text + layout.suffix;
}

void override_with(const Item& options, Evaluator& e, Format& format) {
  if (!options.is_object()) {
    return;
  }
  const std::pair<std::string_view, Text*> names[] = {{"decimal-separator", &format.decimal_separator},
                                                      {"grouping-separator", &format.grouping_separator},
                                                      {"exponent-separator", &format.exponent_separator},
                                                      {"minus-sign", &format.minus_sign},
                                                      {"percent", &format.percent},
                                                      {"per-mille", &format.per_mille},
                                                      {"zero-digit", &format.zero_digit},
                                                      {"digit", &format.digit},
                                                      {"pattern-separator", &format.pattern_separator}};
  for (const auto& [name, text] : names) {
    const Item value = e.member(options, name, hash_key(name));
    if (value.is_string()) {
      *text = to_text(value.as_string());
    }
  }
}

}  // namespace

namespace fn {

Item format_number(Evaluator& e, const Arguments& a) {
  if (a[0].is_undefined()) {
    return {};
  }
  Format format;
  override_with(a[2], e, format);
  const Text picture = to_text(a[1].is_undefined() ? std::string_view() : a[1].as_string());
  e.spend(picture.size() + 1);
  std::vector<Text> pictures;
  std::size_t start = 0;
  for (;;) {
    const std::size_t end = format.pattern_separator.empty() ? kNone : picture.find(format.pattern_separator, start);
    pictures.push_back(picture.substr(start, end == kNone ? kNone : end - start));
    if (end == kNone) {
      break;
    }
    start = end + format.pattern_separator.size();
  }
  if (pictures.size() > 2) {
    throw problem("D3080");
  }
  std::vector<Layout> layouts;
  for (const Text& part : pictures) {
    const Parts parts = split_parts(part, format);
    check(parts, format);
    layouts.push_back(analyse(parts, format));
  }
  if (layouts.size() == 1) {
    layouts.push_back(layouts[0]);
    layouts[1].prefix = format.minus_sign + layouts[1].prefix;
  }
  const double value = a[0].as_double();
  return e.make_string(to_utf8(apply(value >= 0 ? layouts[0] : layouts[1], format, value)));
}

}  // namespace fn

}  // namespace lockstep::jsonata
