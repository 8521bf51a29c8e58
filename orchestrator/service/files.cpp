#include "service/files.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <span>

#include "value/descriptor.hpp"

namespace lockstep::service {

namespace {

tl::unexpected<Error> refused(std::string_view what, const std::string& path) {
  return fail(ErrorKind::io,
              fmt::format("cannot {} {}: {}", what, path == "-" ? "standard input" : path, std::strerror(errno)));
}

}  // namespace

Result<std::string> read_file(const std::string& path, std::size_t limit) {
  const Descriptor file(path == "-" ? ::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1)
                                    : ::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) {
    return refused("read", path);
  }
  std::string content;
  char buffer[1 << 16];
  while (true) {
    const ssize_t count = ::read(file.get(), buffer, sizeof buffer);
    if (count < 0 && errno == EINTR) {
      continue;
    }
    if (count < 0) {
      return refused("read", path);
    }
    if (count == 0) {
      return content;
    }
    if (content.size() + static_cast<std::size_t>(count) > limit) {
      return fail(ErrorKind::invalid, fmt::format("{} is larger than {} bytes", path, limit));
    }
    content.append(buffer, static_cast<std::size_t>(count));
  }
}

Result<std::string> read_run_file(const std::string& path, std::size_t limit, const journal::FileLayer& files) {
  const auto bytes = TRY(journal::read_whole(files, path, limit));
  return std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

Result<void> write_file(const std::string& path, std::string_view content, journal::FileLayer& files) {
  const std::size_t slash = path.rfind('/');
  return journal::write_whole(files, journal::folder_of(path),
                              slash == std::string::npos ? path : path.substr(slash + 1),
                              std::as_bytes(std::span(content)));
}

Result<void> remove_file(const std::string& path, journal::FileLayer& files) {
  const auto removed = files.remove(path);
  return removed ? files.sync_folder(journal::folder_of(path)) : removed;
}

}  // namespace lockstep::service
