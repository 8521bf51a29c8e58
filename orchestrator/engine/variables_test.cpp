// asl.md section 6, aws-behaviour.md 10, 22, 37: variables, and what payloads and histories may grow to.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/test_world.hpp"

namespace lockstep::engine {
namespace {

TEST(Variables, AreReadFromTheNextStateOnAndInInnerScopes) {
  World world(R"({"StartAt":"A","States":{
    "A":{"Type":"Pass","Assign":{"v.$":"$.x","w":[1]},"Next":"B"},
    "B":{"Type":"Pass","Parameters":{"v.$":"$v"},"Assign":{"v":"new","old.$":"$v"},"Next":"M"},
    "M":{"Type":"Map","ItemsPath":"$w","ItemProcessor":{"StartAt":"I","States":{"I":{"Type":"Pass","Parameters":{"v.$":"$v","old.$":"$old"},"Assign":{"inner":1},"End":true}}},"End":true}}})");
  world.start(R"({"x":"first"})");
  world.ended(Status::succeeded, R"([{"v":"new","old":"first"}])");
}

TEST(Limits, OfAwsRefuseALargeResultWhichCanBeCaught) {
  World world(
      R"({"StartAt":"T","States":{"T":{"Type":"Task","Resource":"job:t","Catch":[{"ErrorEquals":["States.ALL"],"Next":"C"}],"End":true},
                  "C":{"Type":"Pass","OutputPath":"$.Error","End":true}}})",
      Limits::aws());
  world.start();
  world.succeed(world.dispatched("T"), "\"" + std::string(262'143, 'x') + "\"");
  world.ended(Status::succeeded, R"("States.DataLimitExceeded")");
}

TEST(Limits, OfAwsEndALongHistory) {
  World world(
      R"({"StartAt":"A","States":{"A":{"Type":"Pass","Next":"B"},"B":{"Type":"Choice","Choices":[{"Variable":"$.end","IsPresent":true,"Next":"E"}],
                  "Default":"A"},"E":{"Type":"Succeed"}}})",
      Limits::aws());
  world.start();
  world.ended(Status::failed, "States.Runtime: The execution reached the maximum number of history events (25000).");
  EXPECT_LE(world.entries().size(), 25'000U);
}

TEST(Limits, OfAwsRunFortyIterationsAtATime) {
  World world(
      R"({"StartAt":"M","States":{"M":{"Type":"Map","ItemProcessor":{"StartAt":"T","States":{"T":{"Type":"Task","Resource":"job:t","End":true}}},"End":true}}})",
      Limits::aws());
  std::string items = "[0";
  for (int i = 1; i < 50; ++i) {
    items += ",0";
  }
  world.start(items + "]");
  EXPECT_EQ(world.dispatches_waiting(), 40U);
  while (world.dispatches_waiting() > 0) {
    world.succeed(world.next_dispatch().id);
  }
  world.ended(Status::succeeded);
}

