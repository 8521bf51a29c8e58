#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <fmt/format.h>

#include "journal/files.hpp"
#include "journal/format.hpp"

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
  PosixFile(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}
  PosixFile(const PosixFile&) = delete;
  PosixFile& operator=(const PosixFile&) = delete;
  ~PosixFile() override { ::close(fd_); }

  Result<void> write(std::span<const std::byte> bytes, std::uint64_t offset) override {
    while (!bytes.empty()) {
      const ssize_t written =
          retried([&] { return ::pwrite(fd_, bytes.data(), bytes.size(), static_cast<off_t>(offset)); });
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
      const ssize_t got = retried(
          [&] { return ::pread(fd_, bytes.data() + total, bytes.size() - total, static_cast<off_t>(offset + total)); });
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
    if (::fstat(fd_, &status) < 0) {
      return system_failure("look at", path_, errno);
    }
    return static_cast<std::uint64_t>(status.st_size);
  }

  Result<void> sync() override {
    if (retried([&] { return ::fdatasync(fd_); }) < 0) {
      return system_failure("sync", path_, errno);
    }
    return {};
  }

 private:
  int fd_;
  std::string path_;
};

class PosixFiles final : public FileLayer {
 public:
  Result<std::unique_ptr<File>> create(const std::string& path) override {
    return open(path, O_RDWR | O_CREAT | O_EXCL, "create");
  }
  Result<std::unique_ptr<File>> open_to_write(const std::string& path) override { return open(path, O_RDWR, "open"); }
  Result<std::unique_ptr<File>> open_to_read(const std::string& path) const override {
    return open(path, O_RDONLY, "open");
  }

  bool exists(const std::string& path) const override { return ::access(path.c_str(), F_OK) == 0; }

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
    if (errno != EEXIST && ::access(to.c_str(), F_OK) != 0) {
      return rename(from, to);
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
    if (::mkdir(path.c_str(), 0777) < 0 && errno != EEXIST) {
      return system_failure("make the folder", path, errno);
    }
    return {};
  }

  Result<void> sync_folder(const std::string& path) override {
    const int fd = retried([&] { return ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); });
    if (fd < 0) {
      return system_failure("open the folder", path, errno);
    }
    const int synced = retried([&] { return ::fsync(fd); });
    const int code = errno;
    ::close(fd);
    // Some network file systems cannot sync a folder and say so; they write names through.
    if (synced < 0 && code != EINVAL && code != ENOTSUP) {
      return system_failure("sync the folder", path, code);
    }
    return {};
  }

  Result<std::vector<std::string>> list(const std::string& path) const override {
    DIR* folder = ::opendir(path.c_str());
    if (folder == nullptr) {
      return system_failure("list", path, errno);
    }
    std::vector<std::string> names;
    while (const dirent* entry = ::readdir(folder)) {
      struct stat status {};
      const bool known = entry->d_type != DT_UNKNOWN;
      if (known ? entry->d_type == DT_REG
                : ::stat((path + "/" + entry->d_name).c_str(), &status) == 0 && S_ISREG(status.st_mode)) {
        names.emplace_back(entry->d_name);
      }
    }
    ::closedir(folder);
    std::sort(names.begin(), names.end());
    return names;
  }

 private:
  static Result<std::unique_ptr<File>> open(const std::string& path, int flags, std::string_view doing) {
    const int fd = retried([&] { return ::open(path.c_str(), flags | O_CLOEXEC, 0666); });
    if (fd < 0) {
      return system_failure(doing, path, errno);
    }
    return std::make_unique<PosixFile>(fd, path);
  }
};

}  // namespace

FileLayer& posix_files() {
  static PosixFiles files;
  return files;
}

Result<std::vector<std::byte>> read_whole(const FileLayer& files, const std::string& path, std::uint64_t max_bytes) {
  const auto file = files.open_to_read(path);
  if (!file) {
    return tl::unexpected<Error>(file.error());
  }
  const auto size = (*file)->size();
  if (!size) {
    return tl::unexpected<Error>(size.error());
  }
  if (*size > max_bytes) {
    return fail(ErrorKind::io, fmt::format("{} is longer than {} bytes", path, max_bytes));
  }
  std::vector<std::byte> bytes(*size);
  const auto got = (*file)->read(bytes, 0);
  if (!got) {
    return tl::unexpected<Error>(got.error());
  }
  bytes.resize(*got);
  return bytes;
}

Result<void> write_whole(FileLayer& files, const std::string& folder, const std::string& name,
                         std::span<const std::byte> bytes) {
  const std::string path = fmt::format("{}/{}", folder, name);
  const std::string temporary = path + std::string(kTemporary);
  auto done = files.remove(temporary);
  if (!done) {
    return done;
  }
  auto file = files.create(temporary);
  if (!file) {
    return tl::unexpected<Error>(file.error());
  }
  done = (*file)->write(bytes, 0);
  if (done) {
    done = (*file)->sync();
  }
  file->reset();
  if (done) {
    done = files.rename(temporary, path);
  }
  if (!done) {
    static_cast<void>(files.remove(temporary));
    return done;
  }
  return files.sync_folder(folder);
}

std::string folder_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) {
    return ".";
  }
  return slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace lockstep::journal
