// Items of listed objects: the listing itself, or what is in the objects. Internal to the map_run room.
#pragma once

#include <memory>
#include <string>

#include "map_run/item_source.hpp"
#include "map_run/object_list.hpp"

namespace lockstep::map_run {

/// {"Etag", "Key", "LastModified", "Size", "StorageClass"} of each object (distributed-map.md 13).
std::unique_ptr<ItemSource> listing_items(std::unique_ptr<Objects> list, const std::string& bucket);

/// The items of one object after the other, each read as `reader` says (LOAD_AND_FLATTEN). `pattern`: only objects
/// whose key it matches (fnmatch(3), `*` stops at slashes); none of them is an error. One that is not as it was listed
/// is one, too. Borrows `reader`.
std::unique_ptr<ItemSource> flattened_items(std::unique_ptr<Objects> list, const asl::ItemReader& reader,
                                            const std::string& bucket, const std::string& pattern = {});

/// `S3://BUCKET/KEY`
std::string uri_of(const std::string& bucket, const std::string& key);

}  // namespace lockstep::map_run
