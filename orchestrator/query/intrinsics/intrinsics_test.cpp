#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "query/template.hpp"
#include "query/test_environment.hpp"

namespace lockstep::query {
namespace {

using testing::HasSubstr;
using testing::MatchesRegex;
using testing::StartsWith;

std::string call(std::string_view text, const Environment& environment) {
  const Compiled<ExpressionPtr> expression = compile_intrinsic(text);
  return expression ? outcome(**expression, environment) : "invalid: " + expression.error().message;
}

std::string call(std::string_view text, std::string input = "{}") {
  return call(text, TestEnvironment(std::move(input)));
}

bool fails(std::string_view text, std::string input = "{}") {
  return call(text, std::move(input)).rfind("States.IntrinsicFailure: The function 'States.", 0) == 0;
}

TEST(Intrinsics, TakeLiteralsPathsAndCalls) {
  TestEnvironment environment(R"({"a":{"b":[1,2]}})", R"({"State":{"Name":"S"}})");
  environment.set("v", R"({"w":"x"})");
  EXPECT_EQ(call("States.Array('s', 1, -2.50, true, false, null)", environment), R"(["s",1,-2.50,true,false,null])");
  EXPECT_EQ(call("States.Array($.a.b, $$.State.Name, $v.w, $v)", environment), R"([[1,2],"S","x",{"w":"x"}])");
  EXPECT_EQ(call("States.ArrayGetItem(States.Array(1, States.MathAdd(1, 1)), 1)", environment), "2");
  EXPECT_EQ(call(" States.Array( $.a.b[0] ,\n$['a']['b'][?(@ > 1)] ) ", environment), "[1,[2]]");
  EXPECT_EQ(call("States.Array($.a.b.length(), $['a'])", environment), R"([2,{"b":[1,2]}])");
  EXPECT_EQ(call("States.Array()", environment), "[]");
}

TEST(Intrinsics, UndoEscapes) {
  EXPECT_EQ(call(R"(States.Array('it\'s', '\{\}', '\\'))"), R"(["it's","{}","\\"])");
  EXPECT_EQ(call("States.Array(')', ',', ' ')"), R"x([")",","," "])x");
}

TEST(Intrinsics, RefuseWhatDoesNotParse) {
  for (const char* text : {"",
                           "x",
                           "States.Nothing()",
                           "States.Array",
                           "States.Array(",
                           "States.Array(1",
                           "States.Array(1,",
                           "States.Array(1,)",
                           "States.Array(,1)",
                           "States.Array(1 2)",
                           "States.Array(1))",
                           "States.Array(1) x",
                           "States.Array('a)",
                           "States.Array('a\\')",
                           "States.Array('a\\n')",
                           "States.Array(\"a\")",
                           "States.Array([1])",
                           "States.Array({})",
                           "States.Array(abc)",
                           "States.Array($.a[)",
                           "States.Array(01)",
                           "states.Array()",
                           "States.UUID(1)",
                           "States.UUID",
                           "States.MathAdd(1)",
                           "States.MathAdd(1,2,3)",
                           "States.JsonMerge($, $)",
                           "States.Format()",
                           "States.Hash('a')",
                           "States.MathRandom(1,2,3,4)",
                           "States.ArrayUnique($, $)"}) {
    EXPECT_THAT(call(text), StartsWith("invalid: ")) << text;
  }
}

TEST(Intrinsics, NestTenDeep) {
  const auto nested = [](int depth) {
    std::string text = "1";
    for (int i = 0; i < depth; ++i) {
      text = "States.Array(" + text + ")";
    }
    return text;
  };
  EXPECT_EQ(call(nested(10)), "[[[[[[[[[[1]]]]]]]]]]");
  EXPECT_THAT(call(nested(11)), StartsWith("invalid: "));
  EXPECT_THAT(call(nested(2000)), StartsWith("invalid: "));
}

TEST(Intrinsics, NameThePathThatSelectsNothing) {
  EXPECT_EQ(
      outcome(**compile_template_value("States.Array($.x)", "f.$"), TestEnvironment(R"({"a": 1})")),
      R"(States.Runtime: The JSONPath '$.x' specified for the field 'f.$' could not be found in the input '{"a":1}')");
}

TEST(Intrinsics, SayWhichFunctionFailed) {
  EXPECT_EQ(call("States.Array(States.ArrayLength( 'x' ))"),
            "States.IntrinsicFailure: The function 'States.ArrayLength( 'x' )' had the following error: the argument "
            "must be an "
            "array");
}

TEST(Format, ReplacesPlaceholders) {
  EXPECT_EQ(call("States.Format('{} and {}', 'a', 1.10)"), R"("a and 1.10")");
  EXPECT_EQ(call("States.Format('plain')"), R"("plain")");
  EXPECT_EQ(call("States.Format('{}{}{}', true, null, $.n)", R"({"n":1e3})"), R"("truenull1e3")");
  EXPECT_EQ(call(R"(States.Format('\{"id": "{}"\} \'\\', $.id))", R"({"id":"7"})"), R"("{\"id\": \"7\"} '\\")");
  EXPECT_EQ(
      call(R"(States.Format('{ \{} }', 1))"),
      R"(States.IntrinsicFailure: The function 'States.Format('{ \{} }', 1)' had the following error: the template has fewer placeholders than there are arguments)");
  EXPECT_EQ(call("States.Format($.t, 'x')", R"({"t":"<{}>"})"), R"("<x>")");
  EXPECT_EQ(call("States.Format('{}', '{}')"), R"("{}")");
}

TEST(Format, PrintsContainersAsJavaDoes) {
  EXPECT_EQ(call("States.Format('{}', $)", R"({"Arg1":1,"Arg2":[],"s":"t","n":{"x":null,"y":[1,"a"]}})"),
            R"("{Arg1=1, Arg2=[], s=t, n={x=null, y=[1, a]}}")");
}

TEST(Format, NeedsAsManyArgumentsAsPlaceholders) {
  EXPECT_TRUE(fails("States.Format('{}')"));
  EXPECT_TRUE(fails("States.Format('', 1)"));
  EXPECT_TRUE(fails("States.Format(1)"));
}

TEST(StringToJson, Parses) {
  EXPECT_EQ(call(R"(States.StringToJson('{"a":[1,2.0]}'))"), R"({"a":[1,2.0]})");
  EXPECT_EQ(call("States.StringToJson('')"), "null");
  EXPECT_EQ(call("States.StringToJson('  ')"), "null");
  EXPECT_EQ(call("States.StringToJson('-0')"), "0");
  EXPECT_TRUE(fails("States.StringToJson('{')"));
  EXPECT_TRUE(fails("States.StringToJson(1)"));
}

TEST(JsonToString, WritesCompactTextInOrder) {
  EXPECT_EQ(call("States.JsonToString($)", R"({ "b" : 1.0, "a" : [ "é", null ] })"),
            R"("{\"b\":1.0,\"a\":[\"é\",null]}")");
  EXPECT_EQ(call("States.JsonToString('x')"), R"("\"x\"")");
}

TEST(ArrayPartition, MakesChunks) {
  const std::string input = R"({"l":[1,2,3,4,5],"e":[]})";
  EXPECT_EQ(call("States.ArrayPartition($.l, 2)", input), "[[1,2],[3,4],[5]]");
  EXPECT_EQ(call("States.ArrayPartition($.l, 9)", input), "[[1,2,3,4,5]]");
  EXPECT_EQ(call("States.ArrayPartition($.e, 2)", input), "[]");
  EXPECT_TRUE(fails("States.ArrayPartition($.l, 0)", input));
  EXPECT_TRUE(fails("States.ArrayPartition($.l, -1)", input));
  EXPECT_TRUE(fails("States.ArrayPartition($.l, '2')", input));
  EXPECT_TRUE(fails("States.ArrayPartition('l', 2)", input));
}

TEST(ArrayContains, ComparesDeeply) {
  const std::string input = R"({"l":[1,"a",[1,{"x":2}],null,true],"v":[1.0,{"x":2}]})";
  EXPECT_EQ(call("States.ArrayContains($.l, $.v)", input), "true");
  EXPECT_EQ(call("States.ArrayContains($.l, null)", input), "true");
  EXPECT_EQ(call("States.ArrayContains($.l, '1')", input), "false");
  EXPECT_TRUE(fails("States.ArrayContains('abc', 'a')"));
}

TEST(ArrayRange, IncludesTheEnd) {
  EXPECT_EQ(call("States.ArrayRange(0, 3, 1)"), "[0,1,2,3]");
  EXPECT_EQ(call("States.ArrayRange(1, 9, 2)"), "[1,3,5,7,9]");
  EXPECT_EQ(call("States.ArrayRange(1, 9, 3)"), "[1,4,7]");
  EXPECT_EQ(call("States.ArrayRange(1, 9, 9)"), "[1]");
  EXPECT_EQ(call("States.ArrayRange(3, 0, -2)"), "[3,1]");
  EXPECT_EQ(call("States.ArrayRange(3, 0, 1)"), "[]");
  EXPECT_EQ(call("States.ArrayRange(2, 2, -1)"), "[2]");
}

TEST(ArrayRange, MakesAtMostAThousand) {
  EXPECT_EQ(call("States.ArrayLength(States.ArrayRange(1, 1000, 1))"), "1000");
  EXPECT_TRUE(fails("States.ArrayRange(0, 1000, 1)"));
  EXPECT_TRUE(fails("States.ArrayRange(-9223372036854775808, 9223372036854775807, 1)"));
  EXPECT_EQ(call("States.ArrayRange(-9223372036854775808, 9223372036854775807, 9223372036854775807)"),
            "[-9223372036854775808,-1,9223372036854775806]");
  EXPECT_TRUE(fails("States.ArrayRange(1, 2, 0)"));
  EXPECT_TRUE(fails("States.ArrayRange('1', 2, 1)"));
}

TEST(ArrayGetItem, CountsFromZero) {
  EXPECT_EQ(call("States.ArrayGetItem($, 1)", R"([1,{"a":2}])"), R"({"a":2})");
  EXPECT_TRUE(fails("States.ArrayGetItem($, 2)", "[1,2]"));
  EXPECT_TRUE(fails("States.ArrayGetItem($, -1)", "[1,2]"));
  EXPECT_TRUE(fails("States.ArrayGetItem($, 'a')", "[1,2]"));
}

TEST(ArrayLength, Counts) {
  EXPECT_EQ(call("States.ArrayLength($)", "[1,[2,3]]"), "2");
  EXPECT_TRUE(fails("States.ArrayLength($)", "{}"));
}

TEST(ArrayUnique, KeepsFirstOccurrences) {
  EXPECT_EQ(call("States.ArrayUnique($)", R"([3,1,3.0,"3",{"a":1,"b":2},{"b":2,"a":1},[1],[1],null,null,-0.0,0])"),
            R"([3,1,"3",{"a":1,"b":2},[1],null,-0.0])");
  EXPECT_TRUE(fails("States.ArrayUnique('aa')"));
}

TEST(Base64, GoesBothWays) {
  EXPECT_EQ(call("States.Base64Encode('Data to encode')"), R"("RGF0YSB0byBlbmNvZGU=")");
  EXPECT_EQ(call("States.Base64Encode('')"), R"("")");
  EXPECT_EQ(call("States.Base64Decode('')"), R"("")");
  EXPECT_EQ(call("States.Base64Decode('RGF0YSB0byBlbmNvZGU=')"), R"("Data to encode")");
  EXPECT_EQ(call("States.Base64Decode($)", "\"RGF0YSB0\\r\\nbyBlbmNvZGU\""), R"("Data to encode")");
  EXPECT_EQ(call("States.Base64Decode(States.Base64Encode('größe 屬性 \xF0\x9F\x98\x80'))"),
            "\"größe 屬性 \xF0\x9F\x98\x80\"");
  for (const char* text : {"*", "====", "A", "A===", "AA=A", "/w==", "AA AA"}) {
    EXPECT_TRUE(fails(fmt::format("States.Base64Decode('{}')", text))) << text;
  }
  EXPECT_TRUE(fails("States.Base64Encode(1)"));
}

TEST(Base64, TakesTenThousandCharacters) {
  const auto text = [](std::size_t size) {
    std::string characters;
    for (std::size_t i = 0; i < size; ++i) {
      characters += "é";
    }
    return "\"" + characters + "\"";
  };
  EXPECT_FALSE(fails("States.Base64Encode($)", text(10'000)));
  EXPECT_TRUE(fails("States.Base64Encode($)", text(10'001)));
  EXPECT_FALSE(fails("States.Hash($, 'MD5')", text(10'000)));
  EXPECT_TRUE(fails("States.Hash($, 'MD5')", text(10'001)));
}

TEST(Hash, KnowsFiveAlgorithms) {
  EXPECT_EQ(call("States.Hash('input data', 'MD5')"), R"("812f45842bc6d66ee14572ce20db8e86")");
  EXPECT_EQ(call("States.Hash('input data', 'SHA-1')"), R"("aaff4a450a104cd177d28d18d74485e8cae074b7")");
  EXPECT_EQ(call("States.Hash('abc', 'SHA-256')"),
            R"("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")");
  EXPECT_EQ(call("States.Hash('', 'SHA-384')").size(), 98U);
  EXPECT_EQ(call("States.Hash('', 'SHA-512')").size(), 130U);
  EXPECT_EQ(call("States.Hash($, 'MD5')", R"({ "a": 1 })"), call(R"(States.Hash('\{"a":1\}', 'MD5'))"));
  EXPECT_TRUE(fails("States.Hash('a', 'md5')"));
  EXPECT_TRUE(fails("States.Hash('a', 1)"));
}

TEST(JsonMerge, IsShallowAndTheRightWins) {
  const std::string input = R"({"a":{"x":{"p":1},"y":1},"b":{"z":2,"x":{"q":2}}})";
  EXPECT_EQ(call("States.JsonMerge($.a, $.b, false)", input), R"({"x":{"q":2},"y":1,"z":2})");
  EXPECT_THAT(call("States.JsonMerge($.a, $.b, true)", input), HasSubstr("only shallow merging"));
  EXPECT_THAT(call("States.JsonMerge($.a, 1, true)", input), HasSubstr("must be JSON objects"));
  EXPECT_TRUE(fails("States.JsonMerge($.a, $.b, 'false')", input));
}

TEST(MathAdd, RoundsHalfUpFirst) {
  EXPECT_EQ(call("States.MathAdd(1.49, 1.5)"), "3");
  EXPECT_EQ(call("States.MathAdd(-1.5, 0)"), "-1");
  EXPECT_EQ(call("States.MathAdd(-1.51, 0)"), "-2");
  EXPECT_EQ(call("States.MathAdd(0.5, -0.5)"), "1");
  EXPECT_EQ(call("States.MathAdd(2147483646, 1)"), "2147483647");
  EXPECT_TRUE(fails("States.MathAdd(2147483647, 1)"));
  EXPECT_TRUE(fails("States.MathAdd(1e30, 1)"));
  EXPECT_TRUE(fails("States.MathAdd('1', 1)"));
}

TEST(MathRandom, IsWithinItsRange) {
  TestEnvironment environment;
  environment.random_bits = 0;
  EXPECT_EQ(call("States.MathRandom(-5, 5)", environment), "-5");
  environment.random_bits = ~std::uint64_t{0};
  EXPECT_EQ(call("States.MathRandom(-5, 5)", environment), "4");
  EXPECT_EQ(call("States.MathRandom(-2147483648, 2147483647)", environment), "2147483646");
  EXPECT_EQ(call("States.MathRandom(12.5, 14.49)", environment), "13");
  EXPECT_TRUE(fails("States.MathRandom(5, 5)"));
  EXPECT_TRUE(fails("States.MathRandom('a', 5)"));
}

TEST(MathRandom, GivesTheSameNumberForTheSameSeed) {
  // What java.util.Random(seed).nextInt(100) gives: of 42, whose first 32 bits are -1170105035, and of 0.
  EXPECT_EQ(call("States.MathRandom(0, 100, 42)"), "30");
  EXPECT_EQ(call("States.MathRandom(0, 100, 0)"), "60");
  TestEnvironment environment;
  environment.random_bits = 12345;
  EXPECT_EQ(call("States.MathRandom(0, 100, 0)", environment), "60");
  EXPECT_EQ(call("States.MathRandom(-2147483648, 2147483647, 7)"),
            call("States.MathRandom(-2147483648, 2147483647, 7)"));
}

TEST(StringSplit, SplitsAtAnyOfTheCharactersAndDropsEmptyPieces) {
  EXPECT_EQ(call("States.StringSplit('This.is+a,test=string', '.+,=')"), R"(["This","is","a","test","string"])");
  EXPECT_EQ(call("States.StringSplit(',,,,', ',')"), "[]");
  EXPECT_EQ(call("States.StringSplit('', ',')"), "[]");
  EXPECT_EQ(call("States.StringSplit('abc', '')"), R"(["abc"])");
  EXPECT_EQ(call("States.StringSplit('aébücé', 'éü')"), R"(["a","b","c"])");
  EXPECT_TRUE(fails("States.StringSplit(1, ',')"));
  EXPECT_TRUE(fails("States.StringSplit('a', 1)"));
}

TEST(Uuid, IsAVersionFourUuidOfTheGivenBits) {
  TestEnvironment environment;
  environment.random_bits = 0xFEDCBA9876543210U;
  EXPECT_EQ(call("States.UUID()", environment), R"("fedcba98-7654-4210-bedc-ba9876543210")");
}

TEST(Intrinsics, BoundTheirResults) {
  const std::string megabyte = "\"" + std::string(1 << 20, 'x') + "\"";
  std::string format = "States.Format('";
  std::string arguments;
  for (int i = 0; i < 100; ++i) {
    format += "{}";
    arguments += ", $";
  }
  EXPECT_TRUE(fails(format + "'" + arguments + ")", megabyte));
}

}  // namespace
}  // namespace lockstep::query
