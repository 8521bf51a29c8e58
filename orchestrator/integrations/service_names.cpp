#include "integrations/service_names.hpp"

#include <algorithm>
#include <array>

#include "value/value.hpp"

namespace lockstep::integrations {
namespace {

struct Optimized {
  std::string_view service;
  std::string_view error;
  std::string_view cause;
};
constexpr auto kOptimized = std::to_array<Optimized>({
    {"apigateway", "ApiGateway", "AmazonApiGateway"},
    {"athena", "Athena", "AmazonAthena"},
    {"batch", "Batch", "AWSBatch"},
    {"bedrock", "Bedrock", "AmazonBedrock"},
    {"codebuild", "CodeBuild", "AWSCodeBuild"},
    {"databrew", "GlueDataBrew", "AWSGlueDataBrew"},
    {"dynamodb", "DynamoDB", "AmazonDynamoDBv2"},
    {"ecs", "ECS", "AmazonECS"},
    {"eks", "EKS", "AmazonEKS"},
    {"elasticmapreduce", "ElasticMapReduce", "AmazonElasticMapReduce"},
    {"emr-containers", "EMRContainers", "AmazonEMRContainers"},
    {"emr-serverless", "EMRServerless", "AWSEMRServerless"},
    {"events", "EventBridge", "AmazonEventBridge"},
    {"glue", "Glue", "AWSGlue"},
    {"lambda", "Lambda", "AWSLambda"},
    {"mediaconvert", "MediaConvert", "AWSMediaConvert"},
    {"sagemaker", "SageMaker", "AmazonSageMaker"},
    {"sns", "SNS", "AmazonSNS"},
    {"sqs", "SQS", "AmazonSQS"},
    {"states", "StepFunctions", "AWSStepFunctions"},
});

/// Services of SDK calls whose names are of several words: of the others the first letter is a capital.
constexpr auto kWords = std::to_array<std::string_view>({"ApiGateway",
                                                         "ApplicationAutoScaling",
                                                         "AppSync",
                                                         "AutoScaling",
                                                         "BedrockAgent",
                                                         "BedrockRuntime",
                                                         "CloudFormation",
                                                         "CloudFront",
                                                         "CloudTrail",
                                                         "CloudWatch",
                                                         "CloudWatchEvents",
                                                         "CloudWatchLogs",
                                                         "CodeBuild",
                                                         "CodePipeline",
                                                         "CostExplorer",
                                                         "DataBrew",
                                                         "DataSync",
                                                         "DynamoDb",
                                                         "DynamoDbStreams",
                                                         "ElastiCache",
                                                         "ElasticLoadBalancing",
                                                         "ElasticLoadBalancingV2",
                                                         "EmrContainers",
                                                         "EmrServerless",
                                                         "EventBridge",
                                                         "LexRuntimeV2",
                                                         "MediaConvert",
                                                         "OpenSearch",
                                                         "RdsData",
                                                         "RedshiftData",
                                                         "ResourceGroupsTaggingApi",
                                                         "SageMaker",
                                                         "SageMakerRuntime",
                                                         "SecretsManager",
                                                         "ServiceQuotas",
                                                         "SesV2",
                                                         "StorageGateway"});

bool is_same_word(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [&](char x, char y) { return lower(x) == lower(y); });
}

std::string sdk_name(std::string_view service) {
  const auto known =
      std::find_if(kWords.begin(), kWords.end(), [&](std::string_view name) { return is_same_word(name, service); });
  std::string name(known == kWords.end() ? service : *known);
  if (!name.empty() && name.front() >= 'a' && name.front() <= 'z') {
    name.front() = static_cast<char>(name.front() - 'a' + 'A');
  }
  return name;
}

bool is_whole(std::string_view error) {
  return error.find('.') != std::string_view::npos;
}

/// The text of the first of these members that there is.
std::optional<std::string> text_of(const Node& object, std::initializer_list<std::string_view> keys) {
  for (const std::string_view key : keys) {
    if (const Node* found = object.find(key); found != nullptr && found->is_string()) {
      return std::string(found->as_string());
    }
  }
  return std::nullopt;
}

}  // namespace

ServiceName service_name(const asl::Resource& resource) {
  if (resource.kind == asl::ResourceKind::sdk) {
    const std::string name = sdk_name(resource.service);
    return {name, name, false};
  }
  const auto known = std::find_if(kOptimized.begin(), kOptimized.end(),
                                  [&](const Optimized& one) { return one.service == resource.service; });
  if (known == kOptimized.end()) {
    return {sdk_name(resource.service), sdk_name(resource.service), true};
  }
  return {std::string(known->error), std::string(known->cause), true};
}

std::string service_error(const ServiceName& service, std::string_view error) {
  constexpr std::string_view kException = "Exception";
  if (is_whole(error) || error.empty()) {
    return std::string(error);
  }
  const bool is_number =
      error.find_first_not_of("0123456789") == std::string_view::npos;  // of a status: ApiGateway.404
  return fmt::format("{}.{}{}", service.error, error, is_number || error.ends_with(kException) ? "" : kException);
}

std::string refusal_cause(const ServiceName& service, std::string_view message, std::string_view code,
                          std::int64_t status, std::string_view request_id) {
  return service.is_optimized
             ? fmt::format("{} (Service: {}; Status Code: {}; Error Code: {}; Request ID: {}; Proxy: null)", message,
                           service.cause, status, code, request_id)
             : fmt::format("{} (Service: {}, Status Code: {}, Request ID: {}) (SDK Attempt Count: 1)", message,
                           service.cause, status, request_id);
}

std::string service_cause(const ServiceName& service, std::string_view error, std::string cause,
                          std::string_view request_id) {
  if (!cause.starts_with('{') || error.starts_with("States.") || error.starts_with("Lockstep.")) {
    return cause;
  }
  const auto object = Value::from_text(cause);
  if (!object || !object->node().is_object()) {
    return cause;
  }
  const auto message = text_of(object->node(), {"errorMessage", "Cause", "message", "Message"});
  if (!message || message->find("(Service: ") != std::string::npos) {
    return message.value_or(std::move(cause));
  }
  const Node* given = object->node().find("statusCode");
  const std::int64_t status = given != nullptr && given->is_number() ? given->as_integer().value_or(400) : 400;
  return refusal_cause(service, *message, error.substr(error.find('.') + 1), status, request_id);
}

}  // namespace lockstep::integrations
