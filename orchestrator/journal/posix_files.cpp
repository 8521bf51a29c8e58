#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <random>

#include <fmt/format.h>

#include "journal/files.hpp"
#include "journal/format.hpp"
#include "value/descriptor.hpp"

namespace lockstep::journal {

namespace {

tl::unexpected<Error> system_failure(std::string_view doing, const std::string& path, int code) {
  return fail(ErrorKind::io, fmt::format("cannot {} {}: {}", doing, path, std::strerror(code)));
}

template <class Call>
auto retried(Call call) {
  while (true) {
    const auto result = call();
    if (result >= 0 || errno != EINTR) {
      return result;
    }
  }
}

class PosixFile final : public File {
 public:
  PosixFile(Descriptor fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}

  Result<void> write(std::span<const std::byte> bytes, std::uint64_t offset) override {
    while (!bytes.empty()) {
      const ssize_t written =
          retried([&] { return ::pwrite(fd_.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset)); });
      if (written < 0) {
        return system_failure("write to", path_, errno);
      }
      if (written == 0) {
        return system_failure("write to", path_, ENOSPC);
      }
      bytes = bytes.subspan(static_cast<std::size_t>(written));
      offset += static_cast<std::uint64_t>(written);
    }
    return {};
  }

  Result<std::size_t> read(std::span<std::byte> bytes, std::uint64_t offset) const override {
    std::size_t total = 0;
    while (total < bytes.size()) {
      const ssize_t got = retried([&] {
        return ::pread(fd_.get(), bytes.data() + total, bytes.size() - total, static_cast<off_t>(offset + total));
      });
      if (got < 0) {
        return system_failure("read", path_, errno);
      }
      if (got == 0) {
        break;
      }
      total += static_cast<std::size_t>(got);
    }
    return total;
  }

  Result<std::uint64_t> size() const override {
    struct stat status {};
    if (::fstat(fd_.get(), &status) < 0) {
      return system_failure("look at", path_, errno);
    }
    return static_cast<std::uint64_t>(status.st_size);
  }

  Result<void> sync() override {
    if (retried([&] { return ::fdatasync(fd_.get()); }) < 0) {
      return system_failure("sync", path_, errno);
    }
    return {};
  }

 private:
  Descriptor fd_;
  std::string path_;
};

class PosixLock final : public FileLock {
 public:
  explicit PosixLock(Descriptor fd) : fd_(std::move(fd)) {}
  int descriptor() const override { return fd_.get(); }

 private:
  Descriptor fd_;
};

struct flock writing(ByteRange bytes) {
  struct flock lock {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  lock.l_start = static_cast<off_t>(bytes.first);
  lock.l_len = static_cast<off_t>(bytes.count);
  return lock;
}

bool is_absence(int code) {
  return code == ENOENT || code == ENOTDIR;
}

class PosixFiles final : public FileLayer {
 public:
  Result<std::unique_ptr<File>> create(const std::string& path) override {
    return open(path, O_RDWR | O_CREAT | O_EXCL, "create");
  }
  Result<std::unique_ptr<File>> open_to_write(const std::string& path) override { return open(path, O_RDWR, "open"); }
  Result<std::unique_ptr<File>> open_to_read(const std::string& path) const override {
    return open(path, O_RDONLY, "open");
  }

  Result<Standing> look(const std::string& path) const override {
    struct stat status {};
    if (::lstat(path.c_str(), &status) == 0) {
      return S_ISREG(status.st_mode) ? Standing::file : S_ISDIR(status.st_mode) ? Standing::folder : Standing::other;
    }
    if (is_absence(errno)) {
      return Standing::nothing;
    }
    return system_failure("look at", path, errno);
  }

  Result<void> rename(const std::string& from, const std::string& to) override {
    if (::rename(from.c_str(), to.c_str()) < 0) {
      return system_failure("rename to", to, errno);
    }
    return {};
  }

  Result<void> rename_new(const std::string& from, const std::string& to) override {
    // A link fails where a name stands, on every file system that has links.
    if (::link(from.c_str(), to.c_str()) == 0) {
      return remove(from);
    }
    if (errno != EEXIST) {
      const auto stands = TRY(exists(to));
      if (!stands) {
        return rename(from, to);
      }
    }
    return system_failure("rename to", to, EEXIST);
  }

  Result<void> remove(const std::string& path) override {
    if (::unlink(path.c_str()) < 0 && errno != ENOENT) {
      return system_failure("remove", path, errno);
    }
    return {};
  }

