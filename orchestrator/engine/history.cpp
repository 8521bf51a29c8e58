#include "engine/history.hpp"

#include <initializer_list>

namespace lockstep::engine {

namespace {

/// Writes one history entry, member by member.
class Entry {
 public:
  Entry(std::string& out, const Event& event, std::string_view type) : out_(out) {
    // Seconds since 1970 with milliseconds, as the API's JSON has it.
    out_ += fmt::format(R"({{"timestamp":{}.{:03},"type":"{}","id":{},"previousEventId":{})",
                        event.time.us / kMicrosPerSecond, event.time.us % kMicrosPerSecond / 1000, type, event.id,
                        event.previous);
  }
  ~Entry() { out_ += '}'; }
  Entry(const Entry&) = delete;
  Entry& operator=(const Entry&) = delete;

  void begin(std::string_view details) {
    out_ += fmt::format(",\"{}\":{{", details);
    first_ = true;
  }
  void end() { out_ += '}'; }

  void text(std::string_view key, std::string_view value) {
    name(key);
    append_json_string(out_, value);
  }
  void text(std::string_view key, const std::optional<std::string>& value) {
    if (value) {
      text(key, std::string_view(*value));
    }
  }
  void number(std::string_view key, std::int64_t value) {
    name(key);
    out_ += std::to_string(value);
  }
  void number(std::string_view key, const std::optional<std::int64_t>& value) {
    if (value) {
      number(key, *value);
    }
  }
  /// A payload as JSON text, with the sibling that says it is whole.
  void payload(std::string_view key, const Value& value, bool with_details = true) {
    std::string scratch;
    text(key, value.text(scratch));
    if (with_details) {
      name(std::string(key) + "Details");
      out_ += R"({"truncated":false})";
    }
  }
  void raw(std::string_view key, std::string_view json) {
    name(key);
    out_ += json;
  }

 private:
  void name(std::string_view key) {
    if (!first_) {
      out_ += ',';
    }
    first_ = false;
    out_ += '"';
    out_ += key;
    out_ += "\":";
  }

  std::string& out_;
  bool first_ = true;
};

/// Where integrations run, as far as history is asked: there is one place, and AWS's tools want a region's name.
constexpr std::string_view kRegion = "us-east-1";

/// One event of a task: `LambdaFunctionFailed` with `lambdaFunctionFailedEventDetails`, `TaskFailed` with
/// `taskFailedEventDetails`, …
class TaskEntry {
 public:
  TaskEntry(std::string& out, const Event& event, const asl::StateMachine& machine, std::string_view what)
      : resource_(std::get<asl::Task>(machine.state(event.state).detail).resource),
        entry_(out, event, type(resource_.kind, what)) {
    const std::string_view noun = resource_.kind == asl::ResourceKind::lambda     ? "lambdaFunction"
                                  : resource_.kind == asl::ResourceKind::activity ? "activity"
                                                                                  : "task";
    details_ = fmt::format("{}{}EventDetails", noun, what);
  }

  const asl::Resource& resource() const { return resource_; }
  /// Neither a function nor an activity, whose events have names of their own.
  bool is_integration() const {
    return resource_.kind != asl::ResourceKind::lambda && resource_.kind != asl::ResourceKind::activity;
  }
  Entry& begin() {
    entry_.begin(details_);
    if (is_integration()) {
      entry_.text("resource", std::string_view(resource_.history_action()));
      entry_.text("resourceType", std::string_view(resource_.history_type()));
    }
    return entry_;
  }
  void end() { entry_.end(); }

 private:
  static std::string type(asl::ResourceKind kind, std::string_view what) {
    return fmt::format("{}{}",
                       kind == asl::ResourceKind::lambda     ? "LambdaFunction"
                       : kind == asl::ResourceKind::activity ? "Activity"
                                                             : "Task",
                       what);
  }

  const asl::Resource& resource_;
  std::string details_;
  Entry entry_;
};

class Projector {
 public:
  Projector(std::string& out, const Event& event, const asl::StateMachine& machine)
      : out_(out), event_(event), machine_(machine) {}

