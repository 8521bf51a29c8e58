// What fuzz targets of item readers share: a text read in small blocks, and everything that came of it.
#pragma once

#include <cstdlib>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "map_run/readers.hpp"

namespace lockstep::fuzz {

inline constexpr const char* kUri = "S3://bucket/key";

inline map_run::TextReader in_blocks(std::string text, std::size_t block) {
  return {map_run::stream_of(std::move(text)), kUri, {block, std::size_t{1} << 16}};
}

struct Items {
  std::vector<Value> values;
  std::string error;  ///< empty: none
};

inline bool operator==(const Items& a, const Items& b) {
  return a.error == b.error && a.values == b.values;
}

/// Aborts where an error says nothing.
inline Items all_of(Result<std::unique_ptr<map_run::ItemSource>> source) {
  Items all;
  while (source) {
    auto item = (*source)->next();
    if (item && !item->has_value()) {
      return all;
    }
    if (item) {
      all.values.push_back((*item)->value);
    } else {
      source = tl::unexpected(item.error());
    }
  }
  all.error = source.error().message;
  return all.error.empty() ? (std::abort(), all) : all;
}

}  // namespace lockstep::fuzz
