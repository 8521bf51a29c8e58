#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <vector>

#include "map_run/byte_stream.hpp"

namespace lockstep::map_run {

namespace {

constexpr int kGzip = 16 + MAX_WBITS;  // with gzip's header and checksum

class GzipStream final : public ByteStream {
 public:
  GzipStream(std::unique_ptr<ByteStream> stream, std::string uri)
      : stream_(std::move(stream)), uri_(std::move(uri)), block_(kBlock) {}
  ~GzipStream() override {
    if (begun_) {
      inflateEnd(&state_);
    }
  }
  GzipStream(const GzipStream&) = delete;
  GzipStream& operator=(const GzipStream&) = delete;

  bool begin() { return begun_ = inflateInit2(&state_, kGzip) == Z_OK; }

  Result<std::size_t> read(std::span<char> bytes) override {
    state_.next_out = reinterpret_cast<Bytef*>(bytes.data());
    state_.avail_out = static_cast<uInt>(std::min<std::size_t>(bytes.size(), kBlock));
    const uInt room = state_.avail_out;
    while (state_.avail_out == room) {
      if (state_.avail_in == 0) {
        const std::size_t got = TRY(stream_->read(block_));
        state_.next_in = reinterpret_cast<Bytef*>(block_.data());
        state_.avail_in = static_cast<uInt>(got);
        if (got == 0) {
          return in_member_ || !any_ ? damaged("it ends too early") : Result<std::size_t>(0);
        }
      }
      if (!in_member_ && any_ && inflateReset(&state_) != Z_OK) {
        return damaged("no memory");
      }
      any_ = in_member_ = true;
      const int code = inflate(&state_, Z_NO_FLUSH);
      in_member_ = code != Z_STREAM_END;
      if (code != Z_OK && code != Z_STREAM_END && code != Z_BUF_ERROR) {
        return damaged(state_.msg != nullptr ? state_.msg : "no reason given");
      }
    }
    return room - state_.avail_out;
  }

 private:
  Result<std::size_t> damaged(std::string_view how) const {
    return fail(ErrorKind::io, fmt::format("{} is not whole gzip data: {}", uri_, how));
  }

  std::unique_ptr<ByteStream> stream_;
  std::string uri_;
  std::vector<char> block_;
  z_stream state_{};
  bool begun_ = false;
  bool any_ = false;        // a member was begun
  bool in_member_ = false;  // and has not ended
};

}  // namespace

Result<std::unique_ptr<ByteStream>> gunzipped(std::unique_ptr<ByteStream> stream, const std::string& uri) {
  auto gzip = std::make_unique<GzipStream>(std::move(stream), uri);
  if (!gzip->begin()) {
    return fail(ErrorKind::internal, fmt::format("cannot decompress {}: zlib does not begin", uri));
  }
  return gzip;
}

}  // namespace lockstep::map_run
