// aws-behaviour.md 2 to 4, 6, 12, 15, 16, 20, 21: what each entry of the history holds.
#include "engine/history.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/test_world.hpp"

namespace lockstep::engine {
namespace {

/// The entry without what all entries have.
std::string details(const World& world, std::size_t number) {
  const std::string& entry = world.entries().at(number - 1);
  const std::string mark = fmt::format("\"previousEventId\":");
  const std::size_t from = entry.find(mark);
  const std::size_t comma = entry.find(',', from);
  return comma == std::string::npos ? "" : entry.substr(comma + 1, entry.size() - comma - 2);
}

TEST(History, OfAnExecutionHoldsItsInputAndOutput) {
  World world(machine_of(R"("A":{"Type":"Pass","End":true})"));
  world.start("\"Hello\"");
  world.ended(Status::succeeded);
  EXPECT_EQ(world.entries()[0],
            R"({"timestamp":1700000000.000,"type":"ExecutionStarted","id":1,"previousEventId":0,)"
            R"("executionStartedEventDetails":{"input":"\"Hello\"","inputDetails":{"truncated":false},)"
            R"("roleArn":"arn:aws:iam::123456789012:role/lockstep"}})");
  EXPECT_EQ(details(world, 2),
            R"("stateEnteredEventDetails":{"name":"A","input":"\"Hello\"","inputDetails":{"truncated":false}})");
  EXPECT_EQ(details(world, 3),
            R"("stateExitedEventDetails":{"name":"A","output":"\"Hello\"","outputDetails":{"truncated":false}})");
  EXPECT_EQ(details(world, 4),
            R"("executionSucceededEventDetails":{"output":"\"Hello\"","outputDetails":{"truncated":false}})");
}

TEST(History, OfAnIntegrationNamesServiceAndAction) {
  for (const auto& [resource, type, action] : {std::tuple{"arn:aws:states:::lambda:invoke", "lambda", "invoke"},
                                               {"arn:aws:states:::sqs:sendMessage", "sqs", "sendMessage"},
                                               {"arn:aws:states:::aws-sdk:s3:getObject", "aws-sdk:s3", "getObject"},
                                               {"job:melt", "job", "melt"}}) {
    World world(machine_of(fmt::format(
        R"("A":{{"Type":"Task","Resource":"{}","Parameters":{{"FunctionName":"f"}},"TimeoutSeconds":9,"HeartbeatSeconds":3,"End":true}})",
        resource)));
    world.start();
    world.succeed(world.dispatched("A"), "[1]");
    world.ended(Status::succeeded);
    const std::string named = fmt::format(R"("resource":"{}","resourceType":"{}")", action, type);
    EXPECT_EQ(details(world, 3), R"("taskScheduledEventDetails":{)" + named +
                                     R"(,"region":"us-east-1","parameters":"{\"FunctionName\":\"f\"}",)"
                                     R"("timeoutInSeconds":9,"heartbeatInSeconds":3})");
    EXPECT_EQ(details(world, 4), R"("taskStartedEventDetails":{)" + named + "}");
    EXPECT_EQ(details(world, 5),
              R"("taskSucceededEventDetails":{)" + named + R"(,"output":"[1]","outputDetails":{"truncated":false}})");
  }
}

TEST(History, OfASyncIntegrationShowsItsSubmission) {
  World world(machine_of(
      R"("A":{"Type":"Task","Resource":"arn:aws:states:::batch:submitJob.sync","Parameters":{"JobName":"n","JobDefinition":"d","JobQueue":"q"},"End":true})"));
  world.start();
  world.succeed(world.dispatched("A"), "{}");
  world.ended(Status::succeeded);
  EXPECT_THAT(world.history(),
              testing::ElementsAre("1<-0 ExecutionStarted", "2<-0 TaskStateEntered", "3<-2 TaskScheduled",
                                   "4<-3 TaskStarted", "5<-4 TaskSubmitted", "6<-5 TaskSucceeded",
                                   "7<-6 TaskStateExited", "8<-7 ExecutionSucceeded"));
  EXPECT_THAT(details(world, 5), testing::HasSubstr(R"("resource":"submitJob.sync","resourceType":"batch")"));
}

TEST(History, OfAFunctionGivesItsErrorObjectAsText) {
  World world(
      machine_of(R"("A":{"Type":"Task","Resource":"arn:aws:lambda:us-east-1:123456789012:function:f","End":true})"));
  world.start();
  world.fail(world.dispatched("A"), "E", R"({"errorType": "E"})");
  world.ended(Status::failed, R"(E: {"errorType": "E"})");
  EXPECT_EQ(details(world, 4), "");
  EXPECT_EQ(details(world, 5), R"("lambdaFunctionFailedEventDetails":{"error":"E","cause":"{\"errorType\": \"E\"}"})");
  EXPECT_EQ(details(world, 6), R"("executionFailedEventDetails":{"error":"E","cause":"{\"errorType\": \"E\"}"})");
}