  bool operator()(const ExecutionStarted& body) {
    Entry entry(out_, event_, "ExecutionStarted");
    entry.begin("executionStartedEventDetails");
    entry.payload("input", body.input);
    entry.text("roleArn", std::string_view(body.identity->machine().role_arn));
    entry.end();
    return true;
  }
  bool operator()(const ExecutionSucceeded& body) {
    Entry entry(out_, event_, "ExecutionSucceeded");
    entry.begin("executionSucceededEventDetails");
    entry.payload("output", body.output);
    entry.end();
    return true;
  }
  bool operator()(const ExecutionFailed& body) {
    return failure("ExecutionFailed", "executionFailedEventDetails", body.error, body.cause);
  }
  bool operator()(const ExecutionTimedOut& /*body*/) {
    return failure("ExecutionTimedOut", "executionTimedOutEventDetails", "States.Timeout", std::nullopt);
  }
  bool operator()(const ExecutionAborted& body) {
    return failure("ExecutionAborted", "executionAbortedEventDetails", body.error, body.cause);
  }

  bool operator()(const StateEntered& body) {
    const asl::State& state = machine_.state(body.state);
    Entry entry(out_, event_, fmt::format("{}StateEntered", asl::to_string(state.type)));
    entry.begin("stateEnteredEventDetails");
    entry.text("name", std::string_view(state.name));
    entry.payload("input", body.input);
    entry.end();
    return true;
  }
  bool operator()(const StateExited& body) {
    const asl::State& state = machine_.state(event_.state);
    Entry entry(out_, event_, fmt::format("{}StateExited", asl::to_string(state.type)));
    entry.begin("stateExitedEventDetails");
    entry.text("name", std::string_view(state.name));
    entry.payload("output", body.output);
    if (!body.assigned.empty()) {
      std::string variables = "{";
      for (const auto& [name, value] : body.assigned) {
        variables += variables.size() > 1 ? "," : "";
        append_json_string(variables, name);
        variables += ':';
        append_json_string(variables, value.to_text());
      }
      variables += '}';
      entry.raw("assignedVariables", variables);
      entry.raw("assignedVariablesDetails", R"({"truncated":false})");
    }
    entry.end();
    return true;
  }
  bool operator()(const EvaluationFailed& body) {
    Entry entry(out_, event_, "EvaluationFailed");
    entry.begin("evaluationFailedEventDetails");
    entry.text("error", std::string_view("States.QueryEvaluationError"));
    entry.text("cause", std::string_view(body.cause));
    if (!body.location.empty()) {
      entry.text("location", std::string_view(body.location));
    }
    entry.text("state", std::string_view(machine_.state(event_.state).name));
    entry.end();
    return true;
  }

  bool operator()(const TaskScheduled& body) {
    TaskEntry task(out_, event_, machine_, "Scheduled");
    Entry& entry = task.begin();
    if (task.is_integration()) {
      entry.text("region", kRegion);
      entry.payload("parameters", body.parameters, false);
    } else {
      entry.text("resource", std::string_view(task.resource().text));
      entry.payload("input", body.parameters);
    }
    entry.number("timeoutInSeconds", body.timeout_seconds);
    entry.number("heartbeatInSeconds", body.heartbeat_seconds);
    if (body.credentials) {
      if (const Node* role = body.credentials->node().is_object() ? body.credentials->node().find("RoleArn") : nullptr;
          role != nullptr && role->is_string()) {
        std::string credentials = "{\"roleArn\":";
        append_json_string(credentials, role->as_string());
        entry.raw("taskCredentials", credentials + "}");
      }
    }
    task.end();
    return true;
  }
  bool operator()(const TaskStarted& body) {
    TaskEntry task(out_, event_, machine_, "Started");
    if (task.is_integration()) {
      task.begin();
      task.end();
    } else if (body.worker && !body.worker->empty()) {
      task.begin().text("workerName", body.worker);
      task.end();
    }
    return true;
  }
  bool operator()(const TaskRedispatched&) { return false; }
  bool operator()(const HeartbeatReceived&) { return false; }
  bool operator()(const TaskNoted&) { return false; }
  bool operator()(const RequestTaken&) { return false; }
  bool operator()(const WorkFailed&) { return false; }
  bool operator()(const MachineCreated&) { return false; }
  bool operator()(const MachineRevised&) { return false; }
  bool operator()(const MachineDeleted&) { return false; }
  bool operator()(const ActivityCreated&) { return false; }
  bool operator()(const ActivityDeleted&) { return false; }
  bool operator()(const ExecutionRedriven& body) {
    Entry entry(out_, event_, "ExecutionRedriven");
    entry.begin("executionRedrivenEventDetails");
    entry.number("redriveCount", body.count);
    entry.end();
    return true;
  }
  bool operator()(const TaskSubmitted& body) {
    TaskEntry task(out_, event_, machine_, "Submitted");
    task.begin().payload("output", body.output);
    task.end();
    return true;
  }
  bool operator()(const TaskSucceeded& body) {
    TaskEntry task(out_, event_, machine_, "Succeeded");
    task.begin().payload("output", body.result);
    task.end();
    return true;
  }
  bool operator()(const TaskFailed& body) {
    TaskEntry task(out_, event_, machine_, "Failed");
    Entry& entry = task.begin();
    entry.text("error", std::string_view(body.error));
    entry.text("cause", body.cause);
    task.end();
    return true;
  }
  bool operator()(const TaskTimedOut& /*body*/) {
    TaskEntry task(out_, event_, machine_, "TimedOut");
    task.begin().text("error", std::string_view("States.Timeout"));
    task.end();
    return true;
  }
  bool operator()(const WaitStarted& /*body*/) { return false; }
  bool operator()(const RetryScheduled& /*body*/) { return false; }

