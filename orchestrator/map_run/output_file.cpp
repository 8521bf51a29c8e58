#include "map_run/output_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

namespace lockstep::map_run {

namespace {

constexpr mode_t kFile = S_IRUSR | S_IWUSR | S_IRGRP | S_IWGRP | S_IROTH | S_IWOTH;  // less the umask
constexpr mode_t kFolder = S_IRWXU | S_IRWXG | S_IRWXO;

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

}  // namespace

Result<OutputFile> OutputFile::open(std::string path) {
  Descriptor fd(retried([&] { return ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY, kFile); }));
  if (!fd) {
    return system_failure("open", path, errno);
  }
  return OutputFile(std::move(fd), std::move(path));
}

Result<void> OutputFile::write(std::string_view bytes, std::uint64_t offset) {
  while (!bytes.empty()) {
    const ssize_t written =
        retried([&] { return ::pwrite(fd_.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset)); });
    if (written <= 0) {
      return system_failure("write to", path_, written < 0 ? errno : ENOSPC);
    }
    bytes.remove_prefix(static_cast<std::size_t>(written));
    offset += static_cast<std::uint64_t>(written);
  }
  return {};
}

Result<void> OutputFile::cut(std::uint64_t size) {
  if (retried([&] { return ::ftruncate(fd_.get(), static_cast<off_t>(size)); }) < 0) {
    return system_failure("shorten", path_, errno);
  }
  return {};
}

Result<void> OutputFile::sync() {
  if (retried([&] { return ::fdatasync(fd_.get()); }) < 0) {
    return system_failure("sync", path_, errno);
  }
  return {};
}

Result<std::optional<std::uint64_t>> size_of(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) == 0) {
    return static_cast<std::uint64_t>(status.st_size);
  }
  if (errno == ENOENT || errno == ENOTDIR) {
    return std::nullopt;
  }
  return system_failure("look at", path, errno);
}

Result<void> rename_file(const std::string& from, const std::string& to) {
  if (::rename(from.c_str(), to.c_str()) < 0) {
    return system_failure("rename to", to, errno);
  }
  return {};
}

Result<void> remove_file(const std::string& path) {
  if (::unlink(path.c_str()) < 0 && errno != ENOENT) {
    return system_failure("remove", path, errno);
  }
  return {};
}

Result<std::vector<std::string>> names_in(const std::string& folder) {
  std::error_code problem;
  std::vector<std::string> names;
  for (std::filesystem::directory_iterator entry(folder, problem), end; !problem && entry != end;
       entry.increment(problem)) {
    names.push_back(entry->path().filename().string());
  }
  if (problem) {
    return system_failure("list", folder, problem.value());
  }
  std::sort(names.begin(), names.end());
  return names;
}

Result<void> sync_folder(const std::string& folder) {
  const Descriptor fd(retried([&] { return ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); }));
  if (!fd) {
    return system_failure("open the folder", folder, errno);
  }
  // Some network file systems cannot sync a folder and say so; they write names through.
  if (retried([&] { return ::fsync(fd.get()); }) < 0 && errno != EINVAL && errno != ENOTSUP) {
    return system_failure("sync the folder", folder, errno);
  }
  return {};
}

Result<void> make_folders(const std::string& folder, const std::string& relative) {
  std::string path = folder;
  for (const std::filesystem::path& part : std::filesystem::path(relative)) {
    if (part.empty() || part == ".") {
      continue;
    }
    const std::string parent = path;
    path += "/" + part.string();
    if (::mkdir(path.c_str(), kFolder) == 0) {
      TRY(sync_folder(parent));
      continue;
    }
    const int code = errno;
    struct stat status {};
    if (code != EEXIST || ::stat(path.c_str(), &status) < 0) {
      return system_failure("make the folder", path, code);
    }
    if (!S_ISDIR(status.st_mode)) {
      return system_failure("make the folder", path, ENOTDIR);
    }
  }
  return {};
}

Result<void> replace_file(const std::string& folder, const std::string& name, std::string_view content) {
  const std::string path = folder + "/" + name;
  const std::string temporary = path + ".tmp";  // its writer is the only one here
  {
    OutputFile file = TRY(OutputFile::open(temporary));
    TRY(file.cut(0));
    TRY(file.write(content, 0));
    TRY(file.sync());
  }
  TRY(rename_file(temporary, path));
  return sync_folder(folder);
}

}  // namespace lockstep::map_run
