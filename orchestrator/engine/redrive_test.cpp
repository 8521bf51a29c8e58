// Redrive (services.md 5): what did not succeed is tried again, in the same execution.
#include <gmock/gmock.h>

#include "engine/test_world.hpp"

namespace lockstep::engine {
namespace {

TEST(Redrive, SchedulesTheFailedTaskAgainWithItsInputAndGoesOn) {
  World world(machine_of(R"("A":{"Type":"Pass","Result":{"n":1},"Next":"T"},
                            "T":{"Type":"Task","Resource":"job:t","End":true})"));
  world.start();
  world.fail(world.dispatched("T", R"({"n":1})"), "Broken", "disk");
  world.ended(Status::failed, "Broken: disk");
  EXPECT_EQ(world.redrive(), Verdict::accepted);
  world.succeed(world.dispatched("T", R"({"n":1})"), R"("done")");
  world.ended(Status::succeeded, R"("done")");
  const auto history = world.history();
  EXPECT_THAT(history[history.size() - 6], testing::EndsWith("ExecutionRedriven"));
  EXPECT_THAT(history[history.size() - 5], testing::EndsWith("TaskScheduled"));
}

TEST(Redrive, GivesEachDispatchAnIdOfItsOwn) {
  World world(machine_of(R"("A":{"Type":"Task","Resource":"job:t","End":true})"));
  world.start();
  const DispatchId first = world.dispatched("A");
  world.fail(first, "Broken");
  world.ended(Status::failed);
  world.redrive();
  const DispatchId second = world.dispatched("A");
  EXPECT_NE(first, second);
  world.succeed(first, "1");  // late: of the dispatch before
  EXPECT_TRUE(world.is_running());
  world.succeed(second, "2");
  world.ended(Status::succeeded, "2");
}

TEST(Redrive, BeginsRetryCountersAnew) {
  World world(machine_of(R"("A":{"Type":"Task","Resource":"job:t","End":true,
      "Retry":[{"ErrorEquals":["States.ALL"],"MaxAttempts":1,"IntervalSeconds":1}]})"));
  world.start();
  world.fail(world.dispatched("A"), "Broken");
  world.advance(1);
  world.fail(world.dispatched("A"), "Broken");
  world.ended(Status::failed);
  world.redrive();
  world.fail(world.dispatched("A"), "Broken");
  world.advance(1);
  world.succeed(world.dispatched("A"));
  world.ended(Status::succeeded);
}

TEST(Redrive, OfAMapRunsOnlyWhatFailedOrWasAborted) {
  World world(machine_of(R"("A":{"Type":"Map","MaxConcurrency":2,"End":true,
      "ItemProcessor":{"StartAt":"T","States":{"T":{"Type":"Task","Resource":"job:t","End":true}}}})"));
  world.start("[0,1,2,3]");
  const DispatchId zero = world.dispatched("T", "0");
  const DispatchId one = world.dispatched("T", "1");
  world.succeed(zero, "\"zero\"");
  const DispatchId two = world.dispatched("T", "2");
  world.fail(one, "Broken");
  world.cancelled(two);
  world.ended(Status::failed);
  world.redrive();
  const DispatchId one_again = world.dispatched("T", "1");
  const DispatchId two_again = world.dispatched("T", "2");
  EXPECT_EQ(world.dispatches_waiting(), 0) << "MaxConcurrency holds after a redrive, too";
  world.succeed(two_again, "\"two\"");
  world.succeed(world.dispatched("T", "3"), "\"three\"");
  world.succeed(one_again, "\"one\"");
  world.ended(Status::succeeded, R"(["zero","one","two","three"])");
}

TEST(Redrive, OfAParallelRunsOnlyTheBranchesThatHadNotSucceeded) {
  World world(machine_of(R"("A":{"Type":"Parallel","End":true,"Branches":[
      {"StartAt":"X","States":{"X":{"Type":"Task","Resource":"job:x","End":true}}},
      {"StartAt":"Y","States":{"Y":{"Type":"Task","Resource":"job:y","Next":"Y2"},
                               "Y2":{"Type":"Task","Resource":"job:y2","End":true}}},
      {"StartAt":"Z","States":{"Z":{"Type":"Wait","Seconds":60,"End":true}}}]})"));
  world.start();
  world.succeed(world.dispatched("X"), "\"x\"");
  world.succeed(world.dispatched("Y"), "\"y\"");
  world.fail(world.dispatched("Y2", "\"y\""), "Broken");
  world.ended(Status::failed);
  world.redrive();
  world.succeed(world.dispatched("Y2", "\"y\""), "\"y2\"");
  EXPECT_TRUE(world.is_running()) << "the Wait of the third branch begins anew";
  world.advance(60);
  world.ended(Status::succeeded, R"(["x","y2",{}])");
}

TEST(Redrive, FindsItsWayThroughNestedStates) {
  World world(machine_of(R"("A":{"Type":"Map","End":true,"ItemProcessor":{"StartAt":"P","States":{
      "P":{"Type":"Parallel","End":true,"Branches":[
        {"StartAt":"X","States":{"X":{"Type":"Task","Resource":"job:x","End":true}}},
        {"StartAt":"Y","States":{"Y":{"Type":"Task","Resource":"job:y","End":true}}}]}}}})"));
  world.start("[5]");
  world.succeed(world.dispatched("X", "5"), "1");
  world.fail(world.dispatched("Y", "5"), "Broken");
  world.ended(Status::failed);
  world.redrive();
  world.fail(world.dispatched("Y", "5"), "Broken", "again");
  world.ended(Status::failed, "Broken: again");
  world.redrive();
  world.succeed(world.dispatched("Y", "5"), "2");
  world.ended(Status::succeeded, "[[1,2]]");
}

