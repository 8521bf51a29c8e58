// S3 Inventory: a manifest names CSV files whose rows are objects of a bucket. Internal to the map_run room.
#pragma once

#include <memory>

#include "map_run/buckets.hpp"
#include "map_run/item_source.hpp"
#include "map_run/text_reader.hpp"

namespace lockstep::map_run {

/// A row each of the manifest's files, one file after the other: column of its `fileSchema` → text. The files lie in
/// the bucket that the manifest names as its destination. Errors: the manifest is none, or its files are no CSV.
Result<std::unique_ptr<ItemSource>> inventory_items(TextReader manifest, const Buckets& buckets);

}  // namespace lockstep::map_run
