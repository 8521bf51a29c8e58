#include <fmt/format.h>

#include <algorithm>

#include "map_run/csv_records.hpp"
#include "map_run/readers.hpp"
#include "value/builder.hpp"

namespace lockstep::map_run {

namespace {

constexpr std::size_t kMostColumns = 65'536;

class CsvItems final : public TextItems {
 public:
  CsvItems(TextReader reader, char delimiter) : TextItems(std::move(reader)), records_(reader_, delimiter) {}

  Result<void> begin(const CsvFormat& format) {
    headers_ = format.headers;
    if (format.header_in_first_row) {
      records_.keep_at_most(kMostColumns + 1);
      TRY(records_.next(fields_));
      if (fields_.size() > kMostColumns) {
        return fail(ErrorKind::invalid, fmt::format("the header has more than {} columns", kMostColumns));
      }
      headers_.assign(fields_.begin(), fields_.end());
    }
    std::vector<std::string_view> sorted(headers_.begin(), headers_.end());
    std::sort(sorted.begin(), sorted.end());
    if (std::adjacent_find(sorted.begin(), sorted.end()) != sorted.end()) {
      return fail(ErrorKind::invalid, "CSV headers cannot contain duplicates.");
    }
    records_.keep_at_most(headers_.size());
    for (const std::string& header : headers_) {
      hashes_.push_back(hash_key(header));
    }
    return {};
  }

  Result<std::optional<Item>> next() override {
    const bool any = TRY(records_.next(fields_));
    if (!any) {
      return std::optional<Item>();
    }
    Builder row(headers_.size() * 48);
    row.begin_object();
    for (std::size_t i = 0; i < headers_.size(); ++i) {
      row.key(headers_[i], hashes_[i]);
      row.string(i < fields_.size() ? fields_[i] : std::string_view());
    }
    row.end_object();
    return item(row.finish());
  }

 private:
  CsvRecords records_;
  std::vector<std::string> headers_;
  std::vector<std::uint32_t> hashes_;
  std::vector<std::string_view> fields_;
};

}  // namespace

CsvFormat csv_format(const asl::ItemReader& reader) {
  CsvFormat format;
  const std::string& name = reader.csv_delimiter;
  format.delimiter = name == "PIPE"        ? '|'
                     : name == "SEMICOLON" ? ';'
                     : name == "SPACE"     ? ' '
                     : name == "TAB"       ? '\t'
                                           : ',';
  format.header_in_first_row = reader.csv_header_location != "GIVEN";
  format.headers = reader.csv_headers;
  return format;
}

Result<std::unique_ptr<ItemSource>> csv_items(TextReader reader, const CsvFormat& format) {
  auto items = std::make_unique<CsvItems>(std::move(reader), format.delimiter);
  TRY(items->begin(format));
  return items;
}

}  // namespace lockstep::map_run