TEST(Redrive, AfterATimeOutStartsTheClockAnew) {
  World world(R"({"StartAt":"A","TimeoutSeconds":10,"States":{"A":{"Type":"Task","Resource":"job:t","End":true}}})");
  world.start();
  const DispatchId id = world.dispatched("A");
  world.advance(10);
  world.cancelled(id);
  world.ended(Status::timed_out);
  world.redrive();
  const DispatchId again = world.dispatched("A");
  world.advance(9);
  EXPECT_TRUE(world.is_running());
  world.succeed(again);
  world.ended(Status::succeeded);
}

TEST(Redrive, EntersAFailStateAgain) {
  World world(machine_of(R"("A":{"Type":"Fail","Error":"E","Cause":"C"})"));
  world.start();
  world.ended(Status::failed, "E: C");
  world.redrive();
  world.ended(Status::failed, "E: C");
  EXPECT_THAT(world.history()[4], testing::EndsWith("FailStateEntered"));
}

TEST(Redrive, IsRefusedWhileTheExecutionRunsAndWhenItSucceeded) {
  World world(machine_of(R"("A":{"Type":"Task","Resource":"job:t","End":true})"));
  world.start();
  const DispatchId id = world.dispatched("A");
  EXPECT_EQ(world.redrive(), Verdict::execution_not_redrivable);
  world.succeed(id);
  world.ended(Status::succeeded);
  EXPECT_EQ(world.redrive(), Verdict::execution_not_redrivable);
}

TEST(Redrive, KnowsNothingMoreOfWhatACatchLeftBehind) {
  World world(machine_of(R"("A":{"Type":"Parallel","Next":"T","Catch":[{"ErrorEquals":["States.ALL"],"Next":"T"}],
      "Branches":[{"StartAt":"X","States":{"X":{"Type":"Task","Resource":"job:x","End":true}}}]},
      "T":{"Type":"Task","Resource":"job:t","End":true})"));
  world.start();
  world.fail(world.dispatched("X"), "Broken");
  world.fail(world.dispatched("T"), "Worse");
  world.ended(Status::failed, "Worse: -");
  world.redrive();
  world.succeed(world.dispatched("T"));
  EXPECT_EQ(world.dispatches_waiting(), 0);
  world.ended(Status::succeeded);
}

TEST(Redrive, IsToldInTheContext) {
  World world(machine_of(R"("A":{"Type":"Task","Resource":"job:t","Parameters":
      {"n.$":"$$.Execution.RedriveCount"},"End":true})"));
  world.start();
  world.fail(world.dispatched("A", R"({"n":0})"), "Broken");
  world.ended(Status::failed);
  world.redrive();
  world.succeed(world.dispatched("A", R"({"n":1})"));
  world.ended(Status::succeeded);
}

TEST(Interruption, DispatchesAgainWithoutSpendingARetry) {
  World world(machine_of(R"("A":{"Type":"Task","Resource":"job:t","End":true,"TimeoutSeconds":30})"));
  world.start(R"({"x":1})");
  const DispatchId first = world.dispatched("A", R"({"x":1})");
  world.interrupted(first);
  const DispatchTask second = world.next_dispatch();
  EXPECT_EQ(second.id.visit, first.visit);
  EXPECT_EQ(second.id.count, first.count + 1);
  EXPECT_EQ(second.attempt, 0);
  EXPECT_EQ(second.timeout_seconds, 30);
  EXPECT_EQ(second.parameters.to_text(), R"({"x":1})");
  world.interrupted(first);  // not the current one any more
  EXPECT_EQ(world.dispatches_waiting(), 0);
  world.succeed(first, "1");
  EXPECT_TRUE(world.is_running());
  world.succeed(second.id, "2");
  world.ended(Status::succeeded, "2");
}

}  // namespace
}  // namespace lockstep::engine