  Result<void> make_folder(const std::string& path) override {
    if (::mkdir(path.c_str(), S_IRWXU) < 0 && errno != EEXIST) {
      return system_failure("make the folder", path, errno);
    }
    const auto standing = look(path);
    return standing && *standing == Standing::file ? system_failure("make the folder", path, ENOTDIR)
                                                   : check_private(path);
  }

  Result<void> sync_folder(const std::string& path) override {
    const Descriptor fd(retried([&] { return ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); }));
    if (!fd) {
      return system_failure("open the folder", path, errno);
    }
    // Some network file systems cannot sync a folder and say so; they write names through.
    if (retried([&] { return ::fsync(fd.get()); }) < 0 && errno != EINVAL && errno != ENOTSUP) {
      return system_failure("sync the folder", path, errno);
    }
    return {};
  }

  Result<std::vector<std::string>> list(const std::string& path) const override { return list(path, false); }
  Result<std::vector<std::string>> list_folders(const std::string& path) const override { return list(path, true); }

  Result<void> remove_folder(const std::string& path) override {
    if (::rmdir(path.c_str()) < 0 && errno != ENOENT) {
      return system_failure("remove", path, errno);
    }
    return {};
  }

  Result<bool> is_ours(const std::string& path) const override {
    struct stat status {};
    if (::lstat(path.c_str(), &status) < 0) {
      return system_failure("look at", path, errno);
    }
    return status.st_uid == ::geteuid();
  }

  Result<LockAttempt> try_lock(const std::string& path, ByteRange bytes) override {
    auto fd = TRY(open_descriptor(path, O_RDWR | O_CREAT, "open"));
    LockAttempt attempt;
    struct flock lock = writing(bytes);
    if (retried([&] { return ::fcntl(fd.get(), F_OFD_SETLK, &lock); }) < 0) {
      attempt.has_locks = errno == EAGAIN || errno == EACCES;
    } else {
      attempt.lock = std::make_unique<PosixLock>(std::move(fd));
    }
    return attempt;
  }

  Result<bool> is_locked(const std::string& path, ByteRange bytes) const override {
    const auto fd = TRY(open_descriptor(path, O_RDONLY, "open"));
    struct flock lock = writing(bytes);
    return ::fcntl(fd.get(), F_OFD_GETLK, &lock) == 0 ? Result<bool>(lock.l_type != F_UNLCK)
                                                      : system_failure("see the locks of", path, errno);
  }

 private:
  static Result<std::vector<std::string>> list(const std::string& path, bool folders) {
    DIR* folder = ::opendir(path.c_str());
    if (folder == nullptr) {
      return is_absence(errno) ? Result<std::vector<std::string>>() : system_failure("list", path, errno);
    }
    std::vector<std::string> names;
    int code = 0;
    while (true) {
      errno = 0;
      const dirent* entry = ::readdir(folder);
      if (entry == nullptr) {
        code = errno;
        break;
      }
      struct stat status {};
      if (entry->d_type == DT_UNKNOWN) {
        if (::fstatat(::dirfd(folder), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) < 0) {
          if (is_absence(errno)) {
            continue;  // removed meanwhile
          }
          code = errno;
          break;
        }
      }
      const std::string_view name = entry->d_name;
      if ((entry->d_type == DT_DIR || S_ISDIR(status.st_mode)) == folders && name != "." && name != "..") {
        names.emplace_back(name);
      }
    }
    ::closedir(folder);
    if (code != 0) {
      return system_failure("list", path, code);
    }
    std::sort(names.begin(), names.end());
    return names;
  }

  static Result<Descriptor> open_descriptor(const std::string& path, int flags, std::string_view doing) {
    // A pipe must not make us wait for its other end.
    const int all = flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;
    Descriptor fd(retried([&] { return ::open(path.c_str(), all, S_IRUSR | S_IWUSR); }));
    if (!fd) {
      return errno == ELOOP ? fail(ErrorKind::io, fmt::format("cannot {} {}: it is a symbolic link", doing, path))
                            : system_failure(doing, path, errno);
    }
    struct stat status {};
    if (::fstat(fd.get(), &status) < 0) {
      return system_failure(doing, path, errno);
    }
    if (!S_ISREG(status.st_mode)) {
      return fail(ErrorKind::io, fmt::format("cannot {} {}: it is no regular file", doing, path));
    }
    return fd;
  }

  static Result<std::unique_ptr<File>> open(const std::string& path, int flags, std::string_view doing) {
    auto fd = TRY(open_descriptor(path, flags, doing));
    return std::make_unique<PosixFile>(std::move(fd), path);
  }
};

}  // namespace

