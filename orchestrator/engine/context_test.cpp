// asl.md section 11, aws-behaviour.md 37, 42: the Context object.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/test_world.hpp"

namespace lockstep::engine {
namespace {

TEST(Context, HoldsExecutionMachineAndState) {
  World world(machine_of(R"("A":{"Type":"Pass","Parameters":{"c.$":"$$"},"OutputPath":"$.c","End":true})"));
  world.start(R"({"x": 1})");
  world.ended(
      Status::succeeded,
      R"({"Execution":{"Id":"arn:aws:states:us-east-1:123456789012:execution:machine:test","Input":{"x":1},)"
      R"("StartTime":"2023-11-14T22:13:20.000Z","Name":"test","RoleArn":"arn:aws:iam::123456789012:role/lockstep","RedriveCount":0},)"
      R"("StateMachine":{"Id":"arn:aws:states:us-east-1:123456789012:stateMachine:machine","Name":"machine"},)"
      R"("State":{"Name":"A","EnteredTime":"2023-11-14T22:13:20.000Z"}})");
}

TEST(Context, TellsWhenTheStateWasEntered) {
  World world(machine_of(
      R"("A":{"Type":"Wait","Seconds":3,"Next":"B"},"B":{"Type":"Pass","OutputPath":"$$.State.EnteredTime","End":true})"));
  world.start();
  world.advance(3.25);
  world.ended(Status::succeeded, R"("2023-11-14T22:13:23.250Z")");
}

TEST(Context, CountsTheRetriesOfTasksMapsAndParallels) {
  World world(machine_of(R"("A":{"Type":"Parallel","Parameters":{"n.$":"$$.State.RetryCount"},"Branches":[
    {"StartAt":"T","States":{"T":{"Type":"Task","Resource":"job:t","Parameters":{"outer.$":"$.n","inner.$":"$$.State.RetryCount"},
      "Retry":[{"ErrorEquals":["Again"],"MaxAttempts":1}],"End":true}}}],
    "Retry":[{"ErrorEquals":["States.ALL"],"MaxAttempts":1}],"End":true})"));
  world.start();
  world.fail(world.dispatched("T", R"({"outer":0,"inner":0})"), "Again");
  world.advance(1);
  world.fail(world.dispatched("T", R"({"outer":0,"inner":1})"), "Again");
  world.advance(1);
  world.succeed(world.dispatched("T", R"({"outer":1,"inner":0})"));
  world.ended(Status::succeeded);
}

TEST(Context, OfOtherStatesHasNoRetryCount) {
  World world(machine_of(R"("A":{"Type":"Pass","Parameters":{"n.$":"$$.State.RetryCount"},"End":true})"));
  world.start();
  world.ended(Status::failed);
}

TEST(Context, HoldsTheItemOfTheInnermostMap) {
  World world(machine_of(R"("A":{"Type":"Map","ItemProcessor":{"StartAt":"B","States":{"B":{"Type":"Map",
    "ItemSelector":{"outer.$":"$$.Map.Item.Index","v.$":"$$.Map.Item.Value"},
    "ItemProcessor":{"StartAt":"C","States":{"C":{"Type":"Pass","Parameters":{"from.$":"$","i.$":"$$.Map.Item.Index","v.$":"$$.Map.Item.Value"},"End":true}}},
    "Next":"D"},"D":{"Type":"Pass","Parameters":{"inner.$":"$","i.$":"$$.Map.Item.Index"},"End":true}}},"End":true})"));
  world.start(R"([["a"],["b"]])");
  world.ended(Status::succeeded, R"([{"i":0,"inner":[{"v":"a","i":0,"from":{"v":"a","outer":0}}]},)"
                                 R"({"i":1,"inner":[{"v":"b","i":0,"from":{"v":"b","outer":0}}]}])");
}

TEST(Context, HoldsANewTokenForEachAttempt) {
  World world(machine_of(R"("A":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke.waitForTaskToken",
    "Parameters":{"FunctionName":"f","Payload":{"t.$":"$$.Task.Token"}},"Retry":[{"ErrorEquals":["States.ALL"]}],"End":true})"));
  world.start();
  const DispatchTask first = world.next_dispatch();
  EXPECT_FALSE(first.token.empty());
  EXPECT_EQ(first.parameters.to_text(), R"({"FunctionName":"f","Payload":{"t":")" + first.token + R"("}})");
  world.fail(first.id, "E");
  world.advance(1);
  const DispatchTask second = world.next_dispatch();
  EXPECT_NE(first.token, second.token);
  world.succeed(second.id);
  world.answer(second.token, "1");
  world.ended(Status::succeeded, "1");
}

}  // namespace
}  // namespace lockstep::engine
