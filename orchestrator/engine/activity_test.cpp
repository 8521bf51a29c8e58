// Tasks of activities: a worker takes one, and answers its token (aws-behaviour.md 21).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/snapshot.hpp"
#include "engine/test_world.hpp"

namespace lockstep::engine {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string activity(const std::string& more = "") {
  return machine_of(
      R"("A":{"Type":"Task","Resource":"arn:aws:states:us-east-1:123456789012:activity:paint","End":true)" + more +
      "}");
}

TEST(Activity, IsInHistoryAsOnAws) {
  World world(activity(R"(,"TimeoutSeconds":60,"HeartbeatSeconds":10)"));
  world.start(R"({"a":1})");
  const DispatchTask task = world.next_dispatch();
  EXPECT_EQ(task.heartbeat_seconds, 10) << "its worker has to know";
  world.advance(3600);
  EXPECT_TRUE(world.is_running()) << "no time counts before a worker has it";
  EXPECT_EQ(world.take(task.id, "painter"), Verdict::accepted);
  EXPECT_EQ(world.answer(task.token, "[1]"), Verdict::accepted);
  world.ended(Status::succeeded, "[1]");
  EXPECT_THAT(world.history(), ElementsAre("1<-0 ExecutionStarted", "2<-0 TaskStateEntered", "3<-2 ActivityScheduled",
                                           "4<-3 ActivityStarted", "5<-4 ActivitySucceeded", "6<-5 TaskStateExited",
                                           "7<-6 ExecutionSucceeded"));
  EXPECT_THAT(world.entries()[2],
              HasSubstr(R"("activityScheduledEventDetails":{"resource":"arn:aws:states:us-east-1:123456789012:)"
                        R"(activity:paint","input":"{\"a\":1}","inputDetails":{"truncated":false},)"
                        R"("timeoutInSeconds":60,"heartbeatInSeconds":10})"));
  EXPECT_THAT(world.entries()[3], HasSubstr(R"("activityStartedEventDetails":{"workerName":"painter"})"));
  EXPECT_THAT(world.entries()[4],
              HasSubstr(R"("activitySucceededEventDetails":{"output":"[1]","outputDetails":{"truncated":false}})"));
}

TEST(Activity, FailsAsItsWorkerSays) {
  World world(activity());
  world.start();
  const DispatchTask task = world.next_dispatch();
  world.take(task.id, "");
  EXPECT_THAT(world.entries()[3], testing::Not(HasSubstr("activityStartedEventDetails"))) << "the worker has no name";
  world.answer_failure(task.token, "E", "why");
  world.ended(Status::failed, "E: why");
  EXPECT_THAT(world.entries()[4], HasSubstr(R"("activityFailedEventDetails":{"error":"E","cause":"why"})"));
}

TEST(Activity, TimesOutCountedFromWhenItWasTaken) {
  World world(activity(R"(,"TimeoutSeconds":10)"));
  world.start();
  const DispatchTask task = world.next_dispatch();
  world.advance(100);
  world.take(task.id, "w");
  world.advance(9);
  EXPECT_TRUE(world.is_running());
  world.advance(1);
  world.ended(Status::failed, "States.Timeout: -");
  EXPECT_EQ(world.answer(task.token, "1"), Verdict::task_timed_out);
  EXPECT_THAT(world.entries()[4], HasSubstr(R"("activityTimedOutEventDetails":{"error":"States.Timeout"})"));
}

TEST(Activity, TimesOutWhenHeartbeatsStop) {
  World world(activity(R"(,"HeartbeatSeconds":10,"Retry":[{"ErrorEquals":["States.HeartbeatTimeout"]}])"));
  world.start();
  const DispatchTask first = world.next_dispatch();
  world.take(first.id, "w");
  for (int i = 0; i < 3; ++i) {
    world.advance(9);
    EXPECT_EQ(world.heartbeat(first.token), Verdict::accepted);
  }
  world.advance(10);
  world.advance(1);
  const DispatchTask second = world.next_dispatch();
  EXPECT_NE(second.token, first.token);
  EXPECT_EQ(world.heartbeat(first.token), Verdict::task_timed_out);
  world.take(second.id, "w");
  world.answer(second.token, "2");
  world.ended(Status::succeeded, "2");
}

TEST(Activity, IsTakenOnce) {
  World world(activity());
  world.start();
  const DispatchTask task = world.next_dispatch();
  EXPECT_EQ(open_tasks(*world.engine().find(task.id.execution)).size(), 1U);
  EXPECT_EQ(world.take(task.id, "one", "poll 1"), Verdict::accepted);
  EXPECT_EQ(world.take(task.id, "two", "poll 2"), std::nullopt);
  EXPECT_TRUE(open_tasks(*world.engine().find(task.id.execution)).empty()) << "nobody dispatches it again";
  EXPECT_EQ(world.engine().find(task.id.execution)->find(task.id.strand)->call->note, Value::string("poll 1"));
  world.answer(task.token, "1");
  world.ended(Status::succeeded, "1");
}

TEST(Activity, NamesItsTokenInItsInput) {
  World world(activity(R"(,"Parameters":{"token.$":"$$.Task.Token"})"));
  world.start();
  const DispatchTask task = world.next_dispatch();
  EXPECT_EQ(task.parameters.to_text(), "{\"token\":\"" + task.token + "\"}");
  world.take(task.id, "w");
  world.answer(task.token, "1");
  world.ended(Status::succeeded, "1");
}

TEST(Activity, ThatIsNotThereFailsTheExecution) {
  World world(
      activity(R"(,"Retry":[{"ErrorEquals":["States.ALL"]}],"Catch":[{"ErrorEquals":["States.ALL"],"Next":"A"}])"));
  world.set_activities([](const Execution&, const asl::Resource&) { return ActivityServer::nobody; });
  world.start();
  world.ended(Status::failed,
              "States.Runtime: An error occurred while executing the state 'A' (entered at the event id #2). The "
              "activity ARN does not exist.");
  EXPECT_THAT(world.history(), ElementsAre("1<-0 ExecutionStarted", "2<-0 TaskStateEntered", "3<-2 ExecutionFailed"));
}

TEST(Activity, ThatAJobServesIsAnsweredByItsJob) {
  World world(activity(R"(,"TimeoutSeconds":10)"));
  world.set_activities([](const Execution&, const asl::Resource&) { return ActivityServer::job; });
  world.start();
  const DispatchTask task = world.next_dispatch();
  EXPECT_EQ(task.token, "");
  EXPECT_EQ(world.take(task.id, "w"), std::nullopt);
  world.succeed(task.id, "1");
  world.ended(Status::succeeded, "1");
}

}  // namespace
}  // namespace lockstep::engine
