// gzip and Zstandard: whatever the bytes are, they give bytes or one line that says what is wrong.
#include <array>
#include <cstdint>

#include "items.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace lockstep;
  for (const bool zstd : {false, true}) {
    auto stream = map_run::stream_of({reinterpret_cast<const char*>(data), size});
    auto bytes =
        zstd ? map_run::unzstd(std::move(stream), fuzz::kUri) : map_run::gunzipped(std::move(stream), fuzz::kUri);
    std::array<char, 777> block{};
    for (std::size_t left = std::size_t{1} << 22; bytes && left > block.size(); left -= block.size()) {
      const auto got = (*bytes)->read(block);
      if (!got && got.error().message.empty()) {
        std::abort();
      }
      if (!got || *got == 0) {
        break;
      }
    }
  }
  return 0;
}
