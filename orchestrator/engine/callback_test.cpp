// Tasks that wait for their token to be answered (asl.md, .waitForTaskToken).
#include "engine/test_world.hpp"

namespace lockstep::engine {
namespace {

std::string callback(const std::string& more = "") {
  return machine_of(R"("A":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke.waitForTaskToken",
      "Parameters":{"FunctionName":"f","Payload":{"token.$":"$$.Task.Token"}},"End":true)" +
                    more + "}");
}

TEST(Callback, EndsTheTaskWithTheAnswerNotWithItsJob) {
  World world(callback());
  world.start();
  const DispatchTask task = world.next_dispatch();
  world.succeed(task.id, R"({"StatusCode":200})");
  EXPECT_TRUE(world.is_running());
  EXPECT_EQ(world.answer(task.token, R"({"ok":true})"), Verdict::accepted);
  world.ended(Status::succeeded, R"({"ok":true})");
}

TEST(Callback, MayBeAnsweredBeforeItsJobHasEnded) {
  World world(callback());
  world.start();
  const DispatchTask task = world.next_dispatch();
  EXPECT_EQ(world.answer(task.token, "1"), Verdict::accepted);
  world.ended(Status::succeeded, "1");
}

TEST(Callback, FailsWithTheErrorThatItIsAnswered) {
  World world(callback());
  world.start();
  const DispatchTask task = world.next_dispatch();
  world.succeed(task.id);
  EXPECT_EQ(world.answer_failure(task.token, "Rejected", "no stock"), Verdict::accepted);
  world.ended(Status::failed, "Rejected: no stock");
}

TEST(Callback, FailsWithItsJob) {
  World world(callback());
  world.start();
  world.fail(world.next_dispatch().id, "Broken", "exit 1");
  world.ended(Status::failed, "Broken: exit 1");
}

TEST(Callback, TimesOutCountedFromTheJobsStart) {
  World world(callback(R"(,"TimeoutSeconds":10)"));
  world.start();
  const DispatchTask task = world.next_dispatch();
  world.succeed(task.id);
  world.advance(9);
  EXPECT_TRUE(world.is_running());
  world.advance(1);
  world.ended(Status::failed, "States.Timeout: -");
  EXPECT_EQ(world.answer(task.token, "1"), Verdict::task_timed_out);
}

TEST(Callback, TimesOutWhenHeartbeatsStop) {
  World world(callback(R"(,"TimeoutSeconds":100,"HeartbeatSeconds":10)"));
  world.start();
  const DispatchTask task = world.next_dispatch();
  EXPECT_FALSE(task.heartbeat_seconds) << "the worker has nothing to watch";
  world.succeed(task.id);
  for (int i = 0; i < 3; ++i) {
    world.advance(9);
    EXPECT_EQ(world.heartbeat(task.token), Verdict::accepted);
  }
  world.advance(10);
  world.ended(Status::failed, "States.Timeout: -");
}

TEST(Callback, HeartbeatsDoNotOutliveTheTimeout) {
  World world(callback(R"(,"TimeoutSeconds":15,"HeartbeatSeconds":10)"));
  world.start();
  const DispatchTask task = world.next_dispatch();
  world.succeed(task.id);
  world.advance(9);
  world.heartbeat(task.token);
  world.advance(6);
  world.ended(Status::failed, "States.Timeout: -");
}

TEST(Callback, RefusesTokensThatAreNoneOrOver) {
  World world(callback(R"(,"Retry":[{"ErrorEquals":["States.ALL"],"IntervalSeconds":1}])"));
  world.start();
  const DispatchTask first = world.next_dispatch();
  EXPECT_EQ(world.answer("nonsense", "1"), Verdict::invalid_token);
  EXPECT_EQ(world.answer(first.token.substr(0, first.token.size() - 1), "1"), Verdict::invalid_token);
  std::string guessed = first.token;
  guessed.back() = guessed.back() == '0' ? '1' : '0';
  EXPECT_EQ(world.answer(guessed, "1"), Verdict::task_timed_out);
  world.fail(first.id, "Broken");
  world.advance(1);
  const DispatchTask second = world.next_dispatch();
  EXPECT_NE(first.token, second.token);
  EXPECT_EQ(world.answer(first.token, "1"), Verdict::task_timed_out);
  world.succeed(second.id);
  world.answer(second.token, "2");
  world.ended(Status::succeeded, "2");
}

TEST(Callback, AnswersARequestThatIsDeliveredAgainTheSameWay) {
  World world(machine_of(R"("A":{"Type":"Task","Resource":"job:t.waitForTaskToken","Next":"B"},
                            "B":{"Type":"Task","Resource":"job:u","End":true})"));
  world.start();
  const DispatchTask task = world.next_dispatch();
  world.succeed(task.id);
  EXPECT_EQ(world.answer(task.token, "1", "same"), Verdict::accepted);
  EXPECT_EQ(world.answer(task.token, "1", "same"), Verdict::accepted);
  EXPECT_EQ(world.answer(task.token, "1", "another"), Verdict::task_timed_out);
  world.succeed(world.dispatched("B", "1"));
  world.ended(Status::succeeded);
}

TEST(Callback, KeepsItsTokenWhenItsJobIsInterrupted) {
  World world(callback());
  world.start();
  const DispatchTask first = world.next_dispatch();
  world.interrupted(first.id);
  const DispatchTask second = world.next_dispatch();
  EXPECT_EQ(first.token, second.token);
  world.answer(first.token, "1");
  world.ended(Status::succeeded, "1");
}

}  // namespace
}  // namespace lockstep::engine