TEST(History, OfATimeoutHasNoCause) {
  for (const bool heartbeat : {false, true}) {
    World world(
        machine_of(R"("A":{"Type":"Task","Resource":"job:t","TimeoutSeconds":3,"HeartbeatSeconds":1,"End":true})"));
    world.start();
    world.time_out(world.dispatched("A"), heartbeat);
    world.ended(Status::failed, "States.Timeout: -");
    EXPECT_EQ(details(world, 5),
              R"("taskTimedOutEventDetails":{"resource":"t","resourceType":"job","error":"States.Timeout"})");
    EXPECT_EQ(details(world, 6), R"("executionFailedEventDetails":{"error":"States.Timeout"})");
  }
}

TEST(History, OfATaskNamesTheRoleItTakes) {
  World world(machine_of(
      R"("A":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Parameters":{"FunctionName":"f"},"Credentials":{"RoleArn.$":"$.role"},"End":true})"));
  world.start(R"({"role":"arn:aws:iam::123456789012:role/other"})");
  world.succeed(world.dispatched("A"));
  world.ended(Status::succeeded);
  EXPECT_THAT(details(world, 3),
              testing::HasSubstr(R"("taskCredentials":{"roleArn":"arn:aws:iam::123456789012:role/other"})"));
}

TEST(History, OfContainersHasBareEntries) {
  World world(machine_of(R"("A":{"Type":"Parallel","Branches":[{"StartAt":"M","States":{"M":{"Type":"Map",
    "ItemProcessor":{"StartAt":"I","States":{"I":{"Type":"Pass","End":true}}},"End":true}}}],"End":true})"));
  world.start("[7]");
  world.ended(Status::succeeded, "[[7]]");
  EXPECT_THAT(world.history(),
              testing::ElementsAre("1<-0 ExecutionStarted", "2<-0 ParallelStateEntered", "3<-2 ParallelStateStarted",
                                   "4<-3 MapStateEntered", "5<-4 MapStateStarted", "6<-5 MapIterationStarted",
                                   "7<-6 PassStateEntered", "8<-7 PassStateExited", "9<-8 MapIterationSucceeded",
                                   "10<-9 MapStateSucceeded", "11<-9 MapStateExited", "12<-11 ParallelStateSucceeded",
                                   "13<-11 ParallelStateExited", "14<-13 ExecutionSucceeded"));
  EXPECT_EQ(details(world, 3), "");
  EXPECT_EQ(details(world, 5), R"("mapStateStartedEventDetails":{"length":1})");
  EXPECT_EQ(details(world, 6), R"("mapIterationStartedEventDetails":{"name":"M","index":0})");
  EXPECT_EQ(details(world, 9), R"("mapIterationSucceededEventDetails":{"name":"M","index":0})");
  EXPECT_EQ(details(world, 10), "");
  EXPECT_EQ(details(world, 12), "");
}

TEST(History, OfAStoppedExecutionFollowsNothing) {
  World world(machine_of(R"("A":{"Type":"Wait","Seconds":9,"End":true})"));
  world.start();
  world.stop_silently();
  world.ended(Status::aborted, "-: -");
  EXPECT_EQ(world.history().back(), "3<-0 ExecutionAborted");
  EXPECT_EQ(details(world, 3), R"("executionAbortedEventDetails":{})");
}

TEST(History, OfAJsonataFailureFollowsWhatTheStateFollowed) {
  World world(R"({"QueryLanguage":"JSONata","StartAt":"A","States":{"A":{"Type":"Pass","Next":"B"},
    "B":{"Type":"Task","Resource":"job:t","Output":{"x":"{% $states.result.no %}"},"Catch":[{"ErrorEquals":["States.QueryEvaluationError"],"Next":"C"}],"End":true},
    "C":{"Type":"Wait","Seconds":"{% 'text' %}","End":true}}})");
  world.start();
  world.succeed(world.dispatched("B"), "{}");
  EXPECT_THAT(world.end_text(),
              testing::StartsWith("States.QueryEvaluationError: An error occurred while executing the "
                                  "state 'C' (entered at the event id #10). "));
  const std::vector<std::string> history = world.history();
  EXPECT_THAT(
      std::vector<std::string>(history.begin() + 2, history.end()),
      testing::ElementsAre("3<-2 PassStateExited", "4<-3 TaskStateEntered", "5<-4 TaskScheduled", "6<-5 TaskStarted",
                           "7<-6 TaskSucceeded", "8<-3 EvaluationFailed", "9<-8 TaskStateExited",
                           "10<-9 WaitStateEntered", "11<-10 EvaluationFailed", "12<-11 ExecutionFailed"));
  EXPECT_EQ(details(world, 8),
            R"("evaluationFailedEventDetails":{"error":"States.QueryEvaluationError","cause":"An error occurred while )"
            R"(executing the state 'B' (entered at the event id #4). The JSONata expression '$states.result.no' )"
            R"(specified for the field 'Output/x' returned nothing (undefined).","location":"Output/x","state":"B"})");
}

}  // namespace
}  // namespace lockstep::engine