FileLayer& posix_files() {
  static PosixFiles files;
  return files;
}

Result<bool> FileLayer::exists(const std::string& path) const {
  return look(path).map([](Standing standing) { return standing != Standing::nothing; });
}

Result<LockAttempt> FileLayer::try_lock(const std::string& /*path*/, ByteRange /*bytes*/) {
  return LockAttempt{nullptr, false};
}

Result<bool> FileLayer::is_locked(const std::string& path, ByteRange /*bytes*/) const {
  return fail(ErrorKind::io, fmt::format("cannot see the locks of {}: there are none", path));
}

Result<void> check_private(const std::string& folder, bool follow) {
  struct stat status {};
  const auto refuse = [&](const std::string& why) {
    return fail(ErrorKind::occupied, fmt::format("{} is not used: {}", folder, why));
  };
  int looked = ::lstat(folder.c_str(), &status);
  if (looked == 0 && S_ISLNK(status.st_mode)) {
    if (!follow) {
      return refuse("it is a symbolic link");
    }
    if (status.st_uid != ::geteuid() && status.st_uid != 0) {
      return refuse(fmt::format("it is a symbolic link that user {} has made", status.st_uid));
    }
    looked = ::stat(folder.c_str(), &status);
  }
  if (looked < 0) {
    return system_failure("look at", folder, errno);
  }
  if (!S_ISDIR(status.st_mode) && !S_ISREG(status.st_mode)) {
    return refuse("it is neither folder nor file");
  }
  if (status.st_uid != ::geteuid()) {
    return refuse(fmt::format("it belongs to user {}, and this is user {}", status.st_uid, ::geteuid()));
  }
  if (S_ISDIR(status.st_mode) && (status.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    return refuse("others may write to it; if what is in it is yours, `chmod go-w` it");
  }
  return {};
}

std::string temporary_for(const std::string& path) {
  static const std::uint64_t process = [] {
    std::random_device random;
    return (static_cast<std::uint64_t>(random()) << 32) | random();
  }();
  static std::atomic<std::uint64_t> count{0};
  return fmt::format("{}.{:016x}-{}{}", path, process, ++count, kTemporary);
}

Result<std::vector<std::byte>> read_whole(const FileLayer& files, const std::string& path, std::uint64_t max_bytes) {
  const auto file = TRY(files.open_to_read(path));
  const auto size = TRY(file->size());
  if (size > max_bytes) {
    return fail(ErrorKind::io, fmt::format("{} is longer than {} bytes", path, max_bytes));
  }
  std::vector<std::byte> bytes(size);
  const auto got = TRY(file->read(bytes, 0));
  bytes.resize(got);
  return bytes;
}

Result<void> write_whole(FileLayer& files, const std::string& folder, const std::string& name,
                         std::span<const std::byte> bytes) {
  return write_whole(files, folder, name, {&bytes, 1});
}

Result<void> write_whole(FileLayer& files, const std::string& folder, const std::string& name,
                         std::span<const std::span<const std::byte>> pieces) {
  const std::string path = fmt::format("{}/{}", folder, name);
  const std::string temporary = temporary_for(path);
  auto file = TRY(files.create(temporary));
  Result<void> done;
  std::uint64_t offset = 0;
  for (const std::span<const std::byte> piece : pieces) {
    done = done ? file->write(piece, offset) : done;
    offset += piece.size();
  }
  if (done) {
    done = file->sync();
  }
  file.reset();
  if (done) {
    done = files.rename(temporary, path);
  }
  if (!done) {
    static_cast<void>(files.remove(temporary));
    return done;
  }
  return files.sync_folder(folder);
}

Result<void> remove_all(FileLayer& files, const std::string& folder) {
  const auto names = files.list(folder);
  const auto folders = files.list_folders(folder);
  Result<void> done = names ? Result<void>() : tl::unexpected<Error>(names.error());
  done = folders ? done : tl::unexpected<Error>(folders.error());
  for (std::size_t i = 0; done && i < names->size(); ++i) {
    done = files.remove(fmt::format("{}/{}", folder, (*names)[i]));
  }
  for (std::size_t i = 0; done && i < folders->size(); ++i) {
    done = remove_all(files, fmt::format("{}/{}", folder, (*folders)[i]));
  }
  return done ? files.remove_folder(folder) : done;
}

std::string folder_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) {
    return ".";
  }
  return slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace lockstep::journal
