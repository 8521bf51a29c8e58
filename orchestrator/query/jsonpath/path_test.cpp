#include "query/jsonpath/path.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "query/test_environment.hpp"

namespace lockstep::jsonpath {
namespace {

using query::compact;
using query::json;
using testing::HasSubstr;

std::string select(std::string_view path_text, std::string document, Dialect dialect = Dialect::states) {
  const query::Compiled<Path> path = Path::compile(path_text, dialect);
  if (!path) {
    return "invalid: " + path.error().message;
  }
  const tl::expected<Value, Miss> result = path->select(json(std::move(document)));
  return result ? compact(*result) : "miss: " + result.error().detail;
}

std::string place(std::string_view path_text, std::string document, std::string value) {
  const query::Compiled<Path> path = Path::compile(path_text);
  if (!path || !path->is_reference()) {
    return "not a reference path";
  }
  const tl::expected<Value, Miss> result = path->place(json(std::move(document)), json(std::move(value)));
  return result ? compact(*result) : "miss: " + result.error().detail;
}

bool compiles(std::string_view text) {
  return Path::compile(text).has_value();
}

constexpr const char* kCrew = R"({"ship":{"name":"Argo","crew":[
  {"name":"Jason","age":30,"roles":["captain"]},
  {"name":"Orpheus","age":25,"roles":["music","cook"]},
  {"name":"Atalanta","age":28}]},"limit":28,"wanted":["Jason","Orpheus"]})";

