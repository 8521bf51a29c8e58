#include "map_run/result_table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>
#include <string_view>
#include <utility>
#include <vector>

#include "hdf5/text_table.hpp"
#include "map_run/output_file.hpp"

namespace lockstep::map_run {

namespace {

constexpr const char* kPartBytes = "part_bytes";
constexpr std::size_t kRowsAtOnce = 4096;
constexpr std::size_t kBytesAtOnce = std::size_t{1} << 20;
constexpr std::size_t kUnknownRowsAtOnce = 64;  // each may be as large as an output

std::string row_start(std::uint64_t index, std::uint16_t status) {
  return fmt::format("{} {} ", index, status);
}

std::vector<hdf5::NamedValue> status_names() {
  std::vector<hdf5::NamedValue> names;
  for (const ChildStatus status : {ChildStatus::pending, ChildStatus::succeeded, ChildStatus::failed,
                                   ChildStatus::timed_out, ChildStatus::aborted}) {
    names.push_back({static_cast<std::uint16_t>(status), to_string(status)});
  }
  return names;
}

/// Takes a number and the blank behind it from the front of `text`.
template <class Number>
bool take_number(std::string_view& text, Number& number) {
  const char* const behind = text.data() + text.size();
  const auto [end, problem] = std::from_chars(text.data(), behind, number);
  if (problem != std::errc() || end == behind || *end != ' ') {
    return false;
  }
  text.remove_prefix(static_cast<std::size_t>(end - text.data()) + 1);
  return true;
}

/// Rows of a part, one after the other.
class PartReader {
 public:
  PartReader(const std::string& part, std::uint64_t bytes) : path_(part), left_(bytes), file_(part, std::ios::binary) {}

  /// Appends some rows; false: there are no more.
  Result<bool> read(std::vector<hdf5::TextRow>& rows) {
    std::size_t bytes = 0;
    for (std::string line; left_ > 0 && rows.size() < kRowsAtOnce && bytes < kBytesAtOnce;) {
      if (!std::getline(file_, line)) {
        return fail(ErrorKind::io,
                    fmt::format("cannot read {}: {}", path_, file_.eof() ? "it is too short" : std::strerror(errno)));
      }
      hdf5::TextRow row;
      std::string_view rest = line;
      if (!take_number(rest, row.index) || !take_number(rest, row.status)) {
        return fail(ErrorKind::io, fmt::format("cannot read {}: '{}' is no row of results", path_, line.substr(0, 40)));
      }
      row.text = rest;
      bytes += line.size();
      left_ -= std::min<std::uint64_t>(left_, line.size() + 1);
      rows.push_back(std::move(row));
    }
    return !rows.empty();
  }

 private:
  std::string path_;
  std::uint64_t left_;
  std::ifstream file_;
};

}  // namespace

std::string row_of(const ChildRecord& child) {
  return row_start(child.index, static_cast<std::uint16_t>(child.status));
}

Result<void> table_of_part(const std::string& part, std::uint64_t bytes, const std::string& table) {
  PartReader reader(part, bytes);
  auto writer = TRY(hdf5::TextTableWriter::create(table, status_names()));
  std::vector<hdf5::TextRow> rows;
  for (bool more = true; more;) {
    rows.clear();
    more = TRY(reader.read(rows));
    TRY(writer.append(rows));
  }
  TRY(writer.attribute(kPartBytes, bytes));
  TRY(writer.close());
  auto file = TRY(OutputFile::open(table));
  return file.sync();
}

Result<std::uint64_t> part_bytes_of(const std::string& table) {
  const auto reader = TRY(hdf5::TextTableReader::open(table));
  return reader.attribute(kPartBytes);
}

Result<void> part_of_table(const std::string& table, const std::string& part) {
  const auto reader = TRY(hdf5::TextTableReader::open(table));
  const std::string temporary = table + ".tmp";
  auto file = TRY(OutputFile::open(temporary));
  TRY(file.cut(0));
  std::uint64_t bytes = 0;
  std::uint64_t row_number = 0;
  while (row_number < reader.size()) {
    const std::vector<hdf5::TextRow> rows = TRY(reader.read(row_number, kUnknownRowsAtOnce));
    std::string lines;
    for (const hdf5::TextRow& row : rows) {
      lines += row_start(row.index, row.status);
      lines += row.text;
      lines += '\n';
    }
    TRY(file.write(lines, bytes));
    bytes += lines.size();
    row_number += rows.size();
  }
  TRY(file.sync());
  return rename_file(temporary, part);
}

}  // namespace lockstep::map_run
