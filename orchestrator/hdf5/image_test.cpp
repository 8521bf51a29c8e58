#include "hdf5/image.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

namespace lockstep::hdf5 {
namespace {

constexpr Column kColumns[] = {{"seq", ColumnType::u64, 0},
                               {"kind", ColumnType::name, 8},
                               {"length", ColumnType::u32, 12},
                               {"name", ColumnType::text, 16, 8}};
constexpr NamedValue kNames[] = {{1, "Started"}, {2, "Ended"}};
constexpr RowType kRow{24, kColumns, kNames};

std::vector<std::byte> bytes_of(std::string_view text) {
  const auto* data = reinterpret_cast<const std::byte*>(text.data());
  return {data, data + text.size()};
}

TEST(Image, ReservedDatasetsAreZeroAndLieWhereTheExtentSays) {
  Composer composer = Composer::create(512).value();
  const Extent rows = composer.reserve_rows("events", kRow, 100).value();
  const Extent payload = composer.reserve_bytes("payload", 5'000).value();
  std::vector<std::byte> file = composer.finish().value();

  ASSERT_EQ(rows.bytes, 2'400U);
  ASSERT_EQ(payload.bytes, 5'000U);
  ASSERT_LE(rows.offset + rows.bytes, file.size());
  ASSERT_LE(payload.offset + payload.bytes, file.size());
  // What is written at an extent's offset is what a reader of the dataset sees.
  std::memcpy(file.data() + payload.offset, "hello", 5);
  file[rows.offset] = std::byte{7};
  const Image image = Image::open(file).value();
  const std::vector<std::byte> read = image.bytes("payload", 1 << 20).value();
  EXPECT_EQ(std::memcmp(read.data(), "hello\0", 6), 0);
  EXPECT_EQ(read.size(), 5'000U);
  const std::vector<std::byte> read_rows = image.rows("events", kRow, 1 << 20).value();
  EXPECT_EQ(read_rows[0], std::byte{7});
  EXPECT_TRUE(std::all_of(read_rows.begin() + 1, read_rows.end(), [](std::byte b) { return b == std::byte{0}; }));
}

TEST(Image, WhatIsReservedMayBeLeftOutAndIsSeenWhereItStands) {
  constexpr std::uint64_t kBytes = std::uint64_t{1} << 44;  // more than any machine has
  Composer large = Composer::create(512).value();
  const Extent huge = large.reserve_bytes("state", kBytes).value();
  const Composer::Around laid = large.finish_around(huge).value();
  EXPECT_EQ(laid.before.size(), huge.offset);
  EXPECT_LT(laid.before.size() + laid.behind.size(), 1U << 20);

  const auto compose = [] {
    Composer composer = Composer::create(512).value();
    EXPECT_TRUE(composer.write_rows("executions", kRow, std::vector<std::byte>(24 * 100, std::byte{5})));
    return composer;
  };
  Composer whole = compose();
  const std::vector<std::byte> state(100'000, std::byte{42});
  ASSERT_TRUE(whole.write_bytes("state", state));
  Composer parted = compose();
  const Extent hole = parted.reserve_bytes("state", state.size()).value();
  const Composer::Around around = parted.finish_around(hole).value();
  std::vector<std::byte> file = around.before;
  file.insert(file.end(), state.begin(), state.end());
  file.insert(file.end(), around.behind.begin(), around.behind.end());
  EXPECT_EQ(file, whole.finish().value());

  const Image image = Image::open(file).value();
  const std::span<const std::byte> seen = image.view("state").value();
  EXPECT_EQ(seen.data(), file.data() + hole.offset);
  EXPECT_EQ(std::vector(seen.begin(), seen.end()), state);
  EXPECT_FALSE(image.view("executions")) << "no bytes";
  Composer packed = Composer::create(512).value();
  ASSERT_TRUE(packed.pack_bytes("state", state));
  const std::vector<std::byte> small = packed.finish().value();
  EXPECT_FALSE(Image::open(small).value().view("state")) << "they stand nowhere as they are";
}

TEST(Image, PackingCanBeGivenUp) {
  const std::vector<std::byte> bytes(16U << 20);
  int asked = 0;
  Composer composer = Composer::create(512).value();
  const auto packed = composer.pack_bytes("payload", bytes, [&] { return ++asked == 3; });
  ASSERT_FALSE(packed);
  EXPECT_EQ(packed.error().kind, ErrorKind::interrupted);
  EXPECT_EQ(asked, 3);
}

TEST(Image, PackedDatasetsComeBackAndAreSmaller) {
  std::vector<std::byte> rows(24 * 20'000);
  for (std::size_t i = 0; i < 20'000; ++i) {
    rows[i * 24] = static_cast<std::byte>(i);
    rows[i * 24 + 8] = std::byte{1};
  }
  Composer composer = Composer::create(512).value();
  ASSERT_TRUE(composer.pack_rows("events", kRow, rows));
  ASSERT_TRUE(composer.pack_bytes("payload", bytes_of("payload bytes")));
  ASSERT_TRUE(composer.pack_bytes("nothing", {}));
  const std::vector<std::byte> file = composer.finish().value();
  EXPECT_LT(file.size(), rows.size() / 5);
  const Image image = Image::open(file).value();
  EXPECT_EQ(image.rows("events", kRow, rows.size()).value(), rows);
  EXPECT_EQ(image.bytes("payload", 100).value(), bytes_of("payload bytes"));
  EXPECT_TRUE(image.bytes("nothing", 100).value().empty());
}

TEST(Image, RowsAreReadThoughAnEnumHasNewNames) {
  const std::vector<std::byte> rows(24 * 3, std::byte{1});
  Composer composer = Composer::create(512).value();
  ASSERT_TRUE(composer.pack_rows("events", kRow, rows));
  const std::vector<std::byte> file = composer.finish().value();
  const Image image = Image::open(file).value();
  constexpr NamedValue kMore[] = {{1, "Started"}, {2, "Ended"}, {3, "Paused"}};
  EXPECT_EQ(image.rows("events", RowType{24, kColumns, kMore}, 1'000).value(), rows);
  constexpr Column kMoved[] = {{"seq", ColumnType::u64, 0},
                               {"kind", ColumnType::name, 10},
                               {"length", ColumnType::u32, 12},
                               {"name", ColumnType::text, 16, 8}};
  EXPECT_FALSE(image.rows("events", RowType{24, kMoved, kNames}, 1'000));
}

TEST(Image, AttributesComeBack) {
  Composer composer = Composer::create(512).value();
  ASSERT_TRUE(composer.attribute("epoch", std::uint64_t{1} << 63));
  ASSERT_TRUE(composer.attribute("host", std::string("node-ü")));
  ASSERT_TRUE(composer.attribute("none", std::string()));
  const std::vector<std::byte> file = composer.finish().value();
  const Image image = Image::open(file).value();
  EXPECT_EQ(image.number("epoch").value(), std::uint64_t{1} << 63);
  EXPECT_EQ(image.text("host").value(), "node-ü");
  EXPECT_EQ(image.text("none").value(), "");
}

TEST(Image, TroubleIsOneLine) {
  const std::vector<std::byte> junk(2'000, std::byte{42});
  const auto opened = Image::open(junk);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().kind, ErrorKind::io);
  EXPECT_EQ(opened.error().message.find('\n'), std::string::npos);

  Composer composer = Composer::create(512).value();
  ASSERT_TRUE(composer.write_bytes("payload", bytes_of("12345")));
  EXPECT_FALSE(composer.write_bytes("payload", bytes_of("twice")));
  const std::vector<std::byte> file = composer.finish().value();
  const Image image = Image::open(file).value();
  EXPECT_FALSE(image.bytes("missing", 100));
  EXPECT_FALSE(image.bytes("payload", 4)) << "larger than the reader allows";
  EXPECT_FALSE(image.rows("payload", kRow, 100)) << "other columns";
  EXPECT_FALSE(image.number("missing"));
}

}  // namespace
}  // namespace lockstep::hdf5
