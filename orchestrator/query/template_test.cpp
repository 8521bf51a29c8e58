#include "query/template.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "query/test_environment.hpp"

namespace lockstep::query {
namespace {

std::string fill(std::string text, const Environment& environment) {
  const tl::expected<ExpressionPtr, TemplateProblem> compiled = compile_template(json(std::move(text)));
  return compiled ? outcome(**compiled, environment) : "invalid: " + compiled.error().message;
}

std::string fill(std::string text, std::string input) {
  return fill(std::move(text), TestEnvironment(std::move(input)));
}

TEST(Template, ReplacesValuesUnderKeysWithTheSuffix) {
  EXPECT_EQ(
      fill(R"x({"b.$":"$.x","a":{"c":[1,{"d.$":"$.y[0]"}]},"e.$":"States.Array($.x)"})x", R"({"x":"v","y":[2.50]})"),
      R"({"a":{"c":[1,{"d":2.50}]},"b":"v","e":["v"]})");
  EXPECT_EQ(fill(R"([{"a.$":"$"}])", "5"), R"([{"a":5}])");
}

TEST(Template, ReadsContextAndVariables) {
  TestEnvironment environment("{}", R"({"Execution":{"Id":"arn"}})");
  environment.set("n", "[1,2]");
  EXPECT_EQ(fill(R"({"id.$":"$$.Execution.Id","n.$":"$n","first.$":"$n[0]"})", environment),
            R"({"id":"arn","n":[1,2],"first":1})");
}

// As recorded: what is computed comes last, in the order of a Java HashMap.
TEST(Template, OrdersItsMembersAsAwsDoes) {
  EXPECT_EQ(fill(R"x({"Iterations.$":"States.MathAdd($.n, -1)","Values.$":"$.v"})x", R"({"n":2,"v":[]})"),
            R"({"Values":[],"Iterations":1})");
  EXPECT_EQ(fill(R"({"b.$":"$","z":0,"deep":{"encoded.$":"$","decoded.$":"$"},"c":1})", "5"),
            R"({"z":0,"deep":{"decoded":5,"encoded":5},"c":1,"b":5})");
  // With the thirteenth the map has 32 buckets instead of 16.
  std::string members;
  std::string expected;
  for (const char* key : {"context_object", "execution", "execution_id", "execution_input", "execution_name",
                          "execution_rolearn", "execution_starttime", "state", "state_enteredtime", "state_name",
                          "statemachine", "statemachine_id", "statemachine_name"}) {
    members += fmt::format(R"({}"{}.$":"$")", members.empty() ? "" : ",", key);
  }
  for (const char* key : {"execution", "execution_rolearn", "execution_name", "statemachine_id", "execution_id",
                          "execution_input", "execution_starttime", "state_name", "state_enteredtime", "statemachine",
                          "state", "context_object", "statemachine_name"}) {
    expected += fmt::format(R"({}"{}":0)", expected.empty() ? "" : ",", key);
  }
  EXPECT_EQ(fill("{" + members + "}", "0"), "{" + expected + "}");
  // A key's hash is that of its UTF-16.
  EXPECT_EQ(fill(R"({"größe.$":"$","a.$":"$","😀.$":"$"})", "0"), R"({"a":0,"größe":0,"😀":0})");
}

TEST(Template, LeavesEverythingElseAsItIs) {
  EXPECT_EQ(
      fill(R"x({"a":"$.x","b":"States.UUID()","c":"{% $x %}","$":1,"d$":"$.x","n":1.0,"x.$":"$.x"})x", R"({"x":0})"),
      R"x({"a":"$.x","b":"States.UUID()","c":"{% $x %}","$":1,"d$":"$.x","n":1.0,"x":0})x");
}

TEST(Template, WithoutSuffixesIsALiteral) {
  const Value owner = json(R"({"a": [1]})");
  EXPECT_TRUE((*compile_template(owner))->evaluate(TestEnvironment())->same(owner));
}

TEST(Template, SharesItsLiteralPartsAndTheInput) {
  const std::string large = "[\"" + std::string(1000, 'x') + "\"]";
  const ExpressionPtr expression = *compile_template(json(R"({"literal":)" + large + R"(,"input.$":"$.a"})"));
  const TestEnvironment environment(R"({"a":)" + large + "}");
  const Value first = *expression->evaluate(environment);
  const Value second = *expression->evaluate(environment);
  EXPECT_EQ(first.node().find("literal"), second.node().find("literal"));
  EXPECT_EQ(first.node().find("input"), environment.input.node().find("a"));
}

TEST(Template, AnIndefinitePathWithoutAMatchIsAnEmptyArray) {
  EXPECT_EQ(fill(R"({"a.$":"$.item.items[*]","b.$":"$..x"})", "{}"), R"({"a":[],"b":[]})");
}

TEST(Template, NamesTheFieldOfAMiss) {
  EXPECT_EQ(
      fill(R"({"deep":{"value.$":"$.no.such"}})", R"({ "a" : [1, 2] })"),
      "States.Runtime: The JSONPath '$.no.such' specified for the field 'value.$' could not be found in the input "
      "'{\"a\":[1,2]}'");
  EXPECT_EQ(fill(R"({"value.$":"$$.Execution.Nothing"})", "1"),
            "States.Runtime: The JSONPath '$$.Execution.Nothing' specified for the field 'value.$' could not be found "
            "in the input "
            "'1'");
  EXPECT_EQ(
      fill(R"({"value.$":"$unset.x"})", "{}"),
      "States.Runtime: The JSONPath '$unset.x' specified for the field 'value.$' could not be found in the input '{}'");
}

TEST(Template, RefusesWhatIsNeitherPathNorCall) {
  for (const char* value : {"\"\"", "\"x\"", "\"$.\"", "\"$.a[\"", "\"States.Nothing()\"", "\"States.Array('a\\\\')\"",
                            "1", "null", "{}", "[\"$.a\"]"}) {
    const auto compiled = compile_template(json(fmt::format(R"({{"a":[{{"ctx.$":{}}}]}})", value)));
    ASSERT_FALSE(compiled) << value;
    EXPECT_EQ(compiled.error().field, "ctx.$");
    EXPECT_EQ(compiled.error().message,
              "The value for the field 'ctx.$' must be a valid JSONPath or a valid intrinsic function call");
  }
}

TEST(Template, RefusesAKeyThatIsGivenTwice) {
  const auto compiled = compile_template(json(R"({"a":1,"b":{"c":1,"c.$":"$"}})"));
  ASSERT_FALSE(compiled);
  EXPECT_EQ(compiled.error().field, "c.$");
  EXPECT_EQ(compiled.error().message, "The field 'c' is given twice: as 'c' and as 'c.$'");
}

TEST(PathField, SaysInvalidPath) {
  EXPECT_EQ(outcome(**compile_path("$.a"), TestEnvironment(R"({"a":1})")), "1");
  EXPECT_EQ(outcome(**compile_path("$.x"), TestEnvironment()),
            "States.Runtime: Invalid path '$.x' : No results for path: $['x']");
  EXPECT_EQ(outcome(**compile_path("$.no.such.result.path"), TestEnvironment()),
            "States.Runtime: Invalid path '$.no.such.result.path' : Missing property in path $['no']");
  EXPECT_FALSE(compile_path("x"));
  EXPECT_FALSE(compile_path("States.UUID()"));
}

TEST(TemplateValue, IsAPathOrACall) {
  EXPECT_EQ(outcome(**compile_template_value("States.Format('E{}', $.n)", "ErrorPath"), TestEnvironment(R"({"n":1})")),
            "\"E1\"");
  EXPECT_EQ(
      outcome(**compile_template_value("$.x", "ErrorPath"), TestEnvironment()),
      "States.Runtime: The JSONPath '$.x' specified for the field 'ErrorPath' could not be found in the input '{}'");
  EXPECT_FALSE(compile_template_value("text", "ErrorPath"));
}

}  // namespace
}  // namespace lockstep::query
