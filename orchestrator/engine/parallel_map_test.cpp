// asl.md 3.6, 3.7, 12, aws-behaviour.md 7, 8, 9, 11: branches and iterations.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/test_world.hpp"

namespace lockstep::engine {
namespace {

using ::testing::ElementsAre;

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
  world.cancelled({ExecutionId{7}, StrandId{2}, 1, 1});
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
  const DispatchId first = world.dispatched("T", R"({"v":"a","i":0,"k":9})");
  EXPECT_EQ(world.dispatches_waiting(), 0U);
  world.succeed(first, "1");
  world.succeed(world.dispatched("T", R"({"v":"b","i":1,"k":9})"), "2");
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

TEST(Map, TakesItsItemsFromTheEffectiveInput) {
  World world(machine_of(
      R"("A":{"Type":"Map","InputPath":"$.in","ItemsPath":"$.list","ItemSelector":{"k.$":"$.k","v.$":"$$.Map.Item.Value"},
    "ItemProcessor":{"StartAt":"I","States":{"I":{"Type":"Pass","End":true}}},"ResultSelector":{"r.$":"$"},"ResultPath":"$.out","End":true})"));
  world.start(R"({"in":{"list":[1, 2],"k":"K"}})");
  world.ended(Status::succeeded, R"({"in":{"list":[1,2],"k":"K"},"out":{"r":[{"v":1,"k":"K"},{"v":2,"k":"K"}]}})");
}

TEST(Map, GivesACompactArray) {
  World world(machine_of(
      R"("A":{"Type":"Map","ItemProcessor":{"StartAt":"I","States":{"I":{"Type":"Pass","End":true}}},"End":true})"));
  world.start("[[1, 2], {\"a\": 0.0}]");
  world.ended(Status::succeeded, R"([[1,2],{"a":0.0}])");
}

TEST(Map, TakesAConcurrencyThatAStringSpells) {
  World world(machine_of(R"("A":{"Type":"Map","ItemsPath":"$.l","MaxConcurrencyPath":"$.m","ItemProcessor":{
    "StartAt":"I","States":{"I":{"Type":"Task","Resource":"job:t","End":true}}},"End":true})"));
  world.start(R"({"l":[1,2,3],"m":"1"})");
  for (const char* item : {"1", "2", "3"}) {
    world.succeed(world.dispatched("I", item), item);
  }
  world.ended(Status::succeeded, "[1,2,3]");
}

TEST(Map, RefusesAConcurrencyThatIsNoWholeNumber) {
  for (const auto& [value, shown] : {std::pair{"{}", "{}"}, {"\"NoNumber\"", "NoNumber"}, {"1.5", "1.5"}}) {
    World world(machine_of(R"("A":{"Type":"Map","ItemsPath":"$.l","MaxConcurrencyPath":"$.m","ItemProcessor":{
      "StartAt":"I","States":{"I":{"Type":"Pass","End":true}}},"End":true})"));
    world.start(fmt::format(R"({{"l":[1],"m":{}}})", value));
    EXPECT_THAT(world.end_text(),
                testing::EndsWith(fmt::format(
                    R"(The MaxConcurrencyPath field refers to value "{}" which is not a valid integer: $.m)", shown)));
    EXPECT_THAT(world.history(), ElementsAre("1<-0 ExecutionStarted", "2<-0 MapStateEntered", "3<-2 ExecutionFailed"));
  }
}

TEST(Map, WhoseSelectorFailsHasStarted) {
  World world(machine_of(R"("A":{"Type":"Map","ItemSelector":{"x.$":"$$.Map.Item.Value.x"},"ItemProcessor":{
    "StartAt":"I","States":{"I":{"Type":"Pass","End":true}}},"End":true})"));
  world.start("[1]");
  EXPECT_THAT(world.end_text(), testing::StartsWith("States.Runtime: "));
  EXPECT_THAT(world.history(), ElementsAre("1<-0 ExecutionStarted", "2<-0 MapStateEntered", "3<-2 MapStateStarted",
                                           "4<-3 ExecutionFailed"));
}

TEST(Map, IsRetriedWhole) {
  World world(machine_of(
      R"("A":{"Type":"Map","MaxConcurrency":1,"Retry":[{"ErrorEquals":["E"],"MaxAttempts":1}],"ItemProcessor":{
    "StartAt":"F","States":{"F":{"Type":"Fail","Error":"E"}}},"End":true})"));
  world.start("[1]");
  world.advance(1);
  world.ended(Status::failed, "E: -");
  EXPECT_THAT(world.history(),
              ElementsAre("1<-0 ExecutionStarted", "2<-0 MapStateEntered", "3<-2 MapStateStarted",
                          "4<-3 MapIterationStarted", "5<-4 FailStateEntered", "6<-5 MapIterationFailed",
                          "7<-5 MapStateStarted", "8<-7 MapIterationStarted", "9<-8 FailStateEntered",
                          "10<-9 MapIterationFailed", "11<-9 MapStateFailed", "12<-11 ExecutionFailed"));
}