TEST(Path, GivesTheValueWhereADefinitePathLeads) {
  EXPECT_EQ(select("$", "[1]"), "[1]");
  EXPECT_EQ(select("$.a.b", R"({"a":{"b":1.50}})"), "1.50");
  EXPECT_EQ(select("$['a']['b c']", R"({"a":{"b c":null}})"), "null");
  EXPECT_EQ(select("$.a[1].b", R"({"a":[0,{"b":"x"}]})"), "\"x\"");
  EXPECT_EQ(select("$[-1]", "[1,2,3]"), "3");
  EXPECT_EQ(select("$.größe.屬性", R"({"größe":{"屬性":1}})"), "1");
  EXPECT_EQ(select("$.a-b", R"({"a-b":1})"), "1");
  EXPECT_EQ(select("$[ \"a\" ]", R"({"a":1})"), "1");
  EXPECT_EQ(select(R"($['it\'s'])", R"({"it's":1})"), "1");
  EXPECT_EQ(select(R"($['\u00e9'])", R"({"é":1})"), "1");
}

TEST(Path, KeepsNumbersAsTheyAreSpelled) {
  EXPECT_EQ(select("$.n", R"({"n":12345678901234567890.10})"), "12345678901234567890.10");
  EXPECT_EQ(select("$.n[*]", R"({"n":[1.0,1E2]})"), "[1.0,1E2]");
}

TEST(Path, SharesTheDocumentInsteadOfCopyingIt) {
  const Value document = json(R"({"a":[")" + std::string(1000, 'x') + R"("]})");
  const Path path = std::move(*Path::compile("$.a"));
  EXPECT_EQ(&path.select(document)->node(), document.node().find("a"));
}

TEST(Path, SaysWhyADefinitePathSelectsNothing) {
  EXPECT_EQ(select("$.x", "{}"), "miss: No results for path: $['x']");
  EXPECT_EQ(select("$.no.such.path", "{}"), "miss: Missing property in path $['no']");
  EXPECT_EQ(select("$.a.b", R"({"a":{}})"), "miss: No results for path: $['a']['b']");
  EXPECT_EQ(select("$.a[3]", R"({"a":[1]})"), "miss: No results for path: $['a'][3]");
  EXPECT_EQ(select("$.a[-2]", R"({"a":[1]})"), "miss: No results for path: $['a'][-2]");
  EXPECT_EQ(select("$.a.b", R"({"a":[{"b":1}]})"),
            "miss: Expected to find an object with property ['b'] in path $['a'] but found 'array'.");
  EXPECT_EQ(select("$.a[0]", R"({"a":{"0":1}})"),
            R"(miss: Filter: [0] can only be applied to arrays. Current context is: {"0":1})");
  EXPECT_EQ(select("$.a[0]", R"({"a":null})"), "miss: The path $['a'] is null");
}

TEST(Path, BeginsWithADollar) {
  for (const char* text : {"", "a", ".a", "@.a", " $.a", "$a b", "$$x", "$1"}) {
    EXPECT_FALSE(compiles(text)) << text;
  }
  EXPECT_EQ(select("a.b", R"({"a":{"b":1}})", Dialect::jayway), "1");
  EXPECT_EQ(select("@.a", R"({"a":1})", Dialect::jayway), "1");
  EXPECT_EQ(select(".a", R"({"a":1})", Dialect::jayway), "[1]");
}

TEST(Path, RefusesWhatDoesNotParse) {
  for (const char* text : {"$.",
                           "$..",
                           "$.a.",
                           "$.a..",
                           "$...a",
                           "$.a b",
                           "$.[a]",
                           "$[a]",
                           "$[]",
                           "$['a",
                           "$['a'",
                           "$['a]",
                           "$.a[",
                           "$.a]",
                           "$[1:2,3]",
                           "$[1 2]",
                           "$[1,,2]",
                           "$['a',]",
                           "$['a' 'b']",
                           "$[*,1]",
                           "$[:]",
                           "$[99999999999]",
                           "$[1:99999999999]",
                           "$[?()]",
                           "$[?(@.a]",
                           "$[?@.a]",
                           "$[?(@.a=1)]",
                           "$[?(true)]",
                           "$[?(@.a == )]",
                           "$[(@.length-1)]",
                           "$.a.nothing()",
                           "$.a.length().b",
                           "$.a.length(",
                           "$..length()",
                           "$.a\\",
                           "$[?(@.a =~ /(/)]",
                           "$[?(@.a == [1,)]"}) {
    EXPECT_FALSE(compiles(text)) << text;
  }
}

TEST(Path, SaysWhereItDoesNotParse) {
  EXPECT_EQ(Path::compile("$.ä[b]").error().position, 3U);
  EXPECT_EQ(Path::compile("$.a[?(@.x ~~ 1)]").error().position, 10U);
  EXPECT_EQ(Path::compile("$[?(ä)]").error().message, "Failed to parse filter: (ä), error on position: 1, char: ä");
}

TEST(Path, ABackslashEscapesACharacterOfAName) {
  EXPECT_EQ(select(R"($.a\.b)", R"({"a.b":1})"), "1");
  EXPECT_EQ(select(R"($.a\[0\])", R"({"a[0]":1})"), "1");
  EXPECT_EQ(select(R"($.a\ b)", R"({"a b":1})"), "1");
  EXPECT_EQ(select(R"($.a\.)", R"({"a.":1})"), "1");
  EXPECT_EQ(select(R"($.a\b)", R"({"a\\b":1})", Dialect::jayway), "1");
}

TEST(Path, StartsAtInputContextOrVariable) {
  query::TestEnvironment environment(R"({"a":1})", R"({"Execution":{"Name":"run"}})");
  environment.set("count_1", R"({"n":[7]})");
  const auto at = [&](std::string_view text) {
    const tl::expected<Value, Miss> result = Path::compile(text)->select(environment);
    return result ? compact(*result) : result.error().detail;
  };
  EXPECT_EQ(at("$.a"), "1");
  EXPECT_EQ(at("$$.Execution.Name"), "\"run\"");
  EXPECT_EQ(at("$$['Execution']"), R"({"Name":"run"})");
  EXPECT_EQ(at("$count_1"), R"({"n":[7]})");
  EXPECT_EQ(at("$count_1.n[0]"), "7");
  EXPECT_EQ(at("$other"), "No results for path: $other");
  EXPECT_EQ(at("$$.Task"), "No results for path: $['Task']");

  const Path variable = std::move(*Path::compile("$größe.n"));
  EXPECT_EQ(variable.root(), Root::variable);
  EXPECT_EQ(variable.variable(), "größe");
  EXPECT_EQ(variable.text(), "$größe.n");
  EXPECT_FALSE(variable.is_whole());
  EXPECT_TRUE(Path::compile("$$")->is_whole());
}

TEST(Path, KnowsReferencePaths) {
  for (const char* text : {"$", "$.a", "$.a[0].b", "$['a']['b:c']", R"($.a\:b)", "$v.x", "$$.x", R"($['*'])"}) {
    EXPECT_TRUE(Path::compile(text)->is_reference()) << text;
  }
  for (const char* text : {"$.a[*]", "$.*", "$..a", "$.a[0,1]", "$.a[0:1]", "$.a[?(@.x)]", "$['a','b']", "$.a@b",
                           "$.a:b", "$.a,b", "$.a?", "$.a.length()"}) {
    const query::Compiled<Path> path = Path::compile(text);
    ASSERT_TRUE(path) << text;
    EXPECT_FALSE(path->is_reference()) << text;
  }
}

TEST(Path, AnIndefinitePathAlwaysGivesAnArray) {
  EXPECT_EQ(select("$.a[*]", R"({"a":[1]})"), "[1]");
  EXPECT_EQ(select("$.item.items[*]", "{}"), "[]");
  EXPECT_EQ(select("$.a[?(@.x)].y", "{}"), "[]");
  EXPECT_EQ(select("$.a[0:2]", R"({"a":"text"})"), "[]");
  EXPECT_EQ(select("$.a[0,1]", R"({"a":{}})"), "[]");
  EXPECT_EQ(select("$..x", "5"), "[]");
  EXPECT_EQ(select("$.a[0:2]", R"({"a":"text"})", Dialect::jayway),
            "miss: Filter: [0:2] can only be applied to arrays. Current context is: \"text\"");
}

TEST(Path, SelectsChildrenInTheirOrder) {
  EXPECT_EQ(select("$.*", R"({"b":1,"a":[2]})"), "[1,[2]]");
  EXPECT_EQ(select("$[*].x", R"([{"x":1},{"y":2},5,{"x":3}])"), "[1,3]");
  EXPECT_EQ(select("$[*]", "7"), "[]");
}

TEST(Path, SlicesClampAndIgnoreTheStep) {
  EXPECT_EQ(select("$[1:3]", "[0,1,2,3]"), "[1,2]");
  EXPECT_EQ(select("$[1:]", "[0,1,2]"), "[1,2]");
  EXPECT_EQ(select("$[:2]", "[0,1,2]"), "[0,1]");
  EXPECT_EQ(select("$[-2:]", "[0,1,2]"), "[1,2]");
  EXPECT_EQ(select("$[:-1]", "[0,1,2]"), "[0,1]");
  EXPECT_EQ(select("$[0:3:2]", "[0,1,2]"), "[0,1,2]");
  EXPECT_EQ(select("$[-2:1]", "[0,1,2]"), "[1,2,0]");  // as the library does: it counts up through zero
  EXPECT_EQ(select("$[-2000000000:2000000000]", "[0,1]"), "[0,1,0,1]");
}

TEST(Path, ANameInBracketsIsMeantWithoutItsEscapesOrElseAsItIsWritten) {
  EXPECT_EQ(select(R"($['a\\"b'])", R"({"a\\\"b":1,"a\\\\\"b":2})"), "1");
  EXPECT_EQ(select(R"($['a\\"b'])", R"({"a\\\\\"b":2})"), "2");
  EXPECT_EQ(select(R"($['a\"b'])", R"({"a\"b":1,"a\\\"b":2})"), "1");
  EXPECT_EQ(select(R"($['a\"b'])", R"({"a\\\"b":2})"), "2");
  EXPECT_EQ(select(R"($["a\"b"].x)", R"({"a\\\"b":{"x":2}})"), "2");
  EXPECT_EQ(select(R"($..['a\"b'])", R"([{"a\\\"b":2},{"a\"b":1}])"), "[2,1]");
  EXPECT_EQ(select(R"($['a\"b','c'])", R"({"a\\\"b":2,"c":3})"), R"({"a\\\"b":2,"c":3})");
  EXPECT_EQ(select(R"($[?(@['a\"b'] == 2)].n)", R"([{"a\\\"b":2,"n":1}])"), "[1]");
  EXPECT_EQ(select(R"($['a\"b'])", R"({"a\\\"b":2})", Dialect::jayway), R"(miss: No results for path: $['a"b'])");
}

TEST(Path, UnionsOfIndicesGiveAnArrayAndOfNamesOneObject) {
  EXPECT_EQ(select("$[2,0,-1,9]", "[0,1,2]"), "[2,0,2]");
  EXPECT_EQ(select("$['a','c']", R"({"c":3,"b":2,"a":1})"), R"({"a":1,"c":3})");
  EXPECT_EQ(select("$['a','x']", R"({"a":1})"), R"({"a":1})");
  EXPECT_EQ(select("$[*]['a','b']", R"([{"a":1,"b":2},{"a":3}])"), R"([{"a":1,"b":2},{"a":3}])");
  EXPECT_EQ(select("$..['a','b']", R"([{"a":1,"b":2},{"a":3}])"), R"([{"a":1,"b":2}])");
  EXPECT_EQ(select("$['a','b'].x", R"({"a":{"x":1},"b":{"x":2}})"), "[1,2]");
}

TEST(Path, DescendsIntoEverything) {
  EXPECT_EQ(select("$..name", kCrew), R"(["Argo","Jason","Orpheus","Atalanta"])");
  EXPECT_EQ(select("$.ship..roles[0]", kCrew), R"(["captain","music"])");
  EXPECT_EQ(select("$..*", "[[1],{\"a\":2}]"), R"([[1],{"a":2},1,2])");
  EXPECT_EQ(select("$..[0]", "[[1,2],[3]]"), "[[1,2],1,3]");
}

TEST(Path, FiltersElementsOrAnObjectItself) {
  EXPECT_EQ(select("$.ship.crew[?(@.age >= 28)].name", kCrew), R"(["Jason","Atalanta"])");
  EXPECT_EQ(select("$.ship[?(@.name == 'Argo')].name", kCrew), R"(["Argo"])");
  EXPECT_EQ(select("$..[?(@.age < $.limit)].name", kCrew), R"(["Orpheus"])");
  EXPECT_EQ(select("$.ship.crew[?(@.age > 0)][0]", kCrew), "[]");  // an index behind a filter applies to each match
  EXPECT_EQ(select("$[?(@ > 1)]", "[1,2,3]"), "[2,3]");
}

TEST(Path, FiltersCombineConditions) {
  EXPECT_EQ(select("$[?(@.a && (@.b || !(@.c)))].n", R"([{"a":1,"n":1},{"a":1,"c":1,"n":2},{"a":0,"b":0,"n":3}])"),
            "[1,3]");
  EXPECT_EQ(select("$[?(!@.a)]", R"([{"a":null},{"b":1}])"), R"([{"b":1}])");
  EXPECT_EQ(select("$[?(@.a)]", R"([{"a":null},{"b":1}])"), R"([{"a":null}])");
  EXPECT_EQ(select("$[?(@[*].a)]", R"([[{"a":1}],[{"b":1}]])"), R"([[{"a":1}]])");
}

TEST(Path, AWordWithoutQuotesIsAStringOnTheRightOfAComparison) {
  constexpr const char* kTags =
      R"([{"Key":"Name","V":1},{"Key":"true","V":2},{"Key":true,"V":3},{"Key":"us-east-1","V":4},
    {"Key":"nameless","V":5}])";
  EXPECT_EQ(select("$[?(@.Key == Name)].V", kTags), "[1]");
  EXPECT_EQ(select("$[?(@.Key==Name && @.V==1)].V", kTags), "[1]");
  EXPECT_EQ(select("$[?(@.Key==Name||@.Key==nameless)].V", kTags), "[1,5]");
  EXPECT_EQ(select("$[?((@.Key == us-east-1))].V", kTags), "[4]");
  EXPECT_EQ(select("$[?(@.Key == true)].V", kTags), "[3]");
  EXPECT_EQ(select("$[?(@.Key != Name)].V", kTags), "[2,3,4,5]");
  EXPECT_EQ(select("$[?(@.Key in [Name, nameless, 'x'])].V", kTags), "[1,5]");
  EXPECT_FALSE(compiles("$[?(Name == @.Key)]"));
  EXPECT_FALSE(compiles("$[?(@.V == 1.2.3)]"));
  EXPECT_FALSE(Path::compile("$[?(@.Key == Name)]", Dialect::jayway));
}

TEST(Path, FiltersCompareByKind) {
  constexpr const char* kValues = R"([0,0.0,"0",null,true,[0],{"a":0}])";
  EXPECT_EQ(select("$[?(@ == 0)]", kValues), R"([0,0.0,"0"])");
  EXPECT_EQ(select("$[?(@ === 0)]", kValues), "[0,0.0]");
  EXPECT_EQ(select("$[?(@ !== 0)]", kValues), R"(["0",null,true,[0],{"a":0}])");
  EXPECT_EQ(select("$[?(@ == null)]", kValues), "[null]");
  EXPECT_EQ(select("$[?(@ == true)]", kValues), "[true]");
  EXPECT_EQ(select("$[?(@ == [0])]", kValues), "[[0]]");
  EXPECT_EQ(select("$[?(@ == {'a':0})]", kValues), R"([{"a":0}])");
  EXPECT_EQ(select("$[?(@ > -1)]", kValues), "[0,0.0]");
  EXPECT_EQ(select("$[?(@ > 'a')]", R"(["a","b",1])"), R"(["b"])");
  EXPECT_EQ(select("$[?(@.x != 1)]", R"([{"x":1},{"x":2},{}])"), R"([{"x":2},{}])");
  EXPECT_EQ(select("$[?(@ == 9007199254740993)]", "[9007199254740992,9007199254740993]"), "[9007199254740993]");
}

TEST(Path, FiltersKnowSets) {
  EXPECT_EQ(select("$.ship.crew[?(@.name in $.wanted)].age", kCrew), "[30,25]");
  EXPECT_EQ(select("$.ship.crew[?(@.name nin ['Jason'])].age", kCrew), "[25,28]");
  EXPECT_EQ(select("$.ship.crew[?(@.roles contains 'cook')].name", kCrew), R"(["Orpheus"])");
  EXPECT_EQ(select("$.ship.crew[?(@.name contains 'as')].name", kCrew), R"(["Jason"])");
  EXPECT_EQ(select("$.ship.crew[?(@.roles size 2)].name", kCrew), R"(["Orpheus"])");
  EXPECT_EQ(select("$.ship.crew[?(@.roles subsetof ['captain','mate'])].name", kCrew), R"(["Jason"])");
  EXPECT_EQ(select("$.ship.crew[?(@.roles anyof ['cook'])].name", kCrew), R"(["Orpheus"])");
  EXPECT_EQ(select("$.ship.crew[?(@.roles noneof ['cook'])].name", kCrew), R"(["Jason"])");
  EXPECT_EQ(select("$.ship.crew[?(@.roles all ['music','cook'])].name", kCrew), R"(["Orpheus"])");
  EXPECT_EQ(select("$[?(@.a empty true)]", R"([{"a":[]},{"a":""},{"a":[1]},{"a":1}])"), R"([{"a":[]},{"a":""}])");
}

TEST(Path, FiltersMatchWholeStrings) {
  EXPECT_EQ(select("$[?(@ =~ /ja.*/i)]", R"(["Jason","ja","aja"])"), R"(["Jason","ja"])");
  EXPECT_EQ(select("$[?(@ =~ /\\d+\\/\\d/)]", R"(["12/3","12"])"), R"(["12/3"])");
  EXPECT_EQ(select("$[?(@ =~ /1./)]", "[12,1]"), "[12]");
  EXPECT_EQ(select("$[?(@ =~ /(a+)+b/)]", "[\"" + std::string(5000, 'a') + "\"]"), "[]");  // bounded backtracking
}

TEST(Path, FunctionsEndAPath) {
  EXPECT_EQ(select("$.a.length()", R"({"a":[1,2]})"), "2");
  EXPECT_EQ(select("$.length()", R"({"a":1,"b":2})"), "2");
  EXPECT_EQ(select("$.a.length()", R"({"a":"text"})"), "null");
  EXPECT_EQ(select("$.a.sum()", R"({"a":[1,2,"x",0.5]})"), "3.5");
  EXPECT_EQ(select("$.a.min()", R"({"a":[3,1]})"), "1");
  EXPECT_EQ(select("$.a.max()", R"({"a":[3,1]})"), "3");
  EXPECT_EQ(select("$.a.avg()", R"({"a":[3,1]})"), "2");
  EXPECT_EQ(select("$.a.stddev()", R"({"a":[2,4]})"), "1");
  EXPECT_EQ(select("$.sum($.a[*], 10)", R"({"a":[3,1]})"), "14");
  EXPECT_EQ(select("$.a.keys()", R"({"a":{"y":1,"x":2}})"), R"(["y","x"])");
  EXPECT_EQ(select("$.a.concat('-', $.b)", R"({"a":["x","y"],"b":"z"})"), R"("xy-z")");
  EXPECT_EQ(select("$.a.append(3)", R"({"a":[1]})"), "[1,3]");
  EXPECT_EQ(select("$.a.first()", R"({"a":[1,2]})"), "1");
  EXPECT_EQ(select("$.a.last()", R"({"a":[1,2]})"), "2");
  EXPECT_EQ(select("$.a.index(-2)", R"({"a":[1,2]})"), "1");
  EXPECT_EQ(select("$..roles.length()", kCrew), "3");
  EXPECT_EQ(select("$.ship.crew[*].roles.length()", kCrew), "[1,2]");
  EXPECT_EQ(select("$[?(@.length() == 2)]", "[[1],[1,2]]"), "[[1,2]]");
  EXPECT_EQ(select("$.a.avg()", R"({"a":[]})"), "miss: No results for path: $['a'].avg()");
}

TEST(Path, GivesUpOnPathsThatVisitTooMuch) {
  std::string deep;
  for (int i = 0; i < 900; ++i) {
    deep += "[";
  }
  deep += std::string(900, ']');
  EXPECT_THAT(select("$..*..*..*..*..*", deep), HasSubstr("visits more than"));
  std::string indices = "$[0";
  for (int i = 0; i < 30000; ++i) {
    indices += ",0";
  }
  EXPECT_THAT(select(indices + "]", "[[" + std::string(9999, '1') + "," + std::string(9999, '1') + "]]"),
              HasSubstr("visits more than"));
}

TEST(Path, BoundsNesting) {
  std::string nested = "@.a";
  for (int i = 0; i < 200; ++i) {
    nested = "(" + nested + ")";
  }
  EXPECT_FALSE(compiles("$[?(" + nested + ")]"));
  std::string filters = "$.a";
  for (int i = 0; i < 200; ++i) {
    filters = "@.a[?(" + filters + ")]";
  }
  EXPECT_FALSE(compiles("$[?(" + filters + ")]"));
  std::string many = "$";
  for (int i = 0; i < 2000; ++i) {
    many += ".a";
  }
  EXPECT_FALSE(compiles(many));
}

TEST(Path, PlacesAResult) {
  EXPECT_EQ(place("$", R"({"a":1})", "5"), "5");
  EXPECT_EQ(place("$.r", R"({"a":1})", "5"), R"({"a":1,"r":5})");
  EXPECT_EQ(place(R"($['a\"b'])", R"({"c":1})", "5"), R"({"c":1,"a\"b":5})");
  EXPECT_EQ(place(R"($['a\"b'])", R"({"a\\\"b":1})", "5"), R"({"a\\\"b":5})");
  EXPECT_EQ(place("$.a", R"({"a":1,"b":2})", "[5]"), R"({"a":[5],"b":2})");
  EXPECT_EQ(place("$.x.y.z", R"({"a":1})", "5"), R"({"a":1,"x":{"y":{"z":5}}})");
  EXPECT_EQ(place("$.a.c", R"({"a":{"b":1}})", "5"), R"({"a":{"b":1,"c":5}})");
  EXPECT_EQ(place("$.a[1]", R"({"a":[1,2,3]})", "5"), R"({"a":[1,5,3]})");
  EXPECT_EQ(place("$.a[0].x.y", R"({"a":[{"b":1}]})", "5"), R"({"a":[{"b":1,"x":{"y":5}}]})");
  EXPECT_EQ(place("$[-1]", "[1,1]", "5"), "[1,5]");
  EXPECT_EQ(place("$.r", R"({"n":1.0})", "2.0"), R"({"n":1.0,"r":2.0})");
}

TEST(Path, CannotPlaceAResultWhereNothingCanHoldIt) {
  EXPECT_EQ(place("$.x", "\"text\"", "5"), "miss: Unable to apply ReferencePath $.x to input \"text\"");
  EXPECT_THAT(place("$.a.x", R"({"a":[1]})", "5"), HasSubstr("Unable to apply ReferencePath $.a.x"));
  EXPECT_THAT(place("$.a[1]", R"({"a":[1]})", "5"), HasSubstr("Unable to apply"));
  EXPECT_THAT(place("$.a[0]", "{}", "5"), HasSubstr("Unable to apply"));
  EXPECT_THAT(place("$.x.y[0]", "{}", "5"), HasSubstr("Unable to apply"));
  EXPECT_EQ(place("$.a[*]", "{}", "5"), "not a reference path");
}

TEST(Path, PlacingKeepsBothValuesAlive) {
  Value whole;
  {
    const Value document = json(R"({"big":[")" + std::string(2000, 'x') + R"("]})");
    const Value value = json("[\"" + std::string(2000, 'y') + "\"]");
    whole = *Path::compile("$.r")->place(document, value);
  }
  EXPECT_EQ(compact(whole), R"({"big":[")" + std::string(2000, 'x') + R"("],"r":[")" + std::string(2000, 'y') + "\"]}");
}

}  // namespace
}  // namespace lockstep::jsonpath
