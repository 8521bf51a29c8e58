#include <fmt/format.h>
#include <zstd.h>

#include <vector>

#include "map_run/byte_stream.hpp"

namespace lockstep::map_run {

namespace {

class ZstdStream final : public ByteStream {
 public:
  ZstdStream(std::unique_ptr<ByteStream> stream, std::string uri)
      : stream_(std::move(stream)), uri_(std::move(uri)), block_(kBlock), state_(ZSTD_createDStream()) {}

  bool begun() const { return state_ != nullptr; }

  Result<std::size_t> read(std::span<char> bytes) override {
    ZSTD_outBuffer out{bytes.data(), bytes.size(), 0};
    while (out.pos == 0) {
      // Output that did not fit waits inside: it is asked for before more is read.
      if (in_.pos == in_.size && !full_) {
        const std::size_t got = TRY(stream_->read(block_));
        in_ = {block_.data(), got, 0};
        if (got == 0) {
          return in_frame_ ? damaged("it ends too early") : Result<std::size_t>(0);
        }
      }
      const std::size_t left = ZSTD_decompressStream(state_.get(), &out, &in_);
      if (ZSTD_isError(left) != 0) {
        return damaged(ZSTD_getErrorName(left));
      }
      in_frame_ = left != 0;
      full_ = out.pos == out.size && in_frame_;
    }
    return out.pos;
  }

 private:
  struct Free {
    void operator()(ZSTD_DStream* state) const { ZSTD_freeDStream(state); }
  };

  Result<std::size_t> damaged(std::string_view how) const {
    return fail(ErrorKind::io, fmt::format("{} is not whole Zstandard data: {}", uri_, how));
  }

  std::unique_ptr<ByteStream> stream_;
  std::string uri_;
  std::vector<char> block_;
  std::unique_ptr<ZSTD_DStream, Free> state_;
  ZSTD_inBuffer in_{nullptr, 0, 0};
  bool in_frame_ = true;  // an empty file is no whole data
  bool full_ = false;
};

}  // namespace

Result<std::unique_ptr<ByteStream>> unzstd(std::unique_ptr<ByteStream> stream, const std::string& uri) {
  auto zstd = std::make_unique<ZstdStream>(std::move(stream), uri);
  if (!zstd->begun()) {
    return fail(ErrorKind::internal, fmt::format("cannot decompress {}: zstd does not begin", uri));
  }
  return zstd;
}

}  // namespace lockstep::map_run
