// Definitions in JSONata: what is compiled where, and what is refused at which place.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "asl/parser.hpp"

namespace lockstep::asl {
namespace {

class JsonataEnvironment final : public query::Environment {
 public:
  explicit JsonataEnvironment(const std::string& json) { input = *Value::from_text(json); }
  const Value& context() const override { return context_; }
  std::uint64_t random() const override { return 0; }

 private:
  Value context_ = Value::empty_object();
};

/// A machine in JSONata with `states` in it, the first of which is S.
ParsedDefinition parsed_jsonata(const std::string& states) {
  return parse_definition(R"({"QueryLanguage":"JSONata","StartAt":"S","States":{)" + states + "}}");
}

std::vector<std::string> found(const std::string& states) {
  std::vector<std::string> list;
  for (const Diagnostic& diagnostic : parsed_jsonata(states).diagnostics) {
    list.push_back(diagnostic.code + " @ " + diagnostic.location + ": " + diagnostic.message);
  }
  return list;
}

std::string unsupported(const std::string& location, const std::string& message) {
  return "UNSUPPORTED_JSONATA_EXPRESSION @ " + location + ": " + message;
}

TEST(JsonataDefinition, RefusesReferencesToAnInputThatIsNotThere) {
  EXPECT_THAT(found(R"("S":{"Type":"Pass","Output":{"v":"{% phone %}"},"End":true})"),
              testing::ElementsAre(
                  unsupported("/States/S/Output/v", "Reference to 'phone' at the top level is not supported.")));
  EXPECT_THAT(found(R"("S":{"Type":"Pass","Assign":{"v":["{% $$.a %}"]},"End":true})"),
              testing::ElementsAre(unsupported("/States/S/Assign/v[0]", "Reference to '$$' is not supported.")));
}

TEST(JsonataDefinition, SaysWhereAnExpressionDoesNotParse) {
  EXPECT_THAT(found(R"("S":{"Type":"Task","Resource":"job:a","Arguments":{"a":{"b":"{% 1 + %}"}},"End":true})"),
              testing::ElementsAre(testing::StartsWith("INVALID_JSONATA_EXPRESSION @ /States/S/Arguments/a/b: ")));
  EXPECT_THAT(
      found(R"("S":{"Type":"Choice","Choices":[{"Condition":"{% ( %}","Next":"E"}]},"E":{"Type":"Succeed"})"),
      testing::ElementsAre(testing::StartsWith("INVALID_JSONATA_EXPRESSION @ /States/S/Choices[0]/Condition: ")));
}

TEST(JsonataDefinition, KnowsWhereResultAndErrorOutputExist) {
  EXPECT_NE(parsed_jsonata(R"("S":{"Type":"Task","Resource":"job:a","Output":"{% $states.result %}",
                      "Assign":{"r":"{% $states.result.x %}"},"Catch":[{"ErrorEquals":["States.ALL"],"Next":"E",
                      "Output":"{% $states.errorOutput.Error %}","Assign":{"e":"{% $states.errorOutput %}"}}],
                      "End":true},"E":{"Type":"Succeed"})")
                .machine,
            nullptr);
  EXPECT_THAT(found(R"("S":{"Type":"Task","Resource":"job:a","Arguments":"{% $states.result %}",
                       "Output":"{% $states.errorOutput %}","End":true})"),
              testing::ElementsAre(unsupported("/States/S/Arguments", "Field '$states.result' does not exist."),
                                   unsupported("/States/S/Output", "Field '$states.errorOutput' does not exist.")));
  EXPECT_THAT(found(R"("S":{"Type":"Task","Resource":"job:a","Catch":[{"ErrorEquals":["States.ALL"],"Next":"E",
                       "Output":"{% $states.result %}"}],"End":true},"E":{"Type":"Succeed"})"),
              testing::ElementsAre(unsupported("/States/S/Catch[0]/Output", "Field '$states.result' does not exist.")));
}