  bool operator()(const ParallelStarted& /*body*/) { return bare("ParallelStateStarted"); }
  bool operator()(const MapStarted& body) {
    Entry entry(out_, event_, "MapStateStarted");
    entry.begin("mapStateStartedEventDetails");
    entry.number("length", static_cast<std::int64_t>(body.items.node().size()));
    entry.end();
    return true;
  }
  bool operator()(const MapRunStarted& body) {
    Entry entry(out_, event_, "MapRunStarted");
    entry.begin("mapRunStartedEventDetails");
    entry.text("mapRunArn", std::string_view(body.arn));
    entry.end();
    return true;
  }
  bool operator()(const MapRunRedriven& body) {
    Entry entry(out_, event_, "MapRunRedriven");
    entry.begin("mapRunRedrivenEventDetails");
    entry.text("mapRunArn", std::string_view(body.arn));
    entry.number("redriveCount", body.redrives);
    entry.end();
    return true;
  }
  bool operator()(const MapRunProgress&) { return false; }
  bool operator()(const MapRunChanged&) { return false; }
  bool operator()(const MapRunSucceeded& /*body*/) { return bare("MapRunSucceeded"); }
  bool operator()(const MapRunFailed& body) {
    return failure("MapRunFailed", "mapRunFailedEventDetails", body.error, body.cause);
  }
  bool operator()(const MapRunAborted& /*body*/) { return bare("MapRunAborted"); }
  bool operator()(const MapIterationStarted& body) { return iteration("Started", body.index, event_.state); }
  bool operator()(const ChildSucceeded& body) {
    return body.iteration && iteration("Succeeded", body.index, map_state());
  }
  bool operator()(const ChildFailed& body) { return body.iteration && iteration("Failed", body.index, map_state()); }
  bool operator()(const ChildAborted& body) { return body.iteration && iteration("Aborted", body.index, map_state()); }
  bool operator()(const StateAborted& /*body*/) {
    return bare(fmt::format("{}StateAborted", asl::to_string(machine_.state(event_.state).type)));
  }
  bool operator()(const ChildrenSucceeded& /*body*/) {
    return bare(fmt::format("{}StateSucceeded", asl::to_string(machine_.state(event_.state).type)));
  }
  bool operator()(const ChildrenFailed& /*body*/) {
    return bare(fmt::format("{}StateFailed", asl::to_string(machine_.state(event_.state).type)));
  }

 private:
  bool bare(std::string_view type) {
    Entry entry(out_, event_, type);
    return true;
  }
  bool failure(std::string_view type, std::string_view details, const std::optional<std::string>& error,
               const std::optional<std::string>& cause) {
    Entry entry(out_, event_, type);
    entry.begin(details);
    entry.text("error", error);
    entry.text("cause", cause);
    entry.end();
    return true;
  }
  bool iteration(std::string_view what, std::uint32_t index, asl::StateId map) {
    Entry entry(out_, event_, fmt::format("MapIteration{}", what));
    entry.begin(fmt::format("mapIteration{}EventDetails", what));
    entry.text("name", std::string_view(machine_.state(map).name));
    entry.number("index", static_cast<std::int64_t>(index));
    entry.end();
    return true;
  }
  /// The Map whose iteration the event's strand is: the owner of the scope that its state stands in.
  asl::StateId map_state() const { return machine_.scope(machine_.state(event_.state).scope).owner; }

  std::string& out_;
  const Event& event_;
  const asl::StateMachine& machine_;
};

}  // namespace

bool append_history(std::string& out, const Event& event, const asl::StateMachine& machine) {
  if (event.id == 0) {
    return false;
  }
  return std::visit(Projector(out, event, machine), event.body);
}

}  // namespace lockstep::engine
