#include "map_run/byte_stream.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "value/descriptor.hpp"

namespace lockstep::map_run {

namespace {

class FileStream final : public ByteStream {
 public:
  FileStream(Descriptor fd, std::string path, std::string uri)
      : fd_(std::move(fd)), path_(std::move(path)), uri_(std::move(uri)) {}

  Result<std::size_t> read(std::span<char> bytes) override {
    while (true) {
      const ssize_t got = ::read(fd_.get(), bytes.data(), bytes.size());
      if (got >= 0) {
        return static_cast<std::size_t>(got);
      }
      if (errno != EINTR) {
        return fail(ErrorKind::io, fmt::format("cannot read {} ({}): {}", uri_, path_, std::strerror(errno)));
      }
    }
  }

 private:
  Descriptor fd_;
  std::string path_;
  std::string uri_;
};

class TextStream final : public ByteStream {
 public:
  explicit TextStream(std::string text) : text_(std::move(text)) {}

  Result<std::size_t> read(std::span<char> bytes) override {
    const std::size_t count = text_.copy(bytes.data(), bytes.size(), at_);
    at_ += count;
    return count;
  }

 private:
  std::string text_;
  std::size_t at_ = 0;
};

}  // namespace

Result<std::unique_ptr<ByteStream>> open_file(const std::string& path, const std::string& uri) {
  // Without O_NONBLOCK a pipe that nobody writes to would hold this thread for ever.
  Descriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd) {
    const int code = errno;
    if (code == ENOENT || code == ENOTDIR) {
      return fail(ErrorKind::invalid,
                  fmt::format("The specified key does not exist. ({}: there is no file {})", uri, path));
    }
    return fail(ErrorKind::io, fmt::format("cannot open {} ({}): {}", uri, path, std::strerror(code)));
  }
  struct stat status {};
  if (::fstat(fd.get(), &status) < 0 || !S_ISREG(status.st_mode)) {
    return fail(ErrorKind::invalid, fmt::format("{} is not a file ({})", uri, path));
  }
  return std::make_unique<FileStream>(std::move(fd), path, uri);
}

Result<std::unique_ptr<ByteStream>> open_stream(const std::string& path, const std::string& uri) {
  auto stream = TRY(open_file(path, uri));
  if (path.ends_with(".gz")) {
    return gunzipped(std::move(stream), uri);
  }
  if (path.ends_with(".zst")) {
    return unzstd(std::move(stream), uri);
  }
  return stream;
}

std::unique_ptr<ByteStream> stream_of(std::string text) {
  return std::make_unique<TextStream>(std::move(text));
}

}  // namespace lockstep::map_run
