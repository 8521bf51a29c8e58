// A file that becomes another one when all of it was written. Internal to the map_run room.
#pragma once

#include <string>
#include <utility>

#include "map_run/output_file.hpp"

namespace lockstep::map_run {

/// Until it is finished it is `path`.tmp, and what stands at `path` stays. Errors (io) name the path.
class NewFile {
 public:
  static Result<NewFile> open(std::string path) {
    auto file = TRY(OutputFile::open(path + ".tmp"));
    TRY(file.cut(0));
    return NewFile(std::move(file), std::move(path));
  }
  /// To be appended to.
  std::string& pending() { return pending_; }
  Result<void> write_if_much() { return pending_.size() < kMuch ? Result<void>() : write_pending(); }
  /// Durable once the folder is synced.
  Result<void> finish() {
    TRY(write_pending());
    TRY(file_.sync());
    return rename_file(path_ + ".tmp", path_);
  }

 private:
  static constexpr std::size_t kMuch = std::size_t{1} << 20;

  NewFile(OutputFile file, std::string path) : file_(std::move(file)), path_(std::move(path)) {}

  Result<void> write_pending() {
    TRY(file_.write(pending_, bytes_));
    bytes_ += pending_.size();
    pending_.clear();
    return {};
  }

  OutputFile file_;
  std::string path_;
  std::string pending_;
  std::uint64_t bytes_ = 0;
};

}  // namespace lockstep::map_run
