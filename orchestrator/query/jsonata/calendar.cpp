#include "query/jsonata/calendar.hpp"

#include <cmath>

#include "value/civil.hpp"

namespace lockstep::jsonata {

namespace {

constexpr double kLargestTime = 8.64e15;

// ISO 8601: the first week is the one that holds the first Thursday. `month` from 0.
double start_of_first_week(double year, double month) {
  const double first = utc_millis(year, month);
  const int weekday = day_of_week(first);
  return weekday > 4 ? first + (8 - weekday) * kMillisPerDay : first - (weekday - 1) * kMillisPerDay;
}

double weeks_between(double start, double end) {
  return (end - start) / (kMillisPerDay * 7) + 1;
}

// The week of `today` within a year or a month that begins at (year, month) and is followed and preceded as given.
double week_number(double today, double start, double next_start, double previous_start, double most) {
  double week = weeks_between(start, today);
  if (week > most) {
    week = today >= next_start ? 1 : week;
  } else if (week < 1) {
    week = weeks_between(previous_start, today);
  }
  return std::floor(week);
}

}  // namespace

CivilTime civil_time(double millis) {
  const auto total = static_cast<std::int64_t>(std::floor(millis));
  constexpr std::int64_t kDay = 86'400'000;
  const std::int64_t days = (total >= 0 ? total : total - kDay + 1) / kDay;
  const std::int64_t rest = total - days * kDay;
  const Civil date = civil_from_days(days);
  CivilTime civil{};
  civil.day = static_cast<int>(date.day);
  civil.month = static_cast<int>(date.month);
  civil.year = date.year;
  civil.hour = static_cast<int>(rest / 3'600'000);
  civil.minute = static_cast<int>(rest / 60'000 % 60);
  civil.second = static_cast<int>(rest / 1000 % 60);
  civil.millisecond = static_cast<int>(rest % 1000);
  return civil;
}

double utc_millis(double year, double month, double day, double hour, double minute, double second,
                  double millisecond) {
  for (const double part : {year, month, day, hour, minute, second, millisecond}) {
    if (!std::isfinite(part) || std::abs(part) > 1e9) {
      return kNoDate;
    }
  }
  year = std::trunc(year);
  if (year >= 0 && year <= 99) {
    year += 1900;
  }
  month = std::trunc(month);
  year += std::floor(month / 12);
  month -= std::floor(month / 12) * 12;
  const auto days =
      static_cast<double>(days_from_civil(static_cast<std::int64_t>(year), static_cast<unsigned>(month) + 1, 1));
  const double millis = (days + std::trunc(day) - 1) * kMillisPerDay + std::trunc(hour) * 3'600'000 +
                        std::trunc(minute) * 60'000 + std::trunc(second) * 1000 + std::trunc(millisecond);
  return std::abs(millis) <= kLargestTime ? millis : kNoDate;
}

int day_of_week(double millis) {
  if (!std::isfinite(millis)) {
    return 1;
  }
  const auto days = static_cast<std::int64_t>(std::floor(millis / kMillisPerDay));
  const auto since_monday = static_cast<int>(((days + 3) % 7 + 7) % 7);  // 1970-01-01 was a Thursday
  return since_monday + 1;
}

double date_component(double millis, char component) {
  if (!std::isfinite(millis) || std::abs(millis) > kLargestTime) {
    return kNoDate;
  }
  const CivilTime t = civil_time(millis);
  const auto year = static_cast<double>(t.year);
  const double month = t.month - 1;
  switch (component) {
    case 'Y':
      return year;
    case 'M':
      return t.month;
    case 'D':
      return t.day;
    case 'd':
      return (utc_millis(year, month, t.day) - utc_millis(year, 0)) / kMillisPerDay + 1;
    case 'F':
      return day_of_week(millis);
    case 'W':
      return week_number(utc_millis(year, month, t.day), start_of_first_week(year, 0), start_of_first_week(year + 1, 0),
                         start_of_first_week(year - 1, 0), 52);
    case 'w':
      return week_number(utc_millis(year, month, t.day), start_of_first_week(year, month),
                         start_of_first_week(year, month + 1), start_of_first_week(year, month - 1), 4);
    case 'X':
      return millis < start_of_first_week(year, 0)        ? year - 1
             : millis >= start_of_first_week(year + 1, 0) ? year + 1
                                                          : year;
    case 'x': {
      double iso_month = month;
      if (millis < start_of_first_week(year, month)) {
        iso_month = month == 0 ? 11 : month - 1;
      } else if (millis >= start_of_first_week(year, month + 1)) {
        iso_month = month == 11 ? 0 : month + 1;
      }
      return iso_month + 1;
    }
    case 'H':
      return t.hour;
    case 'h':
      return t.hour % 12 == 0 ? 12 : t.hour % 12;
    case 'P':
      return t.hour >= 12 ? 1 : 0;
    case 'm':
      return t.minute;
    case 's':
      return t.second;
    case 'f':
      return t.millisecond;
    default:
      return kNoDate;
  }
}

}  // namespace lockstep::jsonata
