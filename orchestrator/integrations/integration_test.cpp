#include "integrations/integration.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace lockstep::integrations {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::string_view kInvoke = "arn:aws:states:::lambda:invoke";
constexpr RequestId kRequest{1, 2, 3};

Integrations mapping(const std::vector<std::string>& patterns) {
  std::vector<Job> jobs;
  for (const std::string& pattern : patterns) {
    jobs.push_back(Job{.resource = pattern, .builtin = Builtin::echo});
  }
  return Integrations(std::move(jobs));
}

Value json(std::string_view text) {
  return Value::from_text(std::string(text)).value();
}

/// Index of the job that a lambda:invoke of `function` runs; -1: none.
int invoked(const Integrations& integrations, std::string_view function) {
  const auto resolved =
      integrations.resolve(kInvoke, json(fmt::format(R"({{"FunctionName":"{}"}})", function)), kRequest);
  return resolved ? static_cast<int>(resolved->job) : -1;
}

TEST(Resolve, FirstMatchingEntryWins) {
  const Integrations integrations = mapping({"job:a", "job:*", "job:b"});
  EXPECT_EQ(integrations.resolve("job:a", Value(), kRequest)->job, JobId{0});
  EXPECT_EQ(integrations.resolve("job:b", Value(), kRequest)->job, JobId{1});
}

TEST(Resolve, JobTakesTheParametersAndItsResultStaysBare) {
  const Integrations integrations = mapping({"job:a"});
  const auto resolved = integrations.resolve("job:a", json(R"({"x":1})"), kRequest);
  ASSERT_TRUE(resolved.has_value());
  EXPECT_EQ(resolved->input.to_text(), R"({"x":1})");
  EXPECT_EQ(wrap_result(resolved->wrapping, json("[1]"), kRequest).to_text(), "[1]");
}

TEST(Resolve, AnyMappedIntegrationTakesItsParameters) {
  const Integrations integrations = mapping({"arn:aws:states:::batch:submitJob*", "arn:aws:states:::aws-sdk:s3:*"});
  const auto batch =
      integrations.resolve("arn:aws:states:::batch:submitJob.sync", json(R"({"JobName":"n"})"), kRequest);
  ASSERT_TRUE(batch.has_value());
  EXPECT_EQ(batch->input.to_text(), R"({"JobName":"n"})");
  EXPECT_EQ(integrations.resolve("arn:aws:states:::aws-sdk:s3:getObject", Value(), kRequest)->job, JobId{1});
}

TEST(Resolve, FunctionArnGivesABareResult) {
  const Integrations integrations = mapping({"arn:aws:lambda:*:*:function:resize"});
  const auto resolved = integrations.resolve("arn:aws:lambda:us-east-1:1:function:resize:7", json("5"), kRequest);
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
  const Wrapping invoke{Wrapping::Form::lambda_invoke, "$LATEST", false};
  EXPECT_EQ(wrap_cause(invoke, R"({"errorType": "E", "stackTrace": [ ]})"), R"({"errorType":"E","stackTrace":[]})");
  EXPECT_EQ(wrap_cause(Wrapping{}, R"({"errorType": "E"})"), R"({"errorType": "E"})");
  EXPECT_EQ(wrap_cause(invoke, "{ no JSON"), "{ no JSON");
  EXPECT_EQ(wrap_cause(invoke, "exit status 1"), "exit status 1");
}

TEST(LambdaInvoke, WrapsTheResultAsAwsDoes) {
  const Integrations integrations = mapping({"resize"});
  const auto resolved = integrations.resolve(kInvoke, json(R"({"FunctionName":"resize"})"), kRequest);
  const Value wrapped = wrap_result(resolved->wrapping, json(R"({"ok":true})"), kRequest);
  const Node& node = wrapped.node();
  EXPECT_EQ(node.size(), 5U);
  EXPECT_EQ(node.find("ExecutedVersion")->as_string(), "$LATEST");
  EXPECT_EQ(wrapped.part(*node.find("Payload")).to_text(), R"({"ok":true})");
  EXPECT_EQ(node.find("StatusCode")->as_integer(), 200);
  EXPECT_EQ(node.find("SdkHttpMetadata")->find("HttpStatusCode")->as_integer(), 200);
  EXPECT_TRUE(node.find("SdkHttpMetadata")->find("AllHttpHeaders")->find("Connection")->is_array());
  EXPECT_EQ(node.find("SdkResponseMetadata")->find("RequestId")->as_string(), kRequest.text());
}

TEST(LambdaInvoke, NamesTheVersionAndTheLogWhereAsked) {
  const Integrations integrations = mapping({"resize"});
  const auto resolved =
      integrations.resolve(kInvoke, json(R"({"FunctionName":"resize:prod","LogType":"Tail"})"), kRequest);
  const Value wrapped = wrap_result(resolved->wrapping, Value(), kRequest);
  EXPECT_EQ(wrapped.node().find("ExecutedVersion")->as_string(), "prod");
  EXPECT_NE(wrapped.node().find("LogResult"), nullptr);
}

TEST(LambdaInvoke, UnknownFunctionFailsAsOnAws) {
  const auto refused = mapping({"job:a"}).resolve(
      kInvoke, json(R"({"FunctionName":"arn:aws:lambda:eu-west-1:42:function:gone"})"), kRequest);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().error, "Lambda.ResourceNotFoundException");
  EXPECT_EQ(refused.error().cause,
            fmt::format("Function not found: arn:aws:lambda:eu-west-1:42:function:gone:$LATEST (Service: AWSLambda; "
                        "Status Code: 404; Error Code: ResourceNotFoundException; Request ID: {}; Proxy: null)",
                        kRequest.text()));
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
                            .resolve("arn:aws:states:::lambda:invoke.waitForTaskToken",
                                     json(R"({"FunctionName":"resize","Payload":{"t":1}})"), kRequest);
  ASSERT_TRUE(resolved.has_value());
  EXPECT_EQ(resolved->input.to_text(), R"({"t":1})");
  EXPECT_EQ(resolved->wrapping.form, Wrapping::Form::bare);
}

TEST(Unmapped, NamesEachResourceThatNothingMapsOnce) {
  const Integrations integrations = mapping({"arn:aws:lambda:*:*:function:resize", "job:a"});
  EXPECT_THAT(integrations.unmapped({{"job:a", {}},
                                     {"job:b", {}},
                                     {"job:b", {}},
                                     {std::string(kInvoke), "resize"},
                                     {std::string(kInvoke), "blur"},
                                     {std::string(kInvoke), {}},
                                     {"arn:aws:lambda:us-east-1:1:function:resize", {}},
                                     {"arn:aws:states:::sns:publish", {}}}),
              ElementsAre("job:b", "arn:aws:states:::lambda:invoke (function blur)", "arn:aws:states:::sns:publish"));
}

TEST(RequestId, IsAUuidOfItsDispatch) {
  const std::string id = RequestId{1, 2, 3}.text();
  EXPECT_EQ(id.size(), 36U);
  EXPECT_EQ(id[14], '4');
  EXPECT_EQ(id, (RequestId{1, 2, 3}.text()));
  EXPECT_NE(id, (RequestId{1, 2, 4}.text()));
  EXPECT_NE(id, (RequestId{2, 1, 3}.text()));
}

}  // namespace
}  // namespace lockstep::integrations
