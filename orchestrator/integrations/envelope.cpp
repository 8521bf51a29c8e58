#include "integrations/envelope.hpp"

#include "integrations/batch.hpp"
#include "integrations/sdk_metadata.hpp"
#include "value/builder.hpp"

namespace lockstep::integrations {
namespace {

using work::OutcomeKind;

constexpr std::string_view kTaskFailed = "States.TaskFailed";

const Node* member(const Value& value, std::string_view key) {
  return value.node().is_object() ? value.node().find(key) : nullptr;
}

void set_failure(work::Outcome& outcome, std::string error, std::string cause) {
  outcome.kind = OutcomeKind::failed;
  outcome.error = std::move(error);
  outcome.cause = std::move(cause);
  outcome.result = Value();
}

void name_error(const ServiceName& service, work::Outcome& outcome) {
  if (outcome.kind == OutcomeKind::failed) {
    outcome.cause = service_cause(service, outcome.error, std::move(outcome.cause), request_id(outcome.id));
    outcome.error = service_error(service, outcome.error);
  }
}

/// Whether the job itself failed, not what we do with it.
bool is_failed_job(const work::Outcome& outcome) {
  return outcome.kind == OutcomeKind::failed && !outcome.error.starts_with("Lockstep.") &&
         (outcome.error == kTaskFailed || !outcome.error.starts_with("States."));
}

Wrapped wrap_batch(const Wrapping& wrapping, work::Outcome outcome) {
  if (outcome.kind == OutcomeKind::timed_out && wrapping.is_attempt_limit) {
    set_failure(outcome, std::string(kTaskFailed), "Job attempt duration exceeded timeout");
  }
  Value submitted = batch_submitted(wrapping.parameters, outcome.id);
  const bool is_answer = outcome.kind == OutcomeKind::succeeded && member(outcome.result, "JobId") != nullptr;
  if (!wrapping.is_sync) {
    name_error(wrapping.service, outcome);
    if (outcome.kind == OutcomeKind::succeeded && !is_answer) {
      outcome.result = std::move(submitted);
    }
    return {std::move(outcome), std::nullopt};
  }
  if (is_failed_job(outcome)) {
    std::string cause = batch_detail(wrapping.parameters, outcome).to_text();
    set_failure(outcome, std::string(kTaskFailed), std::move(cause));
  } else if (outcome.kind == OutcomeKind::succeeded && !is_answer) {
    outcome.result = batch_detail(wrapping.parameters, outcome);
  }
  return {std::move(outcome), std::move(submitted)};
}

/// The result of lambda:invoke around its function's.
Value lambda_result(const Wrapping& wrapping, const Value& result, const DispatchId& dispatch) {
  // The keys in AWS's order, which is the alphabet's; the metadata is what a call without proxies would show.
  const std::string length = fmt::format("{}", result.text_size());
  const std::string request = request_id(dispatch);
  const Header headers[] = {{"Connection", "keep-alive"},
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
  add_sdk_metadata(out, headers, request);
  out.key("StatusCode");
  out.integer(200);
  out.end_object();
  return out.finish();
}

/// A function's error object is its own text where its ARN is the Resource, but comes back compact from lambda:invoke,
/// which reads and writes it.
std::string lambda_cause(std::string cause) {
  if (!cause.starts_with('{')) {
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

/// What http:invoke answers with around the body that a job gave.
Value http_answer(const Value& body) {
  Builder out(256);
  const auto put_header = [&](std::string_view name, std::string_view text) {
    out.key(name);
    out.begin_array();
    out.string(text);
    out.end_array();
  };
  out.begin_object();
  out.key("Headers");
  out.begin_object();
  put_header("content-length", fmt::format("{}", body.text_size()));
  put_header("content-type", "application/json");
  out.end_object();
  out.key("ResponseBody");
  out.value(body);
  out.key("StatusCode");
  out.integer(200);
  out.key("StatusText");
  out.string("OK");
  out.end_object();
  return out.finish();
}

void wrap_http(work::Outcome& outcome) {
  if (outcome.kind != OutcomeKind::succeeded) {
    return;
  }
  const Node* status = member(outcome.result, "StatusCode");
  if (status == nullptr || !status->is_number()) {
    outcome.result = http_answer(outcome.result);
    return;
  }
  constexpr std::int64_t kFirstError = 400;
  if (const std::int64_t code = status->as_integer().value_or(0); code >= kFirstError) {
    const Node* body = member(outcome.result, "ResponseBody");
    body = body != nullptr ? body : member(outcome.result, "StatusText");
    std::string cause = body == nullptr     ? std::string()
                        : body->is_string() ? std::string(body->as_string())
                                            : outcome.result.part(*body).to_text();
    set_failure(outcome, fmt::format("States.Http.StatusCode.{}", code), std::move(cause));
  }
}

}  // namespace

Wrapped wrap(const Wrapping& wrapping, work::Outcome outcome) {
  switch (wrapping.form) {
    case Wrapping::Form::bare:
      break;
    case Wrapping::Form::lambda_invoke:
      if (outcome.kind == OutcomeKind::succeeded) {
        outcome.result = lambda_result(wrapping, outcome.result, outcome.id);
      } else {
        outcome.cause = lambda_cause(std::move(outcome.cause));
      }
      break;
    case Wrapping::Form::service:
      name_error(wrapping.service, outcome);
      break;
    case Wrapping::Form::batch:
      return wrap_batch(wrapping, std::move(outcome));
    case Wrapping::Form::http:
      wrap_http(outcome);
      break;
  }
  return {std::move(outcome), std::nullopt};
}

}  // namespace lockstep::integrations
