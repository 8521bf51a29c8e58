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
using testing::StartsWith;

using Texts = std::vector<std::string>;

constexpr const char* kNotIterable = "!Attempting to map over non-iterable node.";

/// Whatever the size of the blocks, it is the same.
Texts items(const std::string& text, const std::string& pointer = "") {
  const Texts whole = all_of(json_items(text_in_blocks(text, 4096), pointer));
  for (const std::size_t block : {1U, 2U, 3U, 7U}) {
    EXPECT_EQ(all_of(json_items(text_in_blocks(text, block), pointer)), whole) << "blocks of " << block;
  }
  return whole;
}

TEST(JsonItems, ElementsOfTheRoot) {
  EXPECT_THAT(items(R"( [1, "a\"],[\\", {"b" : [2, {}]},null , true,-1e3,[]] )"),
              ElementsAre("1", R"("a\"],[\\")", R"({"b" : [2, {}]})", "null", "true", "-1e3", "[]"));
  EXPECT_THAT(items("[]"), IsEmpty());
  EXPECT_THAT(items("\xEF\xBB\xBF[ ]\r\n"), IsEmpty());
  EXPECT_THAT(items(R"([["from-bucket-item-0"]])"), ElementsAre(R"(["from-bucket-item-0"])"));
}

TEST(JsonItems, WhatIsNoListIsRefusedInTheWordsOfAws) {
  EXPECT_THAT(items(R"({"Hello": "world"})"), ElementsAre(kNotIterable));
  EXPECT_THAT(items("\"text\""), ElementsAre(kNotIterable));
  EXPECT_THAT(items("7"), ElementsAre(kNotIterable));
  EXPECT_THAT(items(R"({"a":7})", "/a"), ElementsAre(kNotIterable));
}

TEST(JsonItems, APointerLeadsToAnArrayOrAnObject) {
  const std::string text = R"({"x":[1,{"y":"]}"}],"a/b":{"~":[[0],[5,6]]},"z":{"k":1,"l":{"m":2}}})";
  EXPECT_THAT(items(text, "/a~1b/~0/1"), ElementsAre("5", "6"));
  EXPECT_THAT(items(text, "/z"), ElementsAre(R"({"Key":"k","Value":1})", R"({"Key":"l","Value":{"m":2}})"));
  EXPECT_THAT(items(text, "/x/1"), ElementsAre(R"({"Key":"y","Value":"]}"})"));
  EXPECT_THAT(items(R"({"\u0061":[1]})", "/a"), ElementsAre("1"));
  EXPECT_THAT(items(R"({"":[1]})", "/"), ElementsAre("1"));
}

TEST(JsonItems, APointerThatLeadsNowhereIsNamed) {
  for (const char* pointer : {"/b", "/a/7", "/a/01", "/a/x", "/a/0/b", "/a/-1", "/a/99999999999999999999"}) {
    EXPECT_THAT(items(R"({"a":[1,[2]]})", pointer),
                ElementsAre(AllOf(StartsWith(kNotIterable), HasSubstr(pointer), HasSubstr("nowhere in S3://b/k"))));
  }
}

TEST(JsonItems, AMembersNameIsTheItemsKey) {
  auto source = json_items(text_in_blocks(R"({"o":{"\u00e9":[1]}})", 4), "/o").value();
  const Item item = source->next().value().value();
  EXPECT_EQ(item.key, "\xC3\xA9");
  EXPECT_EQ(item.source, "S3://b/k");
  EXPECT_FALSE(source->next().value().has_value());
  EXPECT_FALSE(source->next().value().has_value());
}

TEST(JsonItems, HalfATextIsRefused) {
  const std::string whole = R"({"p":{"q":1},"a":[{"b":"c\n"},[2],3],"z":[4,{"y":"x"}]})";
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_THAT(items(whole.substr(0, size), "/a").back(), AllOf(StartsWith("!"), HasSubstr("S3://b/k"))) << size;
  }
  EXPECT_THAT(items(whole, "/a"), ElementsAre(R"({"b":"c\n"})", "[2]", "3"));
  EXPECT_THAT(items(""), ElementsAre(HasSubstr("No content")));
}

TEST(JsonItems, WhatIsWrongIsNamedWithItsByte) {
  EXPECT_THAT(items("[1,2x,3]"), ElementsAre("1", AllOf(HasSubstr("S3://b/k is not JSON"), HasSubstr("(byte 4)"))));
  EXPECT_THAT(items("[1,,3]"), ElementsAre("1", HasSubstr("a value is missing (byte 3)")));
  EXPECT_THAT(items("[1,]"), ElementsAre("1", HasSubstr("a value is missing (byte 3)")));
  EXPECT_THAT(items("[1 2]"), ElementsAre("1", HasSubstr("',' is missing (byte 3)")));
  EXPECT_THAT(items("[[1}]"), ElementsAre(HasSubstr("is not JSON")));
  EXPECT_THAT(items("[\"\xFF\"]"), ElementsAre(HasSubstr("Invalid UTF-8")));
  EXPECT_THAT(items("[1] [2]"), ElementsAre("1", HasSubstr("something stands behind its end (byte 4)")));
  EXPECT_THAT(items({"[1]\0", 4}), ElementsAre("1", HasSubstr("something stands behind its end (byte 3)")));
  EXPECT_THAT(items({"\0[1]", 4}), ElementsAre(HasSubstr("CTRL-CHAR, code 0")));
  EXPECT_THAT(items("hello"), ElementsAre(HasSubstr("Unrecognized token 'hello'")));
  EXPECT_THAT(items(R"({"a":[1],"b":[}})", "/a"), ElementsAre("1", HasSubstr("a bracket that does not belong")));
  EXPECT_THAT(items(R"({"a":[1],7:8})", "/a"), ElementsAre("1", HasSubstr("a member's name is missing")));
  EXPECT_THAT(items(R"({"a":[1]]})", "/a"), ElementsAre("1", HasSubstr("',' is missing")));
}

TEST(JsonItems, AnItemThatIsTooLargeOrTooDeepIsRefused) {
  EXPECT_THAT(items("[1,\"" + std::string(2000, 'x') + "\"]"),
              ElementsAre("1", HasSubstr("the value at byte 3 of S3://b/k is longer than 1000 bytes")));
  const std::string deep(1001, '[');
  EXPECT_THAT(all_of(json_items(text_in_blocks("[" + deep, 100, 5000), "")), ElementsAre(HasSubstr("nesting depth")));
  EXPECT_THAT(items("{\"x\":" + deep, "/a"), ElementsAre(HasSubstr("nests too deep")));
}

TEST(JsonItems, WhatIsPassedOverMayBeOfAnySize) {
  EXPECT_THAT(
      items("{\"x\":[\"" + std::string(5000, 'x') + "\"],\"a\":[1],\"y\":\"" + std::string(5000, 'y') + "\"}", "/a"),
      ElementsAre("1"));
}

}  // namespace
}  // namespace lockstep::map_run
