// Tasks that wait for their token to be answered (asl.md, .waitForTaskToken).
#include <set>

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

TEST(Callback, CountsHeartbeatsFromWhenItsJobIsOver) {
  World world(callback(R"(,"HeartbeatSeconds":10)"));
  world.start();
  const DispatchTask task = world.next_dispatch();
  world.advance(30);
  EXPECT_EQ(world.heartbeat(task.token), Verdict::accepted);
  world.advance(30);
  EXPECT_TRUE(world.is_running()) << "its job may take as long as it likes";
  world.succeed(task.id);
  world.advance(9);
  EXPECT_TRUE(world.is_running());
  world.advance(1);
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
  EXPECT_EQ(world.answer(make_token({}, first.id), "1"), Verdict::task_timed_out) << "made with another key";
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

TEST(Callback, HasATokenThatNoOtherTaskEverHad) {
  World world(machine_of(R"("A":{"Type":"Map","End":true,"ItemProcessor":{"StartAt":"T","States":{
      "T":{"Type":"Task","Resource":"job:t.waitForTaskToken","Next":"U",
        "Retry":[{"ErrorEquals":["States.ALL"],"IntervalSeconds":1,"MaxAttempts":1}]},
      "U":{"Type":"Task","Resource":"job:t.waitForTaskToken","End":true}}}})"));
  world.start("[1,2]");
  std::set<std::string> tokens;
  const auto next = [&] {
    const DispatchTask task = world.next_dispatch();
    EXPECT_TRUE(is_token(task.token));
    EXPECT_TRUE(tokens.insert(task.token).second);
    return task;
  };
  for (int i = 0; i < 2; ++i) {
    world.fail(next().id, "Broken");
  }
  world.advance(1);
  EXPECT_EQ(world.answer_failure(next().token, "Broken", ""), Verdict::accepted);
  world.cancelled(next().id);
  world.ended(Status::failed, "Broken: ");
  EXPECT_EQ(world.redrive(), Verdict::accepted);
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(world.answer(next().token, "1", fmt::format("t{}", i)), Verdict::accepted);
  }
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(world.answer(next().token, "1", fmt::format("u{}", i)), Verdict::accepted);
  }
  world.ended(Status::succeeded);
  EXPECT_EQ(tokens.size(), 8U);
}

TEST(Callback, AnswersByATokenOfAnyForm) {
  const asl::StateMachinePtr machine = asl::parse_definition(callback()).machine;
  Engine engine(Limits::hpc());
  Step step;
  engine.handle({Timestamp{1}, 1, StartExecution{ExecutionId{1}, std::make_shared<Identity>("one"), machine, Value()}},
                step);
  Engine recovered(Limits::hpc());
  for (Event& event : step.events) {
    if (auto* scheduled = std::get_if<TaskScheduled>(&event.body)) {
      scheduled->token = "1-0-00112233445566778899aabbccddeeff";  // as earlier versions made them
    }
    recovered.apply(event);
  }
  EXPECT_EQ(recovered.check_invariants(), "");
  step.clear();
  AnswerTask answer;
  answer.token = "1-0-00112233445566778899aabbccddeeff";
  recovered.handle({Timestamp{2}, 2, answer}, step);
  EXPECT_EQ(recovered.find(ExecutionId{1})->status, Status::succeeded);
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
