#include "integrations/batch.hpp"

#include <charconv>

#include "integrations/sdk_metadata.hpp"
#include "value/builder.hpp"

namespace lockstep::integrations {
namespace {

/// Within `value`, by the names of members; null where there is none.
const Node* member(const Value& value, std::initializer_list<std::string_view> path) {
  const Node* at = &value.node();
  for (const std::string_view key : path) {
    at = at != nullptr && at->is_object() ? at->find(key) : nullptr;
  }
  return at;
}

std::string_view text_of(const Node* node) {
  return node != nullptr && node->is_string() ? node->as_string() : std::string_view();
}

std::string job_id(const DispatchId& dispatch) {
  return request_id(dispatch);
}

std::string job_arn(const DispatchId& dispatch) {
  return fmt::format("arn:aws:batch:us-east-1:123456789012:job/{}", job_id(dispatch));
}

/// Writes the parameters' own member; `otherwise` where there is none.
void put_given(Builder& out, std::string_view key, const Value& parameters,
               std::initializer_list<std::string_view> path, const Value& otherwise) {
  out.key(key);
  if (const Node* given = member(parameters, path)) {
    out.part(parameters, *given);
  } else {
    out.value(otherwise);
  }
}

/// As a shell would have it; nothing where the job did not end by itself, or names its error.
std::optional<int> exit_code(const work::Outcome& outcome) {
  if (outcome.kind == work::OutcomeKind::succeeded) {
    return 0;
  }
  constexpr int kSignal = 128;
  for (const auto& [says, added] :
       {std::pair<std::string_view, int>{"exit status ", 0}, {"killed by signal ", kSignal}}) {
    int number = 0;
    const char* const begin = outcome.cause.data() + std::min(says.size(), outcome.cause.size());
    if (outcome.cause.starts_with(says) &&
        std::from_chars(begin, outcome.cause.data() + outcome.cause.size(), number).ec == std::errc()) {
      return added + number;
    }
  }
  return std::nullopt;
}

void put_time(Builder& out, std::string_view key, Timestamp time) {
  out.key(key);
  out.integer(time.us / 1000);
}

void put_exit_code(Builder& out, std::optional<int> code) {
  if (code) {
    out.key("ExitCode");
    out.integer(*code);
  }
}

}  // namespace

tl::expected<std::vector<std::string>, std::string> batch_environment(const Value& parameters,
                                                                      const DispatchId& dispatch) {
  std::vector<std::string> variables{"AWS_BATCH_JOB_ID=" + job_id(dispatch),
                                     fmt::format("AWS_BATCH_JQ_NAME={}", text_of(member(parameters, {"JobQueue"}))),
                                     "MANAGED_BY_AWS=STARTED_BY_STEP_FUNCTIONS"};
  const Node* given = member(parameters, {"ContainerOverrides", "Environment"});
  for (std::size_t i = 0; given != nullptr && given->is_array() && i < given->size(); ++i) {
    const Node& one = given->at(i);
    const std::string_view name = one.is_object() ? text_of(one.find("Name")) : std::string_view();
    const std::string_view value = one.is_object() ? text_of(one.find("Value")) : std::string_view();
    constexpr std::string_view kNot("=\0", 2);
    if (name.empty() || name.find_first_of(kNot) != std::string_view::npos || name.starts_with("LOCKSTEP_") ||
        value.find('\0') != std::string_view::npos) {
      return tl::unexpected(fmt::format(
          "ContainerOverrides.Environment[{}] needs a Name that a variable can have, other than LOCKSTEP_…, "
          "and a Value without NUL",
          i));
    }
    variables.push_back(fmt::format("{}={}", name, value));
  }
  return variables;
}

std::optional<std::int64_t> batch_seconds(const Value& parameters) {
  const Node* given = member(parameters, {"Timeout", "AttemptDurationSeconds"});
  const auto seconds = given != nullptr && given->is_number() ? given->as_integer() : std::nullopt;
  return seconds && *seconds > 0 ? seconds : std::nullopt;
}

Value batch_submitted(const Value& parameters, const DispatchId& dispatch) {
  const std::string id = job_id(dispatch);
  const std::string arn = job_arn(dispatch);
  const std::string_view name = text_of(member(parameters, {"JobName"}));
  Builder out(1024);
  out.begin_object();
  out.key("JobArn");
  out.string(arn);
  out.key("JobId");
  out.string(id);
  out.key("JobName");
  out.string(name);
  const std::string answer = fmt::format(R"({{"jobArn":"{}","jobId":"{}","jobName":"{}"}})", arn, id, name);
  add_sdk_metadata(out, "application/json", answer.size(), request_id(dispatch));
  out.end_object();
  return out.finish();
}

Value batch_detail(const Value& parameters, const work::Outcome& outcome) {
  const bool succeeded = outcome.kind == work::OutcomeKind::succeeded;
  const std::optional<int> code = exit_code(outcome);
  const std::string_view reason = succeeded ? "Essential container in task exited" : std::string_view(outcome.cause);
  const Value nothing;
  const Value list = Value::empty_array();
  const Value object = Value::empty_object();
  Builder out(2048);
  out.begin_object();
  out.key("Attempts");
  out.begin_array();
  out.begin_object();
  out.key("Container");
  out.begin_object();
  put_exit_code(out, code);
  out.key("NetworkInterfaces");
  out.value(list);
  out.end_object();
  put_time(out, "StartedAt", outcome.started);
  out.key("StatusReason");
  out.string(reason);
  put_time(out, "StoppedAt", outcome.ended);
  out.end_object();
  out.end_array();
  out.key("Container");
  out.begin_object();
  put_given(out, "Command", parameters, {"ContainerOverrides", "Command"}, list);
  put_given(out, "Environment", parameters, {"ContainerOverrides", "Environment"}, list);
  put_exit_code(out, code);
  put_given(out, "ResourceRequirements", parameters, {"ContainerOverrides", "ResourceRequirements"}, list);
  out.end_object();
  put_time(out, "CreatedAt", outcome.started);
  put_given(out, "DependsOn", parameters, {"DependsOn"}, list);
  out.key("JobArn");
  out.string(job_arn(outcome.id));
  put_given(out, "JobDefinition", parameters, {"JobDefinition"}, nothing);
  out.key("JobId");
  out.string(job_id(outcome.id));
  put_given(out, "JobName", parameters, {"JobName"}, nothing);
  put_given(out, "JobQueue", parameters, {"JobQueue"}, nothing);
  put_given(out, "Parameters", parameters, {"Parameters"}, object);
  put_time(out, "StartedAt", outcome.started);
  out.key("Status");
  out.string(succeeded ? "SUCCEEDED" : "FAILED");
  out.key("StatusReason");
  out.string(reason);
  put_time(out, "StoppedAt", outcome.ended);
  put_given(out, "Tags", parameters, {"Tags"}, object);
  put_given(out, "Timeout", parameters, {"Timeout"}, object);
  out.end_object();
  return out.finish();
}

}  // namespace lockstep::integrations
