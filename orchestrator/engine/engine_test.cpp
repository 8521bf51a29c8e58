#include "engine/engine.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/test_world.hpp"

namespace lockstep::engine {
namespace {

using ::testing::ElementsAre;

TEST(Pass, HandsItsInputOn) {
  World world(R"({"StartAt":"A","States":{"A":{"Type":"Pass","Next":"B"},"B":{"Type":"Succeed"}}})");
  world.start(R"({ "x" : [1, 2] })");
  world.ended(Status::succeeded, R"({ "x" : [1, 2] })");
  EXPECT_THAT(world.history(),
              ElementsAre("1<-0 ExecutionStarted", "2<-0 PassStateEntered", "3<-2 PassStateExited",
                          "4<-3 SucceedStateEntered", "5<-4 SucceedStateExited", "6<-5 ExecutionSucceeded"));
}

TEST(Pass, PlacesItsResultInTheRawInput) {
  World world(
      R"({"StartAt":"A","States":{"A":{"Type":"Pass","InputPath":"$.in","Result":{"v.$":"$.y"},"ResultPath":"$.out.deep",
                  "OutputPath":"$.out","End":true}}})");
  world.start(R"({"in":{"y":1}})");
  world.ended(Status::succeeded, R"({"deep":{"v.$":"$.y"}})");
}

TEST(Task, GoesToAWorkerAndComesBack) {
  World world(R"({"StartAt":"T","States":{"T":{"Type":"Task","Resource":"job:t","Parameters":{"a.$":"$.x"},
                  "ResultSelector":{"r.$":"$.v"},"ResultPath":"$.t","OutputPath":"$.t","End":true}}})");
  world.start(R"({"x":5})");
  const DispatchId id = world.dispatched("T", R"({"a":5})");
  EXPECT_TRUE(world.is_running());
  world.succeed(id, R"({"v":[true]})");
  world.ended(Status::succeeded, R"({"r":[true]})");
  EXPECT_THAT(world.history(),
              ElementsAre("1<-0 ExecutionStarted", "2<-0 TaskStateEntered", "3<-2 TaskScheduled", "4<-3 TaskStarted",
                          "5<-4 TaskSucceeded", "6<-5 TaskStateExited", "7<-6 ExecutionSucceeded"));
}

TEST(Task, OfALambdaFunctionHasEventsOfItsOwn) {
  World world(
      R"({"StartAt":"T","States":{"T":{"Type":"Task","Resource":"arn:aws:lambda:us-east-1:123456789012:function:f","TimeoutSeconds":9,"End":true}}})");
  world.start("0");
  world.succeed(world.dispatched("T", "0"), "0");
  world.ended(Status::succeeded, "0");
  EXPECT_THAT(world.history(),
              ElementsAre("1<-0 ExecutionStarted", "2<-0 TaskStateEntered", "3<-2 LambdaFunctionScheduled",
                          "4<-3 LambdaFunctionStarted", "5<-4 LambdaFunctionSucceeded", "6<-5 TaskStateExited",
                          "7<-6 ExecutionSucceeded"));
  EXPECT_THAT(
      world.entries()[2],
      testing::HasSubstr(
          R"("lambdaFunctionScheduledEventDetails":{"resource":"arn:aws:lambda:us-east-1:123456789012:function:f",)"
          R"("input":"0","inputDetails":{"truncated":false},"timeoutInSeconds":9})"));
}

TEST(Task, AnOutcomeOfAnotherDispatchIsDroppedAndCounted) {
  World world(
      R"({"StartAt":"T","States":{"T":{"Type":"Task","Resource":"job:t","Retry":[{"ErrorEquals":["States.ALL"]}],"End":true}}})");
  world.start();
  const DispatchId first = world.dispatched("T");
  world.fail(first, "E");
  world.advance(1);
  const DispatchId second = world.dispatched("T");
  EXPECT_NE(first, second);
  world.succeed(first, "1");
  EXPECT_TRUE(world.is_running());
  EXPECT_EQ(world.engine().dropped_outcomes(), 1U);
  world.succeed(second, "2");
  world.ended(Status::succeeded, "2");
  world.succeed(second, "3");
  EXPECT_EQ(world.engine().dropped_outcomes(), 2U);
}

