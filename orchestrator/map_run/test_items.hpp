// What the tests of readers share.
#pragma once

#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "map_run/item_source.hpp"
#include "map_run/text_reader.hpp"

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

/// A folder that is gone at its end.
class TestFolder {
 public:
  TestFolder() : path_(std::filesystem::temp_directory_path() / "lockstep-items-XXXXXX") {
    std::string name = path_.string();
    path_ = ::mkdtemp(name.data());
  }
  ~TestFolder() { std::filesystem::remove_all(path_); }
  TestFolder(const TestFolder&) = delete;
  TestFolder& operator=(const TestFolder&) = delete;

  /// Its path; folders on the way are made.
  std::string write(const std::string& name, const std::string& content) const {
    const std::filesystem::path file = path_ / name;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file, std::ios::binary) << content;
    return file.string();
  }
  std::string path() const { return path_.string(); }

 private:
  std::filesystem::path path_;
};

}  // namespace lockstep::map_run
