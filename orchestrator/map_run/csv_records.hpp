// Splits delimited text into records (distributed-map.md 4.1 and 13). Internal to the map_run room.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "map_run/text_reader.hpp"

namespace lockstep::map_run {

/// Records end at a newline, fields at the delimiter. Quotes around a field make both of them data; `""` is a quote,
/// within them and in a field without them. A backslash before a backslash, a quote or the delimiter makes it data;
/// before anything else it is dropped. Empty lines are no records. One thread.
class CsvRecords {
 public:
  CsvRecords(TextReader& reader, char delimiter) : reader_(reader), delimiter_(delimiter) {}

  /// The next record's fields; false: that was all. They are valid until the next call. Errors: of the reader; not
  /// UTF-8; a quote that is not closed.
  Result<bool> next(std::vector<std::string_view>& fields);
  /// Of a record no more fields than these are given; further ones are looked at, and dropped.
  void keep_at_most(std::size_t fields) { most_ = fields; }

 private:
  void split_plain(std::string_view line, std::vector<std::string_view>& fields) const;
  Result<void> split(std::string_view line);
  /// One line of a record; whether the record goes on in the next.
  bool add_line(std::string_view line);
  std::size_t add_quote(std::string_view line, std::size_t at);
  bool at_field_start() const { return !field_quoted_ && text_.size() == (ends_.empty() ? 0 : ends_.back()); }
  void end_field() {
    ends_.push_back(text_.size());
    field_quoted_ = false;
  }

  TextReader& reader_;
  char delimiter_;
  std::size_t most_ = SIZE_MAX;
  std::string text_;               // of the record's fields, one behind the other
  std::vector<std::size_t> ends_;  // in text_, of the fields that are whole
  bool field_quoted_ = false;      // the field that is being read began with a quote
  bool inside_ = false;            // and that is still open
};

}  // namespace lockstep::map_run