TEST(Task, UncaughtErrorFailsTheExecutionWithItsNameAndCause) {
  World world(R"({"StartAt":"T","States":{"T":{"Type":"Task","Resource":"job:t","End":true}}})");
  world.start();
  world.fail(world.dispatched("T"), "Boom", "it broke");
  world.ended(Status::failed, "Boom: it broke");
  EXPECT_EQ(world.history().back(), "6<-5 ExecutionFailed");
}

TEST(Task, TimeoutHasNoCause) {
  World world(R"({"StartAt":"T","States":{"T":{"Type":"Task","Resource":"job:t","TimeoutSeconds":3,"End":true}}})");
  world.start();
  world.time_out(world.dispatched("T"));
  world.ended(Status::failed, "States.Timeout: -");
}

TEST(Catch, TakesTheErrorOutputToItsNextState) {
  World world(R"({"StartAt":"T","States":{
    "T":{"Type":"Task","Resource":"job:t","OutputPath":"$.nothing.here","Catch":[{"ErrorEquals":["Other"],"Next":"B"},
         {"ErrorEquals":["States.TaskFailed"],"ResultPath":"$.problem","Next":"C"}],"End":true},
    "B":{"Type":"Fail"},"C":{"Type":"Pass","End":true}}})");
  world.start(R"({"x":1})");
  world.fail(world.dispatched("T"), "Boom", "it broke");
  world.ended(Status::succeeded, R"({"x":1,"problem":{"Error":"Boom","Cause":"it broke"}})");
}

TEST(Catch, OfTaskFailedLeavesTimeoutsAlone) {
  World world(
      R"({"StartAt":"T","States":{"T":{"Type":"Task","Resource":"job:t","Catch":[{"ErrorEquals":["States.TaskFailed"],"Next":"C"}],"End":true},
                  "C":{"Type":"Pass","End":true}}})");
  world.start();
  world.time_out(world.dispatched("T"));
  world.ended(Status::failed, "States.Timeout: -");
}

TEST(Catch, AMissedHeartbeatGoesByBothNames) {
  for (const char* name : {"States.HeartbeatTimeout", "States.Timeout", "States.ALL"}) {
    World world(fmt::format(
        R"({{"StartAt":"T","States":{{"T":{{"Type":"Task","Resource":"job:t","HeartbeatSeconds":1,"Catch":[{{"ErrorEquals":["{}"],"Next":"C"}}],"End":true}},
                  "C":{{"Type":"Pass","End":true}}}}}})",
        name));
    world.start();
    world.time_out(world.dispatched("T"), true);
    world.ended(Status::succeeded, R"({"Error":"States.Timeout","Cause":""})");
  }
}

TEST(Catch, NeverTakesRuntimeErrors) {
  World world(
      R"({"StartAt":"T","States":{"T":{"Type":"Task","Resource":"job:t","OutputPath":"$.no","Catch":[{"ErrorEquals":["States.ALL"],"Next":"C"}],"End":true},
                  "C":{"Type":"Pass","End":true}}})");
  world.start();
  world.succeed(world.dispatched("T"), "{}");
  world.ended(Status::failed,
              "States.Runtime: An error occurred while executing the state 'T' (entered at the event id #2). Invalid "
              "path '$.no' : No results for "
              "path: $['no']");
  EXPECT_EQ(world.history().back(), "6<-5 ExecutionFailed");
}

