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

TEST(Wait, GoesOnWhileTimersAreHeld) {
  World world(R"({"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":10,"End":true}}})");
  world.start("{}");
  world.hold_timers(true);
  world.advance(20);
  EXPECT_TRUE(world.is_running());
  world.hold_timers(false);
  world.advance(0);
  world.ended(Status::succeeded);
}

TEST(Wait, APastTimestampEndsAtOnce) {
  World world(R"({"StartAt":"W","States":{"W":{"Type":"Wait","Timestamp":"2001-01-01T00:00:00Z","End":true}}})");
  world.start();
  world.ended(Status::succeeded, "{}");
}

TEST(Wait, TakesSecondsThatAStringSpells) {
  World world(R"({"StartAt":"W","States":{"W":{"Type":"Wait","SecondsPath":"$.s","End":true}}})");
  world.start(R"({"s":"30"})");
  world.advance(29.9);
  EXPECT_EQ(world.history().back(), "2<-0 WaitStateEntered");
  world.advance(0.1);
  world.ended(Status::succeeded, R"({"s":"30"})");
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
  EXPECT_EQ(cause(R"("SecondsPath":"$.s")", R"({"s":"soon"})"),
            "The SecondsPath parameter cannot be parsed as a long value: $.s == soon");
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

}  // namespace
}  // namespace lockstep::engine
