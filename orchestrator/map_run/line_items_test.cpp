#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "map_run/readers.hpp"
#include "map_run/test_items.hpp"

namespace lockstep::map_run {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

using Texts = std::vector<std::string>;

Texts json_lines(const std::string& text) {
  const Texts whole = all_of(json_line_items(text_in_blocks(text, 4096)));
  for (const std::size_t block : {1U, 2U, 3U, 7U}) {
    EXPECT_EQ(all_of(json_line_items(text_in_blocks(text, block))), whole) << "blocks of " << block;
  }
  return whole;
}

TEST(JsonLineItems, ALineIsAnItemAndBlankOnesAreNone) {
  EXPECT_THAT(json_lines("{\"a\":1}\n\n  \t\r\n[2]\r\n\"x\"\nnull"), ElementsAre("{\"a\":1}", "[2]", "\"x\"", "null"));
  EXPECT_THAT(json_lines("\xEF\xBB\xBF"
                         "1\n"),
              ElementsAre("1"));
  EXPECT_THAT(json_lines(""), IsEmpty());
  EXPECT_THAT(json_lines("\n\r\n"), IsEmpty());
}

TEST(JsonLineItems, WhatIsWrongIsNamedWithItsLine) {
  EXPECT_THAT(json_lines("1\n\n{\"a\":\n2}\n"), ElementsAre("1", AllOf(HasSubstr("line 3 of S3://b/k is not JSON"),
                                                                       HasSubstr("Unexpected end-of-input"))));
  EXPECT_THAT(json_lines("1 2\n"), ElementsAre(HasSubstr("line 1 of S3://b/k is not JSON")));
  EXPECT_THAT(json_lines("\"\xE9\"\n"), ElementsAre(HasSubstr("Invalid UTF-8")));
  EXPECT_THAT(json_lines("1\n\"" + std::string(2000, 'x')),
              ElementsAre("1", HasSubstr("line 2 of S3://b/k is longer")));
}

TEST(LineItems, EachIsATextAsItStands) {
  EXPECT_THAT(all_of(line_items(text_in_blocks("a b\n\n\"c\"\r\n /x/y", 3))),
              ElementsAre("\"a b\"", R"("\"c\"")", "\" /x/y\""));
  EXPECT_THAT(all_of(line_items(text_in_blocks("a\n\xE9\n", 3))),
              ElementsAre("\"a\"", HasSubstr("line 2 of S3://b/k")));
}

TEST(TextReader, AHugeLineTakesNoMoreThanTheBound) {
  TextReader reader(stream_of(std::string(std::size_t{80} << 20, 'x')), "S3://b/k");
  const auto line = reader.line();
  ASSERT_FALSE(line.has_value());
  EXPECT_THAT(line.error().message, HasSubstr("line 1 of S3://b/k is longer than 67108864 bytes"));
  EXPECT_LE(reader.window().size(), (std::size_t{64} << 20) + kBlock);
}

}  // namespace
}  // namespace lockstep::map_run