TEST(Retry, CountsPerRetrierAndBacksOff) {
  World world(
      R"({"StartAt":"T","States":{"T":{"Type":"Task","Resource":"job:t","Parameters":{"n.$":"$$.State.RetryCount"},"Retry":[
    {"ErrorEquals":["A","B"],"IntervalSeconds":2,"BackoffRate":3,"MaxAttempts":2},{"ErrorEquals":["C"],"MaxAttempts":1}],
    "Catch":[{"ErrorEquals":["B"],"Next":"Caught"}],"End":true},"Caught":{"Type":"Pass","End":true}}})");
  world.start();
  world.fail(world.dispatched("T", R"({"n":0})"), "A");
  world.advance(1.9);
  EXPECT_EQ(world.dispatches_waiting(), 0U);
  world.advance(0.1);
  world.fail(world.dispatched("T", R"({"n":1})"), "B");
  world.advance(5.9);
  EXPECT_EQ(world.dispatches_waiting(), 0U);
  world.advance(0.1);
  world.fail(world.dispatched("T", R"({"n":2})"), "C");
  world.advance(1);
  world.fail(world.dispatched("T", R"({"n":3})"), "B", "last");
  world.ended(Status::succeeded, R"({"Error":"B","Cause":"last"})");
}

TEST(Retry, DelayIsCapped) {
  World world(
      R"({"StartAt":"T","States":{"T":{"Type":"Task","Resource":"job:t","Retry":[{"ErrorEquals":["States.ALL"],"IntervalSeconds":10,
                  "BackoffRate":10,"MaxDelaySeconds":20,"MaxAttempts":9}],"End":true}}})");
  world.start();
  world.fail(world.dispatched("T"), "A");
  world.advance(10);
  world.fail(world.dispatched("T"), "A");
  world.advance(20);
  world.succeed(world.dispatched("T"));
  world.ended(Status::succeeded);
}

TEST(Retry, OfAVisitStartsAnewInTheNext) {
  World world(
      R"({"StartAt":"T","States":{"T":{"Type":"Task","Resource":"job:t","Retry":[{"ErrorEquals":["States.ALL"],"MaxAttempts":1}],
                  "Catch":[{"ErrorEquals":["States.ALL"],"Next":"T"}],"End":true}}})");
  world.start();
  for (int visit = 0; visit < 3; ++visit) {
    world.fail(world.dispatched("T"), "E");
    world.advance(1);
    world.fail(world.dispatched("T"), "E");
  }
  world.succeed(world.dispatched("T"));
  world.ended(Status::succeeded);
}

TEST(Choice, TakesTheFirstRuleThatHolds) {
  const std::string definition = R"({"StartAt":"C","States":{"C":{"Type":"Choice","Choices":[
    {"And":[{"Variable":"$.n","NumericGreaterThan":3},{"Variable":"$.n","NumericLessThan":9}],"Next":"Some"},
    {"Variable":"$.n","NumericEquals":0,"Next":"None"}],"Default":"Many"},
    "Some":{"Type":"Pass","Result":"some","End":true},"None":{"Type":"Pass","Result":"none","End":true},"Many":{"Type":"Pass","Result":"many","End":true}}})";
  for (const auto& [input, output] : {std::pair{R"({"n":5})", "\"some\""},
                                      {R"({"n":0.0})", "\"none\""},
                                      {R"({"n":99})", "\"many\""},
                                      {R"({"n":"5"})", "\"many\""}}) {
    World world(definition);
    world.start(input);
    world.ended(Status::succeeded, output);
  }
}

TEST(Choice, WithoutAWayOnFails) {
  World world(
      R"({"StartAt":"C","States":{"C":{"Type":"Choice","Choices":[{"Variable":"$.n","IsPresent":true,"Next":"E"}]},"E":{"Type":"Succeed"}}})");
  world.start();
  world.ended(Status::failed,
              "States.Runtime: An error occurred while executing the state 'C' (entered at the event id #2). Failed to "
              "transition out of the state. "
              "The state does not point to a next state.");
}

TEST(Choice, LoopsWithoutEndShareTheEngine) {
  World world(
      R"asl({"StartAt":"P","States":{"P":{"Type":"Pass","Parameters":{"n.$":"States.MathAdd($.n, 1)"},"Next":"C"},
                  "C":{"Type":"Choice","Choices":[{"Variable":"$.n","NumericLessThan":5000,"Next":"P"}],"Default":"E"},"E":{"Type":"Succeed"}}})asl");
  world.start(R"({"n":0})");
  world.ended(Status::succeeded, R"({"n":5000})");
}

