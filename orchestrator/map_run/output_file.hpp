// Files that a Map Run leaves in buckets: made as the user's umask says, for others to read. Errors (io) name the path
// and the system's reason.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "value/descriptor.hpp"
#include "value/error.hpp"

namespace lockstep::map_run {

/// Open for writing; closes on destruction. One thread.
class OutputFile {
 public:
  OutputFile() = default;
  /// Made where it is not there.
  static Result<OutputFile> open(std::string path);
  explicit operator bool() const { return static_cast<bool>(fd_); }

  /// All of `bytes` at `offset`.
  Result<void> write(std::string_view bytes, std::uint64_t offset);
  /// Nothing stands behind `size`.
  Result<void> cut(std::uint64_t size);
  /// What was written is on stable storage. After an error nothing is known of what was written since the last success:
  /// never try again.
  Result<void> sync();

 private:
  OutputFile(Descriptor fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}

  Descriptor fd_;
  std::string path_;
};

/// Bytes of a file; nothing: there is none.
Result<std::optional<std::uint64_t>> size_of(const std::string& path);
/// Replaces what stands at `to`. Durable once the folder is synced.
Result<void> rename_file(const std::string& from, const std::string& to);
/// No error where there is none. Durable once the folder is synced.
Result<void> remove_file(const std::string& path);
/// Names of what is in a folder, sorted.
Result<std::vector<std::string>> names_in(const std::string& folder);
/// What was made, renamed and removed in the folder is on stable storage.
Result<void> sync_folder(const std::string& folder);
/// Makes `relative` below `folder`, which must stand, with all between them; durable.
Result<void> make_folders(const std::string& folder, const std::string& relative);
/// Puts `content` at `folder`/`name` so that after a crash either all of it is there or what was there before.
Result<void> replace_file(const std::string& folder, const std::string& name, std::string_view content);

}  // namespace lockstep::map_run
