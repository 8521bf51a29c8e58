// How reports write times, durations, counts and texts from outside.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "value/time.hpp"

namespace lockstep::report {

/// "2026-11-22 10:41:30" in the reader's time zone.
std::string local_time(Timestamp time);
/// As local_time(), with milliseconds.
std::string local_time_ms(Timestamp time);

/// "00:12:04", from a day on "3-00:12:04", as Slurm writes it. Below a minute with milliseconds: "4.250 s".
std::string duration(std::int64_t microseconds);

/// About how long, in two words: "42 s", "17 m", "3 h 47 m", "2 d 4 h"; below a second "0.25 s".
std::string brief(std::int64_t microseconds);

/// "41,207"
std::string grouped(std::uint64_t number);

/// Characters that names of states, items and errors get: in a sentence, and in a column.
inline constexpr std::size_t kMostName = 48;
inline constexpr std::size_t kNameColumn = 40;
/// Kinds of failure that are told of one by one.
inline constexpr std::size_t kMostFailures = 10;

/// `text` on one line, at most `limit` characters, with "…" where there is more; control characters become blanks and
/// what is not UTF-8 '?'.
std::string one_line(std::string_view text, std::size_t limit);

/// As one_line(), but of a longer text its end: "…" stands before it.
std::string end_of_line(std::string_view text, std::size_t limit);

/// A cause of many lines on one, at most about `limit` characters: what it begins with (exit status, message), and
/// where there is more its end, which mostly says why.
std::string brief_cause(std::string_view cause, std::size_t limit);

/// Characters in UTF-8 text.
std::size_t width(std::string_view text);

/// Of a failure that no task is to blame for, so that it would come again.
inline constexpr std::string_view kRedriveInVain =
    "a redrive would only fail the same way; what is mended goes on with redrive --definition, or is run anew with "
    "--fresh";

/// "1 event", "12 events"
std::string counted(std::uint64_t number, std::string_view noun);

}  // namespace lockstep::report
