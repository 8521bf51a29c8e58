// What the tests of readers share.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "map_run/item_source.hpp"
#include "map_run/text_reader.hpp"
#include "value/test_folder.hpp"

namespace lockstep::map_run {

/// All items as JSON text; if reading fails, the error's message is the last, behind `!`.
inline std::vector<std::string> all_of(Result<std::unique_ptr<ItemSource>> source) {
  std::vector<std::string> texts;
  while (source) {
    auto item = (*source)->next();
    if (!item) {
      texts.push_back("!" + item.error().message);
      return texts;
    }
    if (!item->has_value()) {
      return texts;
    }
    texts.push_back((*item)->value.to_text());
  }
  texts.push_back("!" + source.error().message);
  return texts;
}

/// Read in blocks of `block` bytes, so that each of them ends somewhere else.
inline TextReader text_in_blocks(std::string text, std::size_t block, std::size_t largest = 1000) {
  return {stream_of(std::move(text)), "S3://b/k", {block, largest}};
}

}  // namespace lockstep::map_run
