// All that the journal asks of a file system, as one interface: so that tests can take away what was not synced, fill
// the disk, or break it (simulated_disk.hpp).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "value/error.hpp"

namespace lockstep::journal {

/// An open file. Closes on destruction. One thread at a time.
class File {
 public:
  virtual ~File() = default;
  /// Writes all of `bytes` at `offset`.
  virtual Result<void> write(std::span<const std::byte> bytes, std::uint64_t offset) = 0;
  /// Up to `bytes.size()` bytes from `offset`; the number read, less only at the file's end.
  virtual Result<std::size_t> read(std::span<std::byte> bytes, std::uint64_t offset) const = 0;
  virtual Result<std::uint64_t> size() const = 0;
  /// All that was written is on stable storage when it returns (fdatasync). After an error nothing is known of what
  /// was written since the last success: never try again.
  virtual Result<void> sync() = 0;
};

/// Paths are as given to the system. Errors are of kind io and name the path and the system's reason. Any thread.
class FileLayer {
 public:
  virtual ~FileLayer() = default;
  /// A new file for reading and writing; an error if `path` exists.
  virtual Result<std::unique_ptr<File>> create(const std::string& path) = 0;
  virtual Result<std::unique_ptr<File>> open_to_write(const std::string& path) = 0;
  virtual Result<std::unique_ptr<File>> open_to_read(const std::string& path) const = 0;
  virtual bool exists(const std::string& path) const = 0;
  /// Replaces what stands at `to`. Durable once the folder is synced.
  virtual Result<void> rename(const std::string& from, const std::string& to) = 0;
  /// The same, but an error if something stands at `to`: whoever was first keeps it.
  virtual Result<void> rename_new(const std::string& from, const std::string& to) = 0;
  /// No error if there is no such file.
  virtual Result<void> remove(const std::string& path) = 0;
  /// No error if it stands already. Its parent must.
  virtual Result<void> make_folder(const std::string& path) = 0;
  /// What was created, renamed and removed in the folder is on stable storage when it returns.
  virtual Result<void> sync_folder(const std::string& path) = 0;
  /// Names of the plain files in a folder, sorted.
  virtual Result<std::vector<std::string>> list(const std::string& path) const = 0;
};

/// The real one: POSIX calls, retried where interrupted. Descriptors are not inherited by tasks.
FileLayer& posix_files();

/// The whole file; an error if it is longer than `max_bytes`.
Result<std::vector<std::byte>> read_whole(const FileLayer& files, const std::string& path, std::uint64_t max_bytes);

/// Puts `bytes` at `folder`/`name` so that after a crash either all of it is there or what was there before: temporary
/// file, sync, rename, sync of the folder.
Result<void> write_whole(FileLayer& files, const std::string& folder, const std::string& name,
                         std::span<const std::byte> bytes);

/// The folder part of a path; "." where it has none.
std::string folder_of(const std::string& path);

}  // namespace lockstep::journal
