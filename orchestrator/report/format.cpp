#include "report/format.hpp"

#include <fmt/format.h>

#include <array>
#include <ctime>

#include "value/utf8.hpp"

namespace lockstep::report {

namespace {

constexpr std::int64_t kMicrosPerMilli = 1'000;

}  // namespace

std::string local_time(Timestamp time) {
  const std::time_t seconds = time.us / kMicrosPerSecond - (time.us % kMicrosPerSecond < 0 ? 1 : 0);
  // A history's times follow each other closely, and the time zone's rules take longer than all the rest.
  thread_local std::time_t last_seconds = 0;
  thread_local std::string last_text;
  if (seconds == last_seconds && !last_text.empty()) {
    return last_text;
  }
  std::tm parts{};
  if (::localtime_r(&seconds, &parts) == nullptr) {
    return format_timestamp(time);
  }
  std::array<char, 64> text{};
  const std::size_t length = std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S", &parts);
  last_seconds = seconds;
  last_text.assign(text.data(), length);
  return last_text;
}

std::string local_time_ms(Timestamp time) {
  const std::int64_t rest = ((time.us % kMicrosPerSecond) + kMicrosPerSecond) % kMicrosPerSecond;
  return fmt::format("{}.{:03}", local_time(time), rest / kMicrosPerMilli);
}

std::string duration(std::int64_t microseconds) {
  constexpr std::int64_t kMinute = 60;
  constexpr std::int64_t kHour = 60 * kMinute;
  constexpr std::int64_t kDay = 24 * kHour;
  if (microseconds < 0) {
    return "-" + duration(-(microseconds + 1));
  }
  const std::int64_t seconds = microseconds / kMicrosPerSecond;
  if (seconds < kMinute) {
    return fmt::format("{}.{:03} s", seconds, microseconds % kMicrosPerSecond / kMicrosPerMilli);
  }
  const std::string days = seconds >= kDay ? fmt::format("{}-", seconds / kDay) : "";
  return fmt::format("{}{:02}:{:02}:{:02}", days, seconds % kDay / kHour, seconds % kHour / kMinute, seconds % kMinute);
}

std::string brief(std::int64_t microseconds) {
  constexpr std::int64_t kMinute = 60;
  constexpr std::int64_t kHour = 60 * kMinute;
  constexpr std::int64_t kDay = 24 * kHour;
  const std::int64_t us = std::max<std::int64_t>(microseconds, 0);
  const std::int64_t seconds = us / kMicrosPerSecond;
  if (seconds < 1) {
    return fmt::format("{:.2g} s", static_cast<double>(us) / kMicrosPerSecond);
  }
  if (seconds < kMinute) {
    return fmt::format("{} s", seconds);
  }
  if (seconds < kHour) {
    return fmt::format("{} m", seconds / kMinute);
  }
  return seconds < kDay ? fmt::format("{} h {} m", seconds / kHour, seconds % kHour / kMinute)
                        : fmt::format("{} d {} h", seconds / kDay, seconds % kDay / kHour);
}

std::string grouped(std::uint64_t number) {
  std::string text = std::to_string(number);
  for (std::size_t at = text.size(); at > 3; at -= 3) {
    text.insert(at - 3, 1, ',');
  }
  return text;
}

std::string one_line(std::string_view text, std::size_t limit) {
  std::string line;
  std::size_t characters = 0;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = character_length(text.substr(at));
    const auto first = static_cast<unsigned char>(text[at]);
    // DEL, and the second block of control characters: U+0080 to U+009F.
    const bool control = first < ' ' || first == 0x7F ||
                         (length == 2 && first == 0xC2 && static_cast<unsigned char>(text[at + 1]) < 0xA0);
    if (characters == limit) {
      // The last character makes room for the sign.
      while (!line.empty() && (static_cast<unsigned char>(line.back()) & 0xC0U) == 0x80U) {
        line.pop_back();
      }
      if (!line.empty()) {
        line.pop_back();
      }
      return line + "…";
    }
    if (length == 0) {
      line += '?';
    } else if (control) {
      line += ' ';
    } else {
      line.append(text, at, length);
    }
    at += std::max<std::size_t>(length, 1);
    ++characters;
  }
  return line;
}

std::string end_of_line(std::string_view text, std::size_t limit) {
  std::string line = one_line(text, text.size());
  std::size_t characters = width(line);
  if (characters <= limit) {
    return line;
  }
  std::size_t at = 0;
  for (; at < line.size() && characters >= limit; --characters) {
    do {
      ++at;
    } while (at < line.size() && (static_cast<unsigned char>(line[at]) & 0xC0U) == 0x80U);
  }
  return "…" + line.substr(at);
}

std::string brief_cause(std::string_view cause, std::size_t limit) {
  while (!cause.empty() && (cause.back() == '\n' || cause.back() == ' ')) {
    cause.remove_suffix(1);
  }
  const std::size_t first_end = std::min(cause.find('\n'), cause.size());
  if (width(cause) <= limit) {
    return one_line(cause, limit);
  }
  const std::string first = one_line(cause.substr(0, first_end), first_end == cause.size() ? limit : limit / 2);
  if (first_end == cause.size()) {
    return first;
  }
  return first + " " + end_of_line(cause.substr(first_end + 1), limit - std::min(limit / 2, width(first) + 1));
}

std::size_t width(std::string_view text) {
  return count_characters(text);
}

std::string counted(std::uint64_t number, std::string_view noun) {
  return fmt::format("{} {}{}", grouped(number), noun, number == 1 ? "" : "s");
}

}  // namespace lockstep::report