TEST(Wait, EndsWhenItsTimeHasCome) {
  World world(
      R"({"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":10,"Next":"X"},"X":{"Type":"Wait","TimestampPath":"$.at","End":true}}})");
  world.start(R"({"at":"2023-11-14T22:13:40+00:00"})");  // 20 s after the world's beginning
  world.advance(9);
  EXPECT_TRUE(world.is_running());
  EXPECT_EQ(world.engine().next_deadline()->us, world.now().us + 1'000'000);
  world.advance(1);
  EXPECT_TRUE(world.is_running());
  world.advance(10);
  world.ended(Status::succeeded);
}

TEST(Wait, APastTimestampEndsAtOnce) {
  World world(R"({"StartAt":"W","States":{"W":{"Type":"Wait","Timestamp":"2001-01-01T00:00:00Z","End":true}}})");
  world.start();
  world.ended(Status::succeeded, "{}");
}

TEST(Wait, SaysWhatIsWrongWithItsTime) {
  const auto cause = [](const std::string& field, const std::string& input) {
    World world(R"({"StartAt":"W","States":{"W":{"Type":"Wait",)" + field + R"(,"End":true}}})");
    world.start(input);
    const std::string last = world.entries().back();
    const std::size_t at = last.find("#2). ");
    world.ended(Status::failed);
    return at == std::string::npos ? last : last.substr(at + 5, last.rfind("\"}") - at - 5);
  };
  EXPECT_EQ(cause(R"("SecondsPath":"$.s")", "{}"), "The SecondsPath parameter does not reference an input value: $.s");
  EXPECT_EQ(cause(R"("SecondsPath":"$.s")", R"({"s":-1})"),
            "The SecondsPath parameter references a negative value: $.s == -1");
  EXPECT_EQ(cause(R"("SecondsPath":"$.s")", R"({"s":1.5})"),
            "The SecondsPath parameter cannot be parsed as a long value: $.s == 1.5");
  EXPECT_EQ(cause(R"("SecondsPath":"$.s")", R"({"s":2147483648})"), "Wait state delay is too long.");
  EXPECT_EQ(cause(R"("TimestampPath":"$.t")", R"({"t":"2024-01-01"})"),
            "The TimestampPath parameter does not reference a valid ISO-8601 extended offset date-time format string: "
            "$.t == 2024-01-01");
}

TEST(Fail, MayLeaveOutErrorAndCause) {
  World world(R"({"StartAt":"F","States":{"F":{"Type":"Fail"}}})");
  world.start();
  world.ended(Status::failed, "-: -");
  EXPECT_THAT(world.entries().back(), testing::HasSubstr(R"("executionFailedEventDetails":{})"));
  World named(
      R"asl({"StartAt":"F","States":{"F":{"Type":"Fail","ErrorPath":"$.e","CausePath":"States.Format('no {}', $.c)"}}})asl");
  named.start(R"({"e":"E","c":1})");
  named.ended(Status::failed, "E: no 1");
}

constexpr const char* kTwoBranches = R"({"StartAt":"P","States":{"P":{"Type":"Parallel","Branches":[
    {"StartAt":"A","States":{"A":{"Type":"Task","Resource":"job:a","End":true}}},
    {"StartAt":"B","States":{"B":{"Type":"Task","Resource":"job:b","End":true}}}],
    "Catch":[{"ErrorEquals":["Caught"],"Next":"C"}],"ResultPath":"$.both","End":true},"C":{"Type":"Pass","End":true}}})";

