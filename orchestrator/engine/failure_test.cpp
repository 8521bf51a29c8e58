// asl.md section 8, aws-behaviour.md 9, 10, 20, 41, 42: Retry, Catch and what each error name matches.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/test_world.hpp"

namespace lockstep::engine {
namespace {

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

TEST(Retry, BelongsToTheFirstRetrierThatMatchesAlsoWhenItIsUsedUp) {
  World world(machine_of(R"("A":{"Type":"Task","Resource":"job:t","Retry":[{"ErrorEquals":["A"],"MaxAttempts":1},
      {"ErrorEquals":["States.ALL"],"MaxAttempts":9}],"End":true})"));
  world.start();
  world.fail(world.dispatched("A"), "A");
  world.advance(1);
  world.fail(world.dispatched("A"), "A");
  world.ended(Status::failed);
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
    EXPECT_EQ(world.dispatches_waiting(), 0U) << "it is retried, later, not caught at once";
    world.advance(1);
    world.fail(world.dispatched("T"), "E");
  }
  world.succeed(world.dispatched("T"));
  world.ended(Status::succeeded);
}

/// Whether a Catch (or Retry) for `name` takes a failure of a Task called `error`.
bool matches(const std::string& name, const std::string& error) {
  World world(machine_of(fmt::format(
      R"("A":{{"Type":"Task","Resource":"job:t","Catch":[{{"ErrorEquals":["{}"],"Next":"C"}}],"End":true}},"C":{{"Type":"Pass","End":true}})",
      name)));
  world.start();
  world.fail(world.dispatched("A"), error);
  return world.end_text() == fmt::format(R"({{"Error":"{}","Cause":""}})", error);
}

TEST(ErrorNames, MatchExactlyOrByWildcard) {
  EXPECT_TRUE(matches("Boom", "Boom"));
  EXPECT_FALSE(matches("boom", "Boom"));
  EXPECT_FALSE(matches("Bo", "Boom"));
  EXPECT_TRUE(matches("States.ALL", "Boom"));
  EXPECT_TRUE(matches("States.TaskFailed", "Boom"));
  EXPECT_TRUE(matches("States.TaskFailed", "States.TaskFailed"));
  EXPECT_TRUE(matches("States.TaskFailed", "States.Permissions"));
  EXPECT_TRUE(matches("States.TaskFailed", "States.DataLimitExceeded"));
  EXPECT_FALSE(matches("States.TaskFailed", "States.Timeout"));
  EXPECT_TRUE(matches("States.ALL", "States.Timeout"));
  EXPECT_FALSE(matches("States.HeartbeatTimeout", "States.Timeout"));
}

TEST(ErrorNames, OfABranchAreItsOwnAndBranchFailed) {
  for (const char* name : {"Boom", "States.BranchFailed", "States.ALL"}) {
    World world(machine_of(fmt::format(
        R"("A":{{"Type":"Parallel","Branches":[{{"StartAt":"F","States":{{"F":{{"Type":"Fail","Error":"Boom"}}}}}}],
           "Catch":[{{"ErrorEquals":["{}"],"Next":"C"}}],"End":true}},"C":{{"Type":"Pass","End":true}})",
        name)));
    world.start();
    world.ended(Status::succeeded, R"({"Error":"Boom","Cause":""})");
  }
}

TEST(RuntimeErrors, OfAChildPassTheEnclosingCatchToo) {
  for (const char* broken :
       {R"({"Type":"Pass","InputPath":"$.no","End":true})",
        R"({"Type":"Choice","Choices":[{"Variable":"$.no","IsPresent":true,"Next":"E"}]},"E":{"Type":"Succeed"})",
        R"({"Type":"Wait","SecondsPath":"$.no","End":true})"}) {
    World world(machine_of(fmt::format(
        R"("A":{{"Type":"Parallel","Branches":[{{"StartAt":"B","States":{{"B":{}}}}}],
           "Retry":[{{"ErrorEquals":["States.ALL"]}}],"Catch":[{{"ErrorEquals":["States.ALL"],"Next":"C"}}],"End":true}},
           "C":{{"Type":"Pass","End":true}})",
        broken)));
    world.start();
    EXPECT_THAT(world.end_text(), testing::StartsWith("States.Runtime: An error occurred while executing the state 'B' "
                                                      "(entered at the event id #4). "));
  }
}

TEST(Catch, ScansItsCatchersInOrder) {
  World world(machine_of(R"("A":{"Type":"Task","Resource":"job:t","Catch":[{"ErrorEquals":["X","Y"],"Next":"C"},
    {"ErrorEquals":["Y"],"Next":"D"},{"ErrorEquals":["States.ALL"],"Next":"D"}],"End":true},
    "C":{"Type":"Pass","Result":"first","End":true},"D":{"Type":"Pass","Result":"second","End":true})"));
  world.start();
  world.fail(world.dispatched("A"), "Y");
  world.ended(Status::succeeded, R"("first")");
}

TEST(Catch, MayDiscardTheErrorAndKeepTheInput) {
  World world(machine_of(R"("A":{"Type":"Task","Resource":"job:t","ResultPath":"$.unused","Catch":[
    {"ErrorEquals":["States.ALL"],"ResultPath":null,"Next":"C"}],"End":true},"C":{"Type":"Pass","End":true})"));
  world.start(R"({ "x" : 1 })");
  world.fail(world.dispatched("A"), "E");
  world.ended(Status::succeeded, R"({ "x" : 1 })");
}

