#include "asl/resource.hpp"

#include <algorithm>
#include <array>
#include <optional>

namespace lockstep::asl {

namespace {

constexpr std::string_view kJob = "job:";
constexpr std::uint8_t kSync = 1;
constexpr std::uint8_t kToken = 2;

/// An optimised integration: its actions, and how they can be waited for.
struct Integration {
  std::string_view service;
  std::string_view actions;  // each between blanks
  std::uint8_t patterns;
};

constexpr auto kIntegrations = std::to_array<Integration>({
    {"apigateway", " invoke ", kToken},
    {"athena", " startQueryExecution stopQueryExecution getQueryExecution getQueryResults ", kSync},
    {"batch", " submitJob ", kSync},
    {"bedrock", " invokeModel createModelCustomizationJob ", kSync | kToken},
    {"codebuild",
     " startBuild stopBuild batchDeleteBuilds batchGetReports startBuildBatch stopBuildBatch retryBuildBatch "
     "deleteBuildBatch ",
     kSync},
    {"databrew", " startJobRun ", kSync},
    {"dynamodb", " getItem putItem updateItem deleteItem ", 0},
    {"ecs", " runTask ", kSync | kToken},
    {"eks",
     " createCluster deleteCluster createFargateProfile deleteFargateProfile createNodegroup deleteNodegroup runJob "
     "call ",
     kSync | kToken},
    {"elasticmapreduce",
     " createCluster terminateCluster addStep cancelStep setClusterTerminationProtection modifyInstanceFleetByName "
     "modifyInstanceGroupByName ",
     kSync},
    {"emr-containers", " createVirtualCluster deleteVirtualCluster startJobRun ", kSync},
    {"emr-serverless",
     " createApplication startApplication stopApplication deleteApplication startJobRun cancelJobRun ", kSync},
    {"events", " putEvents ", kToken},
    {"glue", " startJobRun ", kSync},
    {"http", " invoke ", 0},
    {"lambda", " invoke ", kToken},
    {"mediaconvert", " createJob ", kSync},
    {"sagemaker",
     " createEndpoint createEndpointConfig createHyperParameterTuningJob createLabelingJob createModel "
     "createProcessingJob createTrainingJob createTransformJob updateEndpoint ",
     kSync},
    {"sns", " publish ", kToken},
    {"sqs", " sendMessage ", kToken},
    {"states", " startExecution ", kSync | kToken},
});

bool is_word(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  });
}

bool has_placeholder(std::string_view text) {
  const std::size_t open = text.find('{');
  return open != std::string_view::npos && text.find('}', open) != std::string_view::npos;
}

std::string_view take_until(std::string_view& rest, char separator) {
  const std::size_t at = rest.find(separator);
  const std::string_view head = rest.substr(0, at);
  rest = at == std::string_view::npos ? std::string_view{} : rest.substr(at + 1);
  return head;
}

/// `arn:PARTITION:SERVICE:REGION:ACCOUNT:REST`.
struct Arn {
  std::string_view service;
  std::string_view region;
  std::string_view account;
  std::string_view rest;
};

std::optional<Arn> parse_arn(std::string_view text) {
  if (take_until(text, ':') != "arn" || !is_word(take_until(text, ':'))) {
    return std::nullopt;
  }
  Arn arn;
  arn.service = take_until(text, ':');
  arn.region = take_until(text, ':');
  arn.account = take_until(text, ':');
  arn.rest = text;
  return arn.rest.empty() ? std::nullopt : std::optional<Arn>(arn);
}

bool is_lambda_function(std::string_view rest) {
  if (take_until(rest, ':') != "function") {
    return false;
  }
  const std::string_view name = take_until(rest, ':');
  return !name.empty() && rest.find(':') == std::string_view::npos;
}

std::optional<ResourcePattern> pattern_of(std::string_view suffix) {
  if (suffix.empty()) {
    return ResourcePattern::request_response;
  }
  if (suffix == ".sync" || suffix == ".sync:2") {
    return ResourcePattern::sync;
  }
  return suffix == ".waitForTaskToken" ? std::optional(ResourcePattern::wait_for_task_token) : std::nullopt;
}

