#include "map_run/csv_records.hpp"

#include <fmt/format.h>

namespace lockstep::map_run {

Result<bool> CsvRecords::next(std::vector<std::string_view>& fields) {
  fields.clear();
  while (true) {
    const std::optional<std::string_view> read = TRY(reader_.utf8_line());
    if (!read.has_value()) {
      return false;
    }
    const std::string_view line = *read;
    if (without_newline(line).empty()) {
      continue;
    }
    if (line.find_first_of("\"\\") == std::string_view::npos) {
      split_plain(without_newline(line), fields);
      return true;
    }
    TRY(split(line));
    std::size_t begin = 0;
    for (const std::size_t end : ends_) {
      if (fields.size() == most_) {
        break;
      }
      fields.push_back(std::string_view(text_).substr(begin, end - begin));
      begin = end;
    }
    return true;
  }
}

void CsvRecords::split_plain(std::string_view line, std::vector<std::string_view>& fields) const {
  while (fields.size() < most_) {
    const std::size_t end = line.find(delimiter_);
    fields.push_back(line.substr(0, end));
    if (end == std::string_view::npos) {
      return;
    }
    line.remove_prefix(end + 1);
  }
}

Result<void> CsvRecords::split(std::string_view line) {
  text_.clear();
  ends_.clear();
  field_quoted_ = inside_ = false;
  const std::uint64_t first = reader_.line_number();
  while (add_line(line)) {
    if (reader_.is_too_long(text_.size())) {
      return reader_.too_long(fmt::format("the quoted field that is open since line {}", first));
    }
    const std::optional<std::string_view> read = TRY(reader_.utf8_line());
    if (!read.has_value()) {
      return fail(ErrorKind::invalid,
                  fmt::format("the quoted field that is open since line {} of {} does not end", first, reader_.uri()));
    }
    line = *read;
  }
  return {};
}

bool CsvRecords::add_line(std::string_view line) {
  const std::size_t size = without_newline(line).size();
  std::size_t at = 0;
  while (at < (inside_ ? line.size() : size)) {
    const char c = line[at];
    if (c == '"') {
      at = add_quote(line, at);
    } else if (c == '\\') {
      const char escaped = at + 1 < size ? line[at + 1] : '\0';
      if (escaped == '\\' || escaped == '"' || escaped == delimiter_) {
        text_ += escaped;
        ++at;
      }
      ++at;
    } else if (c == delimiter_ && !inside_) {
      end_field();
      ++at;
    } else {
      text_ += c;
      ++at;
    }
  }
  if (!inside_) {
    end_field();
  }
  return inside_;
}

/// The quote at `at`; where to go on behind it.
std::size_t CsvRecords::add_quote(std::string_view line, std::size_t at) {
  const auto behind = [&](std::size_t i) { return at + i < line.size() ? line[at + i] : '\n'; };
  const bool doubled = behind(1) == '"';
  if (!inside_ && at_field_start()) {
    // `""text` can be no empty quoted field, which the delimiter would have to follow.
    const char after = behind(2);
    const bool data = doubled && after != '"' && after != delimiter_ && after != '\n' && after != '\r';
    if (!data) {
      field_quoted_ = inside_ = true;
      return at + 1;
    }
  }
  if (inside_ && !doubled) {
    inside_ = false;
    return at + 1;
  }
  text_ += '"';
  return at + (doubled ? 2 : 1);
}

}  // namespace lockstep::map_run
