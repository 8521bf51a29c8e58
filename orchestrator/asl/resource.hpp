// What a Task's Resource names: a Lambda function, an activity, a service integration or a job of ours (services.md 1).
#pragma once

#include <cstdint>
#include <string_view>

namespace lockstep::asl {

enum class ResourceKind : std::uint8_t {
  unknown,      ///< nothing that a state machine may name
  lambda,       ///< `arn:aws:lambda:…:function:NAME`
  activity,     ///< `arn:aws:states:…:activity:NAME`
  integration,  ///< `arn:aws:states:::SERVICE:ACTION`
  sdk,          ///< `arn:aws:states:::aws-sdk:SERVICE:ACTION`
  job,          ///< `job:NAME`
  placeholder   ///< text that a deployment tool fills in, such as `${FunctionArn}`
};

/// How a task is waited for.
enum class ResourcePattern : std::uint8_t { request_response, sync, wait_for_task_token };

/// Views into the text that was classified.
struct Resource {
  ResourceKind kind = ResourceKind::unknown;
  ResourcePattern pattern = ResourcePattern::request_response;
  std::string_view service;  ///< of an integration or SDK call: "batch", "sns"
  std::string_view action;   ///< without its suffix: "submitJob"
};

/// The service and action must be known, and the service must offer the suffix; region and account may be filled in.
Resource classify_resource(std::string_view resource);

/// What a Distributed Map may read items from, or write results to: `s3:getObject`, `s3:listObjectsV2`, `s3:putObject`.
bool is_item_source(std::string_view resource);
bool is_result_sink(std::string_view resource);

}  // namespace lockstep::asl
