#include "service/nested_call.hpp"

#include <gtest/gtest.h>

#include "asl/parser.hpp"

namespace lockstep::service {
namespace {

const std::string kId = "8d6f0a0e-0000-4000-8000-000000000000";

engine::DispatchTask dispatch_of(const std::string& resource, const std::string& parameters) {
  engine::DispatchTask dispatch;
  dispatch.id = {engine::ExecutionId{7}, engine::StrandId::top, 1, 1};
  dispatch.machine =
      asl::parse_definition(
          R"({"StartAt":"T","States":{"T":{"Type":"Task","Resource":")" + resource + R"(","End":true}}})", {})
          .machine;
  dispatch.state = asl::StateId{0};
  dispatch.parameters = Value::from_text(parameters).value();
  return dispatch;
}

tl::expected<NestedCall, integrations::Failure> call_of(const std::string& resource, const std::string& parameters) {
  return nested_call(dispatch_of(resource, parameters), kId);
}

asl::Resource resource_of(const std::string& action) {
  return asl::classify_resource("arn:aws:states:::" + action);
}

Description described(const std::string& output) {
  Description description;
  description.execution_arn = "arn:e";
  description.machine_arn = "arn:m";
  description.name = "n";
  description.status = engine::Status::succeeded;
  description.started = Timestamp{1'700'000'000'123'000};
  description.stopped = Timestamp{1'700'000'001'000'000};
  description.input = Value::from_text(R"({"a":1})").value();
  description.end =
      engine::EndExecution{engine::ExecutionId{1}, engine::Status::succeeded, Value::from_text(output).value()};
  return description;
}

TEST(NestedCall, IsOfStepFunctionsItself) {
  for (const char* action : {"states:startExecution", "states:startExecution.sync:2", "aws-sdk:sfn:sendTaskHeartbeat",
                             "aws-sdk:sfn:startSyncExecution"}) {
    EXPECT_TRUE(is_nested_call(resource_of(action))) << action;
  }
  for (const char* action : {"aws-sdk:sfn:listExecutions", "sns:publish", "batch:submitJob.sync"}) {
    EXPECT_FALSE(is_nested_call(resource_of(action))) << action;
  }
}

TEST(NestedCall, StartsWithWhatItIsGiven) {
  const auto call =
      call_of("arn:aws:states:::states:startExecution", R"({"StateMachineArn":"m","Input":{"a":1},"Name":"n"})");
  const auto& start = std::get<Start>(call->request);
  EXPECT_EQ(start.machine, "m");
  EXPECT_EQ(start.name, "n");
  EXPECT_EQ(start.input.to_text(), R"({"a":1})");
  EXPECT_FALSE(start.wait || start.sync || start.parent);
}

TEST(NestedCall, NoInputIsAnEmptyObjectAndNoNameIsMade) {
  for (const char* input : {"", R"(,"Input":null)"}) {
    const auto call =
        call_of("arn:aws:states:::states:startExecution.sync", std::string(R"({"StateMachineArn":"m")") + input + "}");
    const auto& start = std::get<Start>(call->request);
    EXPECT_EQ(start.input.to_text(), "{}");
    EXPECT_EQ(start.name, kId);
    EXPECT_TRUE(start.wait);
    EXPECT_EQ(start.parent->execution, engine::ExecutionId{7});
  }
}

TEST(NestedCall, ATextIsTheInputsJson) {
  const auto call =
      call_of("arn:aws:states:::aws-sdk:sfn:startExecution", R"({"StateMachineArn":"m","Input":"[1, 2]"})");
  EXPECT_EQ(std::get<Start>(call->request).input.to_text(), "[1, 2]");
  const auto bad = call_of("arn:aws:states:::aws-sdk:sfn:startExecution", R"({"StateMachineArn":"m","Input":"no"})");
  EXPECT_EQ(bad.error().error, "Sfn.InvalidExecutionInputException");
}

TEST(NestedCall, WhatIsMissingIsRefused) {
  EXPECT_EQ(call_of("arn:aws:states:::states:startExecution", "{}").error().error, "StepFunctions.ValidationException");
  EXPECT_EQ(call_of("arn:aws:states:::aws-sdk:sfn:stopExecution", "5").error().error, "Sfn.ValidationException");
  EXPECT_EQ(call_of("arn:aws:states:::aws-sdk:sfn:sendTaskSuccess", R"({"TaskToken":"t"})").error().error,
            "Sfn.InvalidOutputException");
}

TEST(NestedCall, OfASynchronousChildItsTaskIsKnownToo) {
  const auto call = call_of("arn:aws:states:::aws-sdk:sfn:startSyncExecution", R"({"StateMachineArn":"m"})");
  const auto& start = std::get<Start>(call->request);
  EXPECT_TRUE(start.sync);
  EXPECT_FALSE(start.wait);
  EXPECT_EQ(start.parent->execution, engine::ExecutionId{7});
}

TEST(NestedCall, OnlyAStandardExecutionIsStopped) {
  const auto stop = [](const std::string& arn) {
    return call_of("arn:aws:states:::aws-sdk:sfn:stopExecution", R"({"ExecutionArn":")" + arn + "\"}");
  };
  const std::string standard = "arn:aws:states:us-east-1:123456789012:execution:m:a";
  EXPECT_EQ(std::get<Stop>(stop(standard)->request).execution, standard);
  EXPECT_EQ(stop("a").error().error, "Sfn.InvalidArnException");
  EXPECT_TRUE(stop("a").error().cause.starts_with("Invalid Arn: 'Invalid ARN prefix: a'"));
  EXPECT_TRUE(stop("arn:aws:states:us-east-1:123456789012:express:m:a:b")
                  .error()
                  .cause.starts_with("Invalid Arn: 'Resource type not valid in this context: express'"));
}

TEST(NestedCall, FailuresAreSpelledAsTheServiceSpellsThem) {
  const Refused refused{"StateMachineDoesNotExist", "State Machine Does Not Exist: 'm'"};
  const integrations::Failure optimised = failure_of(resource_of("states:startExecution"), refused, kId);
  EXPECT_EQ(optimised.error, "StepFunctions.StateMachineDoesNotExistException");
  EXPECT_EQ(optimised.cause,
            "State Machine Does Not Exist: 'm' (Service: AWSStepFunctions; Status Code: 400; Error Code: "
            "StateMachineDoesNotExist; Request ID: " +
                kId + "; Proxy: null)");
  const integrations::Failure sdk = failure_of(resource_of("aws-sdk:sfn:startExecution"), refused, kId);
  EXPECT_EQ(sdk.error, "Sfn.StateMachineDoesNotExistException");
  EXPECT_EQ(sdk.cause, "State Machine Does Not Exist: 'm' (Service: Sfn, Status Code: 400, Request ID: " + kId +
                           ") (SDK Attempt Count: 1)");
}

TEST(NestedCall, AChildsPayloadIsTextOrValue) {
  EXPECT_EQ(description_result(resource_of("states:startExecution.sync"), described("[1]")).to_text(),
            R"({"ExecutionArn":"arn:e","Input":"{\"a\":1}","InputDetails":{"Included":true},"Name":"n","Output":"[1]",)"
            R"("OutputDetails":{"Included":true},"StartDate":1700000000123,"StateMachineArn":"arn:m",)"
            R"("Status":"SUCCEEDED","StopDate":1700000001000})");
  EXPECT_EQ(description_result(resource_of("states:startExecution.sync:2"), described("[1]")).to_text(),
            R"({"ExecutionArn":"arn:e","Input":{"a":1},"InputDetails":{"Included":true},"Name":"n","Output":[1],)"
            R"("OutputDetails":{"Included":true},"StartDate":1700000000123,"StateMachineArn":"arn:m",)"
            R"("Status":"SUCCEEDED","StopDate":1700000001000})");
}

TEST(NestedCall, WhatAnSdkCallAnswersHasTimesAsText) {
  const std::string text =
      description_result(resource_of("aws-sdk:sfn:startSyncExecution"), described("[1]")).to_text();
  EXPECT_TRUE(text.starts_with(R"({"BillingDetails":{"BilledDurationInMilliseconds":900,"BilledMemoryUsedInMB":64},)"))
      << text;
  EXPECT_NE(text.find(R"("StartDate":"2023-11-14T22:13:20.123Z")"), std::string::npos) << text;
}

}  // namespace
}  // namespace lockstep::service
