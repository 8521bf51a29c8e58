// Groups items into the inputs of child executions (distributed-map.md 2, 6 and 13).
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "map_run/item_source.hpp"

namespace lockstep::map_run {

/// An ItemBatcher, its fields evaluated.
struct BatchLimits {
  std::uint64_t items = 0;  ///< 0: any number
  std::uint64_t bytes = 0;  ///< of the child's input as JSON text, BatchInput included; 0: as many as an input may have
  std::optional<Value> batch_input;
};

/// What one child execution is for.
struct Batch {
  std::uint64_t first = 0;  ///< index of its first item
  std::uint64_t items = 1;
  Value input;
  std::string key;     ///< of its item, without a batcher
  std::string source;  ///< of its first item
  /// Why it fails without being run: an item too large. The cause of a States.DataLimitExceeded of this child alone,
  /// which counts as failed and leaves the Map Run going; a States.ItemReaderFailed would end all of it. Empty: it
  /// runs.
  std::string failure;
};

/// Items keep their order; a batch is closed by the item that would make it too long or its text too large. Values are
/// shared, not copied. One thread. Borrows the source.
class Batcher {
 public:
  /// An item's value after ItemSelector; may be empty: the item itself. The error: why the selector fails.
  using Select = std::function<Result<Value>(std::uint64_t index, const Item& item)>;
  /// `limits` none: there is no ItemBatcher, each item is a child's input. `largest_input`: bytes.
  Batcher(ItemSource& source, Select select, std::optional<BatchLimits> limits, std::uint64_t largest_input);

  /// The next child's input; nothing: that was all. Errors: of the source or of the selector; what was not given out
  /// before is lost then.
  Result<std::optional<Batch>> next();
  /// Items taken from the source so far.
  std::uint64_t items() const { return items_; }

 private:
  /// The next item as a child's input of its own.
  Result<std::optional<Batch>> take();
  Result<std::optional<Batch>> fill();
  std::string too_large(const Batch& batch, std::uint64_t bytes) const;

  ItemSource& source_;
  Select select_;
  std::optional<BatchLimits> limits_;
  std::uint64_t largest_input_;  // after the limits: their bytes, if those are fewer
  std::uint64_t around_ = 0;     // bytes of a batch without its items
  std::uint64_t items_ = 0;
  std::optional<Batch> ahead_;  // one that did not fit into the batch before
};

}  // namespace lockstep::map_run