TEST(Parallel, CollectsItsBranchesInOrder) {
  World world(kTwoBranches);
  world.start(R"({"x":1})");
  const DispatchId a = world.dispatched("A", R"({"x":1})");
  const DispatchId b = world.dispatched("B", R"({"x":1})");
  world.succeed(b, "2");
  world.succeed(a, "1");
  world.ended(Status::succeeded, R"({"x":1,"both":[1,2]})");
  EXPECT_THAT(world.history(),
              ElementsAre("1<-0 ExecutionStarted", "2<-0 ParallelStateEntered", "3<-2 ParallelStateStarted",
                          "4<-3 TaskStateEntered", "5<-4 TaskScheduled", "6<-3 TaskStateEntered", "7<-6 TaskScheduled",
                          "8<-7 TaskStarted", "9<-8 TaskSucceeded", "10<-9 TaskStateExited", "11<-5 TaskStarted",
                          "12<-11 TaskSucceeded", "13<-12 TaskStateExited", "14<-13 ParallelStateSucceeded",
                          "15<-13 ParallelStateExited", "16<-15 ExecutionSucceeded"));
}

TEST(Parallel, AFailingBranchTakesItsSiblingsDown) {
  World world(kTwoBranches);
  world.start();
  const DispatchId a = world.dispatched("A");
  const DispatchId b = world.dispatched("B");
  world.fail(a, "Caught", "why");
  world.cancelled(b);
  world.ended(Status::succeeded, R"({"Error":"Caught","Cause":"why"})");
  EXPECT_THAT(world.history(),
              testing::IsSupersetOf({"9<-8 TaskFailed", "10<-9 TaskStateAborted", "11<-9 TaskStateAborted",
                                     "12<-9 ParallelStateFailed", "13<-12 ParallelStateExited"}));
}

TEST(Parallel, AnUncaughtErrorKeepsItsName) {
  World world(kTwoBranches);
  world.start();
  const DispatchId a = world.dispatched("A");
  world.dispatched("B");
  world.fail(a, "Boom", "why");
  world.cancelled({7, (std::uint64_t{2} << 32) | 1, 1});
  world.ended(Status::failed, "Boom: why");
}

TEST(Parallel, IsRetriedWhole) {
  World world(
      R"({"StartAt":"P","States":{"P":{"Type":"Parallel","Retry":[{"ErrorEquals":["States.ALL"],"MaxAttempts":1}],"Branches":[
    {"StartAt":"A","States":{"A":{"Type":"Task","Resource":"job:a","End":true}}},{"StartAt":"B","States":{"B":{"Type":"Pass","End":true}}}],"End":true}}})");
  world.start();
  world.fail(world.dispatched("A"), "E");
  EXPECT_TRUE(world.is_running());
  world.advance(1);
  world.succeed(world.dispatched("A"), "1");
  world.ended(Status::succeeded, "[1,{}]");
}

TEST(Map, RunsOneAfterAnotherWhenToldSo) {
  World world(
      R"({"StartAt":"M","States":{"M":{"Type":"Map","MaxConcurrency":1,"ItemsPath":"$.items","ItemSelector":{"i.$":"$$.Map.Item.Index","v.$":"$$.Map.Item.Value","k.$":"$.k"},
    "ItemProcessor":{"StartAt":"T","States":{"T":{"Type":"Task","Resource":"job:t","End":true}}},"End":true}}})");
  world.start(R"({"items":["a","b"],"k":9})");
  const DispatchId first = world.dispatched("T", R"({"i":0,"v":"a","k":9})");
  EXPECT_EQ(world.dispatches_waiting(), 0U);
  world.succeed(first, "1");
  world.succeed(world.dispatched("T", R"({"i":1,"v":"b","k":9})"), "2");
  world.ended(Status::succeeded, "[1,2]");
  EXPECT_THAT(
      world.history(),
      ElementsAre("1<-0 ExecutionStarted", "2<-0 MapStateEntered", "3<-2 MapStateStarted", "4<-3 MapIterationStarted",
                  "5<-4 TaskStateEntered", "6<-5 TaskScheduled", "7<-6 TaskStarted", "8<-7 TaskSucceeded",
                  "9<-8 TaskStateExited", "10<-9 MapIterationSucceeded", "11<-9 MapIterationStarted",
                  "12<-11 TaskStateEntered", "13<-12 TaskScheduled", "14<-13 TaskStarted", "15<-14 TaskSucceeded",
                  "16<-15 TaskStateExited", "17<-16 MapIterationSucceeded", "18<-17 MapStateSucceeded",
                  "19<-17 MapStateExited", "20<-19 ExecutionSucceeded"));
}

