// The types of states without rules or items: Task, Pass, Wait, Fail, Parallel.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <span>

#include "asl/reader.hpp"
#include "asl/resource.hpp"
#include "query/template.hpp"
#include "value/nearest.hpp"

namespace lockstep::asl {

namespace {

/// Intrinsics that give a string: what ErrorPath and CausePath may call (asl.md 3.5).
constexpr auto kTextIntrinsics =
    std::to_array<std::string_view>({"States.Format", "States.JsonToString", "States.ArrayGetItem",
                                     "States.Base64Encode", "States.Base64Decode", "States.Hash", "States.UUID"});

constexpr std::size_t kLongestArn = 300;

/// What is no ARN was probably meant for a job of ours.
std::string job_meant(std::string_view resource) {
  const std::size_t colon = resource.find(':');
  const std::string_view scheme = resource.substr(0, colon == std::string_view::npos ? 0 : colon);
  const std::string_view name = resource.substr(scheme.size() + (scheme.empty() ? 0 : 1));
  const bool is_slip = scheme.empty() || nearest(scheme, {"job"}) == "job";
  const std::string meant = fmt::format("job:{}", name);
  return is_slip && classify_resource(meant).kind == ResourceKind::job ? fmt::format("did you mean '{}'?", meant)
                                                                       : std::string();
}

bool gives_text(std::string_view call) {
  const std::string_view name = call.substr(0, call.find('('));
  return call.starts_with('$') ||
         std::find(kTextIntrinsics.begin(), kTextIntrinsics.end(), name) != kTextIntrinsics.end();
}

/// The FunctionName of a lambda:invoke, where it is not computed.
std::optional<std::string> constant_function(const Object& object, const Resource& resource) {
  const Node* payload =
      resource.is_lambda_invoke() ? object.find(object.jsonata() ? "Arguments" : "Parameters") : nullptr;
  const Node* function = payload != nullptr && payload->is_object() ? payload->find("FunctionName") : nullptr;
  const bool constant = function != nullptr && function->is_string() &&
                        !(object.jsonata() && jsonata::is_expression_string(function->as_string()));
  return constant ? std::optional<std::string>(function->as_string()) : std::nullopt;
}

}  // namespace

Task Reader::read_task(const Object& object, bool express) {
  Task task;
  require(object, {"Resource"});
  if (const auto resource = read_string(object, "Resource"); resource.has_value()) {
    task.resource = classify_resource(*resource);
    task.resource.function = constant_function(object, task.resource);
    check_resource(object, task.resource, express);
  }
  task.timeout_seconds = read_computed(object, "TimeoutSeconds", {1, kMaxSeconds});
  task.heartbeat_seconds = read_computed(object, "HeartbeatSeconds", {1, kMaxSeconds});
  const Node* timeout = object.find("TimeoutSeconds");
  const Node* heartbeat = object.find("HeartbeatSeconds");
  if (timeout != nullptr && heartbeat != nullptr && timeout->is_number() && heartbeat->is_number() &&
      heartbeat->as_double() >= timeout->as_double()) {
    report_.schema(Place(object.place, "HeartbeatSeconds"), "HeartbeatSeconds should be smaller than TimeoutSeconds");
  }
  task.credentials = read_credentials(object);
  return task;
}

void Reader::check_resource(const Object& object, const Resource& resource, bool express) {
  const Place place(object.place, "Resource");
  if (resource.text.empty()) {
    report_.schema(place, "Value cannot be empty");
    return;
  }
  if (resource.kind == ResourceKind::unknown) {
    report_.schema(place, not_recognized(resource.text, kLongestArn), job_meant(resource.text));
    return;
  }
  if (!express) {
    return;
  }
  if (resource.kind == ResourceKind::activity) {
    report_.schema(place, "Express state machine does not support Activity ARN");
  } else if (resource.pattern == ResourcePattern::sync) {
    report_.schema(place, "Express state machine does not support '.sync' service integration");
  } else if (resource.pattern == ResourcePattern::wait_for_task_token) {
    // The blank at the end is AWS's.
    report_.schema(place, "Express state machine does not support '.waitForTaskToken' service integration ");
  }
}

ExpressionPtr Reader::read_credentials(const Object& object) {
  const Node* node = object.find("Credentials");
  if (node == nullptr) {
    return nullptr;
  }
  const Place place(object.place, "Credentials");
  const bool expression = object.jsonata() && node->is_string() && jsonata::is_expression_string(node->as_string());
  if (!node->is_object() && !expression) {
    wrong_type(place, "OBJECT");
    return nullptr;
  }
  if (!expression && node->find("RoleArn") == nullptr && (object.jsonata() || node->find("RoleArn.$") == nullptr)) {
    report_.schema(place, "The field 'RoleArn' is required but was missing");
    return nullptr;
  }
  if (!object.jsonata()) {
    return read_template(object, "Credentials");
  }
  // AWS does not look into expressions here before they are evaluated.
  std::vector<jsonata::FieldProblem> problems;
  ExpressionPtr compiled = jsonata::compile_field(part(*node), "Credentials", {}, problems);
  for (jsonata::FieldProblem& problem : problems) {
    report_.warning(problem.code, fmt::format("{}/{}", object.state.location(), problem.location),
                    std::move(problem.message));
  }
  return problems.empty() ? compiled : query::make_literal(part(*node));
}

Pass Reader::read_pass(const Object& object) {
  Pass pass;
  const Node* result = object.jsonata() ? nullptr : object.find("Result");
  if (result != nullptr) {
    warn_static_text(*result, Place(object.place, "Result"), "PASS_RESULT_IS_STATIC");
    pass.result = query::make_literal(part(*result));
  }
  return pass;
}

Wait Reader::read_wait(const Object& object) {
  constexpr auto kJsonpathFields =
      std::to_array<std::string_view>({"Seconds", "SecondsPath", "Timestamp", "TimestampPath"});
  constexpr auto kJsonataFields = std::to_array<std::string_view>({"Seconds", "Timestamp"});
  const auto fields = object.jsonata() ? std::span<const std::string_view>(kJsonataFields)
                                       : std::span<const std::string_view>(kJsonpathFields);
  Wait wait;
  std::vector<std::string_view> present;
  std::copy_if(fields.begin(), fields.end(), std::back_inserter(present),
               [&](std::string_view field) { return object.has(field); });
  if (present.size() != 1) {
    report_.schema(object.place, fmt::format("Exactly one of these fields is required: [{}]", fmt::join(fields, ", ")));
    return wait;
  }
  const std::string_view key = present.front();
  wait.form = key.starts_with("Seconds") ? Wait::Form::seconds : Wait::Form::timestamp;
  if (key == "SecondsPath" || key == "TimestampPath") {
    wait.expression = read_reference_path(object, key, &wait.path);
    return wait;
  }
  if (key == "Seconds") {
    if (std::optional<ComputedNumber> seconds = read_computed(object, key, {0, kMaxSeconds}); seconds.has_value()) {
      wait.expression = std::move(seconds->expression);
    }
    return wait;
  }
  const Node& node = *object.find(key);
  if (object.jsonata() && node.is_string() && jsonata::is_expression_string(node.as_string())) {
    wait.expression = read_jsonata_as(object, key, Kind::string);
    return wait;
  }
  const std::optional<std::string_view> text = read_string(object, key);
  if (text.has_value() && !parse_timestamp(*text).has_value() && !warn_placeholder(node, Place(object.place, key))) {
    report_.schema(Place(object.place, key), "String does not match RFC3339 timestamp");
    return wait;
  }
  wait.expression = query::make_literal(part(node));
  return wait;
}

Fail Reader::read_fail(const Object& object) {
  return {read_fail_text(object, "Error"), read_fail_text(object, "Cause")};
}

ExpressionPtr Reader::read_fail_text(const Object& object, std::string_view key) {
  const std::string path_key = std::string(key) + "Path";
  if (object.jsonata()) {
    const Node* node = object.find(key);
    if (node != nullptr && !node->is_string()) {
      wrong_type(Place(object.place, key), "STRING");
      return nullptr;
    }
    return read_jsonata_as(object, key, Kind::string);
  }
  exclusive(object, key, path_key);
  if (const auto call = read_string(object, path_key); call.has_value()) {
    query::Compiled<ExpressionPtr> compiled = query::compile_template_value(*call, path_key);
    if (compiled.has_value() && gives_text(*call)) {
      return std::move(*compiled);
    }
    report_.schema(Place(object.place, path_key),
                   fmt::format("The value for the field '{}' must be a valid JSONPath or a valid intrinsic function "
                               "call",
                               path_key));
    return nullptr;
  }
  const std::optional<std::string_view> text = read_string(object, key);
  if (!text.has_value()) {
    return nullptr;
  }
  const Place place(object.place, key);
  if (looks_like_path(*text)) {
    report_.warning("NO_PATH", place,
                    fmt::format("The value of the field '{}' looks like a path, but the field's name does not end in "
                                "'Path'",
                                key));
  }
  return query::make_literal(part(*object.find(key)));
}

Parallel Reader::read_parallel(const Object& object, const State& state, const Enclosing& enclosing) {
  Parallel parallel;
  require(object, {"Branches"});
  const Node* branches = object.find("Branches");
  if (branches == nullptr) {
    return parallel;
  }
  const Place place(object.place, "Branches");
  if (!branches->is_array()) {
    wrong_type(place, "ARRAY");
    return parallel;
  }
  if (branches->size() == 0) {
    report_.schema(place, "Value cannot be empty");
  }
  for (std::size_t i = 0; i < branches->size(); ++i) {
    Enclosing inner = enclosing;
    inner.owner = state.id;
    inner.fresh_scope = false;
    inner.is_processor = false;
    inner.depth = enclosing.depth + 1;
    parallel.branches.push_back(read_scope(branches->at(i), Place(place, i), inner));
  }
  return parallel;
}

}  // namespace lockstep::asl
