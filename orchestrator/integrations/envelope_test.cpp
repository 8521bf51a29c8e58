#include "integrations/envelope.hpp"
#include "value/test_json.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace lockstep::integrations {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr DispatchId kId{work::ExecutionId{1}, work::StrandId{0}, 2, 3};

Resolved resolved(std::string_view resource, std::string_view parameters = "{}") {
  const Integrations integrations({Job{.resource = "*", .builtin = Builtin::echo}});
  return integrations.resolve(asl::classify_resource(resource), json(parameters), kId).value();
}

work::Outcome success(std::string_view result) {
  work::Outcome outcome;
  outcome.id = kId;
  outcome.result = json(result);
  outcome.started = Timestamp{1'700'000'000'123'456};
  outcome.ended = Timestamp{1'700'000'001'000'000};
  return outcome;
}

work::Outcome failure(std::string error, std::string cause) {
  work::Outcome outcome = success("null");
  outcome.kind = work::OutcomeKind::failed;
  outcome.error = std::move(error);
  outcome.cause = std::move(cause);
  return outcome;
}

std::string error_of(std::string_view resource, std::string error, std::string cause = "") {
  const Wrapped wrapped = wrap(resolved(resource).wrapping, failure(std::move(error), std::move(cause)));
  return wrapped.outcome.error + ": " + wrapped.outcome.cause;
}

constexpr const char* kSubmit = "arn:aws:states:::batch:submitJob";
constexpr const char* kSubmitSync = "arn:aws:states:::batch:submitJob.sync";
constexpr const char* kHttp = "arn:aws:states:::http:invoke";

TEST(Envelope, CallsErrorsOfServicesAsAwsDoes) {
  EXPECT_EQ(error_of("arn:aws:states:::aws-sdk:s3:getObject", "NoSuchKey", R"({"errorType":"NoSuchKey"})"),
            R"(S3.NoSuchKeyException: {"errorType":"NoSuchKey"})");
  EXPECT_EQ(error_of("arn:aws:states:::sns:publish.waitForTaskToken", "InvalidParameter"),
            "SNS.InvalidParameterException: ");
  EXPECT_EQ(error_of("arn:aws:states:::sns:publish", "States.TaskFailed", "exit status 1"),
            "States.TaskFailed: exit status 1");
}

TEST(Envelope, LeavesErrorsOfFunctionsAndJobsAlone) {
  for (const char* resource : {"arn:aws:lambda:us-east-1:1:function:f", "arn:aws:states:::lambda:invoke", "job:a",
                               "job:a.sync", "arn:aws:states:::http:invoke"}) {
    const Integrations integrations({Job{.resource = "*", .builtin = Builtin::echo}});
    const auto found =
        integrations.resolve(asl::classify_resource(resource), json(R"({"FunctionName":"f"})"), kId).value();
    EXPECT_EQ(wrap(found.wrapping, failure("Mine", "why")).outcome.error, "Mine") << resource;
  }
}

TEST(Batch, AnswersAsSubmitJobDoes) {
  const Wrapped wrapped = wrap(resolved(kSubmit, R"({"JobName":"melt"})").wrapping, success("[1]"));
  const Node& node = wrapped.outcome.result.node();
  EXPECT_EQ(node.find("JobName")->as_string(), "melt");
  const std::string arn(node.find("JobArn")->as_string());
  EXPECT_TRUE(arn.ends_with(fmt::format(":job/{}", node.find("JobId")->as_string()))) << arn;
  EXPECT_EQ(node.find("SdkHttpMetadata")->find("HttpStatusCode")->as_integer(), 200);
  EXPECT_FALSE(wrapped.submitted.has_value());
}

TEST(Batch, AnswersWithTheJobsDetailWhereItWaitsForIt) {
  const Wrapped wrapped =
      wrap(resolved(kSubmitSync, R"({"JobName":"melt","JobQueue":"q","JobDefinition":"d:1","Tags":{"a":"b"},
        "ContainerOverrides":{"Command":["x"],"Environment":[{"Name":"N","Value":"v"}]}})")
               .wrapping,
           success(R"({"ExitCode":0})"));
  const Node& node = wrapped.outcome.result.node();
  EXPECT_EQ(node.find("Status")->as_string(), "SUCCEEDED");
  EXPECT_EQ(node.find("Container")->find("ExitCode")->as_integer(), 0);
  EXPECT_EQ(node.find("Container")->find("Command")->at(0).as_string(), "x");
  EXPECT_EQ(node.find("Container")->find("Environment")->at(0).find("Name")->as_string(), "N");
  EXPECT_EQ(node.find("StartedAt")->as_integer(), 1'700'000'000'123);
  EXPECT_EQ(node.find("StoppedAt")->as_integer(), 1'700'000'001'000);
  EXPECT_EQ(node.find("CreatedAt")->as_integer(), 1'700'000'000'123);
  EXPECT_EQ(node.find("JobQueue")->as_string(), "q");
  EXPECT_EQ(node.find("JobDefinition")->as_string(), "d:1");
  EXPECT_EQ(node.find("Tags")->find("a")->as_string(), "b");
  ASSERT_TRUE(wrapped.submitted.has_value());
  EXPECT_EQ(wrapped.submitted->node().find("JobId")->as_string(), node.find("JobId")->as_string());
}

TEST(Batch, FailsWithTheJobsDetailAsText) {
  const auto detail = [](std::string error, std::string cause) {
    const Wrapped wrapped = wrap(resolved(kSubmitSync, R"({"JobName":"melt"})").wrapping, failure(error, cause));
    EXPECT_EQ(wrapped.outcome.kind, work::OutcomeKind::failed);
    EXPECT_EQ(wrapped.outcome.error, "States.TaskFailed");
    EXPECT_TRUE(wrapped.submitted.has_value());
    return json(wrapped.outcome.cause);
  };
  const Value exited = detail("States.TaskFailed", "exit status 3\nno melt");
  EXPECT_EQ(exited.node().find("Status")->as_string(), "FAILED");
  EXPECT_EQ(exited.node().find("StatusReason")->as_string(), "exit status 3\nno melt");
  EXPECT_EQ(exited.node().find("Container")->find("ExitCode")->as_integer(), 3);
  EXPECT_EQ(exited.node().find("Attempts")->at(0).find("Container")->find("ExitCode")->as_integer(), 3);
  const Value killed = detail("States.TaskFailed", "killed by signal 9 (Killed)");
  EXPECT_EQ(killed.node().find("Container")->find("ExitCode")->as_integer(), 137);
  const Value named = detail("Mine", R"({"errorType":"Mine"})");
  EXPECT_EQ(named.node().find("StatusReason")->as_string(), R"({"errorType":"Mine"})");
  EXPECT_EQ(named.node().find("Container")->find("ExitCode"), nullptr);
}

TEST(Batch, LeavesAloneWhatIsNotTheJobsFailure) {
  EXPECT_EQ(error_of(kSubmitSync, "Lockstep.WorkerLost", "gone"), "Lockstep.WorkerLost: gone");
  EXPECT_EQ(error_of(kSubmitSync, "States.DataLimitExceeded", "long"), "States.DataLimitExceeded: long");
  EXPECT_EQ(error_of(kSubmit, "Client", "why"), "Batch.ClientException: why");
}

TEST(Batch, TakesAnAnswerThatNamesAJobAsTheServices) {
  constexpr const char* kAnswer = R"({"JobId":"4711","Status":"SUCCEEDED"})";
  EXPECT_EQ(wrap(resolved(kSubmit).wrapping, success(kAnswer)).outcome.result.to_text(), kAnswer);
  EXPECT_EQ(wrap(resolved(kSubmitSync).wrapping, success(kAnswer)).outcome.result.to_text(), kAnswer);
}

TEST(Batch, LimitsTheTimeOfAnAttempt) {
  const Resolved limited = resolved(kSubmitSync, R"({"Timeout":{"AttemptDurationSeconds":5}})");
  EXPECT_EQ(limited.attempt_seconds, 5);
  EXPECT_FALSE(resolved(kSubmitSync).attempt_seconds.has_value());
  work::Outcome outcome = success("null");
  outcome.kind = work::OutcomeKind::timed_out;
  EXPECT_EQ(wrap(limited.wrapping, outcome).outcome.kind, work::OutcomeKind::timed_out) << "the state's own limit";
  Wrapping wrapping = limited.wrapping;
  wrapping.is_attempt_limit = true;
  const Wrapped wrapped = wrap(wrapping, outcome);
  EXPECT_EQ(wrapped.outcome.error, "States.TaskFailed");
  EXPECT_THAT(wrapped.outcome.cause, HasSubstr(R"("StatusReason":"Job attempt duration exceeded timeout")"));
}

TEST(Batch, GivesTheJobItsEnvironment) {
  const Resolved found = resolved(
      kSubmit, R"({"JobQueue":"q","ContainerOverrides":{"Environment":[{"Name":"A","Value":"1 2"},{"Name":"B"}]}})");
  EXPECT_THAT(
      found.environment,
      ElementsAre("AWS_BATCH_JOB_ID=" +
                      std::string(wrap(found.wrapping, success("1")).outcome.result.node().find("JobId")->as_string()),
                  "AWS_BATCH_JQ_NAME=q", "MANAGED_BY_AWS=STARTED_BY_STEP_FUNCTIONS", "A=1 2", "B="));
  const Integrations integrations({Job{.resource = "*", .builtin = Builtin::echo}});
  for (const char* name : {"", "A=B", "LOCKSTEP_RANK", "A\\u0000B"}) {
    const auto refused = integrations.resolve(
        asl::classify_resource(kSubmit),
        json(fmt::format(R"({{"ContainerOverrides":{{"Environment":[{{"Name":"{}","Value":"1"}}]}}}})", name)), kId);
    ASSERT_FALSE(refused.has_value()) << name;
    EXPECT_EQ(refused.error().error, "Lockstep.BadArguments");
  }
}

TEST(Http, PutsAnEnvelopeAroundABody) {
  EXPECT_EQ(wrap(resolved(kHttp).wrapping, success(R"({"a":1})")).outcome.result.to_text(),
            R"({"Headers":{"content-length":["7"],"content-type":["application/json"]},"ResponseBody":{"a":1},)"
            R"("StatusCode":200,"StatusText":"OK"})");
}

TEST(Http, TakesAnAnswerWithAStatusAsItIs) {
  constexpr const char* kAnswer = R"({"StatusCode":201,"ResponseBody":1})";
  EXPECT_EQ(wrap(resolved(kHttp).wrapping, success(kAnswer)).outcome.result.to_text(), kAnswer);
}

TEST(Http, FailsWithItsStatus) {
  const auto failed = [](std::string_view answer) {
    const Wrapped wrapped = wrap(resolved(kHttp).wrapping, success(answer));
    EXPECT_EQ(wrapped.outcome.kind, work::OutcomeKind::failed);
    return wrapped.outcome.error + ": " + wrapped.outcome.cause;
  };
  EXPECT_EQ(failed(R"({"StatusCode":404,"ResponseBody":"not here"})"), "States.Http.StatusCode.404: not here");
  EXPECT_EQ(failed(R"({"StatusCode":500,"ResponseBody":{"why":1}})"), R"(States.Http.StatusCode.500: {"why":1})");
  EXPECT_EQ(failed(R"({"StatusCode":429,"StatusText":"Too Many Requests"})"),
            "States.Http.StatusCode.429: Too Many Requests");
}

}  // namespace
}  // namespace lockstep::integrations
