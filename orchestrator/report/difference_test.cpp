#include "report/difference.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "value/value.hpp"

namespace lockstep::report {
namespace {

using testing::ElementsAre;

std::string first(const std::string& expected, const std::string& actual) {
  const auto difference =
      first_difference(Value::from_text(expected).value().node(), Value::from_text(actual).value().node());
  return difference ? difference->path + ": " + difference->expected + " | " + difference->actual : "equal";
}

std::vector<std::string> lines(const std::string& json) {
  return json_lines(Value::from_text(json).value().node());
}

TEST(Difference, TheFirstPlaceIsNamed) {
  EXPECT_EQ(first(R"({"a":1,"b":[1.0,{"c":null}]})", R"({"b":[1,{"c":null}],"a":1e0})"), "equal");
  EXPECT_EQ(first(R"({"a":1,"b":[1,{"c":null}]})", R"({"b":[1,{"c":0}],"a":1})"), "/b/1/c: null | 0");
  EXPECT_EQ(first(R"({"a/b":{"~":1}})", R"({"a/b":{"~":2}})"), "/a~1b/~0: 1 | 2");
  EXPECT_EQ(first(R"({"a":1,"b":2})", R"({"a":1})"), "/b: 2 | ");
  EXPECT_EQ(first(R"({"a":1})", R"({"a":1,"b":2})"), "/b:  | 2");
  EXPECT_EQ(first("[1,2]", "[1]"), "/1: 2 | ");
  EXPECT_EQ(first("[1]", "[1,[2]]"), "/1:  | [2]");
  EXPECT_EQ(first("[1]", R"({"0":1})"), ": [1] | {\"0\":1}");
  EXPECT_EQ(first("1", "\"1\""), ": 1 | \"1\"");
}

TEST(Difference, EqualValuesAreLaidOutAlike) {
  EXPECT_THAT(
      lines(R"({"b":[],"a":[1,{"x":"y"}]})"),
      ElementsAre("{", "  \"a\": [", "    1,", "    {", "      \"x\": \"y\"", "    }", "  ],", "  \"b\": []", "}"));
  EXPECT_EQ(lines(R"({"b":[1.0,2e1],"a":{}})"), lines(R"({"a":{},"b":[1,20]})"));
  EXPECT_THAT(lines("1e999"), ElementsAre("1e999"));
}

TEST(Difference, LinesThatGoAndComeStandAmongTheirNeighbours) {
  EXPECT_THAT(line_difference({"a", "b", "c", "d", "e", "f", "g"}, {"a", "b", "c", "d", "X", "f", "g"}),
              ElementsAre("…", "  c", "  d", "- e", "+ X", "  f", "  g"));
  EXPECT_THAT(line_difference({"a", "b", "c"}, {"b", "c", "d"}), ElementsAre("- a", "  b", "  c", "+ d"));
  EXPECT_THAT(line_difference({}, {"a"}), ElementsAre("+ a"));
  EXPECT_THAT(line_difference({"a"}, {}), ElementsAre("- a"));
}

TEST(Difference, AnyAmountOfLinesIsShownInFew) {
  std::vector<std::string> expected;
  std::vector<std::string> actual;
  for (int i = 0; i < 10'000; ++i) {
    expected.push_back(std::to_string(i));
    actual.push_back(std::to_string(-i));
  }
  EXPECT_LE(line_difference(expected, actual).size(), 61U);
}

}  // namespace
}  // namespace lockstep::report
