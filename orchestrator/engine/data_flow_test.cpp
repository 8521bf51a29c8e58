// asl.md section 4, aws-behaviour.md 1, 23, 34, 41: what a state makes of its input.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/test_world.hpp"

namespace lockstep::engine {
namespace {

constexpr const char* kPrefix = "An error occurred while executing the state 'A' (entered at the event id #2). ";

/// What a single state A comes to: its output, or ERROR: CAUSE without the usual prefix.
std::string of(const std::string& fields, const std::string& input) {
  World world(
      machine_of("\"A\":{" + fields + (fields.find("\"Succeed\"") == std::string::npos ? ",\"End\":true}" : "}")));
  world.start(input);
  std::string text = world.end_text();
  if (const std::size_t at = text.find(kPrefix); at != std::string::npos) {
    text.erase(at, std::string_view(kPrefix).size());
  }
  return text;
}

std::string pass(const std::string& fields, const std::string& input) {
  return of("\"Type\":\"Pass\"," + fields, input);
}

TEST(InputPath, ChoosesOrDiscards) {
  EXPECT_EQ(pass(R"("InputPath":"$.a")", R"({"a": [1, 2]})"), "[1,2]");
  EXPECT_EQ(pass(R"("InputPath":"$")", R"({"a": [1, 2]})"), R"({"a": [1, 2]})");
  EXPECT_EQ(pass(R"("InputPath":null)", R"({"a":1})"), "{}");
  EXPECT_EQ(pass(R"("InputPath":"$$.Execution.Input.a")", R"({"a":1})"), "1");
  EXPECT_EQ(pass(R"("InputPath":"$.a[*].b")", R"({"a":[{"b":1},{"b":2}]})"), "[1,2]");
}

TEST(InputPath, ThatFindsNothingIsARuntimeError) {
  EXPECT_EQ(pass(R"("InputPath":"$.x")", "{}"), "States.Runtime: Invalid path '$.x' : No results for path: $['x']");
  EXPECT_EQ(pass(R"("InputPath":"$.no.such.path")", "{}"),
            "States.Runtime: Invalid path '$.no.such.path' : Missing property in path $['no']");
  EXPECT_EQ(pass(R"("InputPath":"$.item.items[*]")", "{}"), "[]");
}

TEST(OutputPath, ChoosesOrDiscards) {
  EXPECT_EQ(pass(R"("OutputPath":"$.a")", R"({"a":1})"), "1");
  EXPECT_EQ(pass(R"("OutputPath":null)", R"({"a":1})"), "{}");
  EXPECT_EQ(pass(R"("OutputPath":"$$.State.Name")", R"({"a":1})"), R"("A")");
  EXPECT_EQ(pass(R"("OutputPath":"$.x")", "{}"), "States.Runtime: Invalid path '$.x' : No results for path: $['x']");
}

TEST(Paths, AreAllThatSucceedAndWaitAndChoiceApply) {
  EXPECT_EQ(of(R"("Type":"Succeed","InputPath":"$.a","OutputPath":"$.b")", R"({"a":{"b":7}})"), "7");
  EXPECT_EQ(of(R"("Type":"Wait","Seconds":0,"InputPath":"$.a","OutputPath":"$.b")", R"({"a":{"b":7}})"), "7");
  World world(machine_of(R"("A":{"Type":"Choice","InputPath":"$.a","OutputPath":"$.b",
    "Choices":[{"Variable":"$.b","NumericEquals":7,"Next":"B"}]},"B":{"Type":"Pass","End":true})"));
  world.start(R"({"a":{"b":7}})");
  world.ended(Status::succeeded, "7");
}

TEST(ResultPath, PlacesTheResultInTheRawInput) {
  EXPECT_EQ(pass(R"("Result":1,"InputPath":"$.a","ResultPath":"$.r")", R"({"a":0})"), R"({"a":0,"r":1})");
  EXPECT_EQ(pass(R"("Result":1,"ResultPath":"$.x.y.z")", R"({"a":0})"), R"({"a":0,"x":{"y":{"z":1}}})");
  EXPECT_EQ(pass(R"("Result":1,"ResultPath":"$.a")", R"({"a":0,"b":2})"), R"({"a":1,"b":2})");
  EXPECT_EQ(pass(R"("Result":9,"ResultPath":"$.a[1]")", R"({"a":[1,2]})"), R"({"a":[1,9]})");
  EXPECT_EQ(pass(R"("Result":9,"ResultPath":"$")", R"({"a":1})"), "9");
}

TEST(ResultPath, OfNullKeepsTheInputAndItsText) {
  EXPECT_EQ(pass(R"("Result":1,"ResultPath":null)", R"({ "a" : 0.0 })"), R"({ "a" : 0.0 })");
}

TEST(ResultPath, ThatFitsNowhereHasAnErrorOfItsOwn) {
  EXPECT_THAT(pass(R"("Result":1,"ResultPath":"$.x")", R"("text")"),
              testing::StartsWith("States.ResultPathMatchFailure: "));
  for (const auto& [name, caught] :
       {std::pair{"States.ResultPathMatchFailure", true}, {"States.ALL", true}, {"States.TaskFailed", false}}) {
    World world(machine_of(fmt::format(
        R"("A":{{"Type":"Task","Resource":"job:t","ResultPath":"$.x","Catch":[{{"ErrorEquals":["{}"],"Next":"C"}}],"End":true}},
           "C":{{"Type":"Pass","Result":"caught","End":true}})",
        name)));
    world.start("5");
    world.succeed(world.dispatched("A"), "1");
    if (caught) {
      world.ended(Status::succeeded, R"("caught")");
    } else {
      world.ended(Status::failed);
    }
  }
}

TEST(Result, OfAPassIsLiteral) {
  EXPECT_EQ(pass(R"("Result":{"x.$":"$.y"})", "{}"), R"({"x.$":"$.y"})");
}

TEST(Parameters, AreComputedAndSoCompact) {
  EXPECT_EQ(pass(R"("Parameters":{"a.$":"$.x","b":[{"c.$":"$.x[0]"}],"d":"$.x"})", R"({"x": [ 0.0, 1e2 ]})"),
            R"({"b":[{"c":0.0}],"d":"$.x","a":[0.0,1e2]})");
}

TEST(Parameters, ThatMissSayWhere) {
  EXPECT_EQ(
      pass(R"("Parameters":{"value.$":"$.x"})", R"({"a":1})"),
      R"(States.Runtime: The JSONPath '$.x' specified for the field 'value.$' could not be found in the input '{"a":1}')");
  EXPECT_THAT(
      pass(R"("Parameters":{"value.$":"$$.Execution.Input.x"})", "{}"),
      testing::StartsWith("States.Runtime: The JSONPath '$$.Execution.Input.x' specified for the field 'value.$' "
                          "could not be found in the input '"));
}

TEST(Text, IsKeptWhereAValueOnlyPasses) {
  World world(machine_of(R"("A":{"Type":"Pass","Next":"B"},"B":{"Type":"Wait","Seconds":0,"Next":"C"},
    "C":{"Type":"Choice","Choices":[{"Variable":"$[0]","IsPresent":true,"Next":"D"}]},"D":{"Type":"Succeed"})"));
  world.start("[ 1.0 , [2] ]");
  world.ended(Status::succeeded, "[ 1.0 , [2] ]");
}

TEST(Text, IsNotEvenParsedWhereAValueOnlyPasses) {
  World world(machine_of(R"("A":{"Type":"Pass","Next":"B"},"B":{"Type":"Wait","Seconds":0,"Next":"C"},
    "C":{"Type":"Parallel","Branches":[{"StartAt":"T","States":{"T":{"Type":"Task","Resource":"job:t","End":true}}}],"End":true})"));
  world.start("[1, 2]");
  const DispatchTask task = world.next_dispatch();
  EXPECT_FALSE(task.parameters.is_parsed());
  world.succeed(task.id, "{ }");
  world.ended(Status::succeeded, "[{ }]");
  EXPECT_FALSE(std::get<ExecutionSucceeded>(world.events().back().body).output.is_parsed());
}

TEST(Task, TakesItsResultThroughSelectorPathAndOutputPath) {
  World world(machine_of(R"("A":{"Type":"Task","Resource":"job:t","InputPath":"$.in","Parameters":{"p.$":"$.n"},
    "ResultSelector":{"s.$":"$.r","at.$":"$$.State.Name"},"ResultPath":"$.out","OutputPath":"$.out",
    "Assign":{"whole.$":"$"},"Next":"B"},"B":{"Type":"Pass","Parameters":{"s.$":"$.s","w.$":"$whole"},"End":true})"));
  world.start(R"({"in":{"n":1}})");
  world.succeed(world.dispatched("A", R"({"p":1})"), R"({"r":[2]})");
  world.ended(Status::succeeded, R"({"s":[2],"w":{"r":[2]}})");
}

TEST(Fail, NamesTheFieldWhosePathMisses) {
  World world(machine_of(R"("A":{"Type":"Fail","ErrorPath":"$.e","CausePath":"$.c"})"));
  world.start(R"({"e":"E"})");
  world.ended(
      Status::failed,
      std::string("States.Runtime: ") + kPrefix +
          R"(The JSONPath '$.c' specified for the field 'CausePath' could not be found in the input '{"e":"E"}')");
}

TEST(Numbers, OfPathsSayWhatTheyFound) {
  const auto timeout = [](const std::string& input) {
    return of(R"("Type":"Task","Resource":"job:t","TimeoutSecondsPath":"$.t")", input);
  };
  EXPECT_EQ(timeout("{}"), "States.Runtime: Invalid path '$.t' : No results for path: $['t']");
  EXPECT_EQ(timeout(R"({"t":1.5})"),
            R"(States.Runtime: The TimeoutSecondsPath field refers to value "1.5" which is not a valid integer: $.t)");
  EXPECT_EQ(
      timeout(R"({"t":"NoNumber"})"),
      R"(States.Runtime: The TimeoutSecondsPath field refers to value "NoNumber" which is not a valid integer: $.t)");
  EXPECT_EQ(timeout(R"({"t":{}})"),
            R"(States.Runtime: The TimeoutSecondsPath field refers to value "{}" which is not a valid integer: $.t)");
}

TEST(Numbers, OfPathsMayBeSpelledInAString) {
  const auto call_of = [](const std::string& fields, const std::string& input) {
    World world(machine_of(R"("A":{"Type":"Task","Resource":"job:t",)" + fields + R"(,"End":true})"));
    world.start(input);
    return world.next_dispatch();
  };
  EXPECT_EQ(call_of(R"("TimeoutSecondsPath":"$.t")", R"({"t":"7"})").timeout_seconds, 7);
  EXPECT_EQ(call_of(R"("TimeoutSecondsPath":"$.t")", R"({"t":"+007"})").timeout_seconds, 7);
  EXPECT_EQ(call_of(R"("HeartbeatSecondsPath":"$$.Execution.Input.t")", R"({"t":"3"})").heartbeat_seconds, 3);
  for (const char* text : {"", " 7", "7 ", "+", "+-7", "7.0", "0x7", "99999999999999999999"}) {
    EXPECT_EQ(
        of(R"("Type":"Task","Resource":"job:t","TimeoutSecondsPath":"$.t")", fmt::format(R"({{"t":"{}"}})", text)),
        fmt::format(R"(States.Runtime: The TimeoutSecondsPath field refers to value "{}" which is not a valid )"
                    "integer: $.t",
                    text));
  }
}

}  // namespace
}  // namespace lockstep::engine
