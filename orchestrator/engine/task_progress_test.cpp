// What a performer says of a task while it is out (wall 11).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/snapshot.hpp"
#include "engine/test_world.hpp"

namespace lockstep::engine {
namespace {

using Kind = TaskProgress::Kind;

std::string task_machine(const std::string& resource, const std::string& more = "") {
  return machine_of(R"("A":{"Type":"Task","Resource":")" + resource + R"(",)" + more + R"("End":true})");
}

TEST(TaskProgress, ThatItHasBegunIsSaidOnceAndAtOnce) {
  World world(task_machine("job:t"));
  world.start();
  const DispatchId id = world.dispatched("A");
  world.progress(id, Kind::started);
  EXPECT_EQ(world.history().back(), "4<-3 TaskStarted");
  world.progress(id, Kind::started);
  world.advance(5);
  world.succeed(id, "1");
  world.ended(Status::succeeded, "1");
  EXPECT_EQ(world.history()[4], "5<-4 TaskSucceeded");
}

TEST(TaskProgress, ThatItWasSubmittedIsSaidOnceWhereHistoryShowsIt) {
  World world(task_machine("arn:aws:states:::batch:submitJob.sync"));
  world.start();
  const DispatchId id = world.dispatched("A");
  world.progress(id, Kind::submitted, R"({"JobId":"7"})");
  EXPECT_EQ(world.history().back(), "5<-4 TaskSubmitted");
  EXPECT_THAT(world.entries().back(), testing::HasSubstr(R"("output":"{\"JobId\":\"7\"}")"));
  world.succeed(id, R"({"JobId":"7","Status":"SUCCEEDED"})");
  EXPECT_EQ(world.history()[5], "6<-5 TaskSucceeded");
  world.ended(Status::succeeded);

  World job(task_machine("job:t"));
  job.start();
  const DispatchId plain = job.dispatched("A");
  job.progress(plain, Kind::submitted);
  EXPECT_EQ(job.history().back(), "4<-3 TaskStarted");
  job.succeed(plain);
  job.ended(Status::succeeded);
}

TEST(TaskProgress, WhatWasSubmittedAndLastsTimesOutAndIsCancelled) {
  World world(task_machine("arn:aws:states:::states:startExecution.sync", R"("TimeoutSeconds":10,)"));
  world.start();
  const DispatchId id = world.dispatched("A");
  world.advance(5);
  world.progress(id, Kind::submitted, "{}");
  world.advance(9);
  EXPECT_TRUE(world.is_running());
  world.advance(2);
  world.cancelled(id);
  EXPECT_EQ(world.history()[5], "6<-5 TaskTimedOut");
  world.ended(Status::failed, "States.Timeout: -");
}

TEST(TaskProgress, AfterTheSubmissionOfATaskWithATokenItsAnswerIsWaitedFor) {
  World world(task_machine("arn:aws:states:::sqs:sendMessage.waitForTaskToken"));
  world.start();
  const DispatchTask task = world.next_dispatch();
  world.progress(task.id, Kind::submitted, "1");
  world.succeed(task.id, "2");
  EXPECT_EQ(world.engine().dropped_outcomes(), 1U);
  EXPECT_EQ(world.answer(task.token, "3"), Verdict::accepted);
  world.ended(Status::succeeded, "3");
}

TEST(TaskProgress, ANoteIsHandedBackUntilTheTaskIsTriedAgain) {
  World world(task_machine("job:t", R"("Retry":[{"ErrorEquals":["States.ALL"]}],)"));
  world.start();
  const DispatchTask first = world.next_dispatch();
  EXPECT_EQ(first.note, std::nullopt);
  world.progress(first.id, Kind::noted, R"({"slurm":1})");
  world.progress(first.id, Kind::noted, R"({"slurm":2})");
  EXPECT_EQ(world.history().back(), "3<-2 TaskScheduled") << "history shows nothing of it";
  const Execution& execution = *world.engine().find(world.events().front().execution);
  ASSERT_EQ(open_tasks(execution).size(), 1U);
  EXPECT_EQ(open_tasks(execution)[0].note->to_text(), R"({"slurm":2})");
  world.interrupted(first.id);
  const DispatchTask again = world.next_dispatch();
  EXPECT_EQ(again.note->to_text(), R"({"slurm":2})");
  world.fail(again.id, "E");
  world.advance(1);
  const DispatchTask retried = world.next_dispatch();
  EXPECT_EQ(retried.note, std::nullopt);
  world.succeed(retried.id);
  world.ended(Status::succeeded);
}

TEST(TaskProgress, ASignOfLifePutsOffTheHeartbeatThatTheEngineWatches) {
  World world(task_machine("arn:aws:states:::sqs:sendMessage.waitForTaskToken", R"("HeartbeatSeconds":10,)"));
  world.start();
  const DispatchTask task = world.next_dispatch();
  world.progress(task.id, Kind::alive);
  EXPECT_EQ(world.history().back(), "3<-2 TaskScheduled") << "while it runs, its worker watches";
  EXPECT_EQ(world.engine().next_deadline(), std::nullopt);
  world.succeed(task.id);
  world.advance(9);
  world.progress(task.id, Kind::alive);
  world.advance(9);
  EXPECT_TRUE(world.is_running());
  world.advance(1);
  world.ended(Status::failed, "States.Timeout: -");
}

TEST(TaskProgress, OfAnotherDispatchIsDroppedAndCounted) {
  World world(task_machine("job:t", R"("Retry":[{"ErrorEquals":["States.ALL"]}],)"));
  world.start();
  const DispatchId first = world.dispatched("A");
  world.fail(first, "E");
  world.advance(1);
  const DispatchId second = world.dispatched("A");
  const std::size_t events = world.events().size();
  for (const Kind kind : {Kind::started, Kind::submitted, Kind::noted, Kind::alive}) {
    world.progress(first, kind);
  }
  EXPECT_EQ(world.events().size(), events);
  EXPECT_EQ(world.engine().dropped_outcomes(), 4U);
  world.succeed(second);
  world.ended(Status::succeeded);
}

}  // namespace
}  // namespace lockstep::engine
