#include "map_run/listed_items.hpp"

#include <fmt/format.h>
#include <fnmatch.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "map_run/readers.hpp"
#include "value/builder.hpp"

namespace lockstep::map_run {

namespace {

/// Whole seconds as Java prints a double, which is what AWS does: 1.789180622E9.
std::string as_java_double(std::int64_t seconds) {
  constexpr std::int64_t kPlainBelow = 10'000'000;
  if (seconds > -kPlainBelow && seconds < kPlainBelow) {
    return fmt::format("{}.0", seconds);
  }
  std::string digits = std::to_string(seconds);
  const std::size_t first = seconds < 0 ? 2 : 1;
  const std::size_t exponent = digits.size() - first;
  digits.erase(std::max(digits.find_last_not_of('0') + 1, first));
  digits.insert(first, digits.size() == first ? ".0" : ".");
  return fmt::format("{}E{}", digits, exponent);
}

class ListingItems final : public ItemSource {
 public:
  ListingItems(std::unique_ptr<Objects> list, const std::string& bucket)
      : list_(std::move(list)), source_("S3://" + bucket) {}

  Result<std::optional<Item>> next() override {
    const std::optional<ListedObject> object = TRY(list_->next());
    if (!object.has_value()) {
      return std::optional<Item>();
    }
    Builder item;
    item.begin_object();
    item.key("Etag");  // of the content AWS takes a digest; it is not read here
    item.string(fmt::format("\"{:08x}{:08x}{:016x}\"", static_cast<std::uint32_t>(object->modified_s),
                            object->modified_ns, object->size));
    item.key("Key");
    item.string(object->key);
    item.key("LastModified");
    item.spelled_number(as_java_double(object->modified_s));
    item.key("Size");
    item.integer(static_cast<std::int64_t>(object->size));
    item.key("StorageClass");
    item.string("STANDARD");
    item.end_object();
    return Item{item.finish(), {}, source_};
  }

 private:
  std::unique_ptr<Objects> list_;
  std::string source_;
};

class FlattenedItems final : public ItemSource {
 public:
  FlattenedItems(std::unique_ptr<Objects> list, const asl::ItemReader& reader, std::string bucket, std::string pattern)
      : list_(std::move(list)), reader_(reader), bucket_(std::move(bucket)), pattern_(std::move(pattern)) {}

  Result<std::optional<Item>> next() override {
    while (true) {
      if (object_ != nullptr) {
        auto item = TRY(object_->next());
        if (item.has_value()) {
          return item;
        }
        object_.reset();
      }
      const bool any = TRY(open_next());
      if (!any) {
        return std::optional<Item>();
      }
    }
  }

 private:
  Result<bool> open_next() {
    while (true) {
      const std::optional<ListedObject> object = TRY(list_->next());
      if (!object.has_value()) {
        return any_ || pattern_.empty() ? Result<bool>(false) : none_matches();
      }
      if (pattern_.empty() || ::fnmatch(pattern_.c_str(), object->key.c_str(), FNM_PATHNAME) == 0) {
        any_ = true;
        TRY(check(*object));
        object_ = TRY(object_items(reader_, object->path, uri_of(bucket_, object->key)));
        return true;
      }
    }
  }

  /// Items are found by their places: in another file they would be others.
  Result<void> check(const ListedObject& object) const {
    struct stat status {};
    if (::stat(object.path.c_str(), &status) < 0) {
      return fail(ErrorKind::io, fmt::format("cannot read {}: {}", object.path, std::strerror(errno)));
    }
    if (static_cast<std::uint64_t>(status.st_size) == object.size && status.st_mtim.tv_sec == object.modified_s &&
        status.st_mtim.tv_nsec == object.modified_ns) {
      return {};
    }
    return fail(ErrorKind::invalid,
                fmt::format("{} was changed since the Map Run has listed it: put it back as it was, "
                            "or start a new execution",
                            uri_of(bucket_, object.key)));
  }

  Result<bool> none_matches() const {
    return fail(ErrorKind::invalid,
                fmt::format("The specified key does not exist. (no key in bucket '{}' matches {})", bucket_, pattern_));
  }

  std::unique_ptr<Objects> list_;
  const asl::ItemReader& reader_;
  std::string bucket_;
  std::string pattern_;
  std::unique_ptr<ItemSource> object_;  // that is being read
  bool any_ = false;
};

}  // namespace

std::unique_ptr<ItemSource> listing_items(std::unique_ptr<Objects> list, const std::string& bucket) {
  return std::make_unique<ListingItems>(std::move(list), bucket);
}

std::unique_ptr<ItemSource> flattened_items(std::unique_ptr<Objects> list, const asl::ItemReader& reader,
                                            const std::string& bucket, const std::string& pattern) {
  return std::make_unique<FlattenedItems>(std::move(list), reader, bucket, pattern);
}

std::string uri_of(const std::string& bucket, const std::string& key) {
  return fmt::format("S3://{}/{}", bucket, key);
}

}  // namespace lockstep::map_run
