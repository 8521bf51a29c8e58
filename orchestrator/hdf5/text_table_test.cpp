#include "hdf5/text_table.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

namespace lockstep::hdf5 {
namespace {

constexpr NamedValue kNoAndYes[] = {{0, "NO"}, {1, "YES"}};

class TextTableTest : public testing::Test {
 protected:
  void SetUp() override { path_ = testing::TempDir() + "table" + std::to_string(::getpid()) + ".h5"; }
  void TearDown() override { std::filesystem::remove(path_); }
  std::string path_;
};

TEST_F(TextTableTest, HoldsWhatWasAppended) {
  constexpr std::uint64_t kRows = 10'000;
  {
    auto writer = TextTableWriter::create(path_, kNoAndYes).value();
    ASSERT_TRUE(writer.append({}));
    std::vector<TextRow> rows;
    for (std::uint64_t i = 0; i < kRows; ++i) {
      rows.push_back({i * 3, static_cast<std::uint16_t>(i % 2), "é" + std::string(i % 50, 'x')});
      if (rows.size() == 3001 || i + 1 == kRows) {
        ASSERT_TRUE(writer.append(rows));
        rows.clear();
      }
    }
    ASSERT_TRUE(writer.attribute("bytes", 42));
    ASSERT_TRUE(writer.close());
  }
  const auto reader = TextTableReader::open(path_).value();
  EXPECT_EQ(reader.size(), kRows);
  EXPECT_EQ(reader.attribute("bytes").value(), 42U);
  EXPECT_FALSE(reader.attribute("other").has_value());
  const auto rows = reader.read(5000, 100'000).value();
  ASSERT_EQ(rows.size(), 5000U);
  for (std::uint64_t i = 0; i < rows.size(); ++i) {
    ASSERT_EQ(rows[i].index, (5000 + i) * 3);
    ASSERT_EQ(rows[i].status, i % 2);
    ASSERT_EQ(rows[i].text, "é" + std::string((5000 + i) % 50, 'x'));
  }
  EXPECT_TRUE(reader.read(kRows, 1).value().empty());
}

TEST_F(TextTableTest, AFileWithoutRowsIsWhole) {
  ASSERT_TRUE(TextTableWriter::create(path_, kNoAndYes).value().close());
  EXPECT_EQ(TextTableReader::open(path_).value().size(), 0U);
}

TEST_F(TextTableTest, ErrorsNameTheFile) {
  EXPECT_THAT(TextTableWriter::create("/nonexistent/x.h5", kNoAndYes).error().message,
              testing::StartsWith("cannot create /nonexistent/x.h5: "));
  EXPECT_THAT(TextTableReader::open(path_).error().message, testing::StartsWith("cannot open " + path_));
}

}  // namespace
}  // namespace lockstep::hdf5
