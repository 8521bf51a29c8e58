// ISO 8601 timestamps, as $toMillis reads them without a picture.
#include <algorithm>
#include <cmath>

#include "query/jsonata/calendar.hpp"
#include "query/jsonata/text.hpp"

namespace lockstep::jsonata {

namespace {

// Reads `digits` digits at `at`.
bool read_digits(std::string_view text, std::size_t& at, std::size_t digits, double& value) {
  if (at + digits > text.size()) {
    return false;
  }
  value = 0;
  for (std::size_t i = 0; i < digits; ++i) {
    const char c = text[at + i];
    if (c < '0' || c > '9') {
      return false;
    }
    value = value * 10 + (c - '0');
  }
  at += digits;
  return true;
}

}  // namespace

std::optional<double> parse_iso(std::string_view text) {
  std::size_t at = 0;
  double year = 0;
  double month = 1;
  double day = 1;
  double hour = 0;
  double minute = 0;
  double second = 0;
  double millisecond = 0;
  const auto next_is = [&](char c) { return at < text.size() && text[at] == c; };
  if (!read_digits(text, at, 4, year)) {
    return std::nullopt;
  }
  // A hyphen may begin the month, the day or an offset, which has four digits.
  const auto two_digits_follow = [&] {
    std::size_t probe = at + 1;
    double ignored = 0;
    return next_is('-') && read_digits(text, probe, 2, ignored) &&
           (probe == text.size() || text[probe] == '-' || text[probe] == 'T' || text[probe] == '.' ||
            text[probe] == '+' || text[probe] == 'Z');
  };
  bool has_time = false;
  if (two_digits_follow()) {
    ++at;
    if (text[at] > '1' || !read_digits(text, at, 2, month)) {
      return std::nullopt;
    }
  }
  if (two_digits_follow()) {
    ++at;
    if (text[at] > '3' || !read_digits(text, at, 2, day)) {
      return std::nullopt;
    }
  }
  if (next_is('T')) {
    ++at;
    has_time = true;
    if (!read_digits(text, at, 2, hour) || hour > 29 || !next_is(':') || !read_digits(text, ++at, 2, minute) ||
        minute > 59 || !next_is(':') || !read_digits(text, ++at, 2, second) || second > 59) {
      return std::nullopt;
    }
  }
  bool fraction = false;
  if (next_is('.')) {
    ++at;
    fraction = true;
    const std::size_t start = at;
    at = std::min(text.find_first_not_of("0123456789", at), text.size());
    if (at == start) {
      return std::nullopt;
    }
    std::string digits(text.substr(start, std::min<std::size_t>(3, at - start)));
    digits.resize(3, '0');
    millisecond = parse_number(digits);
  }
  double offset = 0;
  bool zoned = false;
  if (next_is('Z')) {
    ++at;
    zoned = true;
  } else if (next_is('+') || next_is('-')) {
    const double sign = text[at++] == '-' ? -1 : 1;
    double hours = 0;
    double minutes = 0;
    if (!read_digits(text, at, 2, hours) || hours > 29) {
      return std::nullopt;
    }
    at += next_is(':') ? 1 : 0;
    if (!read_digits(text, at, 2, minutes) || minutes > 59) {
      return std::nullopt;
    }
    zoned = true;
    offset = sign * (hours * 60 + minutes);
  }
  if (at != text.size()) {
    return std::nullopt;
  }
  const bool no_such_time = month < 1 || month > 12 || day < 1 || day > 31 || hour > 24 ||
                            (hour == 24 && (minute > 0 || second > 0 || millisecond > 0)) ||
                            (!has_time && (fraction || (zoned && offset != 0)));
  if (no_such_time) {
    return kNoDate;
  }
  // utc_millis reads the years 0 to 99 as Date.UTC does; an ISO date means them as they stand.
  const double shifted = year < 100 ? year + 400 : year;
  double millis = utc_millis(shifted, month - 1, day, hour, minute, second, millisecond);
  millis -= year < 100 ? 146097 * kMillisPerDay : 0;
  return millis - offset * 60 * 1000;
}

}  // namespace lockstep::jsonata
