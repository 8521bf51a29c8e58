// Items that did not get through, written as a file that the same definition can read as its input: the failed and the
// pending ones of a Map Run, without those that succeeded.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "asl/model.hpp"
#include "map_run/item_source.hpp"
#include "value/error.hpp"

namespace lockstep::map_run {

struct RemainingItems {
  std::string name;  ///< of the file; empty: nothing remains, and there is none
  std::uint64_t items = 0;
};

/// Writes those items of `source` (just opened, all that the Map Run reads) whose index `remains`, as they were before
/// ItemSelector and ItemBatcher, in their order, into `folder`:
///
/// - REMAINING_ITEMS.csv for InputType CSV: with the same delimiter, and a header if it stands in the first row;
/// - REMAINING_ITEMS.jsonl for JSONL, REMAINING_ITEMS.txt for LINES;
/// - REMAINING_ITEMS.json for all else: an array, or an object if they are an object's members; for JSON where
///   ItemsPointer says. Without an ItemReader (`reader` null) it is what the state's input has to have. Listings,
///   manifests and HDF5 have no such file of their own; theirs is to be read with InputType JSON.
///
/// After a crash either all of it stands or what stood there before; to be repeated then. An earlier attempt's file is
/// replaced, or removed where nothing remains. Errors: of the source; (io): of the file.
Result<RemainingItems> write_remaining_items(ItemSource& source, const asl::ItemReader* reader,
                                             const std::function<bool(std::uint64_t index)>& remains,
                                             const std::string& folder);

}  // namespace lockstep::map_run
