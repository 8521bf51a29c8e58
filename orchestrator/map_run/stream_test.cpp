#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>
#include <zstd.h>

#include "map_run/byte_stream.hpp"
#include "map_run/test_items.hpp"

namespace lockstep::map_run {
namespace {

using testing::AllOf;
using testing::HasSubstr;

/// Larger than a block, and of little order.
std::string some_text() {
  std::string text;
  for (unsigned i = 0; i < 40'000; ++i) {
    text += std::to_string(i * 2'654'435'761U) + "\n";
  }
  return text;
}

std::string gzip(std::string text) {
  z_stream state{};
  EXPECT_EQ(deflateInit2(&state, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string packed(deflateBound(&state, text.size()), '\0');
  state.next_in = reinterpret_cast<Bytef*>(text.data());
  state.avail_in = static_cast<uInt>(text.size());
  state.next_out = reinterpret_cast<Bytef*>(packed.data());
  state.avail_out = static_cast<uInt>(packed.size());
  EXPECT_EQ(deflate(&state, Z_FINISH), Z_STREAM_END);
  packed.resize(state.total_out);
  deflateEnd(&state);
  return packed;
}

std::string zstd(const std::string& text) {
  std::string packed(ZSTD_compressBound(text.size()), '\0');
  packed.resize(ZSTD_compress(packed.data(), packed.size(), text.data(), text.size(), 3));
  return packed;
}

/// All of it, or `!` and what is wrong.
std::string content(const std::string& path, std::size_t block = 10'000) {
  auto stream = open_stream(path, "S3://b/k");
  std::string all;
  std::string bytes(block, '\0');
  while (stream) {
    const auto got = (*stream)->read(bytes);
    if (!got) {
      return "!" + got.error().message;
    }
    if (*got == 0) {
      return all;
    }
    all.append(bytes, 0, *got);
  }
  return "!" + stream.error().message;
}

struct Format {
  const char* suffix;
  std::string (*pack)(std::string);
};

class Packed : public testing::TestWithParam<Format> {
 protected:
  std::string read(const std::string& packed, std::size_t block = 10'000) const {
    return content(folder_.write(std::string("a") + GetParam().suffix, packed), block);
  }
  std::string pack(const std::string& text) const { return GetParam().pack(text); }

  TestFolder folder_;
};

TEST_P(Packed, IsReadByItsSuffix) {
  const std::string text = some_text();
  EXPECT_EQ(read(pack(text)), text);
  EXPECT_EQ(read(pack("abc"), 1), "abc");
  EXPECT_EQ(read(pack("")), "");
}

TEST_P(Packed, MayHaveSeveralParts) {
  EXPECT_EQ(read(pack("one,") + pack("") + pack("two")), "one,two");
}

TEST_P(Packed, IsDamagedWhereItEndsTooEarly) {
  const std::string packed = pack(some_text());
  for (const std::size_t size : {std::size_t{0}, std::size_t{5}, packed.size() / 2, packed.size() - 1}) {
    EXPECT_THAT(read(packed.substr(0, size)), AllOf(HasSubstr("S3://b/k is not whole"), HasSubstr("too early")))
        << size;
  }
}

TEST_P(Packed, IsDamagedWhereItIsSomethingElse) {
  EXPECT_THAT(read("id,name\n1,x\n"), HasSubstr("!S3://b/k is not whole"));
  EXPECT_THAT(read(pack("abc") + "garbage behind it"), HasSubstr("!S3://b/k is not whole"));
}

INSTANTIATE_TEST_SUITE_P(Formats, Packed, testing::Values(Format{".gz", gzip}, Format{".zst", [](std::string text) {
                                                                                        return zstd(text);
                                                                                      }}));

TEST(Stream, OtherFilesAreReadAsTheyAre) {
  const TestFolder folder;
  EXPECT_EQ(content(folder.write("a.csv", "a\0b\xFF")), "a");
  const std::string text = some_text();
  EXPECT_EQ(content(folder.write("b", text)), text);
}

}  // namespace
}  // namespace lockstep::map_run
