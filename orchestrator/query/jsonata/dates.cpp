// $now, $millis, $fromMillis, $toMillis: date and time pictures (XPath F&O 9.8.4).
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <map>
#include <optional>

#include "query/jsonata/calendar.hpp"
#include "query/jsonata/evaluator.hpp"
#include "query/jsonata/numbers.hpp"
#include "query/jsonata/text.hpp"

namespace lockstep::jsonata {

namespace {

constexpr std::array<std::string_view, 7> kDays = {"Monday", "Tuesday",  "Wednesday", "Thursday",
                                                   "Friday", "Saturday", "Sunday"};
constexpr std::array<std::string_view, 12> kMonths = {"January",   "February", "March",    "April",
                                                      "May",       "June",     "July",     "August",
                                                      "September", "October",  "November", "December"};
constexpr std::string_view kIsoPicture = "[Y0001]-[M01]-[D01]T[H01]:[m01]:[s01].[f001][Z01:01t]";

enum class Names : std::uint8_t { none, lower, title, upper };

// One piece of a picture: text as it is, or a component.
struct Part {
  char component = '\0';  // '\0': literal
  std::string literal;
  Names names = Names::none;
  char second_modifier = '\0';
  std::optional<std::size_t> least, most;  // widths
  std::optional<IntegerPicture> integer;
  std::optional<std::size_t> year_digits;
};

std::string_view default_presentation(char component) {
  switch (component) {
    case 'Y':
    case 'M':
    case 'D':
    case 'd':
    case 'W':
    case 'w':
    case 'X':
    case 'x':
    case 'H':
    case 'h':
    case 'f':
      return "1";
    case 'F':
    case 'P':
    case 'C':
    case 'E':
      return "n";
    case 'm':
    case 's':
      return "01";
    case 'Z':
    case 'z':
      return "01:01";
    default:
      return {};
  }
}

Problem component_problem(std::string_view code, char component) {
  Problem p = problem(code);
  append_quoted(p.value_json, std::string_view(&component, component == '\0' ? 0 : 1));
  return p;
}

std::optional<std::size_t> parse_width(std::string_view text) {
  if (text.empty() || text[0] < '0' || text[0] > '9') {
    return std::nullopt;
  }
  return static_cast<std::size_t>(
      std::min(parse_number(text.substr(0, text.find_first_not_of("0123456789"))), 10000.0));
}

Part parse_marker(std::string_view raw) {
  std::string marker;
  for (const char c : raw) {
    if (c != ' ' && c != '\t' && c != '\n' && c != '\r') {
      marker += c;
    }
  }
  Part part;
  part.component = marker.empty() ? '\0' : marker[0];
  std::string_view presentation = marker;
  presentation.remove_prefix(std::min<std::size_t>(1, marker.size()));
  const std::size_t comma = presentation.rfind(',');
  if (comma != std::string_view::npos) {
    const std::string_view width = presentation.substr(comma + 1);
    const std::size_t dash = width.find('-');
    part.least = parse_width(width.substr(0, dash));
    if (dash != std::string_view::npos) {
      part.most = parse_width(width.substr(dash + 1));
    }
    presentation = presentation.substr(0, comma);
  }
  const std::string_view standard = default_presentation(part.component);
  if (presentation.empty() && standard.empty()) {
    throw component_problem("D3132", part.component);
  }
  if (presentation.size() > 1 && std::string_view("atco").find(presentation.back()) != std::string_view::npos) {
    part.second_modifier = presentation.back();
    presentation.remove_suffix(1);
  }
  presentation = presentation.empty() ? standard : presentation;
  if (presentation[0] == 'n') {
    part.names = Names::lower;
  } else if (presentation[0] == 'N') {
    part.names = presentation.substr(1, 1) == "n" ? Names::title : Names::upper;
  } else if (std::string_view("YMDdFWwXxHhmsf").find(part.component) != std::string_view::npos) {
    std::string pattern(presentation);
    if (part.second_modifier != '\0') {
      pattern += ';';
      pattern += part.second_modifier;
    }
    part.integer = parse_integer_picture(pattern);
    IntegerPicture& integer = *part.integer;
    if (part.least && integer.mandatory_digits < *part.least) {
      integer.mandatory_digits = *part.least;
    }
    if (part.component == 'Y') {
      const std::size_t digits = integer.mandatory_digits + integer.optional_digits;
      if (part.most) {
        part.year_digits = part.most;
        integer.mandatory_digits = *part.most;
      } else if (digits >= 2) {
        part.year_digits = digits;
      }
    }
  }
  if (part.component == 'Z' || part.component == 'z') {
    part.integer = parse_integer_picture(presentation);
  }
  return part;
}

std::vector<Part> parse_picture(std::string_view picture) {
  std::vector<Part> parts;
  std::size_t start = 0;
  const auto add_literal = [&](std::size_t end) {
    if (end > start) {
      Part part;
      for (std::size_t i = start; i < end; ++i) {
        part.literal += picture[i];
        if (picture[i] == ']' && i + 1 < end && picture[i + 1] == ']') {
          ++i;
        }
      }
      parts.push_back(std::move(part));
    }
  };
  std::size_t at = 0;
  while (at < picture.size()) {
    if (picture[at] != '[') {
      ++at;
      continue;
    }
    add_literal(at);
    if (at + 1 < picture.size() && picture[at + 1] == '[') {
      Part bracket;
      bracket.literal = "[";
      parts.push_back(std::move(bracket));
      at += 2;
      start = at;
      continue;
    }
    const std::size_t close = picture.find(']', at);
    if (close == std::string_view::npos) {
      throw problem("D3135");
    }
    Part part = parse_marker(picture.substr(at + 1, close - at - 1));
    // Two numbers with nothing between them: the first has exactly as many digits as it shows.
    const bool number = part.integer && part.component != 'Z' && part.component != 'z';
    if (number && !parts.empty() && parts.back().integer) {
      parts.back().integer->parse_width = parts.back().integer->mandatory_digits;
    }
    parts.push_back(std::move(part));
    at = close + 1;
    start = at;
  }
  add_literal(at);
  return parts;
}

// A picture, ready for use.
struct Picture {
  std::string text;
  std::vector<Part> parts;
  std::unique_ptr<Regex> reader;  // what text in this picture matches; made when it is first needed
};

// Expressions use the same few pictures again and again: those that were used last stay ready.
Picture& picture_of(std::string_view text) {
  thread_local std::array<Picture, 8> recent;
  thread_local std::size_t oldest = 0;
  const auto known =
      std::find_if(recent.begin(), recent.end(), [&](const Picture& p) { return !p.parts.empty() && p.text == text; });
  if (known != recent.end()) {
    return *known;
  }
  std::vector<Part> parts = parse_picture(text);
  Picture& picture = recent[oldest];
  oldest = (oldest + 1) % recent.size();
  picture = {std::string(text), std::move(parts), nullptr};
  return picture;
}

std::string in_case(std::string_view text, Names names) {
  return names == Names::upper ? to_upper(text) : names == Names::lower ? to_lower(text) : std::string(text);
}

// An offset as +hhmm reads: JavaScript's rounding makes -0530 what it is.
struct Offset {
  double hours = 0;
  double minutes = 0;
};

std::string format_offset(const Part& part, const Offset& offset) {
  const double value = offset.hours * 100 + offset.minutes;
  std::string out;
  if (part.integer->regular) {
    out = format_with(*part.integer, value);
  } else {
    const std::size_t digits = part.integer->mandatory_digits;
    if (digits == 1 || digits == 2) {
      out = format_with(*part.integer, offset.hours);
      if (offset.minutes != 0) {
        out += ":" + format_with(parse_integer_picture("00"), offset.minutes);
      }
    } else if (digits == 3 || digits == 4) {
      out = format_with(*part.integer, value);
    } else {
      Problem p = problem("D3134");
      p.value_json = std::to_string(digits);
      throw p;
    }
  }
  if (value >= 0) {
    out.insert(0, "+");
  }
  if (part.component == 'z') {
    out.insert(0, "GMT");
  }
  return value == 0 && part.second_modifier == 't' ? "Z" : out;
}

std::string format_component(const Part& part, double millis, const Offset& offset) {
  switch (part.component) {
    case 'Z':
    case 'z':
      return format_offset(part, offset);
    case 'P':
      return in_case(date_component(millis, 'P') == 1 ? "pm" : "am",
                     part.names == Names::upper ? Names::upper : Names::title);
    case 'C':
    case 'E':
      return "ISO";
    default:
      if (default_presentation(part.component).empty()) {
        return "undefined";  // a component that nobody knows
      }
      break;
  }
  double value = date_component(millis, part.component);
  if (part.names != Names::none) {
    const bool month = part.component == 'M' || part.component == 'x';
    if (!month && part.component != 'F') {
      throw component_problem("D3133", part.component);
    }
    if (!std::isfinite(value)) {
      return "undefined";
    }
    const auto place = static_cast<std::size_t>(value) - 1;
    const std::string name = in_case(month ? kMonths[place] : kDays[place], part.names);
    return part.most && name.size() > *part.most ? name.substr(0, *part.most) : name;
  }
  if (part.component == 'Y' && part.year_digits) {
    value = std::fmod(value, std::pow(10, static_cast<double>(*part.year_digits)));
  }
  return format_with(*part.integer, value);
}

// As parseInt: leading blanks, a sign, digits.
double parse_int(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size() && (text[at] == ' ' || (text[at] >= '\t' && text[at] <= '\r'))) {
    ++at;
  }
  const bool negative = at < text.size() && text[at] == '-';
  if (at < text.size() && (text[at] == '-' || text[at] == '+')) {
    ++at;
  }
  const std::size_t end = std::min(text.find_first_not_of("0123456789", at), text.size());
  if (end == at) {
    return kNoDate;
  }
  const double value = parse_number(text.substr(at, end - at));
  return negative ? -value : value;
}

std::string format_date(double millis, std::string_view picture, const Item& timezone) {
  Offset offset;
  if (timezone.is_string()) {
    const double hhmm = parse_int(timezone.as_string());
    offset.hours = std::floor(hhmm / 100);
    offset.minutes = std::fmod(hhmm, 100);
  }
  const double local = millis + (60 * offset.hours + offset.minutes) * 60 * 1000;
  std::string out;
  for (const Part& part : picture_of(picture).parts) {
    out += part.component == '\0' ? part.literal : format_component(part, local, offset);
  }
  return out;
}

// --- reading ---

std::string escaped(std::string_view literal) {
  std::string out;
  for (const char c : literal) {
    if (std::string_view(".*+?^${}()|[]\\").find(c) != std::string_view::npos) {
      out += '\\';
    }
    out += c;
  }
  return out;
}

// The separator that an offset is written with; nothing where its digits are counted.
std::optional<std::uint32_t> offset_separator(const Part& part) {
  return part.integer->regular ? std::optional(part.integer->separators[0].character) : std::nullopt;
}

std::string pattern_of_part(const Part& part) {
  if (part.component == '\0') {
    return escaped(part.literal);
  }
  if (part.component == 'Z' || part.component == 'z') {
    std::string out = part.component == 'z' ? "GMT" : "";
    out += "[-+][0-9]+";
    if (const auto separator = offset_separator(part)) {
      std::string text;
      append_utf8(text, *separator);
      out += escaped(text) + "[0-9]+";
    }
    return out;
  }
  if (part.component == 'f') {
    return "[0-9]+";
  }
  if (part.integer) {
    return pattern_of(*part.integer);
  }
  if (std::string_view("MxFP").find(part.component) == std::string_view::npos) {
    throw component_problem("D3133", part.component);
  }
  return "[a-zA-Z]+";
}

double parse_offset(const Part& part, std::string_view text) {
  if (part.component == 'z') {
    text.remove_prefix(3);
  }
  Offset offset;
  if (const auto separator = offset_separator(part)) {
    std::string mark;
    append_utf8(mark, *separator);
    const std::size_t at = text.find(mark);
    offset.hours = parse_int(text.substr(0, at));
    offset.minutes = parse_int(text.substr(at + mark.size()));
  } else if (text.size() <= 3) {
    offset.hours = parse_int(text);
  } else {
    offset.hours = parse_int(text.substr(0, 3));
    offset.minutes = parse_int(text.substr(3));
  }
  return offset.hours * 60 + offset.minutes;
}

std::optional<double> parse_name(const Part& part, std::string_view text) {
  const auto shortened = [&part](std::string_view name) {
    return part.most && *part.most > 0 ? name.substr(0, *part.most) : name;
  };
  if (part.component == 'P') {
    return text == "am" || text == "AM"   ? std::optional(0.0)
           : text == "pm" || text == "PM" ? std::optional(1.0)
                                          : std::nullopt;
  }
  std::optional<double> found;
  const auto look = [&](const auto& names) {
    for (std::size_t i = 0; i < names.size(); ++i) {
      if (shortened(names[i]) == text) {
        found = static_cast<double>(i + 1);
      }
    }
  };
  if (part.component == 'F') {
    look(kDays);
  } else {
    look(kMonths);
  }
  return found;
}

std::optional<double> parse_part(const Part& part, std::string_view text) {
  if (part.component == 'Z' || part.component == 'z') {
    return parse_offset(part, text);
  }
  if (part.component == 'f') {
    return parse_number("0." + std::string(text.substr(0, 3))) * 1000;
  }
  return part.integer ? std::optional(parse_with(*part.integer, text)) : parse_name(part, text);
}

using Components = std::map<char, double>;

unsigned mask_of(const Components& components, std::string_view letters) {
  unsigned mask = 0;
  for (const char letter : letters) {
    const auto found = components.find(letter);
    const bool set = found != components.end() && found->second != 0 && !std::isnan(found->second);
    mask = mask * 2 + (set ? 1 : 0);
  }
  return mask;
}

// Nothing set but what the type has, and at least one of that.
bool is_type(unsigned mask, unsigned type) {
  return (~type & mask) == 0 && (type & mask) != 0;
}

// Millis from what a picture gave: missing parts in front come from now, those behind are the least possible; a gap is
// an error.
double assemble(Components& c, double now) {
  const unsigned date = mask_of(c, "YXMxWwdD");
  const bool by_month = is_type(date, 0b10100001);
  const bool by_day_of_year = !by_month && is_type(date, 0b10000010);
  const bool by_week_of_month = is_type(date, 0b01010100);
  const bool by_week = !by_week_of_month && is_type(date, 0b01001000);
  const unsigned time = mask_of(c, "PHhmsf");
  const bool by_half_day = !is_type(time, 0b010111) && is_type(time, 0b101111);

  std::string letters = by_day_of_year ? "YD" : by_week_of_month ? "XxwF" : by_week ? "XWF" : "YMD";
  letters += by_half_day ? "Phmsf" : "Hmsf";
  bool begun = false;
  bool ended = false;
  for (const char letter : letters) {
    if (c.contains(letter)) {
      begun = true;
      if (ended) {
        throw problem("D3136");
      }
    } else if (begun) {
      c[letter] = letter == 'M' || letter == 'D' || letter == 'd' ? 1 : 0;
      ended = true;
    } else {
      c[letter] = letter == 'P' ? 0 : date_component(now, letter);
    }
  }
  double month = c.contains('M') && c['M'] > 0 ? c['M'] - 1 : 0;
  double day = c.contains('D') ? c['D'] : kNoDate;
  if (by_day_of_year) {
    const double derived = utc_millis(c['Y'], 0) + (c['d'] - 1) * kMillisPerDay;
    month = date_component(derived, 'M') - 1;
    day = date_component(derived, 'D');
  }
  if (by_week_of_month || by_week) {
    throw problem("D3136");
  }
  double hour = c.contains('H') ? c['H'] : kNoDate;
  if (by_half_day) {
    hour = (c['h'] == 12 ? 0 : c['h']) + (c['P'] == 1 ? 12 : 0);
  }
  double millis = utc_millis(c['Y'], month, day, hour, c['m'], c['s'], c['f']);
  const double offset = c.contains('Z') && c['Z'] != 0 ? c['Z'] : c.contains('z') ? c['z'] : 0;
  return millis - offset * 60 * 1000;
}

Item parse_date(Evaluator& e, const Item& timestamp, std::string_view text) {
  Picture& picture = picture_of(text);
  const std::vector<Part>& parts = picture.parts;
  if (picture.reader == nullptr) {
    std::string pattern = "^";
    for (const Part& part : parts) {
      pattern += '(';
      pattern += pattern_of_part(part);
      pattern += ')';
    }
    pattern += "$";
    e.spend(pattern.size());
    std::string error;
    picture.reader = Regex::compile(pattern, true, false, error);
  }
  Regex::Match match;
  bool found = false;
  if (picture.reader != nullptr) {
    e.spend(text.size());
    e.match_regex(*picture.reader, timestamp, 0, match, found);
  }
  if (!found) {
    return {};
  }
  Components components;
  bool any = false;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (parts[i].component == '\0') {
      continue;
    }
    any = true;
    const auto& [from, to] = match.groups[i + 1];
    if (const auto value = parse_part(parts[i], timestamp.as_string().substr(from, to - from))) {
      components[parts[i].component] = *value;
    }
  }
  if (!any) {
    return {};
  }
  return number_item(assemble(components, std::floor(static_cast<double>(e.now().us) / 1000)));
}

}  // namespace

namespace fn {

Item now(Evaluator& e, const Arguments& a) {
  const std::string picture(a[0].is_string() ? a[0].as_string() : kIsoPicture);
  return e.make_string(format_date(std::floor(static_cast<double>(e.now().us) / 1000), picture, a[1]));
}

Item millis(Evaluator& e, const Arguments&) {
  return number_item(std::floor(static_cast<double>(e.now().us) / 1000));
}

Item from_millis(Evaluator& e, const Arguments& a) {
  if (a[0].is_undefined()) {
    return {};
  }
  const std::string picture(a[1].is_string() ? a[1].as_string() : kIsoPicture);
  return e.make_string(format_date(std::trunc(a[0].as_double()), picture, a[2]));
}

Item to_millis(Evaluator& e, const Arguments& a) {
  if (a[0].is_undefined()) {
    return {};
  }
  if (a[1].is_string()) {
    return parse_date(e, a[0], a[1].as_string());
  }
  const auto millis = parse_iso(a[0].as_string());
  if (!millis) {
    Problem p = problem("D3110");
    p.value_json = e.describe(a[0]);
    throw p;
  }
  return number_item(*millis);
}

}  // namespace fn

}  // namespace lockstep::jsonata
