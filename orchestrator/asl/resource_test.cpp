#include "asl/resource.hpp"

#include <gtest/gtest.h>

namespace lockstep::asl {
namespace {

ResourceKind kind(std::string_view resource) {
  return classify_resource(resource).kind;
}

TEST(Resource, KnowsLambdaFunctions) {
  EXPECT_EQ(kind("arn:aws:lambda:eu-west-1:123456789012:function:resize"), ResourceKind::lambda);
  EXPECT_EQ(kind("arn:aws-cn:lambda:cn-north-1:123456789012:function:resize:7"), ResourceKind::lambda);
  EXPECT_EQ(kind("arn:aws:lambda:REGION:ACCOUNT_ID:function:FUNCTION_NAME:$LATEST"), ResourceKind::lambda);
  EXPECT_EQ(kind("arn:aws:lambda:eu-west-1:123456789012:function:"), ResourceKind::unknown);
  EXPECT_EQ(kind("arn:aws:lambda:eu-west-1:123456789012:layer:a"), ResourceKind::unknown);
}

TEST(Resource, KnowsActivities) {
  EXPECT_EQ(kind("arn:aws:states:eu-west-1:123456789012:activity:paint"), ResourceKind::activity);
  EXPECT_EQ(classify_resource("arn:aws:states:eu-west-1:123456789012:activity:paint").action, "paint");
  EXPECT_EQ(kind("arn:aws:states:eu-west-1:123456789012:activity:"), ResourceKind::unknown);
}

TEST(Resource, KnowsIntegrationsAndHowTheyCanBeWaitedFor) {
  const Resource batch = classify_resource("arn:aws:states:::batch:submitJob.sync");
  EXPECT_EQ(batch.kind, ResourceKind::integration);
  EXPECT_EQ(batch.pattern, ResourcePattern::sync);
  EXPECT_EQ(batch.service, "batch");
  EXPECT_EQ(batch.without_suffix(), "arn:aws:states:::batch:submitJob");
  EXPECT_EQ(batch.action, "submitJob");
  EXPECT_EQ(classify_resource("arn:aws:states:::states:startExecution.sync:2").pattern, ResourcePattern::sync);
  EXPECT_EQ(classify_resource("arn:aws:states:::lambda:invoke.waitForTaskToken").pattern,
            ResourcePattern::wait_for_task_token);
  EXPECT_EQ(kind("arn:aws-us-gov:states:us-gov-west-1:123456789012:sns:publish"), ResourceKind::integration);
}

TEST(Resource, RefusesWhatAServiceDoesNotOffer) {
  EXPECT_EQ(kind("arn:aws:states:::batch:submitJob.waitForTaskToken"), ResourceKind::unknown);
  EXPECT_EQ(kind("arn:aws:states:::sqs:sendMessage.sync"), ResourceKind::unknown);
  EXPECT_EQ(kind("arn:aws:states:::batch:submitJob.async"), ResourceKind::unknown);
  EXPECT_EQ(kind("arn:aws:states:::batch:submit"), ResourceKind::unknown);
  EXPECT_EQ(kind("arn:aws:states:::batch:SubmitJob"), ResourceKind::unknown);
  EXPECT_EQ(kind("arn:aws:states:::nobody:invoke"), ResourceKind::unknown);
  EXPECT_EQ(kind("arn:aws:states:::eks"), ResourceKind::unknown);
}

TEST(Resource, KnowsSdkCalls) {
  EXPECT_EQ(kind("arn:aws:states:::aws-sdk:dynamodb:query"), ResourceKind::sdk);
  EXPECT_EQ(classify_resource("arn:aws:states:::aws-sdk:sfn:startExecution.waitForTaskToken").pattern,
            ResourcePattern::wait_for_task_token);
  EXPECT_EQ(kind("arn:aws:states:::aws-sdk:sfn:StartExecution"), ResourceKind::unknown);
  EXPECT_EQ(kind("arn:aws:states:::aws-sdk:sfn:startExecution.sync"), ResourceKind::unknown);
  EXPECT_EQ(kind("arn:aws:states:::aws-sdk:sfn"), ResourceKind::unknown);
}

TEST(Resource, KnowsJobsAndPlaceholders) {
  EXPECT_EQ(kind("job:melt"), ResourceKind::job);
  EXPECT_EQ(kind("job:"), ResourceKind::unknown);
  EXPECT_EQ(classify_resource("job:a.waitForTaskToken").pattern, ResourcePattern::wait_for_task_token);
  EXPECT_EQ(classify_resource("job:a.waitForTaskToken").without_suffix(), "job:a");
  EXPECT_EQ(classify_resource("job:a.b").without_suffix(), "job:a.b");
  EXPECT_EQ(kind("${ResizeFunction}"), ResourceKind::placeholder);
  EXPECT_EQ(kind("arn:aws:lambda:#{AWS::Region}:#{AWS::AccountId}:function:resize"), ResourceKind::placeholder);
  EXPECT_EQ(kind("arn:${AWS::Partition}:states:::sns:publish"), ResourceKind::placeholder);
  EXPECT_EQ(kind("resize"), ResourceKind::unknown);
  EXPECT_EQ(kind("arn:aws:s3:::bucket"), ResourceKind::unknown);
}

TEST(Resource, IsCalledInHistoryAsOnAws) {
  const Resource call = classify_resource("arn:aws:states:::aws-sdk:sfn:startExecution.waitForTaskToken");
  EXPECT_EQ(call.history_type(), "aws-sdk:sfn");
  EXPECT_EQ(call.history_action(), "startExecution.waitForTaskToken");
  EXPECT_EQ(classify_resource("job:melt").history_type(), "job");
  EXPECT_EQ(classify_resource("job:melt").history_action(), "melt");
}

TEST(Resource, HasATokenWhereItIsAnsweredFromOutside) {
  EXPECT_TRUE(classify_resource("arn:aws:states:::sqs:sendMessage.waitForTaskToken").has_token());
  EXPECT_TRUE(classify_resource("arn:aws:states:eu-west-1:123456789012:activity:paint").has_token());
  EXPECT_FALSE(classify_resource("arn:aws:states:::batch:submitJob.sync").has_token());
  EXPECT_FALSE(classify_resource("job:melt").has_token());
}

TEST(Resource, KnowsWhereItemsComeFrom) {
  EXPECT_TRUE(is_item_source("arn:aws:states:::s3:listObjectsV2"));
  EXPECT_FALSE(is_item_source("arn:aws:states:::s3:putObject"));
  EXPECT_TRUE(is_result_sink("arn:aws:states:::s3:putObject"));
  EXPECT_FALSE(is_result_sink("arn:aws:lambda:a:b:function:c"));
}

}  // namespace
}  // namespace lockstep::asl
