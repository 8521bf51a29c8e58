#include "integrations/integration.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "integrations/envelope.hpp"
#include "integrations/sdk_metadata.hpp"
#include "value/test_json.hpp"

namespace lockstep::integrations {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

const asl::Resource kInvoke = asl::classify_resource("arn:aws:states:::lambda:invoke");
constexpr DispatchId kRequest{work::ExecutionId{1}, work::StrandId{0}, 2, 3};

Integrations mapping(const std::vector<std::string>& patterns) {
  std::vector<Job> jobs;
  for (const std::string& pattern : patterns) {
    jobs.push_back(Job{.resource = pattern, .builtin = Builtin::echo});
  }
  return Integrations(std::move(jobs));
}

/// What a task comes to whose job came to that.
Value wrapped_result(const Wrapping& wrapping, Value result) {
  work::Outcome outcome;
  outcome.id = kRequest;
  outcome.result = std::move(result);
  return wrap(wrapping, std::move(outcome)).outcome.result;
}

/// Index of the job that a lambda:invoke of `function` runs; -1: none.
int invoked(const Integrations& integrations, std::string_view function) {
  const auto resolved =
      integrations.resolve(kInvoke, json(fmt::format(R"({{"FunctionName":"{}"}})", function)), kRequest);
  return resolved ? static_cast<int>(resolved->job) : -1;
}

TEST(Resolve, FirstMatchingEntryWins) {
  const Integrations integrations = mapping({"job:a", "job:*", "job:b"});
  EXPECT_EQ(integrations.resolve(asl::classify_resource("job:a"), Value(), kRequest)->job, JobId{0});
  EXPECT_EQ(integrations.resolve(asl::classify_resource("job:b"), Value(), kRequest)->job, JobId{1});
}

TEST(Resolve, JobTakesTheParametersAndItsResultStaysBare) {
  const Integrations integrations = mapping({"job:a"});
  const auto resolved = integrations.resolve(asl::classify_resource("job:a"), json(R"({"x":1})"), kRequest);
  ASSERT_TRUE(resolved.has_value());
  EXPECT_EQ(resolved->input.to_text(), R"({"x":1})");
  EXPECT_EQ(wrapped_result(resolved->wrapping, json("[1]")).to_text(), "[1]");
}

TEST(Resolve, AnyMappedIntegrationTakesItsParameters) {
  const Integrations integrations = mapping({"arn:aws:states:::batch:submitJob*", "arn:aws:states:::aws-sdk:s3:*"});
  const auto batch = integrations.resolve(asl::classify_resource("arn:aws:states:::batch:submitJob.sync"),
                                          json(R"({"JobName":"n"})"), kRequest);
  ASSERT_TRUE(batch.has_value());
  EXPECT_EQ(batch->input.to_text(), R"({"JobName":"n"})");
  EXPECT_EQ(
      integrations.resolve(asl::classify_resource("arn:aws:states:::aws-sdk:s3:getObject"), Value(), kRequest)->job,
      JobId{1});
}

TEST(Resolve, TakesTheEntryOfTheWholeResourceBeforeThatWithoutItsSuffix) {
  const auto job = [](const std::vector<std::string>& patterns, std::string_view resource) {
    return mapping(patterns).resolve(asl::classify_resource(resource), Value(), kRequest)->job;
  };
  EXPECT_EQ(job({"job:b", "job:a"}, "job:a.waitForTaskToken"), JobId{1});
  EXPECT_EQ(job({"job:a", "job:a.waitForTaskToken"}, "job:a.waitForTaskToken"), JobId{1});
  EXPECT_EQ(job({"arn:aws:states:::sqs:sendMessage"}, "arn:aws:states:::sqs:sendMessage.waitForTaskToken"), JobId{0});
  EXPECT_EQ(job({"arn:aws:states:::aws-sdk:s3:*"}, "arn:aws:states:::aws-sdk:s3:getObject.waitForTaskToken"), JobId{0});
  EXPECT_FALSE(mapping({"job:a.sync"}).resolve(asl::classify_resource("job:a"), Value(), kRequest).has_value());
}

TEST(Resolve, WhatNothingMapsFailsAsAServiceThatCannotBeReached) {
  const auto error = [](std::string_view resource) {
    return mapping({}).resolve(asl::classify_resource(resource), Value(), kRequest).error().error;
  };
  EXPECT_EQ(error("arn:aws:states:::sqs:sendMessage"), "SQS.SdkClientException");
  EXPECT_EQ(error("arn:aws:states:::aws-sdk:dynamodb:query"), "DynamoDb.SdkClientException");
  EXPECT_EQ(error("arn:aws:states:::http:invoke"), "States.Http.Socket");
  EXPECT_EQ(error("arn:aws:lambda:us-east-1:1:function:f"), "Lambda.ResourceNotFoundException");
  EXPECT_EQ(error("job:a"), "States.TaskFailed");
}

TEST(Resolve, FunctionArnGivesABareResult) {
  const Integrations integrations = mapping({"arn:aws:lambda:*:*:function:resize"});
  const auto resolved =
      integrations.resolve(asl::classify_resource("arn:aws:lambda:us-east-1:1:function:resize:7"), json("5"), kRequest);
  ASSERT_TRUE(resolved.has_value());
  EXPECT_EQ(resolved->input.to_text(), "5");
  EXPECT_EQ(resolved->wrapping.form, Wrapping::Form::bare);
}

TEST(LambdaInvoke, FindsAFunctionByArnOrNameWithOrWithoutQualifier) {
  const Integrations by_arn = mapping({"arn:aws:lambda:*:*:function:resize"});
  EXPECT_EQ(invoked(by_arn, "arn:aws:lambda:us-east-1:1:function:resize"), 0);
  EXPECT_EQ(invoked(by_arn, "arn:aws:lambda:us-east-1:1:function:resize:$LATEST"), 0);
  EXPECT_EQ(invoked(by_arn, "resize"), 0);
  EXPECT_EQ(invoked(by_arn, "resize:prod"), 0);
  EXPECT_EQ(invoked(by_arn, "1:function:resize"), 0);
  EXPECT_EQ(invoked(by_arn, "resize2"), -1);
  const Integrations by_name = mapping({"resize"});
  EXPECT_EQ(invoked(by_name, "arn:aws:lambda:us-east-1:1:function:resize"), 0);
  EXPECT_EQ(invoked(by_name, "resize:prod"), 0);
  const Integrations in_region = mapping({"arn:aws:lambda:eu-west-1:42:function:resize"});
  EXPECT_EQ(invoked(in_region, "resize"), 0);
  EXPECT_EQ(invoked(in_region, "arn:aws:lambda:us-east-1:42:function:resize"), -1);
  const Integrations by_version =
      mapping({"arn:aws:lambda:*:*:function:resize:2", "arn:aws:lambda:*:*:function:resize"});
  EXPECT_EQ(invoked(by_version, "resize:2"), 0);
  EXPECT_EQ(invoked(by_version, "resize:3"), 1);
}

TEST(LambdaInvoke, PassesThePayloadAlone) {
  const Integrations integrations = mapping({"resize"});
  const auto input = [&](std::string_view parameters) {
    return integrations.resolve(kInvoke, json(parameters), kRequest)->input.to_text();
  };
  EXPECT_EQ(input(R"({"FunctionName":"resize","Payload":{"x":[1]}})"), R"({"x":[1]})");
  EXPECT_EQ(input(R"({"FunctionName":"resize","Payload":0})"), "0");
  EXPECT_EQ(input(R"({"FunctionName":"resize","Payload":null})"), "{}");
  EXPECT_EQ(input(R"({"FunctionName":"resize"})"), "{}");
}

TEST(LambdaInvoke, SendsAPayloadThatIsJsonTextAsThatJson) {
  const auto input = [](std::string_view payload) {
    return mapping({"arn:aws:lambda:*:*:function:f"})
        .resolve(kInvoke, json(fmt::format(R"({{"FunctionName":"f","Payload":{}}})", payload)), kRequest)
        ->input.to_text();
  };
  EXPECT_EQ(input(R"("{\"x\": 0.0}")"), R"({"x": 0.0})");
  EXPECT_EQ(input(R"("0.0")"), "0.0");
  EXPECT_EQ(input(R"("HelloWorld")"), R"("HelloWorld")");
}

TEST(LambdaInvoke, GivesAnErrorObjectCompactAndAFunctionArnAsItIs) {
  Wrapping invoke;
  invoke.form = Wrapping::Form::lambda_invoke;
  const auto cause = [](const Wrapping& wrapping, std::string text) {
    return wrap(wrapping, work::failed(kRequest, "E", std::move(text), {})).outcome.cause;
  };
  EXPECT_EQ(cause(invoke, R"({"errorType": "E", "stackTrace": [ ]})"), R"({"errorType":"E","stackTrace":[]})");
  EXPECT_EQ(cause(Wrapping{}, R"({"errorType": "E"})"), R"({"errorType": "E"})");
  EXPECT_EQ(cause(invoke, "{ no JSON"), "{ no JSON");
  EXPECT_EQ(cause(invoke, "exit status 1"), "exit status 1");
}

TEST(LambdaInvoke, WrapsTheResultAsAwsDoes) {
  const Integrations integrations = mapping({"resize"});
  const auto resolved = integrations.resolve(kInvoke, json(R"({"FunctionName":"resize"})"), kRequest);
  const Value wrapped = wrapped_result(resolved->wrapping, json(R"({"ok":true})"));
  const Node& node = wrapped.node();
  EXPECT_EQ(node.size(), 5U);
  EXPECT_EQ(node.find("ExecutedVersion")->as_string(), "$LATEST");
  EXPECT_EQ(wrapped.part(*node.find("Payload")).to_text(), R"({"ok":true})");
  EXPECT_EQ(node.find("StatusCode")->as_integer(), 200);
  EXPECT_EQ(node.find("SdkHttpMetadata")->find("HttpStatusCode")->as_integer(), 200);
  EXPECT_TRUE(node.find("SdkHttpMetadata")->find("AllHttpHeaders")->find("Connection")->is_array());
  EXPECT_EQ(node.find("SdkResponseMetadata")->find("RequestId")->as_string(), request_id(kRequest));
}

TEST(LambdaInvoke, NamesTheVersionAndTheLogWhereAsked) {
  const Integrations integrations = mapping({"resize"});
  const auto resolved =
      integrations.resolve(kInvoke, json(R"({"FunctionName":"resize:prod","LogType":"Tail"})"), kRequest);
  const Value wrapped = wrapped_result(resolved->wrapping, Value());
  EXPECT_EQ(wrapped.node().find("ExecutedVersion")->as_string(), "prod");
  EXPECT_NE(wrapped.node().find("LogResult"), nullptr);
}

TEST(LambdaInvoke, MayBeMappedItselfAndItsErrorsStayTheFunctions) {
  const auto resolved =
      mapping({"arn:aws:states:::lambda:*"}).resolve(kInvoke, json(R"({"FunctionName":"f"})"), kRequest);
  ASSERT_TRUE(resolved.has_value());
  EXPECT_EQ(resolved->input.to_text(), R"({"FunctionName":"f"})");
  EXPECT_EQ(resolved->wrapping.form, Wrapping::Form::bare);
}

TEST(LambdaInvoke, UnknownFunctionFailsAsOnAws) {
  const auto refused = mapping({"job:a"}).resolve(
      kInvoke, json(R"({"FunctionName":"arn:aws:lambda:eu-west-1:42:function:gone"})"), kRequest);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().error, "Lambda.ResourceNotFoundException");
  EXPECT_EQ(refused.error().cause,
            fmt::format("Function not found: arn:aws:lambda:eu-west-1:42:function:gone:$LATEST (Service: AWSLambda; "
                        "Status Code: 404; Error Code: ResourceNotFoundException; Request ID: {}; Proxy: null)",
                        request_id(kRequest)));
}

TEST(LambdaInvoke, RefusesToRunInTheBackground) {
  const auto refused =
      mapping({"resize"}).resolve(kInvoke, json(R"({"FunctionName":"resize","InvocationType":"Event"})"), kRequest);
  ASSERT_FALSE(refused.has_value());
  EXPECT_THAT(refused.error().cause, HasSubstr("'Event'"));
}

TEST(LambdaInvoke, ParametersThatAreNoObjectFail) {
  EXPECT_FALSE(mapping({"resize"}).resolve(kInvoke, json("[1]"), kRequest).has_value());
  EXPECT_FALSE(mapping({"resize"}).resolve(kInvoke, json(R"({"FunctionName":3})"), kRequest).has_value());
}

TEST(LambdaInvoke, CallbackGetsThePayloadToo) {
  const auto resolved = mapping({"resize"})
                            .resolve(asl::classify_resource("arn:aws:states:::lambda:invoke.waitForTaskToken"),
                                     json(R"({"FunctionName":"resize","Payload":{"t":1}})"), kRequest);
  ASSERT_TRUE(resolved.has_value());
  EXPECT_EQ(resolved->input.to_text(), R"({"t":1})");
  EXPECT_EQ(resolved->wrapping.form, Wrapping::Form::bare);
}

TEST(Unmapped, NamesEachResourceThatNothingMapsOnceWithItsStates) {
  const Integrations integrations = mapping({"arn:aws:lambda:*:*:function:resize", "job:a"});
  asl::Resource resize = kInvoke;
  resize.function = "resize";
  asl::Resource blur = kInvoke;
  blur.function = "blur";
  const asl::Resource a = asl::classify_resource("job:a");
  const asl::Resource b = asl::classify_resource("job:b");
  const asl::Resource function = asl::classify_resource("arn:aws:lambda:us-east-1:1:function:resize");
  const asl::Resource publish = asl::classify_resource("arn:aws:states:::sns:publish");
  const std::vector<std::string> states = {"A", "B", "C", "D", "E", "F", "G", "H"};
  const std::vector<Unmapped> found = integrations.unmapped({{a, states[0]},
                                                             {b, states[1]},
                                                             {b, states[2]},
                                                             {resize, states[3]},
                                                             {blur, states[4]},
                                                             {kInvoke, states[5]},
                                                             {function, states[6]},
                                                             {publish, states[7]}});
  ASSERT_EQ(found.size(), 3U);
  EXPECT_EQ(found[0].name, "job:b");
  EXPECT_THAT(found[0].states, ElementsAre("B", "C"));
  EXPECT_EQ(found[1].name, "arn:aws:states:::lambda:invoke (function blur)");
  EXPECT_EQ(found[1].text, "blur");
  EXPECT_EQ(found[2].name, "arn:aws:states:::sns:publish");
}

}  // namespace
}  // namespace lockstep::integrations
