// Dates as JavaScript counts them: milliseconds since 1970, UTC, proleptic Gregorian.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string_view>

namespace lockstep::jsonata {

inline constexpr double kMillisPerDay = 86'400'000;
inline constexpr double kNoDate = std::numeric_limits<double>::quiet_NaN();

struct CivilTime {
  std::int64_t year;
  int month;  ///< 1 to 12
  int day;    ///< of the month, from 1
  int hour, minute, second, millisecond;
};

/// Requires a finite `millis` within ±8.64e15.
CivilTime civil_time(double millis);
/// As Date.UTC: `month` from 0; values out of range carry over; the years 0 to 99 are those of the 20th century; NaN
/// beyond what a Date can hold.
double utc_millis(double year, double month, double day = 1, double hour = 0, double minute = 0, double second = 0,
                  double millisecond = 0);
/// Monday is 1, Sunday 7.
int day_of_week(double millis);

/// One component of a date as the picture's letter names it (Y M D d F W w X x H h P m s f); P: 0 am, 1 pm.
double date_component(double millis, char component);

/// YYYY[-MM][-DD][Thh:mm:ss][.f][offset] in milliseconds; nothing where `text` is not that, NaN where no such time
/// exists.
std::optional<double> parse_iso(std::string_view text);

}  // namespace lockstep::jsonata