TEST(Variables, AreAssignedFromTheOldOnes) {
  World world(machine_of(R"("A":{"Type":"Pass","Assign":{"a":1,"b":2},"Next":"B"},
    "B":{"Type":"Pass","Assign":{"a.$":"$b","b.$":"$a"},"Next":"C"},
    "C":{"Type":"Pass","Parameters":{"a.$":"$a","b.$":"$b"},"End":true})"));
  world.start();
  world.ended(Status::succeeded, R"({"a":2,"b":1})");
}

TEST(Variables, MayStandWhereAPathMay) {
  World world(machine_of(R"asl("A":{"Type":"Pass","Assign":{"v":{"list":[1,2],"wait":0,"limit":1,"e":"E"}},"Next":"B"},
    "B":{"Type":"Wait","SecondsPath":"$v.wait","Next":"M"},
    "M":{"Type":"Map","ItemsPath":"$v.list","MaxConcurrencyPath":"$v.limit","ItemSelector":{"n.$":"$v.list[1]"},
      "ItemProcessor":{"StartAt":"I","States":{"I":{"Type":"Pass","InputPath":"$v.list[0]","End":true}}},"Next":"C"},
    "C":{"Type":"Choice","Choices":[{"Variable":"$v.limit","NumericEqualsPath":"$v.list[0]","Next":"D"}]},
    "D":{"Type":"Pass","OutputPath":"$v.e","Next":"F"},"F":{"Type":"Fail","ErrorPath":"$v.e","CausePath":"States.Format('{}', $v.limit)"})asl"));
  world.start();
  world.ended(Status::failed, "E: 1");
}

TEST(Variables, ThatWereNeverAssignedAreARuntimeError) {
  World world(machine_of(R"("A":{"Type":"Pass","Parameters":{"v.$":"$never"},"End":true})"));
  world.start();
  EXPECT_THAT(world.end_text(), testing::StartsWith("States.Runtime: "));
}

TEST(Variables, OfACaughtErrorAreTheCatchersAlone) {
  World world(machine_of(R"("A":{"Type":"Task","Resource":"job:t","Assign":{"v":"success"},
    "Catch":[{"ErrorEquals":["E"],"Assign":{"w.$":"$.Error","all.$":"$"},"Next":"C"}],"End":true},
    "C":{"Type":"Choice","Choices":[{"Variable":"$v","IsPresent":false,"Next":"D"}]},
    "D":{"Type":"Pass","Parameters":{"w.$":"$w","all.$":"$all"},"End":true})"));
  world.start();
  world.fail(world.dispatched("A"), "E", "c");
  world.ended(Status::succeeded, R"({"all":{"Error":"E","Cause":"c"},"w":"E"})");
}

TEST(Variables, OfAChoiceAreThoseOfTheWayTaken) {
  const std::string definition = machine_of(R"("A":{"Type":"Choice","Choices":[
    {"Variable":"$.n","NumericEquals":1,"Assign":{"v":"rule"},"Next":"B"}],"Assign":{"v":"default"},"Default":"B"},
    "B":{"Type":"Pass","OutputPath":"$v","End":true})");
  for (const auto& [input, output] : {std::pair{R"({"n":1})", R"("rule")"}, {R"({"n":2})", R"("default")"}}) {
    World world(definition);
    world.start(input);
    world.ended(Status::succeeded, output);
    EXPECT_THAT(world.entries()[2], testing::HasSubstr("\"ChoiceStateExited\""));
    EXPECT_THAT(world.entries()[2], testing::HasSubstr("\"assignedVariables\":{\"v\":"));
  }
}

TEST(Variables, OfAnAttemptThatFailedAreNotAssigned) {
  World world(machine_of(
      R"("A":{"Type":"Task","Resource":"job:t","Assign":{"v.$":"$"},"Retry":[{"ErrorEquals":["E"]}],"Next":"B"},
    "B":{"Type":"Pass","OutputPath":"$v","End":true})"));
  world.start();
  world.fail(world.dispatched("A"), "E");
  world.advance(1);
  world.succeed(world.dispatched("A"), "5");
  world.ended(Status::succeeded, "5");
}

TEST(Variables, OfABranchEndWithItAndThoseOfItsParallelGoOn) {
  World world(machine_of(R"("A":{"Type":"Parallel","Branches":[
    {"StartAt":"B","States":{"B":{"Type":"Pass","Assign":{"inner":1},"Next":"B2"},"B2":{"Type":"Pass","OutputPath":"$inner","End":true}}}],
    "Assign":{"outer.$":"$[0]"},"Next":"C"},
    "C":{"Type":"Choice","Choices":[{"Variable":"$inner","IsPresent":false,"Next":"D"}]},
    "D":{"Type":"Pass","OutputPath":"$outer","End":true})"));
  world.start();
  world.ended(Status::succeeded, "1");
}

TEST(Variables, AreShownAsTexts) {
  World world(machine_of(R"("A":{"Type":"Pass","Assign":{"s":"\"","n":1.50,"l.$":"$.l","z":null},"End":true})"));
  world.start(R"({"l": [1, 2]})");
  world.ended(Status::succeeded);
  EXPECT_THAT(world.entries()[2],
              testing::HasSubstr(R"x("assignedVariables":{"l":"[1,2]","n":"1.50","s":"\"\\\"\"","z":"null"},)x"
                                 R"x("assignedVariablesDetails":{"truncated":false})x"));
}

