#include "service/request.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "value/time.hpp"

namespace lockstep::service {

namespace {

using Json = nlohmann::ordered_json;

constexpr std::pair<AnswerToken::Kind, std::string_view> kAnswers[] = {
    {AnswerToken::Kind::success, "send-task-success"},
    {AnswerToken::Kind::failure, "send-task-failure"},
    {AnswerToken::Kind::heartbeat, "send-task-heartbeat"}};

void put(Json& document, const char* key, const std::optional<std::string>& text) {
  if (text) {
    document[key] = *text;
  }
}

std::optional<std::string> get(const Json& document, const char* key) {
  const auto found = document.find(key);
  return found != document.end() && found->is_string() ? std::optional(found->get<std::string>()) : std::nullopt;
}

void write(Json& document, const AnswerToken& answer) {
  for (const auto& [kind, name] : kAnswers) {
    if (kind == answer.kind) {
      document["action"] = name;
    }
  }
  document["token"] = answer.token;
  if (answer.kind == AnswerToken::Kind::success) {
    document["output"] = answer.output.to_text();
  }
  put(document, "error", answer.error);
  put(document, "cause", answer.cause);
}

void write(Json& document, const Stop& stop) {
  document["action"] = "stop";
  put(document, "execution", stop.execution);
  put(document, "error", stop.error);
  put(document, "cause", stop.cause);
}

void write(Json& document, const Redrive& redrive) {
  document["action"] = "redrive";
  put(document, "execution", redrive.execution);
  put(document, "definition", redrive.definition);
  put(document, "jobs", redrive.jobs);
  document["jobs_folder"] = redrive.jobs_folder;
}

void write(Json& document, const Start& start) {
  document["action"] = "start";
  document["machine"] = start.machine;
  put(document, "definition", start.definition);
  document["type"] = start.type;
  put(document, "jobs", start.jobs);
  document["jobs_folder"] = start.jobs_folder;
  document["name"] = start.name;
  document["input"] = start.input.to_text();
  document["wait"] = start.wait;
  document["sync"] = start.sync;
}

void write(Json& document, const CreateActivity& create) {
  document["action"] = "create-activity";
  document["name"] = create.name;
}

void write(Json& document, const DeleteActivity& remove) {
  document["action"] = "delete-activity";
  document["activity"] = remove.activity;
}

void write(Json& document, const GetActivityTask& poll) {
  document["action"] = "get-activity-task";
  document["activity"] = poll.activity;
  document["worker"] = poll.worker;
  document["asker"] = poll.asker;
}

void write(Json& document, const UpdateMapRun& update) {
  document["action"] = "update-map-run";
  document["map_run"] = update.map_run;
  const auto put_number = [&](const char* key, const auto& number) {
    if (number) {
      document[key] = *number;
    }
  };
  put_number("max_concurrency", update.max_concurrency);
  put_number("tolerated_count", update.tolerated_count);
  put_number("tolerated_percentage", update.tolerated_percentage);
}

/// Errors (invalid): a setting that is none, or nothing that is set.
Result<UpdateMapRun> read_update(const Json& document) {
  UpdateMapRun update;
  update.map_run = get(document, "map_run").value_or("");
  const auto refuse = [](const char* what) {
    return fail(ErrorKind::invalid, fmt::format("InvalidMessage: update-map-run needs {}", what));
  };
  const auto whole = [&](const char* key, std::uint64_t most) -> std::optional<std::uint64_t> {
    const Json& number = document.value(key, Json());
    return number.is_number_unsigned() && number <= most ? std::optional(number.get<std::uint64_t>()) : std::nullopt;
  };
  if (document.contains("max_concurrency")) {
    const auto most = whole("max_concurrency", UINT32_MAX);
    if (!most) {
      return refuse("a whole number from 0 for max_concurrency");
    }
    update.max_concurrency = static_cast<std::uint32_t>(*most);
  }
  if (document.contains("tolerated_count")) {
    const auto count = whole("tolerated_count", INT64_MAX);
    if (!count) {
      return refuse("a whole number from 0 for tolerated_count");
    }
    update.tolerated_count = static_cast<std::int64_t>(*count);
  }
  if (document.contains("tolerated_percentage")) {
    const Json& share = document["tolerated_percentage"];
    if (!share.is_number() || !(share >= 0 && share <= 100)) {
      return refuse("a number from 0 to 100 for tolerated_percentage");
    }
    update.tolerated_percentage = share.get<double>();
  }
  if (!update.max_concurrency && !update.tolerated_count && !update.tolerated_percentage) {
    return refuse("a setting");
  }
  return update;
}

/// Stays within the process.
void write(Json& /*document*/, const StartChild& /*child*/) {}

/// The member `key` as JSON text, read.
Result<Value> value_in(const Json& document, const char* key, std::string_view error) {
  auto value = Value::from_text(get(document, key).value_or(""));
  return value ? value : fail(ErrorKind::invalid, fmt::format("{}: {}", error, value.error().message));
}

}  // namespace

std::string to_text(const Request& request) {
  Json document;
  std::visit([&](const auto& body) { write(document, body); }, request);
  return document.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Result<Request> request_of(const std::string& text) {
  const Json document = Json::parse(text, nullptr, false);
  if (!document.is_object()) {
    return fail(ErrorKind::invalid, "InvalidMessage: it is not a JSON object");
  }
  const std::string action = get(document, "action").value_or("");
  const auto error = get(document, "error");
  const auto cause = get(document, "cause");
  if (action == "stop") {
    return Stop{get(document, "execution"), error, cause};
  }
  const auto text_of = [&](const char* key) { return get(document, key).value_or(""); };
  if (action == "redrive") {
    return Redrive{get(document, "execution"), get(document, "definition"), get(document, "jobs"),
                   text_of("jobs_folder")};
  }
  if (action == "start") {
    auto input = value_in(document, "input", "InvalidExecutionInput");
    if (!input) {
      return tl::unexpected<Error>(input.error());
    }
    const auto is_set = [&](const char* key) { return document.value(key, Json()) == true; };
    return Start{
        text_of("machine"), get(document, "definition"), text_of("type"), get(document, "jobs"), text_of("jobs_folder"),
        text_of("name"),    *std::move(input),           is_set("wait"),  is_set("sync")};
  }
  if (action == "create-activity") {
    return CreateActivity{text_of("name")};
  }
  if (action == "delete-activity") {
    return DeleteActivity{text_of("activity")};
  }
  if (action == "get-activity-task") {
    return GetActivityTask{text_of("activity"), text_of("worker"), text_of("asker")};
  }
  if (action == "update-map-run") {
    return read_update(document);
  }
  const auto* known =
      std::find_if(std::begin(kAnswers), std::end(kAnswers), [&](const auto& entry) { return entry.second == action; });
  if (known == std::end(kAnswers)) {
    return fail(ErrorKind::invalid, fmt::format("InvalidMessage: there is no action '{}'", action));
  }
  AnswerToken answer{known->first, get(document, "token").value_or(""), Value(), error, cause};
  if (answer.kind == AnswerToken::Kind::success) {
    auto output = value_in(document, "output", "InvalidOutput");
    if (!output) {
      return tl::unexpected<Error>(output.error());
    }
    answer.output = *std::move(output);
  }
  return answer;
}

Reply reply_of(engine::Verdict verdict) {
  switch (verdict) {
    case engine::Verdict::accepted:
      break;
    case engine::Verdict::invalid_token:
      return Refused{"InvalidToken", "Invalid Token: 'Invalid token'"};
    case engine::Verdict::task_timed_out:
      return Refused{"TaskTimedOut", "Task Timed Out: 'Provided task does not exist anymore'"};
    case engine::Verdict::execution_does_not_exist:
      return Refused{"ExecutionDoesNotExist", "Execution Does Not Exist: it is over"};
    case engine::Verdict::execution_not_redrivable:
      return Refused{"ExecutionNotRedrivable",
                     "only an execution that failed, timed out or was aborted can be redriven"};
    case engine::Verdict::definition_does_not_fit:
      return Refused{"DefinitionDoesNotFit", "the execution cannot go on with this definition"};
    case engine::Verdict::map_run_is_over:
      return Refused{"ValidationException", "CANNOT_UPDATE_COMPLETED_MAP_RUN: the Map Run is over"};
  }
  return Accepted{};
}

namespace {

std::string text_of(const Accepted& /*accepted*/) {
  return std::string(kAccepted);
}
std::string text_of(const Refused& refused) {
  return fmt::format("{}: {}", refused.error, refused.message);
}
std::string text_of(const Started& started) {
  return Json{{"executionArn", started.execution_arn}, {"startDate", format_timestamp(started.at)}}.dump();
}
std::string text_of(const Ended& ended) {
  const engine::EndExecution& end = ended.end;
  Json document{{"executionArn", ended.execution_arn}, {"status", engine::to_string(end.status)}};
  if (end.status == engine::Status::succeeded) {
    document["output"] = end.output.to_text();
  }
  put(document, "error", end.error);
  put(document, "cause", end.cause);
  return document.dump(-1, ' ', false, Json::error_handler_t::replace);
}
std::string text_of(const ActivityMade& made) {
  return Json{{"activityArn", made.arn}, {"creationDate", format_timestamp(made.created)}}.dump();
}
std::string text_of(const ActivityTask& task) {
  if (task.token.empty()) {
    return Json{{"taskToken", nullptr}}.dump();
  }
  Json document{{"taskToken", task.token}, {"input", task.input.to_text()}};
  if (task.heartbeat_seconds) {
    document["heartbeatSeconds"] = *task.heartbeat_seconds;
  }
  return document.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

Refused refused_by(const Error& error) {
  const std::size_t colon = error.message.find(": ");
  return colon == std::string::npos ? Refused{"InvalidMessage", error.message}
                                    : Refused{error.message.substr(0, colon), error.message.substr(colon + 2)};
}

std::string to_text(const Reply& reply) {
  return std::visit([](const auto& body) { return text_of(body); }, reply);
}

}  // namespace lockstep::service
