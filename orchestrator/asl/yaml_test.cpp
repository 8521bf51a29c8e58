#include <gtest/gtest.h>

#include "asl/parser.hpp"

namespace lockstep::asl {
namespace {

std::string converted(std::string_view yaml) {
  const Result<std::string> json = yaml_to_json(yaml);
  return json.has_value() ? *json : "error: " + json.error().message;
}

TEST(Yaml, TypesPlainScalarsByTheCoreSchema) {
  EXPECT_EQ(converted("[null, ~, Null, true, True, FALSE]"), "[null,null,null,true,true,false]");
  EXPECT_EQ(converted("[1, -12, +3, 007, 0x1F, 0o17]"), "[1,-12,3,7,31,15]");
  EXPECT_EQ(converted("[1.5, .5, 2., -1e3, 1.0E-7, 123456789012345678901234567890]"),
            "[1.5,0.5,2.0,-1e3,1.0e-7,123456789012345678901234567890]");
  EXPECT_EQ(converted("a:\nb: ''"), R"({"a":null,"b":""})");
}

TEST(Yaml, NamesTheLineThatIsIndentedWithATab) {
  EXPECT_EQ(converted("StartAt: A\nStates:\n\tA:\n\t\tType: Pass\n"),
            "error: YAML, line 3: indented with a tab; YAML takes blanks only");
  EXPECT_EQ(converted("a:\n  b: 1\n  \tc: 2\n"), "error: YAML, line 3: indented with a tab; YAML takes blanks only");
  EXPECT_EQ(converted("a:\t1\nb:\n  - [\n\t2]"), R"({"a":1,"b":[[2]]})");
  EXPECT_EQ(converted("a: {\n\tb: 1}\n\n\n\nc: ]").find("tab"), std::string::npos) << "far from the tab";
}

TEST(Yaml, LeavesEverythingElseText) {
  EXPECT_EQ(converted("[yes, no, on, off, y, 1_000, 1:30, 2026-01-01, 2026-01-01T00:00:00Z, 0b1, ., -, e3]"),
            R"(["yes","no","on","off","y","1_000","1:30","2026-01-01","2026-01-01T00:00:00Z","0b1",".","-","e3"])");
  EXPECT_EQ(converted(R"(['1', "true", '~', !!str 5])"), R"(["1","true","~","5"])");
  EXPECT_EQ(converted("a: |\n  one\n  two\nb: >-\n  one\n  two\n"), R"({"a":"one\ntwo\n","b":"one two"})");
  EXPECT_EQ(converted("r: !GetAtt Function.Arn"), R"({"r":"Function.Arn"})");
}

TEST(Yaml, KeepsTheOrderOfKeysAndTakesThemAsText) {
  EXPECT_EQ(converted("z: 1\na: 2\n3: c\ntrue: d"), R"({"z":1,"a":2,"3":"c","true":"d"})");
  EXPECT_EQ(converted("? [a]\n: b").substr(0, 6), "error:");
}

TEST(Yaml, ExpandsAliasesAndMergeKeys) {
  EXPECT_EQ(converted("a: &x {n: 1}\nb: *x"), R"({"a":{"n":1},"b":{"n":1}})");
  EXPECT_EQ(converted("base: &b {n: 1, m: 2}\nc:\n  <<: *b\n  n: 3"), R"({"base":{"n":1,"m":2},"c":{"n":3,"m":2}})");
  EXPECT_EQ(converted("- &a {k: 1}\n- &b {k: 2, l: 2}\n- <<: [*a, *b]\n  o: 3"),
            R"([{"k":1},{"k":2,"l":2},{"o":3,"k":1,"l":2}])");
  EXPECT_EQ(converted("{'<<': 1}"), R"({"<<":1})");
  EXPECT_EQ(converted("{<<: 1}").substr(0, 6), "error:");
}

TEST(Yaml, RefusesWhatGrowsWithoutBound) {
  std::string laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  std::string merges = "m0: &m0 {}\n";
  for (int i = 1; i < 40; ++i) {
    const std::string before = std::to_string(i - 1);
    laughs += "a" + std::to_string(i) + ": &a" + std::to_string(i);
    merges += "m" + std::to_string(i) + ": &m" + std::to_string(i) + " {<<: [*m" + before + ", *m" + before + "]}\n";
    laughs += " [*a" + before + ", *a" + before + ", *a" + before + "]\n";
  }
  EXPECT_NE(converted(laughs).find("too large once its aliases are expanded"), std::string::npos);
  EXPECT_NE(converted(merges).find("too large once its aliases are expanded"), std::string::npos);
  EXPECT_NE(converted("&a [*a]").find("nested more than"), std::string::npos);
  EXPECT_EQ(converted(std::string(100'000, '[')).substr(0, 6), "error:");
  EXPECT_EQ(converted(std::string(9 << 20, ' ')).substr(0, 6), "error:");
  EXPECT_EQ(converted("{\n a},\n b: {\n c: \"d\"\n  e}, f\n}").substr(0, 6),
            "error:");  // endless documents for yaml-cpp
  EXPECT_EQ(converted("a: \xFF"), "error: YAML: the text is not UTF-8");
}

TEST(Yaml, SaysWhereItIsWrong) {
  EXPECT_EQ(converted("a: 1\nb: [1,\n").substr(0, 19), "error: YAML, line 3");
  EXPECT_EQ(converted("a: .nan"), "error: YAML, line 1, column 4: '.nan' cannot be said in JSON");
  EXPECT_EQ(converted("a: !!int x"), "error: YAML, line 1, column 4: the value is tagged !!int, but is none");
  EXPECT_EQ(converted("a: 1\n---\nb: 2").substr(0, 6), "error:");
  EXPECT_EQ(converted(""), "null");
}

TEST(Yaml, GivesADefinitionThatParses) {
  const Result<std::string> json = yaml_to_json(
      "Version: 1.0\nStartAt: Hold\nStates:\n  Hold:\n    Type: Wait\n    Timestamp: 2026-01-01T00:00:00Z\n    End: "
      "true\n");
  ASSERT_TRUE(json.has_value());
  EXPECT_NE(parse_definition(*json).machine, nullptr);
}

}  // namespace
}  // namespace lockstep::asl
