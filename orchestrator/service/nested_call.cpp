#include "service/nested_call.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "catalogue/names.hpp"
#include "integrations/sdk_metadata.hpp"
#include "integrations/service_names.hpp"
#include "value/builder.hpp"

namespace lockstep::service {

namespace {

// Actions of aws-sdk:sfn that the house performs.
constexpr std::string_view kStart = "startExecution";
constexpr std::string_view kStartSync = "startSyncExecution";
constexpr std::string_view kDescribe = "describeExecution";
constexpr std::string_view kStop = "stopExecution";
constexpr std::pair<std::string_view, AnswerToken::Kind> kAnswers[] = {
    {"sendTaskSuccess", AnswerToken::Kind::success},
    {"sendTaskFailure", AnswerToken::Kind::failure},
    {"sendTaskHeartbeat", AnswerToken::Kind::heartbeat}};
constexpr std::array kOthers{kStart, kStartSync, kDescribe, kStop};

bool is_sdk(const asl::Resource& resource) {
  return resource.kind == asl::ResourceKind::sdk;
}

const AnswerToken::Kind* answer_kind(std::string_view action) {
  for (const auto& [name, kind] : kAnswers) {
    if (name == action) {
      return &kind;
    }
  }
  return nullptr;
}

Refused missing(std::string_view member) {
  return {"ValidationException", fmt::format("1 validation error detected: '{}' is required, and a string", member)};
}

/// The call's parameters.
class Parameters {
 public:
  explicit Parameters(const Value& value) : value_(value) {}

  /// Null where it is absent, or null.
  const Node* find(std::string_view key) const {
    const Node* node = value_.node().is_object() ? value_.node().find(key) : nullptr;
    return node == nullptr || node->is_null() ? nullptr : node;
  }
  std::optional<std::string> text(std::string_view key) const {
    const Node* node = find(key);
    return node == nullptr || !node->is_string() ? std::nullopt : std::optional(std::string(node->as_string()));
  }
  /// A member that the API has as JSON text: a string is that text, anything else is written so.
  Result<Value> json(std::string_view key, Value absent) const {
    const Node* node = find(key);
    if (node == nullptr) {
      return absent;
    }
    return node->is_string() ? Value::from_text(std::string(node->as_string())) : Result<Value>(value_.part(*node));
  }

