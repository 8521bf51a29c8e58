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

/// What stands at a path.
enum class Standing : std::uint8_t {
  nothing,
  file,
  folder,
  other  ///< a symbolic link, which nobody follows here, a pipe, a device
};

/// Held until it is destroyed, or its process ends.
class FileLock {
 public:
  virtual ~FileLock() = default;
  /// Whichever process has a copy of this holds it, too, as long as that is open; -1: it cannot be shared.
  virtual int descriptor() const { return -1; }
};

/// Of a file that may be shorter; `count` 0: all from the first on.
struct ByteRange {
  std::uint64_t first = 0;
  std::uint64_t count = 0;
};

/// What came of trying to lock a file.
struct LockAttempt {
  std::unique_ptr<FileLock> lock;  ///< null: not ours
  bool has_locks = true;           ///< whether the file system has them
};

/// Paths are as given to the system. Errors are of kind io and name the path and the system's reason. Any thread.
class FileLayer {
 public:
  virtual ~FileLayer() = default;
  /// A new file for reading and writing; an error if `path` exists.
  virtual Result<std::unique_ptr<File>> create(const std::string& path) = 0;
  virtual Result<std::unique_ptr<File>> open_to_write(const std::string& path) = 0;
  virtual Result<std::unique_ptr<File>> open_to_read(const std::string& path) const = 0;
  /// Only what the system knows to be absent is `nothing`: a look that fails (EIO, ESTALE, EACCES) is an error.
  virtual Result<Standing> look(const std::string& path) const = 0;
  Result<bool> exists(const std::string& path) const;
  /// Replaces what stands at `to`. Durable once the folder is synced.
  virtual Result<void> rename(const std::string& from, const std::string& to) = 0;
  /// The same, but an error if something stands at `to`: whoever was first keeps it.
  virtual Result<void> rename_new(const std::string& from, const std::string& to) = 0;
  /// No error if there is no such file.
  virtual Result<void> remove(const std::string& path) = 0;
  /// For this user alone. No error if it stands already and is that; check_private()'s if it is not. Its parent must
  /// stand.
  virtual Result<void> make_folder(const std::string& path) = 0;
  /// What was created, renamed and removed in the folder is on stable storage when it returns.
  virtual Result<void> sync_folder(const std::string& path) = 0;
  /// Names of all that is in a folder and is no folder, sorted; none where there is no such folder.
  virtual Result<std::vector<std::string>> list(const std::string& path) const = 0;
  /// Names of the folders in a folder, sorted; none where there is no such folder.
  virtual Result<std::vector<std::string>> list_folders(const std::string& path) const = 0;
  /// An empty one. No error if there is no such folder.
  virtual Result<void> remove_folder(const std::string& path) = 0;
  /// Whether what stands there is this user's.
  virtual Result<bool> is_ours(const std::string& /*path*/) const { return true; }
  /// Takes the lock on a file, which is made if it is not there, without waiting. Here: a file system without locks.
  virtual Result<LockAttempt> try_lock(const std::string& path, ByteRange bytes = {});
  /// Whether any of that is locked. An error where that cannot be told: there is no such file, or there are no locks.
  virtual Result<bool> is_locked(const std::string& path, ByteRange bytes = {}) const;
};

/// The real one: POSIX calls, retried where interrupted. Descriptors are not inherited by tasks. Files are made for
/// this user alone. What is opened is a regular file and no symbolic link; nothing else blocks or is read.
FileLayer& posix_files();

/// All of it as `files` does it; for what is to be otherwise in part.
class ForwardingFiles : public FileLayer {
 public:
  explicit ForwardingFiles(FileLayer& files) : files_(files) {}

  Result<std::unique_ptr<File>> create(const std::string& path) override { return files_.create(path); }
  Result<std::unique_ptr<File>> open_to_write(const std::string& path) override { return files_.open_to_write(path); }
  Result<std::unique_ptr<File>> open_to_read(const std::string& path) const override {
    return files_.open_to_read(path);
  }
  Result<Standing> look(const std::string& path) const override { return files_.look(path); }
  Result<void> rename(const std::string& from, const std::string& to) override { return files_.rename(from, to); }
  Result<void> rename_new(const std::string& from, const std::string& to) override {
    return files_.rename_new(from, to);
  }
  Result<void> remove(const std::string& path) override { return files_.remove(path); }
  Result<void> make_folder(const std::string& path) override { return files_.make_folder(path); }
  Result<void> sync_folder(const std::string& path) override { return files_.sync_folder(path); }
  Result<std::vector<std::string>> list(const std::string& path) const override { return files_.list(path); }
  Result<std::vector<std::string>> list_folders(const std::string& path) const override {
    return files_.list_folders(path);
  }
  Result<void> remove_folder(const std::string& path) override { return files_.remove_folder(path); }
  Result<bool> is_ours(const std::string& path) const override { return files_.is_ours(path); }
  Result<LockAttempt> try_lock(const std::string& path, ByteRange bytes) override {
    return files_.try_lock(path, bytes);
  }
  Result<bool> is_locked(const std::string& path, ByteRange bytes) const override {
    return files_.is_locked(path, bytes);
  }

 private:
  FileLayer& files_;
};

/// Whether a folder (or file) is this user's, and nobody else may write to it (to the folder). The error says what is
/// wrong, and what to do. `follow`: it may also be a symbolic link to one, unless another user has made that.
Result<void> check_private(const std::string& folder, bool follow = false);

/// A name for a file that becomes `path`, which no other writer takes, on whichever host. Ends with kTemporary.
std::string temporary_for(const std::string& path);

/// The whole file; an error if it is longer than `max_bytes`.
Result<std::vector<std::byte>> read_whole(const FileLayer& files, const std::string& path, std::uint64_t max_bytes);

/// Puts `bytes` at `folder`/`name` so that after a crash either all of it is there or what was there before: temporary
/// file, sync, rename, sync of the folder.
Result<void> write_whole(FileLayer& files, const std::string& folder, const std::string& name,
                         std::span<const std::byte> bytes);
/// The same of what `pieces` are one after the other.
Result<void> write_whole(FileLayer& files, const std::string& folder, const std::string& name,
                         std::span<const std::span<const std::byte>> pieces);

/// A folder and all that is in it. No error if there is none.
Result<void> remove_all(FileLayer& files, const std::string& folder);

/// The folder part of a path; "." where it has none.
std::string folder_of(const std::string& path);

}  // namespace lockstep::journal
