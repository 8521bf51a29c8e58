// Days of the proleptic Gregorian calendar, further than <chrono> goes: its years end at 32,767.
#pragma once

#include <cstdint>

namespace lockstep {

struct Civil {
  std::int64_t year;
  unsigned month;  ///< from 1
  unsigned day;    ///< from 1
};

/// Days since 1970-01-01. `day` may lie beyond the month's end.
constexpr std::int64_t days_from_civil(std::int64_t year, unsigned month, std::int64_t day) {
  year -= month <= 2 ? 1 : 0;
  const std::int64_t era = (year >= 0 ? year : year - 399) / 400;
  const std::int64_t of_era = year - era * 400;
  const std::int64_t of_year = (153 * (static_cast<std::int64_t>(month) + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

constexpr Civil civil_from_days(std::int64_t days) {
  days += 719468;
  const std::int64_t era = (days >= 0 ? days : days - 146096) / 146097;
  const std::int64_t of_era = days - era * 146097;
  const std::int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
  const std::int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
  const std::int64_t m = (5 * of_year + 2) / 153;
  const auto month = static_cast<unsigned>(m < 10 ? m + 3 : m - 9);
  return {year + era * 400 + (month <= 2 ? 1 : 0), month, static_cast<unsigned>(of_year - (153 * m + 2) / 5 + 1)};
}

}  // namespace lockstep
