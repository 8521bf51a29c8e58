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
  world.ended(Status::failed, "Worse: ");
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

/// Begins with `before`, where that is not empty: so all its other states have other ids.
std::string changed(const std::string& before, const std::string& states) {
  return before.empty() ? machine_of(states) : R"({"StartAt":"0","States":{)" + before + states + "}}";
}
constexpr const char* kBefore = R"("0":{"Type":"Parallel","Next":"A","Branches":[
    {"StartAt":"Q","States":{"Q":{"Type":"Pass","End":true}}}]},)";

std::string two_tasks(const std::string& second, const std::string& before = "") {
  return changed(before, R"("A":{"Type":"Task","Resource":"job:a","Next":")" + second + R"("},
      ")" + second + R"(":{"Type":"Task","Resource":"job:b2","Next":"C"},"C":{"Type":"Pass","End":true})");
}

TEST(RedriveWithAnotherDefinition, GoesOnInItWhereItStood) {
  World world(machine_of(R"("A":{"Type":"Task","Resource":"job:a","Next":"B"},
                            "B":{"Type":"Task","Resource":"job:b","End":true})"));
  world.start();
  world.succeed(world.dispatched("A"), "1");
  world.fail(world.dispatched("B", "1"), "Broken");
  world.ended(Status::failed);
  EXPECT_EQ(world.redrive(two_tasks("B", kBefore)), Verdict::accepted);
  const DispatchTask task = world.next_dispatch();
  EXPECT_EQ(resource_of(task).text, "job:b2");
  EXPECT_EQ(task.parameters.to_text(), "1") << "what had been done stays";
  world.succeed(task.id, "2");
  world.ended(Status::succeeded, "2");
  EXPECT_THAT(world.entries()[world.entries().size() - 2], testing::HasSubstr(R"("PassStateExited")"));
  EXPECT_THAT(world.entries()[world.entries().size() - 2], testing::HasSubstr(R"("name":"C")"));
  const Execution& execution = *world.engine().find(world.events().front().execution);
  EXPECT_EQ(execution.origin.revision, 2U);
}

TEST(RedriveWithAnotherDefinition, IsRefusedNamingTheStatesThatItLacks) {
  World world(machine_of(R"("A":{"Type":"Task","Resource":"job:a","Next":"B"},
                            "B":{"Type":"Task","Resource":"job:b","End":true})"));
  world.start();
  world.succeed(world.dispatched("A"));
  world.fail(world.dispatched("B"), "Broken");
  world.ended(Status::failed);
  const std::size_t events = world.events().size();
  std::string cause;
  EXPECT_EQ(world.redrive(two_tasks("B2"), &cause), Verdict::definition_does_not_fit);
  EXPECT_EQ(cause, "the state 'B' is not there any more");
  EXPECT_EQ(world.redrive(machine_of(R"("A":{"Type":"Pass","Next":"P"},"P":{"Type":"Parallel","End":true,"Branches":[
                {"StartAt":"B","States":{"B":{"Type":"Task","Resource":"job:b","End":true}}}]})"),
                          &cause),
            Verdict::definition_does_not_fit);
  EXPECT_EQ(cause, "the state 'A' was a Task and is a Pass; the state 'B' stands elsewhere");
  EXPECT_EQ(world.events().size(), events) << "nothing has happened";
  EXPECT_EQ(world.redrive(), Verdict::accepted);
  world.succeed(world.dispatched("B"));
  world.ended(Status::succeeded);
}

TEST(RedriveWithAnotherDefinition, FindsBranchesAndIterationsAgain) {
  const auto definition = [](const std::string& before, const std::string& job, const std::string& branch) {
    return changed(before, R"("A":{"Type":"Map","End":true,"ItemProcessor":{"StartAt":"P","States":{
      "P":{"Type":"Parallel","End":true,"Branches":[
        {"StartAt":"X","States":{"X":{"Type":"Task","Resource":"job:x","End":true}}},
        {"StartAt":"Y","States":{"Y":{"Type":"Task","Resource":")" +
                               job + R"(","End":true}}})" + branch + R"(]}}}})");
  };
  World world(definition("", "job:y", ""));
  world.start("[5,6]");
  for (int i = 0; i < 2; ++i) {
    world.succeed(world.dispatched("X"), "1");
    if (i == 0) {
      world.succeed(world.dispatched("Y"), "2");
    }
  }
  world.fail(world.dispatched("Y", "6"), "Broken");
  world.ended(Status::failed);
  std::string cause;
  const std::string third = R"(,{"StartAt":"Z","States":{"Z":{"Type":"Pass","End":true}}})";
  EXPECT_EQ(world.redrive(definition("", "job:y", third), &cause), Verdict::definition_does_not_fit);
  EXPECT_EQ(cause, "the state 'P' had 2 branches and has 3");
  EXPECT_EQ(world.redrive(definition(kBefore, "job:y2", "")), Verdict::accepted);
  const DispatchTask task = world.next_dispatch();
  EXPECT_EQ(resource_of(task).text, "job:y2");
  world.succeed(task.id, "3");
  world.ended(Status::succeeded, "[[1,2],[1,3]]");
}

TEST(RedriveWithAnotherDefinition, OfAPartOfAMachineStaysInThatPart) {
  const auto definition = [](const std::string& before, const std::string& job) {
    return changed(before, R"("A":{"Type":"Map","End":true,"ItemProcessor":{"StartAt":"T","States":{
      "T":{"Type":"Task","Resource":")" +
                               job + R"(","End":true}}}})");
  };
  World world(definition("", "job:t"));
  auto child = std::make_shared<ChildOrigin>();
  child->scope = asl::ScopeId{1};
  world.start("5", {ExecutionType::standard, 1, child});
  world.fail(world.dispatched("T"), "Broken");
  world.ended(Status::failed);
  EXPECT_EQ(world.redrive(definition(kBefore, "job:t2")), Verdict::accepted);
  const Execution& execution = *world.engine().find(world.events().front().execution);
  EXPECT_EQ(execution.machine->state(execution.machine->scope(execution.origin.scope()).start_at).name, "T");
  world.succeed(world.dispatched("T", "5"), "6");
  world.ended(Status::succeeded, "6");
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
