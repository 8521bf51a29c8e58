#include "integrations/integration.hpp"

#include <algorithm>

#include "integrations/pattern.hpp"
#include "value/builder.hpp"

namespace lockstep::integrations {
namespace {

constexpr std::string_view kFunctionMark = ":function:";

/// arn:<partition>:lambda:<region>:<account>:function:<name>[:<qualifier>]
bool is_function_arn(std::string_view text) {
  return matches("arn:*:lambda:*:*:function:*", text);
}

/// arn:<partition>:states:<region>:<account>:lambda:invoke, with or without `.waitForTaskToken`
bool is_lambda_invoke(std::string_view resource) {
  return matches("arn:*:states:*:*:lambda:invoke", resource) ||
         matches("arn:*:states:*:*:lambda:invoke.waitForTaskToken", resource);
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

Failure function_not_found(std::string_view function, std::string_view qualifier, const RequestId& request) {
  const Function parts = take_apart(function);
  const std::string arn = is_function_arn(function)
                              ? fmt::format("{}{}", parts.prefix, parts.name)
                              : fmt::format("arn:aws:lambda:us-east-1:123456789012:function:{}", parts.name);
  return {"Lambda.ResourceNotFoundException",
          fmt::format("Function not found: {}:{} (Service: AWSLambda; Status Code: 404; Error Code: "
                      "ResourceNotFoundException; Request ID: {}; Proxy: null)",
                      arn, qualifier, request.text())};
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

std::optional<JobId> Integrations::find_function(std::string_view function) const {
  const Function parts = take_apart(function);
  for (std::size_t i = 0; i < jobs_.size(); ++i) {
    if (means_function(jobs_[i].resource, function, parts)) {
      return static_cast<JobId>(i);
    }
  }
  return std::nullopt;
}

std::int32_t Integrations::priority(std::string_view resource, const Value& parameters) const {
  if (!has_priorities_) {
    return 0;
  }
  const auto resolved = resolve(resource, parameters, {});
  return resolved ? jobs_[static_cast<std::size_t>(resolved->job)].priority : 0;
}

tl::expected<Resolved, Failure> Integrations::resolve(std::string_view resource, const Value& parameters,
                                                      const RequestId& request_id) const {
  if (is_lambda_invoke(resource)) {
    return resolve_invoke(resource, parameters, request_id);
  }
  const std::optional<JobId> job = is_function_arn(resource) ? find_function(resource) : find(resource);
  if (job) {
    return Resolved{*job, parameters, {}};
  }
  if (is_function_arn(resource)) {
    const Function parts = take_apart(resource);
    return tl::unexpected(
        function_not_found(resource, parts.qualifier.empty() ? "$LATEST" : parts.qualifier, request_id));
  }
  return tl::unexpected(Failure{"States.TaskFailed", fmt::format("No job is mapped to the resource {}", resource)});
}

tl::expected<Resolved, Failure> Integrations::resolve_invoke(std::string_view resource, const Value& parameters,
                                                             const RequestId& request_id) const {
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
      return Resolved{*job, parameters, {}};
    }
    if (function.empty()) {
      return tl::unexpected(Failure{"States.Runtime", "lambda:invoke needs a FunctionName, which is a string"});
    }
    return tl::unexpected(function_not_found(function, qualifier, request_id));
  }
  const std::string type = member_text(parameters, "InvocationType");
  if (!type.empty() && type != "RequestResponse") {
    return tl::unexpected(Failure{"Lockstep.BadArguments",
                                  fmt::format("InvocationType '{}' is not supported, only RequestResponse is", type)});
  }
  const Node* payload = parameters.node().find("Payload");
  Resolved resolved{*job, Value::empty_object(), {}};
  if (payload != nullptr && !payload->is_null()) {
    resolved.input = parameters.part(*payload);
    if (payload->is_string()) {
      // Sent to the function as it is, where it is the JSON text of its event.
      if (auto text = Value::from_text(std::string(payload->as_string()))) {
        resolved.input = *std::move(text);
      }
    }
  }
  if (resource.substr(resource.size() - std::min<std::size_t>(resource.size(), 6)) == "invoke") {
    resolved.wrapping = {Wrapping::Form::lambda_invoke, std::move(qualifier),
                         member_text(parameters, "LogType") == "Tail"};
  }
  return resolved;
}

std::optional<JobId> Integrations::find_used(const ResourceUse& use) const {
  if (is_function_arn(use.resource)) {
    return find_function(use.resource);
  }
  std::optional<JobId> job;
  if (is_lambda_invoke(use.resource) && use.function_name) {
    job = find_function(*use.function_name);
  }
  return job ? job : find(use.resource);
}

std::vector<JobId> Integrations::used(const std::vector<ResourceUse>& uses) const {
  std::vector<JobId> jobs;
  for (const ResourceUse& use : uses) {
    const std::optional<JobId> job = find_used(use);
    if (job && std::find(jobs.begin(), jobs.end(), *job) == jobs.end()) {
      jobs.push_back(*job);
    }
  }
  return jobs;
}

std::vector<std::string> Integrations::unmapped(const std::vector<ResourceUse>& uses) const {
  std::vector<std::string> names;
  for (const ResourceUse& use : uses) {
    const bool is_computed = is_lambda_invoke(use.resource) && !use.function_name;
    std::string name = is_lambda_invoke(use.resource)
                           ? fmt::format("{} (function {})", use.resource, use.function_name.value_or(""))
                           : use.resource;
    if (!is_computed && !find_used(use) && std::find(names.begin(), names.end(), name) == names.end()) {
      names.push_back(std::move(name));
    }
  }
  return names;
}

Value wrap_result(const Wrapping& wrapping, const Value& result, const RequestId& request_id) {
  if (wrapping.form == Wrapping::Form::bare) {
    return result;
  }
  // The keys in AWS's order, which is the alphabet's; the metadata is what a call without proxies would show.
  const std::string length = fmt::format("{}", result.text_size());
  const std::string request = request_id.text();
  const std::pair<std::string_view, std::string_view> headers[] = {
      {"Connection", "keep-alive"},
      {"Content-Length", length},
      {"Content-Type", "application/json"},
      {"X-Amz-Executed-Version", wrapping.executed_version},
      {"x-amzn-Remapped-Content-Length", "0"},
      {"x-amzn-RequestId", request}};
  Builder out(1024);
  out.begin_object();
  out.key("ExecutedVersion");
  out.string(wrapping.executed_version);
  if (wrapping.with_log) {
    out.key("LogResult");
    out.string("");
  }
  out.key("Payload");
  out.value(result);
  out.key("SdkHttpMetadata");
  out.begin_object();
  out.key("AllHttpHeaders");
  out.begin_object();
  for (const auto& [name, text] : headers) {
    out.key(name);
    out.begin_array();
    out.string(text);
    out.end_array();
  }
  out.end_object();
  out.key("HttpHeaders");
  out.begin_object();
  for (const auto& [name, text] : headers) {
    out.key(name);
    out.string(text);
  }
  out.end_object();
  out.key("HttpStatusCode");
  out.integer(200);
  out.end_object();
  out.key("SdkResponseMetadata");
  out.begin_object();
  out.key("RequestId");
  out.string(request);
  out.end_object();
  out.key("StatusCode");
  out.integer(200);
  out.end_object();
  return out.finish();
}

std::string wrap_cause(const Wrapping& wrapping, std::string cause) {
  if (wrapping.form == Wrapping::Form::bare || cause.empty() || cause.front() != '{') {
    return cause;
  }
  const auto value = Value::from_text(cause);
  if (!value) {
    return cause;
  }
  std::string compact;
  append_json(compact, value->node());
  return compact;
}

std::string RequestId::text() const {
  // splitmix64: neighbours get ids that look unlike each other.
  const auto mix = [](std::uint64_t x) {
    x += 0x9e3779b97f4a7c15U;
    x = (x ^ (x >> 30U)) * 0xbf58476d1ce4e5b9U;
    x = (x ^ (x >> 27U)) * 0x94d049bb133111ebU;
    return x ^ (x >> 31U);
  };
  const std::uint64_t high = mix(mix(execution) ^ visit);
  const std::uint64_t low = mix(high ^ count);
  return fmt::format("{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}", high >> 32U, (high >> 16U) & 0xffffU, high & 0xfffU,
                     0x8000U | ((low >> 48U) & 0x3fffU), low & 0xffffffffffffU);
}

}  // namespace lockstep::integrations