TEST(Catch, WhoseResultPathFitsNowhereFails) {
  World world(machine_of(R"("A":{"Type":"Task","Resource":"job:t","Catch":[
    {"ErrorEquals":["States.ALL"],"ResultPath":"$.e","Next":"C"}],"End":true},"C":{"Type":"Pass","End":true})"));
  world.start("7");
  world.fail(world.dispatched("A"), "E");
  EXPECT_THAT(world.end_text(), testing::StartsWith("States.ResultPathMatchFailure: "));
}

TEST(Catch, LeavesTheStateInHistory) {
  World world(
      machine_of(R"("A":{"Type":"Task","Resource":"job:t","Catch":[{"ErrorEquals":["E"],"Next":"C"}],"End":true},
    "C":{"Type":"Pass","End":true})"));
  world.start();
  world.fail(world.dispatched("A"), "E", "c");
  world.ended(Status::succeeded);
  EXPECT_THAT(world.history(),
              testing::ElementsAre("1<-0 ExecutionStarted", "2<-0 TaskStateEntered", "3<-2 TaskScheduled",
                                   "4<-3 TaskStarted", "5<-4 TaskFailed", "6<-5 TaskStateExited",
                                   "7<-6 PassStateEntered", "8<-7 PassStateExited", "9<-8 ExecutionSucceeded"));
  EXPECT_THAT(world.entries()[5], testing::HasSubstr(R"("output":"{\"Error\":\"E\",\"Cause\":\"c\"}")"));
}

TEST(Retry, OfNothingRetriesNothing) {
  for (const char* retry : {"[]", R"([{"ErrorEquals":["States.ALL"],"MaxAttempts":0}])"}) {
    World world(machine_of(fmt::format(R"("A":{{"Type":"Task","Resource":"job:t","Retry":{},"End":true}})", retry)));
    world.start();
    world.fail(world.dispatched("A"), "E");
    world.ended(Status::failed, "E: ");
  }
}

TEST(Retry, IsThreeTimesAfterOneTwoAndFourSecondsUnlessSaid) {
  World world(machine_of(R"("A":{"Type":"Task","Resource":"job:t","Retry":[{"ErrorEquals":["E"]}],"End":true})"));
  world.start();
  for (const double delay : {1.0, 2.0, 4.0}) {
    world.fail(world.dispatched("A"), "E");
    world.advance(delay - 0.01);
    EXPECT_EQ(world.dispatches_waiting(), 0U);
    world.advance(0.01);
  }
  world.fail(world.dispatched("A"), "E", "last");
  world.ended(Status::failed, "E: last");
}

TEST(Retry, LeavesNoEventOfItsOwn) {
  World world(machine_of(R"("A":{"Type":"Task","Resource":"job:t","Retry":[{"ErrorEquals":["E"]}],"End":true})"));
  world.start();
  world.fail(world.dispatched("A"), "E");
  world.advance(1);
  world.succeed(world.dispatched("A"));
  world.ended(Status::succeeded);
  EXPECT_THAT(world.history(),
              testing::ElementsAre("1<-0 ExecutionStarted", "2<-0 TaskStateEntered", "3<-2 TaskScheduled",
                                   "4<-3 TaskStarted", "5<-4 TaskFailed", "6<-5 TaskScheduled", "7<-6 TaskStarted",
                                   "8<-7 TaskSucceeded", "9<-8 TaskStateExited", "10<-9 ExecutionSucceeded"));
}

TEST(Retry, WithFullJitterWaitsAnyTimeUpToItsDelay) {
  double longest = 0;
  double shortest = 100;
  World world(machine_of(R"("A":{"Type":"Task","Resource":"job:t","Retry":[{"ErrorEquals":["E"],"IntervalSeconds":100,
    "BackoffRate":1,"MaxAttempts":200,"JitterStrategy":"FULL"}],"End":true})"));
  world.start();
  for (int i = 0; i < 200; ++i) {
    world.fail(world.dispatched("A"), "E");
    const double delay = static_cast<double>(world.engine().next_deadline()->us - world.now().us) / 1e6;
    longest = std::max(longest, delay);
    shortest = std::min(shortest, delay);
    world.advance(delay + 1e-5);
  }
  world.succeed(world.dispatched("A"));
  world.ended(Status::succeeded);
  EXPECT_GE(shortest, 0);
  EXPECT_LT(shortest, 10);
  EXPECT_GT(longest, 90);
  EXPECT_LT(longest, 100);
}

TEST(Retry, ComesBeforeCatch) {
  World world(machine_of(R"("A":{"Type":"Task","Resource":"job:t","Retry":[{"ErrorEquals":["E"],"MaxAttempts":1}],
    "Catch":[{"ErrorEquals":["E"],"Next":"C"}],"End":true},"C":{"Type":"Pass","Result":"caught","End":true})"));
  world.start();
  world.fail(world.dispatched("A"), "E");
  EXPECT_TRUE(world.is_running());
  world.advance(1);
  world.fail(world.dispatched("A"), "E");
  world.ended(Status::succeeded, R"("caught")");
}

TEST(Retry, OfAMissedHeartbeatGoesByItsOwnName) {
  World world(machine_of(R"("A":{"Type":"Task","Resource":"job:t","HeartbeatSeconds":1,
    "Retry":[{"ErrorEquals":["States.HeartbeatTimeout"],"MaxAttempts":1}],"End":true})"));
  world.start();
  world.time_out(world.dispatched("A"), true);
  world.advance(1);
  world.time_out(world.dispatched("A"));
  world.ended(Status::failed, "States.Timeout: -");
}

}  // namespace
}  // namespace lockstep::engine