TEST(Map, ThousandsOfIterationsComeBackInOrder) {
  World world(
      R"({"StartAt":"M","States":{"M":{"Type":"Map","ItemProcessor":{"StartAt":"T","States":{"T":{"Type":"Task","Resource":"job:t","End":true}}},"End":true}}})");
  std::string items = "[";
  for (int i = 0; i < 300; ++i) {
    items += fmt::format("{}{}", i > 0 ? "," : "", i);
  }
  items += "]";
  world.start(items);
  std::vector<std::pair<DispatchId, std::string>> tasks;
  while (world.dispatches_waiting() > 0) {
    const DispatchTask task = world.next_dispatch();
    EXPECT_EQ(task.item_index, task.parameters.node().as_integer());
    tasks.emplace_back(task.id, task.parameters.to_text());
  }
  EXPECT_EQ(tasks.size(), 300U);
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    const auto& [id, result] = tasks[(i * 7) % tasks.size()];
    world.succeed(id, result);
  }
  world.ended(Status::succeeded, items);
}

TEST(Map, OverNothingGivesNothing) {
  World world(
      R"({"StartAt":"M","States":{"M":{"Type":"Map","ItemProcessor":{"StartAt":"T","States":{"T":{"Type":"Pass","End":true}}},"End":true}}})");
  world.start("[]");
  world.ended(Status::succeeded, "[]");
  EXPECT_THAT(world.history(), ElementsAre("1<-0 ExecutionStarted", "2<-0 MapStateEntered", "3<-2 MapStateStarted",
                                           "4<-3 MapStateSucceeded", "5<-3 MapStateExited", "6<-5 ExecutionSucceeded"));
}

TEST(Map, AFailingIterationFailsItAndGivesTheOthersUp) {
  World world(
      R"({"StartAt":"M","States":{"M":{"Type":"Map","ItemProcessor":{"StartAt":"T","States":{"T":{"Type":"Task","Resource":"job:t","End":true}}},"End":true}}})");
  world.start("[1,2]");
  const DispatchId first = world.dispatched("T");
  const DispatchId second = world.dispatched("T");
  world.fail(first, "E", "c");
  world.cancelled(second);
  world.ended(Status::failed, "E: c");
  const std::vector<std::string> history = world.history();
  EXPECT_THAT(std::vector<std::string>(history.end() - 6, history.end()),
              ElementsAre("12<-11 MapIterationFailed", "13<-11 TaskStateAborted", "14<-11 MapIterationAborted",
                          "15<-11 TaskStateAborted", "16<-11 MapStateFailed", "17<-16 ExecutionFailed"));
}

TEST(Map, GivesUpWhatIsOpenBelowIt) {
  World world(R"({"StartAt":"M","States":{"M":{"Type":"Map","ItemProcessor":{"StartAt":"P","States":{
    "P":{"Type":"Parallel","Branches":[{"StartAt":"T","States":{"T":{"Type":"Task","Resource":"job:t","End":true}}},
      {"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":99,"End":true}}}],"End":true}}},"End":true}}})");
  world.start("[1,2]");
  const DispatchId first = world.dispatched("T");
  const DispatchId second = world.dispatched("T");
  world.fail(first, "E", "c");
  world.cancelled(second);
  world.ended(Status::failed, "E: c");
  const std::vector<std::string> history = world.history();
  EXPECT_THAT(std::vector<std::string>(history.begin() + 16, history.end()),
              ElementsAre("17<-16 TaskFailed", "18<-17 TaskStateAborted", "19<-17 WaitStateAborted",
                          "20<-17 ParallelStateFailed", "21<-20 MapIterationFailed", "22<-20 MapIterationAborted",
                          "23<-20 ParallelStateAborted", "24<-20 TaskStateAborted", "25<-20 WaitStateAborted",
                          "26<-20 MapStateFailed", "27<-26 ExecutionFailed"));
}