TEST(Map, StartsAllIterationsFirstWhereItMay) {
  World world(machine_of(
      R"("A":{"Type":"Map","ItemProcessor":{"StartAt":"I","States":{"I":{"Type":"Pass","End":true}}},"End":true})"));
  world.start("[1,2]");
  world.ended(Status::succeeded);
  EXPECT_THAT(world.history(),
              ElementsAre("1<-0 ExecutionStarted", "2<-0 MapStateEntered", "3<-2 MapStateStarted",
                          "4<-3 MapIterationStarted", "5<-3 MapIterationStarted", "6<-4 PassStateEntered",
                          "7<-6 PassStateExited", "8<-7 MapIterationSucceeded", "9<-5 PassStateEntered",
                          "10<-9 PassStateExited", "11<-10 MapIterationSucceeded", "12<-11 MapStateSucceeded",
                          "13<-11 MapStateExited", "14<-13 ExecutionSucceeded"));
}

TEST(Map, WithinAMapRepeatsTheRules) {
  World world(machine_of(
      R"("A":{"Type":"Map","MaxConcurrency":1,"ItemProcessor":{"StartAt":"B","States":{"B":{"Type":"Map","MaxConcurrency":1,
    "ItemProcessor":{"StartAt":"I","States":{"I":{"Type":"Pass","End":true}}},"End":true}}},"End":true})"));
  world.start("[[1,2],[]]");
  world.ended(Status::succeeded, "[[1,2],[]]");
  EXPECT_THAT(
      world.history(),
      ElementsAre("1<-0 ExecutionStarted", "2<-0 MapStateEntered", "3<-2 MapStateStarted", "4<-3 MapIterationStarted",
                  "5<-4 MapStateEntered", "6<-5 MapStateStarted", "7<-6 MapIterationStarted", "8<-7 PassStateEntered",
                  "9<-8 PassStateExited", "10<-9 MapIterationSucceeded", "11<-9 MapIterationStarted",
                  "12<-11 PassStateEntered", "13<-12 PassStateExited", "14<-13 MapIterationSucceeded",
                  "15<-14 MapStateSucceeded", "16<-14 MapStateExited", "17<-16 MapIterationSucceeded",
                  "18<-16 MapIterationStarted", "19<-18 MapStateEntered", "20<-19 MapStateStarted",
                  "21<-20 MapStateSucceeded", "22<-20 MapStateExited", "23<-22 MapIterationSucceeded",
                  "24<-23 MapStateSucceeded", "25<-23 MapStateExited", "26<-25 ExecutionSucceeded"));
}

constexpr const char* kMapOfTasks = R"("A":{"Type":"Map","End":true,"ItemProcessor":{
    "StartAt":"T","States":{"T":{"Type":"Task","Resource":"job:t","End":true}}}})";

TEST(TaskWindow, AMapStartsMoreIterationsAsItsTasksEnd) {
  World world(machine_of(kMapOfTasks));
  world.set_task_window(2);
  world.start("[0,1,2,3,4]");
  for (int item = 0; item < 5; ++item) {
    EXPECT_EQ(world.dispatches_waiting(), item < 4 ? 2U : 1U);
    const std::string text = std::to_string(item);
    world.succeed(world.dispatched("T", text), text);
  }
  world.ended(Status::succeeded, "[0,1,2,3,4]");
}

TEST(TaskWindow, IterationsThatWaitDoNotCount) {
  World world(machine_of(R"("A":{"Type":"Map","End":true,"ItemProcessor":{"StartAt":"W","States":{
    "W":{"Type":"Wait","Seconds":10,"Next":"T"},"T":{"Type":"Task","Resource":"job:t","End":true}}}})"));
  world.set_task_window(2);
  world.start("[0,1,2,3,4]");
  world.advance(10);
  EXPECT_EQ(world.dispatches_waiting(), 5U);
  for (int item = 0; item < 5; ++item) {
    world.succeed(world.dispatched("T"));
  }
  world.ended(Status::succeeded, "[null,null,null,null,null]");
}