 private:
  const Value& value_;
};

std::int64_t milliseconds(Timestamp time) {
  return time.us / 1000;
}

/// `aws-sdk` has times as text, what is optimised has them as numbers.
void put_time(Builder& out, const asl::Resource& resource, std::string_view key, Timestamp time) {
  out.key(key);
  if (is_sdk(resource)) {
    out.string(format_timestamp(time));
  } else {
    out.integer(milliseconds(time));
  }
}

void put_text(Builder& out, std::string_view key, std::string_view text) {
  out.key(key);
  out.string(text);
}

/// A payload and what AWS says of it.
void put_payload(Builder& out, std::string_view key, const Value& value, bool as_value) {
  out.key(key);
  if (as_value) {
    out.value(value);
  } else {
    out.string(value.to_text());
  }
  out.key(fmt::format("{}Details", key));
  out.begin_object();
  out.key("Included");
  out.boolean(true);
  out.end_object();
}

/// As if it cost something: AWS counts in steps of 100 ms (aws-behaviour.md 38).
void put_billing(Builder& out, const Description& description) {
  constexpr std::int64_t kStep = 100;
  const std::int64_t took = milliseconds(*description.stopped) - milliseconds(description.started);
  out.key("BillingDetails");
  out.begin_object();
  out.key("BilledDurationInMilliseconds");
  out.integer((std::max<std::int64_t>(took, 1) + kStep - 1) / kStep * kStep);
  out.key("BilledMemoryUsedInMB");
  out.integer(64);
  out.end_object();
}

tl::expected<Request, Refused> request_of_call(const engine::DispatchTask& dispatch, const std::string& name) {
  const asl::Resource& resource = engine::resource_of(dispatch);
  const Parameters given(dispatch.parameters);
  if (const AnswerToken::Kind* kind = is_sdk(resource) ? answer_kind(resource.action) : nullptr) {
    AnswerToken answer{*kind, given.text("TaskToken").value_or(""), Value(), given.text("Error"), given.text("Cause")};
    if (*kind == AnswerToken::Kind::success) {
      auto output = given.json("Output", Value());
      if (!output || given.find("Output") == nullptr) {
        return tl::unexpected(Refused{
            "InvalidOutput", fmt::format("Invalid Output: '{}'", output ? "it is missing" : output.error().message)});
      }
      answer.output = *std::move(output);
    }
    return answer;
  }
  if (resource.action == kStop) {
    const auto arn = given.text("ExecutionArn");
    if (arn && !catalogue::parse_execution_arn(*arn)) {
      return tl::unexpected(Refused{"InvalidArn", catalogue::not_an_execution(*arn)});
    }
    return arn ? tl::expected<Request, Refused>(Stop{arn, given.text("Error"), given.text("Cause")})
               : tl::unexpected(missing("executionArn"));
  }
  Start start;
  const auto machine = given.text("StateMachineArn");
  if (!machine) {
    return tl::unexpected(missing("stateMachineArn"));
  }
  auto input = given.json("Input", Value::empty_object());
  if (!input) {
    return tl::unexpected(Refused{"InvalidExecutionInput",
                                  fmt::format("Invalid State Machine Execution Input: '{}'", input.error().message)});
  }
  start.machine = *machine;
  start.input = *std::move(input);
  start.name = given.text("Name").value_or(name);
  start.sync = resource.action == kStartSync;
  start.wait = resource.pattern == asl::ResourcePattern::sync;
  if (waits_for_end(resource)) {
    start.parent = dispatch.id;
  }
  return start;
}

}  // namespace

bool is_nested_call(const asl::Resource& resource) {
  if (resource.kind == asl::ResourceKind::integration) {
    return resource.service == "states";
  }
  return is_sdk(resource) && resource.service == "sfn" &&
         (answer_kind(resource.action) != nullptr ||
          std::find(kOthers.begin(), kOthers.end(), resource.action) != kOthers.end());
}

bool waits_for_end(const asl::Resource& resource) {
  return resource.pattern == asl::ResourcePattern::sync || resource.action == kStartSync;
}

Description describe(const engine::Execution& execution, std::optional<engine::EndExecution> end) {
  Description description;
  description.execution_arn = execution.identity->arn();
  description.machine_arn = execution.identity->machine().arn;
  description.name = execution.identity->name();
  description.status = execution.status;
  description.started = execution.started_at;
  description.input = execution.input;
  if (end) {
    description.stopped = execution.last_time;
    description.end = std::move(end);
  }
  return description;
}

tl::expected<NestedCall, integrations::Failure> nested_call(const engine::DispatchTask& dispatch,
                                                            const std::string& name) {
  const asl::Resource& resource = engine::resource_of(dispatch);
  if (is_sdk(resource) && resource.action == kDescribe) {
    const auto arn = Parameters(dispatch.parameters).text("ExecutionArn");
    return arn ? tl::expected<NestedCall, integrations::Failure>(NestedCall{arn, {}})
               : tl::unexpected(failure_of(resource, missing("executionArn"), name));
  }
  auto request = request_of_call(dispatch, name);
  if (!request) {
    return tl::unexpected(failure_of(resource, request.error(), name));
  }
  return NestedCall{std::nullopt, *std::move(request)};
}

integrations::Failure failure_of(const asl::Resource& resource, const Refused& refused, const std::string& request_id) {
  constexpr std::int64_t kBadRequest = 400;
  const integrations::ServiceName service = integrations::service_name(resource);
  return {integrations::service_error(service, refused.error),
          integrations::refusal_cause(service, refused.message, refused.error, kBadRequest, request_id)};
}

Value start_result(const asl::Resource& resource, const Started& started, const std::string& request_id) {
  Builder out(1024);
  out.begin_object();
  put_text(out, "ExecutionArn", started.execution_arn);
  if (!is_sdk(resource)) {
    constexpr std::size_t kAroundArn = 44;  // {"executionArn":"…","startDate":1.770000000000E9}
    integrations::add_sdk_metadata(out, "application/x-amz-json-1.0", started.execution_arn.size() + kAroundArn,
                                   request_id);
  }
  put_time(out, resource, "StartDate", started.at);
  out.end_object();
  return out.finish();
}

Value description_result(const asl::Resource& resource, const Description& description) {
  const bool as_values = resource.suffix == ".sync:2";
  Builder out(1024);
  out.begin_object();
  if (resource.action == kStartSync && description.stopped) {
    put_billing(out, description);
  }
  if (description.end && description.end->cause) {
    put_text(out, "Cause", *description.end->cause);
  }
  if (description.end && description.end->error) {
    put_text(out, "Error", *description.end->error);
  }
  put_text(out, "ExecutionArn", description.execution_arn);
  put_payload(out, "Input", description.input, as_values);
  put_text(out, "Name", description.name);
  if (description.status == engine::Status::succeeded) {
    put_payload(out, "Output", description.end->output, as_values);
  }
  put_time(out, resource, "StartDate", description.started);
  put_text(out, "StateMachineArn", description.machine_arn);
  put_text(out, "Status", engine::to_string(description.status));
  if (description.stopped) {
    put_time(out, resource, "StopDate", *description.stopped);
  }
  out.end_object();
  return out.finish();
}

Value done_result(const asl::Resource& resource, Timestamp now) {
  Builder out;
  out.begin_object();
  if (resource.action == kStop) {
    put_time(out, resource, "StopDate", now);
  }
  out.end_object();
  return out.finish();
}

}  // namespace lockstep::service
