#include "report/describe.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "catalogue/names.hpp"
#include "report/house_view.hpp"
#include "report/kinds.hpp"
#include "report/tally.hpp"

namespace lockstep::report {

namespace {

using Json = nlohmann::json;

/// Epoch seconds, as the API's JSON has them.
Json date(Timestamp time) {
  return static_cast<double>(time.us / 1'000) / 1'000;
}

std::string to_text(const Json& json, int indent) {
  return json.dump(indent, ' ', false, Json::error_handler_t::replace);
}

Json payload(const Value& value) {
  return value.to_text();
}

void put(Json& document, const char* key, const std::optional<std::string>& text) {
  if (text) {
    document[key] = *text;
  }
}

/// What has become of an execution since it started.
struct Course {
  engine::Status status = engine::Status::running;
  std::optional<engine::Event> ended;
  std::optional<Timestamp> redriven;
  std::uint32_t redrive_count = 0;
};

/// Follows it by the few Events that say so.
Result<Course> follow(const RunFiles& run, const FoundExecution& found) {
  Course course;
  const bool runs = found.last == UINT64_MAX;
  if (runs && !found.redriven) {
    return course;
  }
  journal::ReadOptions options;
  options.from = found.redriven ? found.first : found.last;
  options.until = found.last;
  options.execution = found.started.execution;
  auto reader = TRY(journal::EventReader::open(run.journal, options));
  while (true) {
    const auto row = TRY(reader.next_row());
    if (!row) {
      return course;
    }
    const EventKind kind = kind_of(*row);
    if (kind == EventKind::execution_redriven) {
      course.status = engine::Status::running;
      course.ended.reset();
      course.redriven = Timestamp{row->time_us};
      ++course.redrive_count;
      continue;
    }
    if (const auto status = status_after(kind); status && *status != engine::Status::running) {
      course.status = *status;
      course.ended = TRY(reader.decode());
    }
  }
}

void put_end(Json& document, const engine::Event& ended) {
  document["stopDate"] = date(ended.time);
  if (const auto* succeeded = std::get_if<engine::ExecutionSucceeded>(&ended.body)) {
    document["output"] = payload(succeeded->output);
    document["outputDetails"] = {{"included", true}};
  } else if (const auto* failed = std::get_if<engine::ExecutionFailed>(&ended.body)) {
    put(document, "error", failed->error);
    put(document, "cause", failed->cause);
  } else if (const auto* aborted = std::get_if<engine::ExecutionAborted>(&ended.body)) {
    put(document, "error", aborted->error);
    put(document, "cause", aborted->cause);
  }
}

void put_redrives(Json& document, const Course& course) {
  document["redriveCount"] = course.redrive_count;
  if (course.redriven) {
    document["redriveDate"] = date(*course.redriven);
  }
  if (course.status == engine::Status::running || course.status == engine::Status::succeeded) {
    document["redriveStatus"] = "NOT_REDRIVABLE";
    document["redriveStatusReason"] = fmt::format("Execution is {} and cannot be redriven", to_string(course.status));
  } else {
    document["redriveStatus"] = "REDRIVABLE";
  }
}

}  // namespace

std::string list_item_json(const catalogue::ExecutionEntry& entry) {
  Json item;
  item["executionArn"] = engine::execution_arn(entry.machine_arn, entry.name);
  item["stateMachineArn"] = entry.machine_arn;
  item["name"] = entry.name;
  item["status"] = to_string(entry.status);
  item["startDate"] = date(entry.started);
  if (entry.stopped) {
    item["stopDate"] = date(*entry.stopped);
  }
  item["redriveCount"] = entry.redrive_count;
  return to_text(item, -1);
}

Result<std::string> describe_execution(const RunFiles& run, const std::string& execution) {
  const auto found = TRY(find_execution(run, Choice(execution, run.name)));
  if (!found) {
    return fail(ErrorKind::usage, fmt::format("{} holds no execution yet", run.folder));
  }
  const engine::Event& event = found->started;
  const auto& started = std::get<engine::ExecutionStarted>(event.body);
  const auto course = TRY(follow(run, *found));
  Json document;
  if (started.identity != nullptr) {
    document["executionArn"] = started.identity->arn();
    document["stateMachineArn"] = started.identity->machine().arn;
    document["name"] = started.identity->name();
  }
  document["status"] = to_string(course.status);
  document["startDate"] = date(event.time);
  document["input"] = payload(started.input);
  document["inputDetails"] = {{"included", true}};
  if (course.ended) {
    put_end(document, *course.ended);
  }
  if (run.type != "EXPRESS") {
    put_redrives(document, course);
  }
  return to_text(document, 2);
}

Result<std::string> describe_machine(const RunFiles& run, const std::string& machine) {
  const auto catalogue = TRY(read_catalogue(run));
  const catalogue::Machine* found =
      catalogue->machine(machine.starts_with("arn:") ? machine : catalogue::machine_arn(machine));
  if (found == nullptr) {
    return fail(ErrorKind::usage, fmt::format("{} holds no state machine '{}'", run.folder, machine));
  }
  const catalogue::Revision& revision = found->current();
  Json document = Json::parse(revision.settings.to_text(), nullptr, false);
  if (!document.is_object()) {
    document = Json::object();
  }
  document.erase("tags");
  document.emplace("loggingConfiguration", Json{{"level", "OFF"}, {"includeExecutionData", false}});
  document.emplace("tracingConfiguration", Json{{"enabled", false}});
  document["stateMachineArn"] = found->arn;
  document["name"] = found->name;
  document["status"] = found->deleting ? "DELETING" : "ACTIVE";
  document["type"] = found->type == asl::ExecutionType::express ? "EXPRESS" : "STANDARD";
  document["definition"] = *revision.definition;
  document["roleArn"] = revision.role_arn;
  document["creationDate"] = date(found->created);
  return to_text(document, 2);
}

namespace {

Json activity_json(const catalogue::Activity& activity) {
  return {{"activityArn", activity.arn}, {"name", activity.name}, {"creationDate", date(activity.created)}};
}

}  // namespace

Result<std::string> describe_activity(const RunFiles& run, const std::string& activity) {
  const auto catalogue = TRY(read_catalogue(run));
  const catalogue::Activity* found = catalogue->activity(catalogue::activity_arn_of(activity));
  return found == nullptr ? fail(ErrorKind::usage, fmt::format("{} holds no activity '{}'", run.folder, activity))
                          : Result<std::string>(to_text(activity_json(*found), 2));
}

Result<std::string> list_activities(const RunFiles& run) {
  const auto catalogue = TRY(read_catalogue(run));
  Json list = Json::array();
  for (const auto& [arn, activity] : catalogue->activities()) {
    list.push_back(activity_json(activity));
  }
  return to_text({{"activities", std::move(list)}}, 2);
}

}  // namespace lockstep::report