TEST(TaskWindow, IsOfAllTasksBelowAMap) {
  World world(machine_of(R"("A":{"Type":"Map","End":true,"ItemProcessor":{"StartAt":"M","States":{
    "M":{"Type":"Map","End":true,"ItemProcessor":{
      "StartAt":"T","States":{"T":{"Type":"Task","Resource":"job:t","End":true}}}}}}})"));
  world.set_task_window(2);
  world.start("[[0,1,2],[3,4],[5]]");
  for (int item = 0; item < 6; ++item) {
    ASSERT_GT(world.dispatches_waiting(), 0U);
    world.succeed(world.dispatched("T"));
  }
  world.ended(Status::succeeded, "[[null,null,null],[null,null],[null]]");
}

TEST(TaskWindow, OneMapDoesNotHoldUpAnother) {
  World world(R"({"StartAt":"P","States":{"P":{"Type":"Parallel","End":true,"Branches":[
    {"StartAt":"M","States":{"M":{"Type":"Map","End":true,"ItemProcessor":{
      "StartAt":"S","States":{"S":{"Type":"Task","Resource":"job:s","End":true}}}}}},
    {"StartAt":"N","States":{"N":{"Type":"Map","End":true,"ItemProcessor":{
      "StartAt":"T","States":{"T":{"Type":"Task","Resource":"job:t","End":true}}}}}}]}}})");
  world.set_task_window(2);
  world.start("[0,1,2]");
  EXPECT_EQ(world.dispatches_waiting(), 4U);
  for (int task = 0; task < 6; ++task) {
    world.succeed(world.next_dispatch().id);
  }
  world.ended(Status::succeeded, "[[null,null,null],[null,null,null]]");
}

TEST(TaskWindow, RetriesAndARedriveGoOnWithWhatWasHeldBack) {
  World world(machine_of(R"("A":{"Type":"Map","End":true,"ItemProcessor":{"StartAt":"T","States":{
    "T":{"Type":"Task","Resource":"job:t","End":true,"Retry":[{"ErrorEquals":["E"],"MaxAttempts":1}]}}}})"));
  world.set_task_window(1);
  world.start("[0,1,2]");
  world.fail(world.dispatched("T", "0"), "E");
  world.fail(world.dispatched("T", "1"), "F");
  world.ended(Status::failed, "F: ");
  world.redrive();
  for (const std::string item : {"0", "1", "2"}) {
    EXPECT_EQ(world.dispatches_waiting(), 1U);
    world.succeed(world.dispatched("T", item), item);
  }
  world.ended(Status::succeeded, "[0,1,2]");
}

TEST(Parallel, GivesItsParametersToEveryBranch) {
  World world(machine_of(R"("A":{"Type":"Parallel","Parameters":{"p.$":"$.x"},"Branches":[
    {"StartAt":"B","States":{"B":{"Type":"Pass","End":true}}},{"StartAt":"C","States":{"C":{"Type":"Succeed"}}}],
    "ResultSelector":{"first.$":"$[0]"},"ResultPath":"$.r","OutputPath":"$.r","End":true})"));
  world.start(R"({"x":1})");
  world.ended(Status::succeeded, R"({"first":{"p":1}})");
}

TEST(Parallel, ShowsEachOfItsTries) {
  World world(machine_of(R"("A":{"Type":"Parallel","Retry":[{"ErrorEquals":["E"],"MaxAttempts":1}],"Branches":[
    {"StartAt":"F","States":{"F":{"Type":"Fail","Error":"E"}}}],"End":true})"));
  world.start();
  world.advance(1);
  world.ended(Status::failed, "E: -");
  EXPECT_THAT(world.history(),
              ElementsAre("1<-0 ExecutionStarted", "2<-0 ParallelStateEntered", "3<-2 ParallelStateStarted",
                          "4<-3 FailStateEntered", "5<-4 ParallelStateStarted", "6<-5 FailStateEntered",
                          "7<-6 ParallelStateFailed", "8<-7 ExecutionFailed"));
}

TEST(Parallel, GivesUpAFailedTaskToo) {
  World world(machine_of(R"("A":{"Type":"Parallel","Retry":[{"ErrorEquals":["E"],"MaxAttempts":1}],"Branches":[
    {"StartAt":"T","States":{"T":{"Type":"Task","Resource":"job:t","End":true}}}],"End":true})"));
  world.start();
  world.fail(world.dispatched("T"), "E");
  world.advance(1);
  world.succeed(world.dispatched("T"));
  world.ended(Status::succeeded);
  const std::vector<std::string> history = world.history();
  EXPECT_THAT(std::vector<std::string>(history.begin() + 6, history.begin() + 9),
              ElementsAre("7<-6 TaskFailed", "8<-7 TaskStateAborted", "9<-7 ParallelStateStarted"));
}

}  // namespace
}  // namespace lockstep::engine
