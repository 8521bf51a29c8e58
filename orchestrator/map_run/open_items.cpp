// Chooses the reader that an ItemReader asks for.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "map_run/inventory_items.hpp"
#include "map_run/kept_list.hpp"
#include "map_run/listed_items.hpp"
#include "map_run/readers.hpp"

namespace lockstep::map_run {

namespace {

constexpr std::int64_t kMostItems = 100'000'000;

/// The first of the items, and the files that they come from.
class FirstItems final : public ItemSource {
 public:
  FirstItems(std::unique_ptr<ItemSource> source, std::uint64_t most) : source_(std::move(source)), most_(most) {}

  Result<std::optional<Item>> next() override {
    if (given_ == most_) {
      return std::optional<Item>();
    }
    ++given_;
    return source_->next();
  }

  std::optional<std::uint64_t> size() const override {
    const auto all = source_->size();
    return all.has_value() ? std::optional(std::min(*all, most_)) : all;
  }
  std::vector<std::string> files() const override { return source_->files(); }

 private:
  std::unique_ptr<ItemSource> source_;
  std::uint64_t most_;
  std::uint64_t given_ = 0;
};

bool has_wildcard(const std::string& key) {
  return key.find_first_of("*?[") != std::string::npos;
}

/// What the bucket holds, or what it held when that was first asked.
Result<std::unique_ptr<Objects>> list_objects(const Reading& reading, const Buckets& buckets, std::string_view prefix) {
  const std::string folder = TRY(buckets.folder(reading.bucket));
  auto list = TRY(ObjectList::open(folder, prefix));
  if (!reading.listing.empty()) {
    return keep_list(std::move(list), folder, reading.listing);
  }
  return std::make_unique<ObjectList>(std::move(list));
}

Result<std::unique_ptr<ItemSource>> open_objects(const Reading& reading, const Buckets& buckets) {
  auto list = TRY(list_objects(reading, buckets, reading.prefix));
  return reading.reader->transformation == "LOAD_AND_FLATTEN"
             ? flattened_items(std::move(list), *reading.reader, reading.bucket)
             : listing_items(std::move(list), reading.bucket);
}

/// The objects whose keys the key matches, as one.
Result<std::unique_ptr<ItemSource>> open_matching(const Reading& reading, const Buckets& buckets) {
  auto list = TRY(list_objects(reading, buckets, reading.key.substr(0, reading.key.find_first_of("*?["))));
  return flattened_items(std::move(list), *reading.reader, reading.bucket, reading.key);
}

Result<std::unique_ptr<ItemSource>> open_all(const Reading& reading, const Buckets& buckets) {
  const asl::ItemReader& reader = *reading.reader;
  if (reader.resource.ends_with(":listObjectsV2")) {
    return open_objects(reading, buckets);
  }
  const std::string path = TRY(buckets.file(reading.bucket, reading.key));
  std::error_code ignored;
  if (has_wildcard(reading.key) && !std::filesystem::exists(path, ignored)) {
    return open_matching(reading, buckets);
  }
  std::string uri = uri_of(reading.bucket, reading.key);
  if (reader.manifest_type == "S3_INVENTORY" || reader.input_type == "MANIFEST") {
    auto manifest = TRY(TextReader::open(path, std::move(uri)));
    return inventory_items(std::move(manifest), buckets);
  }
  return object_items(reader, path, std::move(uri));
}

}  // namespace

Result<std::unique_ptr<ItemSource>> object_items(const asl::ItemReader& reader, const std::string& path,
                                                 std::string uri) {
  const std::string& type = reader.input_type;
  if (type == "HDF5") {
    return hdf5_items(path, std::move(uri), reader.items_pointer);
  }
  auto text = TRY(TextReader::open(path, std::move(uri)));
  if (type == "CSV") {
    return csv_items(std::move(text), csv_format(reader));
  }
  if (type == "JSON") {
    return json_items(std::move(text), reader.items_pointer);
  }
  if (type == "JSONL") {
    return json_line_items(std::move(text));
  }
  if (type == "LINES") {
    return line_items(std::move(text));
  }
  return fail(ErrorKind::invalid,
              fmt::format("the ItemReader's InputType '{}' says not how {} is to be read: give CSV, "
                          "JSON, JSONL, LINES or HDF5",
                          type, text.uri()));
}

Result<std::unique_ptr<ItemSource>> open_items(const Reading& reading, const Buckets& buckets) {
  const std::int64_t most = reading.max_items.value_or(0);
  if (most < 0) {
    return fail(ErrorKind::invalid, "field MaxItems must be positive");
  }
  auto source = TRY(open_all(reading, buckets));
  if (most == 0) {
    return source;
  }
  return std::make_unique<FirstItems>(std::move(source), static_cast<std::uint64_t>(std::min(most, kMostItems)));
}

}  // namespace lockstep::map_run