TEST(JsonataDefinition, CompilesEveryFieldThatTakesAnExpression) {
  const ParsedDefinition result = parsed_jsonata(R"(
    "S":{"Type":"Map","Items":"{% $states.input.items %}","ItemSelector":{"i":"{% $states.context.Map.Item.Value %}"},
      "MaxConcurrency":"{% $n %}","ToleratedFailureCount":"{% 2 %}","ToleratedFailurePercentage":12.5,
      "ItemReader":{"Resource":"arn:aws:states:::s3:getObject","Arguments":{"Bucket":"{% $bucket %}"},
        "ReaderConfig":{"InputType":"JSON","MaxItems":"{% 5 %}"}},
      "ItemBatcher":{"MaxItemsPerBatch":"{% 10 %}","BatchInput":{"a":"{% $batch %}"}},
      "ResultWriter":{"Resource":"arn:aws:states:::s3:putObject","Arguments":{"Bucket":"{% $bucket %}"}},
      "ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},"StartAt":"T","States":{
        "T":{"Type":"Task","Resource":"job:a","TimeoutSeconds":"{% $t %}","HeartbeatSeconds":5,"End":true,
          "Credentials":{"RoleArn":"{% $role %}"}}}},
      "Next":"W"},
    "W":{"Type":"Wait","Timestamp":"{% $now() %}","Next":"V"},
    "V":{"Type":"Wait","Seconds":"{% 5 %}","Next":"F"},
    "F":{"Type":"Fail","Error":"{% $e %}","Cause":"plain"})");
  ASSERT_NE(result.machine, nullptr) << result.diagnostics.front().message << result.diagnostics.front().location;
  const std::vector<State>& states = result.machine->states;
  EXPECT_EQ(std::get<Task>(states[1].detail).timeout_seconds->path, "");
  EXPECT_EQ(std::get<Wait>(states[2].detail).form, Wait::Form::timestamp);
}

TEST(JsonataDefinition, WantsABooleanOfACondition) {
  const ParsedDefinition result = parsed_jsonata(R"("S":{"Type":"Choice","Choices":[
    {"Condition":"{% $states.input.a > 1 %}","Next":"E"},{"Condition":"{% $states.input.a %}","Next":"E"},
    {"Condition":true,"Next":"E"}]},"E":{"Type":"Succeed"})");
  ASSERT_NE(result.machine, nullptr);
  const auto& rules = std::get<Choice>(result.machine->states[0].detail).rules;
  const JsonataEnvironment environment(R"({"a":2})");
  EXPECT_TRUE(*rules[0].condition->test(environment));
  const auto failed = rules[1].condition->test(environment);
  ASSERT_FALSE(failed.has_value());
  EXPECT_EQ(failed.error().error, "States.QueryEvaluationError");
  EXPECT_EQ(failed.error().location, "Choices[1]/Condition");
  EXPECT_EQ(failed.error().cause,
            "The JSONata expression '$states.input.a' specified for the field 'Choices[1]/Condition' returned an "
            "unexpected result type. Expected 'boolean', but was 'number' for value: 2");
  EXPECT_TRUE(*rules[2].condition->test(environment));
}

TEST(JsonataDefinition, WantsAnArrayOfItems) {
  const ParsedDefinition result = parsed_jsonata(R"("S":{"Type":"Map","Items":"{% $states.input %}","ItemProcessor":{
    "StartAt":"I","States":{"I":{"Type":"Pass","End":true}}},"End":true})");
  ASSERT_NE(result.machine, nullptr);
  const auto& map = std::get<Map>(result.machine->states[0].detail);
  EXPECT_TRUE(map.items->evaluate(JsonataEnvironment("[1]")).has_value());
  const auto failed = map.items->evaluate(JsonataEnvironment(R"({"a": 2})"));
  ASSERT_FALSE(failed.has_value());
  EXPECT_EQ(failed.error().location, "Items");
  EXPECT_EQ(
      failed.error().cause,
      "The JSONata expression '$states.input' specified for the field 'Items' returned an unexpected result type. "
      "Expected 'array', but was 'object' for value: {\"a\":2}");
}

TEST(JsonataDefinition, LeavesCredentialsUncheckedAsAwsDoes) {
  const ParsedDefinition result =
      parsed_jsonata(R"("S":{"Type":"Task","Resource":"job:a","Credentials":{"RoleArn":"{% role %}"},"End":true})");
  EXPECT_NE(result.machine, nullptr);
  ASSERT_EQ(result.diagnostics.size(), 1U);
  EXPECT_EQ(result.diagnostics[0].severity, Severity::warning);
}

TEST(JsonataDefinition, MixesBothLanguages) {
  const ParsedDefinition result = parse_definition(R"({"StartAt":"P","States":{
    "P":{"Type":"Pass","Assign":{"v.$":"$.x"},"Next":"S"},
    "S":{"Type":"Pass","QueryLanguage":"JSONata","Output":"{% $v %}","End":true}}})");
  ASSERT_NE(result.machine, nullptr);
  EXPECT_EQ(result.machine->language, QueryLanguage::jsonpath);
  EXPECT_EQ(result.machine->states[0].language, QueryLanguage::jsonpath);
  EXPECT_EQ(result.machine->states[1].language, QueryLanguage::jsonata);
}

}  // namespace
}  // namespace lockstep::asl
