// Where a Map Run's items come from (distributed-map.md 2 and 4): an array or an object of the state's input, or what
// its ItemReader reads. One after the other, never a whole file in memory.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "asl/model.hpp"
#include "map_run/buckets.hpp"
#include "value/error.hpp"
#include "value/value.hpp"

namespace lockstep::map_run {

struct Item {
  Value value;
  std::string key;     ///< of an object's member (Map.Item.Key); empty: none
  std::string source;  ///< Map.Item.Source: STATE_DATA, or the URI of the object that it was read from
};

/// One thread.
class ItemSource {
 public:
  virtual ~ItemSource() = default;
  /// The next item; nothing: that was all. Errors (invalid, io): the cause of a States.ItemReaderFailed, as AWS words
  /// it where that is known; what was read so far does not count then.
  virtual Result<std::optional<Item>> next() = 0;
  /// How many there are in all, where that is known before they are read.
  virtual std::optional<std::uint64_t> size() const { return std::nullopt; }
  /// The files that it reads, absolute: whether they are still as they were can be asked of them (fingerprint()).
  virtual std::vector<std::string> files() const { return {}; }
};

/// An ItemReader, its fields evaluated.
struct Reading {
  const asl::ItemReader* reader = nullptr;  ///< borrowed
  std::string bucket;
  std::string key;                        ///< of getObject
  std::string prefix;                     ///< of listObjectsV2
  std::optional<std::int64_t> max_items;  ///< nothing and 0: all
  /// A file: where a listing is kept, and read again; its folder stands. Empty: nowhere, it may come out differently.
  std::string listing = {};
};

/// The items of an array or an object. Requires that it is one of them.
std::unique_ptr<ItemSource> items_of(const Value& container);
/// Opens what is to be read. Errors: as ItemSource::next().
Result<std::unique_ptr<ItemSource>> open_items(const Reading& reading, const Buckets& buckets);

/// What tells whether the files are as they were: size, time, digest of head and tail of each; of many a digest of
/// that.
Result<Value> fingerprint(const std::vector<std::string>& files);

}  // namespace lockstep::map_run
