// Points in time: UTC, microseconds since 1970. Timestamps as ASL writes them (RFC 3339 profile; asl.md section 10).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace lockstep {

/// Microseconds since 1970-01-01T00:00:00Z, leap seconds not counted. Ordered; a difference is a plain number of
/// microseconds.
struct Timestamp {
  std::int64_t us = 0;
  friend auto operator<=>(const Timestamp&, const Timestamp&) = default;
};

inline constexpr std::int64_t kMicrosPerSecond = 1'000'000;

/// Parses `2026-11-22T10:41:30.5+01:00`: capital T, a numeric offset or capital Z, a fraction of any length (digits
/// beyond microseconds are dropped). Nothing where it is anything else, or no such day exists.
std::optional<Timestamp> parse_timestamp(std::string_view text);

/// `2026-11-22T09:41:30.500Z`: always three digits and Z, as the Context object and the API write it.
std::string format_timestamp(Timestamp time);

}  // namespace lockstep
