#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "map_run/item_source.hpp"
#include "value/builder.hpp"
#include "value/descriptor.hpp"
#include "value/utf8.hpp"

namespace lockstep::map_run {

namespace {

constexpr std::size_t kEnd = std::size_t{64} * 1024;  // of head and of tail
/// Of more files there is one digest: what a Map Run has read is journalled again and again.
constexpr std::size_t kNamed = 16;

/// SHA-256
Result<std::string> hex_digest(std::string_view text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned length = 0;
  if (EVP_Digest(text.data(), text.size(), digest.data(), &length, EVP_sha256(), nullptr) != 1) {
    return fail(ErrorKind::internal, "OpenSSL makes no SHA-256");
  }
  std::string hex;
  for (unsigned i = 0; i < length; ++i) {
    hex += fmt::format("{:02x}", digest[i]);
  }
  return hex;
}

Result<std::string> digest_of_ends(int fd, const std::string& path, std::uint64_t size) {
  std::string ends(2 * kEnd, '\0');
  std::size_t held = 0;
  for (const std::uint64_t from : {std::uint64_t{0}, size > kEnd ? size - kEnd : 0}) {
    std::size_t wanted = kEnd;
    for (std::uint64_t at = from; wanted > 0;) {
      const ssize_t got = ::pread(fd, ends.data() + held, wanted, static_cast<off_t>(at));
      if (got < 0 && errno != EINTR) {
        return fail(ErrorKind::io, fmt::format("cannot read {}: {}", path, std::strerror(errno)));
      }
      if (got == 0) {
        break;
      }
      if (got > 0) {
        held += static_cast<std::size_t>(got);
        at += static_cast<std::uint64_t>(got);
        wanted -= static_cast<std::size_t>(got);
      }
    }
  }
  return hex_digest(std::string_view(ends).substr(0, held));
}

Result<void> add(Builder& all, const std::string& path) {
  const Descriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat status {};
  if (!fd || ::fstat(fd.get(), &status) < 0) {
    return fail(ErrorKind::io, fmt::format("cannot open {}: {}", path, std::strerror(errno)));
  }
  const std::string digest = TRY(digest_of_ends(fd.get(), path, static_cast<std::uint64_t>(status.st_size)));
  constexpr std::int64_t kNanos = 1'000'000'000;
  all.key(as_utf8(path));
  all.begin_object();
  all.key("Size");
  all.integer(status.st_size);
  all.key("Modified");  // nanoseconds since 1970
  all.integer(status.st_mtim.tv_sec * kNanos + status.st_mtim.tv_nsec);
  all.key("Ends");
  all.string(digest);
  all.end_object();
  return {};
}

}  // namespace

Result<Value> fingerprint(const std::vector<std::string>& files) {
  Builder all;
  all.begin_object();
  for (const std::string& path : files) {
    TRY(add(all, path));
  }
  all.end_object();
  Value each = all.finish();
  if (files.size() <= kNamed) {
    return each;
  }
  const std::string digest = TRY(hex_digest(each.to_text()));
  Builder together;
  together.begin_object();
  together.key("Files");
  together.integer(static_cast<std::int64_t>(files.size()));
  together.key("Digest");
  together.string(digest);
  together.end_object();
  return together.finish();
}

}  // namespace lockstep::map_run
