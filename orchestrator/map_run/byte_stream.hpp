// The bytes of a file, one block after the other, decompressed on the way. Internal to the map_run room.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include "value/error.hpp"

namespace lockstep::map_run {

/// One thread.
class ByteStream {
 public:
  virtual ~ByteStream() = default;
  /// Up to `bytes.size()` bytes (which is not 0); 0: that was all. Errors (io): cannot be read, or is damaged. After an
  /// error nothing more is to be asked.
  virtual Result<std::size_t> read(std::span<char> bytes) = 0;
};

/// A regular file, or a symbolic link to one. `uri` names it in messages. Errors (invalid): there is no such file;
/// (io).
Result<std::unique_ptr<ByteStream>> open_file(const std::string& path, const std::string& uri);
/// The same, decompressed where the name ends with `.gz` or `.zst`.
Result<std::unique_ptr<ByteStream>> open_stream(const std::string& path, const std::string& uri);
/// Text that is in memory.
std::unique_ptr<ByteStream> stream_of(std::string text);

/// gzip (RFC 1952), any number of members one after the other. `uri` as above.
Result<std::unique_ptr<ByteStream>> gunzipped(std::unique_ptr<ByteStream> stream, const std::string& uri);
/// Zstandard (RFC 8878), any number of frames.
Result<std::unique_ptr<ByteStream>> unzstd(std::unique_ptr<ByteStream> stream, const std::string& uri);

/// How much is read at a time.
inline constexpr std::size_t kBlock = std::size_t{256} * 1024;

}  // namespace lockstep::map_run
