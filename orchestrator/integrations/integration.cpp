#include "integrations/integration.hpp"

#include <algorithm>

#include "integrations/batch.hpp"
#include "integrations/pattern.hpp"
#include "integrations/sdk_metadata.hpp"

namespace lockstep::integrations {
namespace {

constexpr std::string_view kFunctionMark = ":function:";

/// arn:<partition>:lambda:<region>:<account>:function:<name>[:<qualifier>]
bool is_function_arn(std::string_view text) {
  return matches("arn:*:lambda:*:*:function:*", text);
}

struct Function {
  std::string_view name;       // without ARN and qualifier
  std::string_view qualifier;  // empty: none
  std::string_view prefix;     // of an ARN: all up to and with ":function:"
};

/// Takes apart a FunctionName: a name, an ARN or "account:function:name", each with or without a qualifier.
Function take_apart(std::string_view text) {
  Function function;
  function.name = text;
  if (const std::size_t mark = text.find(kFunctionMark); mark != std::string_view::npos) {
    function.prefix = text.substr(0, mark + kFunctionMark.size());
    function.name = text.substr(mark + kFunctionMark.size());
  }
  if (const std::size_t colon = function.name.find(':'); colon != std::string_view::npos) {
    function.qualifier = function.name.substr(colon + 1);
    function.name = function.name.substr(0, colon);
  }
  return function;
}

/// Whether `pattern` means the function. A pattern with a region and an account also means a function called by its
/// bare name, which on AWS is one of the caller's own region and account.
bool means_function(std::string_view pattern, std::string_view text, const Function& function) {
  if (matches(pattern, text) || matches(pattern, function.name)) {
    return true;
  }
  if (is_function_arn(text)) {
    return !function.qualifier.empty() && matches(pattern, text.substr(0, text.size() - function.qualifier.size() - 1));
  }
  const std::string_view own = "arn:aws:lambda:us-east-1:123456789012:function:";
  if (matches(pattern, fmt::format("{}{}", own, function.name))) {
    return true;
  }
  const std::size_t mark = pattern.find(kFunctionMark);
  if (mark == std::string_view::npos || pattern.substr(0, 4) != "arn:") {
    return false;
  }
  const std::string_view of_name = pattern.substr(mark + kFunctionMark.size());
  return matches(of_name, function.name) ||
         (!function.qualifier.empty() && matches(of_name, fmt::format("{}:{}", function.name, function.qualifier)));
}

std::string member_text(const Value& parameters, std::string_view key) {
  const Node* node = parameters.node().is_object() ? parameters.node().find(key) : nullptr;
  return node != nullptr && node->is_string() ? std::string(node->as_string()) : std::string();
}

bool is_integration(const asl::Resource& resource, std::string_view service) {
  return resource.kind == asl::ResourceKind::integration && resource.service == service;
}

bool is_of_service(const asl::Resource& resource) {
  return resource.kind == asl::ResourceKind::integration || resource.kind == asl::ResourceKind::sdk;
}

bool is_http(const asl::Resource& resource) {
  return is_integration(resource, "http");
}

Failure function_not_found(std::string_view function, std::string_view qualifier, const DispatchId& dispatch) {
  const Function parts = take_apart(function);
  const std::string arn = is_function_arn(function)
                              ? fmt::format("{}{}", parts.prefix, parts.name)
                              : fmt::format("arn:aws:lambda:us-east-1:123456789012:function:{}", parts.name);
  return {"Lambda.ResourceNotFoundException",
          fmt::format("Function not found: {}:{} (Service: AWSLambda; Status Code: 404; Error Code: "
                      "ResourceNotFoundException; Request ID: {}; Proxy: null)",
                      arn, qualifier, request_id(dispatch))};
}

/// AWS's error for a service that cannot be reached.
Failure not_mapped(const asl::Resource& resource) {
  const std::string why = fmt::format("nothing in jobs.json maps the resource {}", resource.text);
  if (!is_of_service(resource)) {
    return {"States.TaskFailed", why};
  }
  const std::string cause = "Unable to execute HTTP request: " + why;
  return {is_http(resource) ? "States.Http.Socket" : service_name(resource).error + ".SdkClientException", cause};
}

/// What a job that is mapped to the resource is given, and how it answers.
tl::expected<Resolved, Failure> resolve_job(JobId job, const asl::Resource& resource, const Value& parameters,
                                            const DispatchId& dispatch) {
  Resolved resolved{job, parameters, {}, {}, {}};
  Wrapping& wrapping = resolved.wrapping;
  if (!is_of_service(resource) || resource.is_lambda_invoke()) {  // a function's errors are its own
    return resolved;
  }
  wrapping.form = is_http(resource) ? Wrapping::Form::http : Wrapping::Form::service;
  wrapping.service = service_name(resource);
  if (is_integration(resource, "batch")) {
    wrapping.form = Wrapping::Form::batch;
    wrapping.parameters = parameters;
    wrapping.is_sync = resource.is_submitted();
    auto environment = batch_environment(parameters, dispatch);
    if (!environment) {
      return tl::unexpected(Failure{"Lockstep.BadArguments", std::move(environment.error())});
    }
    resolved.environment = *std::move(environment);
    resolved.attempt_seconds = batch_seconds(parameters);
  }
  return resolved;
}

}  // namespace

Integrations::Integrations(std::vector<Job> jobs)
    : jobs_(std::move(jobs)),
      has_priorities_(std::any_of(jobs_.begin(), jobs_.end(), [](const Job& job) { return job.priority != 0; })) {}

std::optional<JobId> Integrations::find(std::string_view resource) const {
  for (std::size_t i = 0; i < jobs_.size(); ++i) {
    if (matches(jobs_[i].resource, resource)) {
      return static_cast<JobId>(i);
    }
  }
  return std::nullopt;
}

/// An entry may also name the resource without the way in which it is waited for.
std::optional<JobId> Integrations::find(const asl::Resource& resource) const {
  const std::optional<JobId> job = find(std::string_view(resource.text));
  return job || resource.suffix.empty() ? job : find(resource.without_suffix());
}

std::optional<JobId> Integrations::find_function(std::string_view function) const {
  const Function parts = take_apart(function);
  for (std::size_t i = 0; i < jobs_.size(); ++i) {
    if (means_function(jobs_[i].resource, function, parts)) {
      return static_cast<JobId>(i);
    }
  }
  return std::nullopt;
}

std::int32_t Integrations::priority(const asl::Resource& resource, const Value& parameters) const {
  if (!has_priorities_) {
    return 0;
  }
  const auto resolved = resolve(resource, parameters, {});
  return resolved ? jobs_[static_cast<std::size_t>(resolved->job)].priority : 0;
}

tl::expected<Resolved, Failure> Integrations::resolve(const asl::Resource& resource, const Value& parameters,
                                                      const DispatchId& dispatch) const {
  if (resource.is_lambda_invoke()) {
    return resolve_invoke(resource, parameters, dispatch);
  }
  if (const std::optional<JobId> job = find_used(resource)) {
    return resolve_job(*job, resource, parameters, dispatch);
  }
  if (resource.kind == asl::ResourceKind::lambda) {
    const Function parts = take_apart(resource.text);
    return tl::unexpected(
        function_not_found(resource.text, parts.qualifier.empty() ? "$LATEST" : parts.qualifier, dispatch));
  }
  return tl::unexpected(not_mapped(resource));
}

tl::expected<Resolved, Failure> Integrations::resolve_invoke(const asl::Resource& resource, const Value& parameters,
                                                             const DispatchId& dispatch) const {
  const std::string function = member_text(parameters, "FunctionName");
  std::string qualifier = member_text(parameters, "Qualifier");
  if (qualifier.empty()) {
    const std::string_view of_name = take_apart(function).qualifier;
    qualifier = of_name.empty() ? "$LATEST" : std::string(of_name);
  }
  std::optional<JobId> job = function.empty() ? std::nullopt : find_function(function);
  if (!job) {
    // The integration itself may be mapped, like any other: then the job is told which function was meant.
    if (job = find(resource); job) {
      return resolve_job(*job, resource, parameters, dispatch);
    }
    if (function.empty()) {
      return tl::unexpected(Failure{"States.Runtime", "lambda:invoke needs a FunctionName, which is a string"});
    }
    return tl::unexpected(function_not_found(function, qualifier, dispatch));
  }
  const std::string type = member_text(parameters, "InvocationType");
  if (!type.empty() && type != "RequestResponse") {
    return tl::unexpected(Failure{"Lockstep.BadArguments",
                                  fmt::format("InvocationType '{}' is not supported, only RequestResponse is", type)});
  }
  const Node* payload = parameters.node().find("Payload");
  Resolved resolved{*job, Value::empty_object(), {}, {}, {}};
  if (payload != nullptr && !payload->is_null()) {
    resolved.input = parameters.part(*payload);
    if (payload->is_string()) {
      // Sent to the function as it is, where it is the JSON text of its event.
      if (auto text = Value::from_text(std::string(payload->as_string()))) {
        resolved.input = *std::move(text);
      }
    }
  }
  if (!resource.waits_for_token()) {
    resolved.wrapping.form = Wrapping::Form::lambda_invoke;
    resolved.wrapping.executed_version = std::move(qualifier);
    resolved.wrapping.with_log = member_text(parameters, "LogType") == "Tail";
  }
  return resolved;
}

/// As far as that does not hang on parameters.
std::optional<JobId> Integrations::find_used(const asl::Resource& resource) const {
  if (resource.kind == asl::ResourceKind::lambda) {
    return find_function(resource.text);
  }
  const std::optional<JobId> job = resource.function ? find_function(*resource.function) : std::nullopt;
  return job ? job : find(resource);
}

std::vector<JobId> Integrations::used(const std::vector<ResourceUse>& uses) const {
  std::vector<JobId> jobs;
  for (const ResourceUse& use : uses) {
    const std::optional<JobId> job = find_used(use.resource);
    if (job && std::find(jobs.begin(), jobs.end(), *job) == jobs.end()) {
      jobs.push_back(*job);
    }
  }
  return jobs;
}

std::vector<Unmapped> Integrations::unmapped(const std::vector<ResourceUse>& uses) const {
  std::vector<Unmapped> all;
  for (const ResourceUse& use : uses) {
    const bool is_computed = use.resource.is_lambda_invoke() && !use.resource.function;
    if (is_computed || find_used(use.resource)) {
      continue;
    }
    std::string name = use.resource.function
                           ? fmt::format("{} (function {})", use.resource.text, *use.resource.function)
                           : use.resource.text;
    auto known = std::find_if(all.begin(), all.end(), [&](const Unmapped& one) { return one.name == name; });
    if (known == all.end()) {
      known = all.insert(known, {std::move(name), use.resource.function.value_or(use.resource.text), {}});
    }
    known->states.push_back(use.state);
  }
  return all;
}

}  // namespace lockstep::integrations
