#include "integrations/service_names.hpp"

#include <gtest/gtest.h>

namespace lockstep::integrations {
namespace {

ServiceName name_in(std::string_view resource) {
  return service_name(asl::classify_resource(resource));
}

TEST(ServiceName, IsSpelledAsAwsSpellsIt) {
  EXPECT_EQ(name_in("arn:aws:states:::aws-sdk:s3:getObject").error, "S3");
  EXPECT_EQ(name_in("arn:aws:states:::aws-sdk:sfn:startExecution").error, "Sfn");
  EXPECT_EQ(name_in("arn:aws:states:::aws-sdk:sqs:sendMessage").error, "Sqs");
  EXPECT_EQ(name_in("arn:aws:states:::aws-sdk:dynamodb:query").error, "DynamoDb");
  EXPECT_EQ(name_in("arn:aws:states:::aws-sdk:secretsmanager:getSecretValue").error, "SecretsManager");
  EXPECT_EQ(name_in("arn:aws:states:::sqs:sendMessage").error, "SQS");
  EXPECT_EQ(name_in("arn:aws:states:::dynamodb:getItem").error, "DynamoDB");
  EXPECT_EQ(name_in("arn:aws:states:::states:startExecution").error, "StepFunctions");
  EXPECT_EQ(name_in("arn:aws:states:::states:startExecution").cause, "AWSStepFunctions");
}

TEST(ServiceError, TakesItsServiceInFrontUnlessItIsAWholeName) {
  const ServiceName s3 = name_in("arn:aws:states:::aws-sdk:s3:getObject");
  EXPECT_EQ(service_error(s3, "NoSuchKey"), "S3.NoSuchKeyException");
  EXPECT_EQ(service_error(s3, "NoSuchKeyException"), "S3.NoSuchKeyException");
  EXPECT_EQ(service_error(s3, "S3.NoSuchKeyException"), "S3.NoSuchKeyException");
  EXPECT_EQ(service_error(s3, "States.TaskFailed"), "States.TaskFailed");
  EXPECT_EQ(service_error(s3, "Lockstep.BadOutput"), "Lockstep.BadOutput");
  EXPECT_EQ(service_error(name_in("arn:aws:states:::apigateway:invoke"), "404"), "ApiGateway.404");
}

TEST(ServiceCause, IsTheMessageWithWhatAwsSaysOfTheCall) {
  const ServiceName sdk = name_in("arn:aws:states:::aws-sdk:s3:getObject");
  const ServiceName sqs = name_in("arn:aws:states:::sqs:sendMessage");
  EXPECT_EQ(
      service_cause(sdk, "NoSuchKey", R"({"errorType":"NoSuchKey","errorMessage":"no key","statusCode":404})", "id"),
      "no key (Service: S3, Status Code: 404, Request ID: id) (SDK Attempt Count: 1)");
  EXPECT_EQ(service_cause(sqs, "SQS.Gone", R"({"Error":"SQS.Gone","Cause":"no queue"})", "id"),
            "no queue (Service: AmazonSQS; Status Code: 400; Error Code: Gone; Request ID: id; Proxy: null)");
}

TEST(ServiceCause, IsLeftAsItIsWhereNothingIsToBeAdded) {
  const ServiceName sdk = name_in("arn:aws:states:::aws-sdk:s3:getObject");
  EXPECT_EQ(service_cause(sdk, "E", R"({"errorType":"E"})", "id"), R"({"errorType":"E"})") << "no message";
  EXPECT_EQ(service_cause(sdk, "E", R"json({"errorType":"E","errorMessage":"m (Service: S3, …)"})json", "id"),
            "m (Service: S3, …)");
  EXPECT_EQ(service_cause(sdk, "States.TaskFailed", "exit status 1", "id"), "exit status 1");
  EXPECT_EQ(service_cause(sdk, "Lockstep.X", R"({"errorMessage":"m"})", "id"), R"({"errorMessage":"m"})");
  EXPECT_EQ(service_cause(sdk, "E", "{ no JSON", "id"), "{ no JSON");
}

}  // namespace
}  // namespace lockstep::integrations