TEST(Limits, OfAwsBoundOneAssign) {
  World world(machine_of(R"("A":{"Type":"Pass","Assign":{"a.$":"$","b.$":"$"},"End":true})"), Limits::aws());
  world.start("\"" + std::string(140'000, 'x') + "\"");
  EXPECT_THAT(world.end_text(), testing::StartsWith("States.DataLimitExceeded: "));
}

TEST(Limits, OfAwsBoundAllVariablesTogether) {
  World world(machine_of(R"asl("A":{"Type":"Pass","Assign":{"v.$":"States.Array($.x)","n":0},"Next":"L"},
    "L":{"Type":"Pass","Assign":{"v0.$":"$.x"},"Next":"M"},
    "M":{"Type":"Pass","Assign":{"v1.$":"$.x"},"Next":"N"},"N":{"Type":"Pass","Assign":{"v2.$":"$.x"},"End":true})asl"),
              Limits{262'144, 500'000, 0, 0, 1000});
  world.start(R"({"x":")" + std::string(150'000, 'x') + "\"}");
  EXPECT_THAT(world.end_text(), testing::StartsWith("States.DataLimitExceeded: The state 'N' assigned"));
}

TEST(Limits, OfAwsEndAnExecutionWhoseStatesOutputIsTooLarge) {
  World world(machine_of(R"asl("A":{"Type":"Parallel","Branches":[{"StartAt":"B","States":{"B":{"Type":"Pass",
    "Parameters":{"two.$":"States.Array($, $)"},"End":true}}}],"Catch":[{"ErrorEquals":["States.ALL"],"Next":"C"}],"End":true},
    "C":{"Type":"Pass","End":true})asl"),
              Limits::aws());
  world.start("\"" + std::string(140'000, 'x') + "\"");
  world.ended(
      Status::failed,
      "States.DataLimitExceeded: The state/task 'B' returned a result with a size exceeding the maximum number of "
      "bytes service limit.");
}

TEST(Limits, OfAwsCountBytesOfUtf8) {
  World world(
      machine_of(
          R"("A":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Parameters":{"FunctionName":"f"},"End":true})"),
      Limits::aws());
  world.start();
  std::string text = "\"";
  for (int i = 0; i < 90'000; ++i) {
    text += "\xE2\x82\xAC";
  }
  world.succeed(world.dispatched("A"), text + "\"");
  world.ended(Status::failed,
              "States.DataLimitExceeded: The state/task 'lambda' returned a result with a size exceeding the maximum "
              "number of bytes service limit.");
}

// The worker gave it up before anybody saw whether it is JSON.
TEST(Limits, OfAwsAreInItsWordsWhereTheAnswerWasGivenUp) {
  const auto ended = [](const Limits& limits, const std::string& cause) {
    World world(machine_of(R"("A":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke",
      "Parameters":{"FunctionName":"f"},"End":true})"),
                limits);
    world.start();
    world.fail(world.dispatched("A"), "States.DataLimitExceeded", cause);
    return world.end_text();
  };
  EXPECT_EQ(ended(Limits::aws(), "stdout is larger than 262146 bytes"),
            "States.DataLimitExceeded: The state/task 'lambda' returned a result with a size exceeding the maximum "
            "number of bytes service limit.");
  EXPECT_EQ(ended(Limits::hpc(), "stdout is larger than 5 bytes"),
            "States.DataLimitExceeded: stdout is larger than 5 bytes");
  EXPECT_EQ(ended(Limits::aws(), R"({"errorType":"States.DataLimitExceeded"})"),
            R"(States.DataLimitExceeded: {"errorType":"States.DataLimitExceeded"})");
}

TEST(Limits, OfAwsRefuseLargeParameters) {
  World world(machine_of(R"asl("A":{"Type":"Task","Resource":"job:t","Parameters":{"two.$":"States.Array($, $)"},
    "Catch":[{"ErrorEquals":["States.DataLimitExceeded"],"ResultPath":null,"Next":"C"}],"End":true},"C":{"Type":"Pass","OutputPath":null,"End":true})asl"),
              Limits::aws());
  world.start("\"" + std::string(140'000, 'x') + "\"");
  world.ended(Status::succeeded, "{}");
}

}  // namespace
}  // namespace lockstep::engine
