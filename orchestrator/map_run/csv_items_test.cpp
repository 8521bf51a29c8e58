#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "map_run/readers.hpp"
#include "map_run/test_items.hpp"

namespace lockstep::map_run {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

using Texts = std::vector<std::string>;

/// Whatever the size of the blocks, it is the same.
Texts rows(const std::string& text, const CsvFormat& format = {}) {
  const Texts whole = all_of(csv_items(text_in_blocks(text, 4096), format));
  for (const std::size_t block : {1U, 2U, 3U, 7U}) {
    EXPECT_EQ(all_of(csv_items(text_in_blocks(text, block), format)), whole) << "blocks of " << block;
  }
  return whole;
}

CsvFormat given(std::vector<std::string> headers, char delimiter = ',') {
  return {delimiter, false, std::move(headers)};
}

TEST(CsvItems, TheFirstRowNamesTheColumns) {
  EXPECT_THAT(rows("a,b\n1,2\n3,4\n"), ElementsAre(R"({"a":"1","b":"2"})", R"({"a":"3","b":"4"})"));
  EXPECT_THAT(rows("a,b\n1,2"), ElementsAre(R"({"a":"1","b":"2"})"));
}

TEST(CsvItems, WithGivenHeadersTheFirstRowIsData) {
  EXPECT_THAT(rows("Value1,Value2,Value3\n,,,\nNull,None,\n   \n", given({"H1", "H2", "H3"})),
              ElementsAre(R"({"H1":"Value1","H2":"Value2","H3":"Value3"})", R"({"H1":"","H2":"","H3":""})",
                          R"({"H1":"Null","H2":"None","H3":""})", R"({"H1":"   ","H2":"","H3":""})"));
}

TEST(CsvItems, RaggedRowsAreFilledAndCut) {
  EXPECT_THAT(rows("a,b\n1\n1,2,3\n"), ElementsAre(R"({"a":"1","b":""})", R"({"a":"1","b":"2"})"));
  EXPECT_THAT(rows("a,\n1,2,3\n"), ElementsAre(R"({"a":"1","":"2"})"));
}

TEST(CsvItems, FiveDelimiters) {
  asl::ItemReader reader;
  for (const auto& [name, delimiter] : std::vector<std::pair<std::string, std::string>>{
           {"", ","}, {"COMMA", ","}, {"PIPE", "|"}, {"SEMICOLON", ";"}, {"SPACE", " "}, {"TAB", "\t"}}) {
    reader.csv_delimiter = name;
    reader.csv_header_location = "FIRST_ROW";
    const std::string row = "1" + delimiter + "x\\" + delimiter + "y\n";
    std::string shown = delimiter == "\t" ? "\\t" : delimiter;
    EXPECT_THAT(rows("a" + delimiter + "b\n" + row, csv_format(reader)),
                ElementsAre(R"({"a":"1","b":"x)" + shown + R"(y"})"))
        << name;
  }
}

TEST(CsvItems, QuotesKeepDelimitersNewlinesAndQuotes) {
  EXPECT_THAT(rows("a,b\n\"x,y\",\"1\n2\r\n3\"\n"), ElementsAre("{\"a\":\"x,y\",\"b\":\"1\\n2\\r\\n3\"}"));
  EXPECT_THAT(rows("a,b\n\"say \"\"hi\"\"\",\"\"\n"), ElementsAre(R"({"a":"say \"hi\"","b":""})"));
  EXPECT_THAT(rows("a,b\n\"\"\"x\"\"\",\"\"\"\"\n"), ElementsAre(R"({"a":"\"x\"","b":"\""})"));
  EXPECT_THAT(rows("a,b\n\"x\"y,z\"\n"), ElementsAre(R"({"a":"xy","b":"z\""})"));
  EXPECT_THAT(rows("\"a\n1\",b\n2,3\n"), ElementsAre(R"({"a\n1":"2","b":"3"})"));
  EXPECT_THAT(rows("a\n\"\n\n\"\n"), ElementsAre(R"({"a":"\n\n"})"));
}

TEST(CsvItems, ADoubledQuoteIsOneInAnUnquotedFieldToo) {
  EXPECT_THAT(rows("a,b\n{\"\"MyKey\"\":\"\"MyValue\"\"},1\n"),
              ElementsAre(R"({"a":"{\"MyKey\":\"MyValue\"}","b":"1"})"));
  EXPECT_THAT(rows("a,b\n\"\"x\"\",1\n"), ElementsAre(R"({"a":"\"x\"","b":"1"})"));
}

TEST(CsvItems, BackslashesEscapeOrVanish) {
  EXPECT_THAT(rows("a,b\nC:\\\\dir,x\\,y\n"), ElementsAre(R"({"a":"C:\\dir","b":"x,y"})"));
  EXPECT_THAT(rows("a,b\n\\\"q\\\",\\n\n"), ElementsAre(R"({"a":"\"q\"","b":"n"})"));
  EXPECT_THAT(rows("a,b\n\"in \\\"quotes\\\", too\",1\n"), ElementsAre(R"({"a":"in \"quotes\", too","b":"1"})"));
  EXPECT_THAT(rows("a,b\n1,2\\\n3,4\\\r\n5,6\\"),
              ElementsAre(R"({"a":"1","b":"2"})", R"({"a":"3","b":"4"})", R"({"a":"5","b":"6"})"));
  EXPECT_THAT(rows("a,b\nx\\|y,\\;\n"), ElementsAre(R"({"a":"x|y","b":";"})"));
}

TEST(CsvItems, LineEndsBlankLinesAndAByteOrderMark) {
  EXPECT_THAT(rows("\xEF\xBB\xBF"
                   "a,b\r\n1,2\r\n\r\n\n3,4\r\n"),
              ElementsAre(R"({"a":"1","b":"2"})", R"({"a":"3","b":"4"})"));
  EXPECT_THAT(rows("a,b\n1,\xEF\xBB\xBF\n"), ElementsAre("{\"a\":\"1\",\"b\":\"\xEF\xBB\xBF\"}"));
  EXPECT_THAT(rows("\xEF\xBB\xBF"), IsEmpty());
  EXPECT_THAT(rows("a\nx\ry\n"), ElementsAre(R"({"a":"x\ry"})"));
}

TEST(CsvItems, OfNothingComesNothing) {
  EXPECT_THAT(rows(""), IsEmpty());
  EXPECT_THAT(rows("\n\n"), IsEmpty());
  EXPECT_THAT(rows("a,b\n"), IsEmpty());
  EXPECT_THAT(rows("", given({"a"})), IsEmpty());
}

TEST(CsvItems, TheSameHeaderTwiceIsRefused) {
  const std::string cause = "!CSV headers cannot contain duplicates.";
  EXPECT_THAT(rows("a,b,a\n1,2,3\n"), ElementsAre(cause));
  EXPECT_THAT(rows("1,2,3\n", given({"H1", "H1", "H3"})), ElementsAre(cause));
}

TEST(CsvItems, ALineOrFieldThatIsTooLongIsRefusedWithItsNumber) {
  const std::string line(2000, 'x');
  EXPECT_THAT(rows("a\n1\n" + line + "\n"),
              ElementsAre(R"({"a":"1"})", HasSubstr("line 3 of S3://b/k is longer than 1000")));
  std::string lines;
  for (int i = 0; i < 200; ++i) {
    lines += "0123456789\n";
  }
  EXPECT_THAT(rows("a\n1\n2,\"" + lines), ElementsAre(R"({"a":"1"})", HasSubstr("since line 3 of S3://b/k is longer")));
}

TEST(CsvItems, AQuoteThatIsNotClosedIsNamed) {
  EXPECT_THAT(rows("a\n1\n\"x\ny\n"),
              ElementsAre(R"({"a":"1"})", HasSubstr("open since line 3 of S3://b/k does not end")));
}

TEST(CsvItems, WhatIsNotUtf8IsRefusedWithItsLine) {
  EXPECT_THAT(rows("a\n1\n\xE9t\xE9\n"), ElementsAre(R"({"a":"1"})", HasSubstr("line 3 of S3://b/k is not UTF-8")));
  EXPECT_THAT(rows("a\n\xC3\xA9\xF0\x9F\x98\x80\n"), ElementsAre("{\"a\":\"\xC3\xA9\xF0\x9F\x98\x80\"}"));
}

}  // namespace
}  // namespace lockstep::map_run
