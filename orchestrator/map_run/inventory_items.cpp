#include "map_run/inventory_items.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "map_run/json_cursor.hpp"
#include "map_run/listed_items.hpp"
#include "map_run/readers.hpp"

namespace lockstep::map_run {

namespace {

struct DataFile {
  std::string path;
  std::string uri;
};

class InventoryItems final : public ItemSource {
 public:
  InventoryItems(std::string manifest, CsvFormat format, std::vector<DataFile> files)
      : manifest_(std::move(manifest)), format_(std::move(format)), files_(std::move(files)) {}

  Result<std::optional<Item>> next() override {
    while (true) {
      if (rows_ != nullptr) {
        auto item = TRY(rows_->next());
        if (item.has_value()) {
          return item;
        }
        rows_.reset();
      }
      if (at_ == files_.size()) {
        return std::optional<Item>();
      }
      const DataFile& file = files_[at_++];
      auto text = TRY(TextReader::open(file.path, file.uri));
      rows_ = TRY(csv_items(std::move(text), format_));
    }
  }

  std::vector<std::string> files() const override {
    std::vector<std::string> paths = {manifest_};
    for (const DataFile& file : files_) {
      paths.push_back(file.path);
    }
    return paths;
  }

 private:
  std::string manifest_;
  CsvFormat format_;
  std::vector<DataFile> files_;
  std::size_t at_ = 0;
  std::unique_ptr<ItemSource> rows_;  // of the file before at_
};

/// The manifest, taken apart.
class Manifest {
 public:
  Manifest(Value value, std::string uri) : value_(std::move(value)), uri_(std::move(uri)) {}

  Result<std::string> text(const Node& object, const std::string& field) const {
    const Node* found = object.is_object() ? object.find(field) : nullptr;
    if (found == nullptr || !found->is_string()) {
      return fail(ErrorKind::invalid,
                  fmt::format("{} is no manifest of an S3 inventory: it has no text '{}'", uri_, field));
    }
    return std::string(found->as_string());
  }

  Result<CsvFormat> format() const {
    const std::string name = TRY(text(value_.node(), "fileFormat"));
    if (name != "CSV") {
      return fail(ErrorKind::invalid,
                  fmt::format("the inventory {} is in {} files: this version reads CSV", uri_, name));
    }
    CsvFormat format;
    format.header_in_first_row = false;
    const std::string schema = TRY(text(value_.node(), "fileSchema"));
    std::string_view rest = schema;
    while (true) {
      const std::size_t end = rest.find(',');
      std::string_view column = rest.substr(0, end);
      column.remove_prefix(std::min(column.find_first_not_of(' '), column.size()));
      column.remove_suffix(column.size() - (column.find_last_not_of(' ') + 1));
      format.headers.emplace_back(column);
      if (end == std::string_view::npos) {
        return format;
      }
      rest.remove_prefix(end + 1);
    }
  }

  Result<std::vector<DataFile>> files(const Buckets& buckets) const {
    std::string bucket = TRY(text(value_.node(), "destinationBucket"));
    if (const std::size_t name = bucket.rfind(':'); name != std::string::npos) {
      bucket.erase(0, name + 1);  // arn:aws:s3:::NAME
    }
    const Node* list = value_.node().find("files");
    if (list == nullptr || !list->is_array()) {
      return fail(ErrorKind::invalid,
                  fmt::format("{} is no manifest of an S3 inventory: it has no array 'files'", uri_));
    }
    std::vector<DataFile> files;
    for (std::size_t i = 0; i < list->size(); ++i) {
      const std::string key = TRY(text(list->at(i), "key"));
      std::string path = TRY(buckets.file(bucket, key));
      files.push_back({std::move(path), uri_of(bucket, key)});
    }
    return files;
  }

 private:
  Value value_;
  std::string uri_;
};

}  // namespace

Result<std::unique_ptr<ItemSource>> inventory_items(TextReader manifest, const Buckets& buckets) {
  JsonCursor cursor(manifest);
  auto value = TRY(cursor.value());
  const int behind = TRY(cursor.peek());
  if (behind != JsonCursor::kEnd) {
    return cursor.not_json("something stands behind its end");
  }
  const Manifest parsed(std::move(value), manifest.uri());
  auto format = TRY(parsed.format());
  auto files = TRY(parsed.files(buckets));
  return std::make_unique<InventoryItems>(manifest.path(), std::move(format), std::move(files));
}

}  // namespace lockstep::map_run
