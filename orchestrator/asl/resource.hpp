// What a Task's Resource names: a Lambda function, an activity, a service integration or a job of ours (services.md 1).
// It is settled when the definition is read; nobody looks into its text again.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
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

struct Resource {
  std::string text;  ///< as the definition has it
  ResourceKind kind = ResourceKind::unknown;
  ResourcePattern pattern = ResourcePattern::request_response;
  std::string service;                  ///< of an integration or SDK call: "batch", "sns"
  std::string action;                   ///< without its suffix: "submitJob"; of an activity its name
  std::string suffix;                   ///< ".sync:2"; of a job, too
  std::optional<std::string> function;  ///< of `lambda:invoke`: its FunctionName, where that is a constant

  bool is_lambda_invoke() const { return kind == ResourceKind::integration && service == "lambda"; }
  bool waits_for_token() const { return pattern == ResourcePattern::wait_for_task_token; }
  /// Whether the task is given a token, by which it may be answered from outside.
  bool has_token() const { return waits_for_token() || kind == ResourceKind::activity; }
  /// Whether what the job answers is only the beginning of the task.
  bool is_submitted() const { return pattern != ResourcePattern::request_response; }
  std::string_view without_suffix() const { return std::string_view(text).substr(0, text.size() - suffix.size()); }
  /// What AWS's history calls `resourceType` and `resource` (aws-behaviour.md 15, 21): "batch" or "aws-sdk:sfn", and
  /// "submitJob.sync". A job of ours is "job" and its name.
  std::string history_type() const;
  std::string history_action() const;
};

/// The service and action must be known, and the service must offer the suffix; region and account may be filled in.
Resource classify_resource(std::string_view resource);

/// What a Distributed Map may read items from, or write results to: `s3:getObject`, `s3:listObjectsV2`, `s3:putObject`.
bool is_item_source(std::string_view resource);
bool is_result_sink(std::string_view resource);

}  // namespace lockstep::asl
