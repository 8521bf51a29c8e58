#include "value/time.hpp"

#include <fmt/format.h>

#include "value/civil.hpp"

namespace lockstep {

namespace {

/// Reads fixed-width fields off a text; any surprise makes it fail for good.
class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  unsigned digits(std::size_t count) {
    unsigned value = 0;
    for (std::size_t i = 0; i < count; ++i) {
      value = value * 10 + digit();
    }
    return value;
  }
  unsigned digit() {
    if (!at_digit()) {
      ok_ = false;
      return 0;
    }
    return static_cast<unsigned>(text_[at_++] - '0');
  }
  bool at_digit() const { return at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9'; }
  void expect(char c) {
    if (!accept(c)) {
      ok_ = false;
    }
  }
  bool accept(char c) {
    if (at_ < text_.size() && text_[at_] == c) {
      ++at_;
      return true;
    }
    return false;
  }
  bool ok_at_end() const { return ok_ && at_ == text_.size(); }
  bool ok() const { return ok_; }

 private:
  std::string_view text_;
  std::size_t at_ = 0;
  bool ok_ = true;
};

unsigned days_in_month(unsigned year, unsigned month) {
  constexpr unsigned kDays[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
  return month == 2 && leap ? 29 : kDays[month - 1];
}

}  // namespace

std::optional<Timestamp> parse_timestamp(std::string_view text) {
  Reader reader(text);
  const unsigned year = reader.digits(4);
  reader.expect('-');
  const unsigned month = reader.digits(2);
  reader.expect('-');
  const unsigned day = reader.digits(2);
  reader.expect('T');
  const unsigned hour = reader.digits(2);
  reader.expect(':');
  const unsigned minute = reader.digits(2);
  reader.expect(':');
  const unsigned second = reader.digits(2);
  std::int64_t fraction = 0;
  if (reader.accept('.')) {
    std::int64_t weight = kMicrosPerSecond / 10;
    do {
      fraction += reader.digit() * weight;
      weight /= 10;
    } while (reader.at_digit());
  }
  std::int64_t offset = 0;
  if (!reader.accept('Z')) {
    const bool west = reader.accept('-');
    if (!west) {
      reader.expect('+');
    }
    const unsigned offset_hours = reader.digits(2);
    reader.expect(':');
    const unsigned offset_minutes = reader.digits(2);
    if (offset_hours > 18 || offset_minutes > 59) {
      return std::nullopt;
    }
    offset = (west ? -1 : 1) * static_cast<std::int64_t>(offset_hours * 60 + offset_minutes) * 60;
  }
  if (!reader.ok_at_end() || month < 1 || month > 12 || day < 1 || day > days_in_month(year, month) || hour > 23 ||
      minute > 59 || second > 59) {
    return std::nullopt;
  }
  const std::int64_t seconds = days_from_civil(year, month, day) * 86400 + hour * 3600 + minute * 60 + second - offset;
  return Timestamp{seconds * kMicrosPerSecond + fraction};
}

std::string format_timestamp(Timestamp time) {
  constexpr std::int64_t kMicrosPerDay = 86400 * kMicrosPerSecond;
  std::int64_t days = time.us / kMicrosPerDay;
  std::int64_t rest = time.us % kMicrosPerDay;
  if (rest < 0) {
    --days;
    rest += kMicrosPerDay;
  }
  const Civil civil = civil_from_days(days);
  const std::int64_t seconds = rest / kMicrosPerSecond;
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", civil.year, civil.month, civil.day, seconds / 3600,
                     seconds / 60 % 60, seconds % 60, rest % kMicrosPerSecond / 1000);
}

}  // namespace lockstep