TEST(Map, OfManyFailsAtOnce) {
  World world(R"({"StartAt":"M","States":{"M":{"Type":"Map","ItemProcessor":{"StartAt":"P","States":{
    "P":{"Type":"Parallel","Branches":[{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":9,"Next":"F"},
      "F":{"Type":"Fail"}}},{"StartAt":"V","States":{"V":{"Type":"Wait","Seconds":99,"End":true}}}],"End":true}}},
    "End":true}}})");
  std::string items = "[0";
  for (int i = 1; i < 500; ++i) {
    items += ",0";
  }
  world.start(items + "]");
  world.advance(9);
  world.ended(Status::failed);
}

TEST(Parallel, KeepsTheTextsOfItsBranches) {
  World world(R"({"StartAt":"P","States":{"P":{"Type":"Parallel","Branches":[
    {"StartAt":"A","States":{"A":{"Type":"Pass","End":true}}},
    {"StartAt":"B","States":{"B":{"Type":"Pass","Parameters":{"n.$":"$[0]"},"End":true}}}],"End":true}}})");
  world.start("[1, 2.50]");
  world.ended(Status::succeeded, R"([[1, 2.50],{"n":1}])");
}

TEST(Map, NeedsAnArray) {
  World world(
      R"({"StartAt":"M","States":{"M":{"Type":"Map","ItemsPath":"$.x","ItemProcessor":{"StartAt":"T","States":{"T":{"Type":"Pass","End":true}}},"End":true}}})");
  world.start(R"({"x":5})");
  world.ended(Status::failed,
              "States.Runtime: An error occurred while executing the state 'M' (entered at the event id #2). Reference "
              "path \"$.x\" must point to array.");
}

TEST(Variables, AreReadFromTheNextStateOnAndInInnerScopes) {
  World world(R"({"StartAt":"A","States":{
    "A":{"Type":"Pass","Assign":{"v.$":"$.x","w":[1]},"Next":"B"},
    "B":{"Type":"Pass","Parameters":{"v.$":"$v"},"Assign":{"v":"new","old.$":"$v"},"Next":"M"},
    "M":{"Type":"Map","ItemsPath":"$w","ItemProcessor":{"StartAt":"I","States":{"I":{"Type":"Pass","Parameters":{"v.$":"$v","old.$":"$old"},"Assign":{"inner":1},"End":true}}},"End":true}}})");
  world.start(R"({"x":"first"})");
  world.ended(Status::succeeded, R"([{"v":"new","old":"first"}])");
}

TEST(Execution, TimesOutAsAWhole) {
  World world(
      R"({"TimeoutSeconds":5,"StartAt":"T","States":{"T":{"Type":"Task","Resource":"job:t","Catch":[{"ErrorEquals":["States.ALL"],"Next":"C"}],"End":true},
                  "C":{"Type":"Pass","End":true}}})");
  world.start();
  const DispatchId id = world.dispatched("T");
  world.advance(4);
  EXPECT_TRUE(world.is_running());
  world.advance(1);
  world.cancelled(id);
  world.ended(Status::timed_out, "-: -");  // history's last entry alone names States.Timeout
  EXPECT_THAT(world.entries().back(), testing::HasSubstr(R"("error":"States.Timeout")"));
  EXPECT_EQ(world.history().back(), "4<-0 ExecutionTimedOut");
}

TEST(Execution, CanBeStopped) {
  World world(R"({"StartAt":"T","States":{"T":{"Type":"Task","Resource":"job:t","End":true}}})");
  world.start();
  const DispatchId id = world.dispatched("T");
  world.stop("Enough", "by hand");
  world.cancelled(id);
  world.ended(Status::aborted, "Enough: by hand");
  EXPECT_EQ(world.history().back(), "4<-0 ExecutionAborted");
  world.stop("Again", "");
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

}  // namespace
}  // namespace lockstep::engine