bool is_known(const Resource& resource) {
  for (const Integration& integration : kIntegrations) {
    if (integration.service != resource.service) {
      continue;
    }
    std::size_t at = integration.actions.find(resource.action);
    while (at != std::string_view::npos) {
      if (integration.actions[at - 1] == ' ' && integration.actions[at + resource.action.size()] == ' ') {
        return resource.pattern == ResourcePattern::request_response ||
               (integration.patterns & (resource.pattern == ResourcePattern::sync ? kSync : kToken)) != 0;
      }
      at = integration.actions.find(resource.action, at + 1);
    }
  }
  return false;
}

void classify_states(std::string_view rest, Resource& resource) {
  resource.service = take_until(rest, ':');
  if (resource.service == "activity") {
    resource.action = rest;
    resource.kind =
        !rest.empty() && rest.find(':') == std::string_view::npos ? ResourceKind::activity : ResourceKind::unknown;
    return;
  }
  const bool sdk = resource.service == "aws-sdk";
  if (sdk) {
    resource.service = take_until(rest, ':');
  }
  const std::size_t dot = std::min(rest.find('.'), rest.size());
  resource.action = rest.substr(0, dot);
  resource.suffix = rest.substr(dot);
  const std::optional<ResourcePattern> pattern = pattern_of(resource.suffix);
  if (!pattern.has_value() || !is_word(resource.service) || !is_word(resource.action)) {
    return;
  }
  resource.pattern = *pattern;
  if (sdk) {
    const char first = resource.action.front();
    const bool named = first >= 'a' && first <= 'z' && resource.pattern != ResourcePattern::sync;
    resource.kind = named ? ResourceKind::sdk : ResourceKind::unknown;
  } else if (is_known(resource)) {
    resource.kind = ResourceKind::integration;
  }
}

bool is_s3(std::string_view resource, std::initializer_list<std::string_view> actions) {
  if (has_placeholder(resource)) {
    return true;
  }
  const std::optional<Arn> arn = parse_arn(resource);
  if (!arn.has_value() || arn->service != "states") {
    return false;
  }
  std::string_view rest = arn->rest;
  if (rest.starts_with("aws-sdk:")) {
    take_until(rest, ':');
  }
  return take_until(rest, ':') == "s3" && std::find(actions.begin(), actions.end(), rest) != actions.end();
}

}  // namespace

Resource classify_resource(std::string_view resource) {
  Resource result;
  result.text = resource;
  if (resource.starts_with(kJob)) {
    result.kind = resource.size() > kJob.size() ? ResourceKind::job : ResourceKind::unknown;
    for (const std::string_view suffix : {".sync", ".sync:2", ".waitForTaskToken"}) {
      if (resource.ends_with(suffix)) {
        result.pattern = *pattern_of(suffix);
        result.suffix = suffix;
      }
    }
    return result;
  }
  const std::optional<Arn> arn = parse_arn(resource);
  if (arn.has_value() && arn->service == "states") {
    classify_states(arn->rest, result);
  } else if (arn.has_value() && arn->service == "lambda" && is_lambda_function(arn->rest)) {
    result.kind = ResourceKind::lambda;
  }
  if (result.kind == ResourceKind::unknown && has_placeholder(resource)) {
    result.kind = ResourceKind::placeholder;
  }
  return result;
}

std::string Resource::history_type() const {
  switch (kind) {
    case ResourceKind::job:
      return std::string(kJob.substr(0, kJob.size() - 1));
    case ResourceKind::sdk:
      return "aws-sdk:" + service;
    default:
      return service.empty() ? text : service;
  }
}

std::string Resource::history_action() const {
  return kind == ResourceKind::job ? text.substr(kJob.size()) : action + suffix;
}

bool is_item_source(std::string_view resource) {
  return is_s3(resource, {"getObject", "listObjectsV2"});
}
bool is_result_sink(std::string_view resource) {
  return is_s3(resource, {"putObject"});
}

}  // namespace lockstep::asl
