#include "engine/test_world.hpp"

namespace lockstep::engine {

namespace {

constexpr ExecutionId kExecution{7};
constexpr TokenKey kTokenKey{std::byte{1}};

std::string show(const std::optional<std::string>& text) {
  return text ? *text : "-";
}

}  // namespace

World::World(const std::string& definition, const Limits& limits) : engine_(limits), shadow_(limits) {
  asl::ParsedDefinition parsed = asl::parse_definition(definition);
  for (const asl::Diagnostic& diagnostic : parsed.diagnostics) {
    if (diagnostic.severity == asl::Severity::error) {
      ADD_FAILURE() << asl::format_diagnostic("definition", diagnostic);
    }
  }
  machine_ = parsed.machine;
}

World::~World() {
  for (const DispatchTask& dispatch : dispatches_) {
    ADD_FAILURE() << "unclaimed dispatch of " << machine_->state(dispatch.state).name;
  }
  EXPECT_TRUE(cancellations_.empty()) << "unclaimed cancellation";
  EXPECT_FALSE(end_.has_value()) << "unclaimed end of the execution";
}

void World::handle(InputBody body) {
  bool more = true;
  while (more) {
    step_.clear();
    engine_.handle({now_, seed_++, std::exchange(body, Proceed{}), task_window_, timers_held_,
                    activities_ ? &activities_ : nullptr, kTokenKey},
                   step_);
    EXPECT_EQ(engine_.check_invariants(), "");
    for (const Event& event : step_.events) {
      shadow_.apply(event);
      follow_machine(machine_, event);
      std::string entry;
      if (append_history(entry, event, *machine_)) {
        entries_.push_back(std::move(entry));
      }
      events_.push_back(event);
    }
    EXPECT_EQ(describe(engine_, kExecution), describe(shadow_, kExecution)) << "the engine is not what its Events say";
    for (Effect& effect : step_.effects) {
      if (auto* dispatch = std::get_if<DispatchTask>(&effect.body)) {
        dispatches_.push_back(std::move(*dispatch));
      } else if (auto* cancel = std::get_if<CancelTask>(&effect.body)) {
        cancellations_.push_back(cancel->id);
      } else if (const auto* answer = std::get_if<AnswerRequest>(&effect.body)) {
        answers_.push_back(*answer);
      } else {
        EXPECT_FALSE(end_.has_value()) << "the execution ended twice";
        end_ = std::get<EndExecution>(effect.body);
      }
    }
    more = engine_.has_ready();
  }
}

void World::start(const std::string& input, const Origin& origin) {
  ASSERT_NE(machine_, nullptr);
  auto identity =
      std::make_shared<Identity>("test", std::make_shared<MachineIdentity>(MachineIdentity{
                                             "machine", "arn:aws:states:us-east-1:123456789012:stateMachine:machine",
                                             "arn:aws:iam::123456789012:role/lockstep"}));
  handle(StartExecution{kExecution, identity, machine_, Value::from_text(input).value(), origin});
}

DispatchTask World::next_dispatch() {
  if (dispatches_.empty()) {
    ADD_FAILURE() << "no dispatch";
    return {};
  }
  DispatchTask dispatch = std::move(dispatches_.front());
  dispatches_.pop_front();
  return dispatch;
}

DispatchId World::dispatched(const std::string& state, const std::string& parameters) {
  if (dispatches_.empty()) {
    ADD_FAILURE() << "no dispatch of " << state;
    return {};
  }
  const DispatchTask dispatch = next_dispatch();
  EXPECT_EQ(machine_->state(dispatch.state).name, state);
  if (!parameters.empty()) {
    EXPECT_EQ(dispatch.parameters.to_text(), parameters);
  }
  return dispatch.id;
}

void World::succeed(const DispatchId& id, const std::string& result) {
  work::Outcome outcome;
  outcome.id = id;
  outcome.result = Value::from_text(result).value();
  outcome.started = now_;
  handle(std::move(outcome));
}

void World::fail(const DispatchId& id, const std::string& error, const std::string& cause) {
  work::Outcome outcome;
  outcome.id = id;
  outcome.kind = work::OutcomeKind::failed;
  outcome.error = error;
  outcome.cause = cause;
  outcome.started = now_;
  handle(std::move(outcome));
}

void World::time_out(const DispatchId& id, bool heartbeat) {
  work::Outcome outcome;
  outcome.id = id;
  outcome.kind = heartbeat ? work::OutcomeKind::heartbeat_missed : work::OutcomeKind::timed_out;
  outcome.started = now_;
  handle(std::move(outcome));
}

void World::cancelled(const DispatchId& id) {
  const auto found = std::find(cancellations_.begin(), cancellations_.end(), id);
  if (found == cancellations_.end()) {
    ADD_FAILURE() << "the task was not cancelled";
    return;
  }
  cancellations_.erase(found);
}

void World::advance(double seconds) {
  now_.us += static_cast<std::int64_t>(seconds * 1e6);
  handle(Proceed{});
}

void World::stop(const std::string& error, const std::string& cause) {
  handle(StopExecution{"", kExecution, error, cause});
}

void World::stop_silently() {
  handle(StopExecution{"", kExecution, std::nullopt, std::nullopt});
}

void World::progress(const DispatchId& id, TaskProgress::Kind kind, const std::string& value) {
  handle(TaskProgress{id, kind, now_, Value::from_text(value).value()});
}

std::optional<Verdict> World::take(const DispatchId& id, const std::string& worker, const std::string& request) {
  TaskProgress taken;
  taken.id = id;
  taken.kind = TaskProgress::Kind::taken;
  taken.worker = worker;
  taken.request = request;
  handle(std::move(taken));
  return answers_.empty() ? std::nullopt : std::optional(verdict());
}

void World::children_ended(const DispatchId& id, std::vector<MapRunChild> children, std::optional<std::string> note) {
  MapRunProgress progress{std::move(children), std::nullopt};
  if (note) {
    progress.note = Value::from_text(*note).value();
  }
  handle(MapRunReport{id, std::move(progress)});
}

Verdict World::change_map_run(ChangeMapRun change) {
  handle(std::move(change));
  return verdict();
}

void World::interrupted(const DispatchId& id) {
  handle(RedispatchTask{id});
}

Verdict World::verdict() {
  if (answers_.empty()) {
    ADD_FAILURE() << "no answer";
    return {};
  }
  const Verdict verdict = answers_.front().verdict;
  answers_.pop_front();
  return verdict;
}

Verdict World::answer(const std::string& token, const std::string& output, const std::string& request) {
  handle(AnswerTask{request, token, AnswerTask::Kind::success, Value::from_text(output).value(), {}, {}});
  return verdict();
}

Verdict World::answer_failure(const std::string& token, const std::string& error, const std::string& cause) {
  handle(AnswerTask{"r2", token, AnswerTask::Kind::failure, Value(), error, cause});
  return verdict();
}

Verdict World::heartbeat(const std::string& token) {
  handle(AnswerTask{fmt::format("heartbeat {}", seed_), token, AnswerTask::Kind::heartbeat, Value(), {}, {}});
  return verdict();
}

Verdict World::redrive() {
  handle(RedriveExecution{fmt::format("redrive {}", seed_), kExecution});
  return verdict();
}

Verdict World::redrive(const std::string& definition, std::string* cause) {
  asl::StateMachinePtr machine = asl::parse_definition(definition).machine;
  EXPECT_NE(machine, nullptr);
  handle(RedriveExecution{fmt::format("redrive {}", seed_), kExecution, machine, 2});
  if (cause != nullptr && !answers_.empty()) {
    *cause = answers_.front().cause;
  }
  return verdict();
}

void World::ended(Status status, const std::string& text) {
  const Status actual = end_ ? end_->status : Status::running;
  const std::string actual_text = end_text();
  EXPECT_EQ(actual, status) << actual_text;
  if (!text.empty()) {
    EXPECT_EQ(actual_text, text);
  }
}

std::string World::end_text() {
  if (!end_) {
    ADD_FAILURE() << "the execution has not ended";
    return "";
  }
  const EndExecution end = *std::exchange(end_, std::nullopt);
  return end.status == Status::succeeded ? end.output.to_text() : show(end.error) + ": " + show(end.cause);
}

Status World::end_status() {
  const Status status = end_ ? end_->status : Status::running;
  end_.reset();
  return status;
}

bool World::is_running() const {
  const Execution* execution = engine_.find(kExecution);
  return execution != nullptr && execution->status == Status::running;
}

std::vector<std::string> World::history() const {
  std::vector<std::string> lines;
  for (const std::string& entry : entries_) {
    const Value value = Value::from_checked_text(entry);
    const Node& node = value.node();
    lines.push_back(fmt::format("{}<-{} {}", *node.find("id")->as_integer(),
                                *node.find("previousEventId")->as_integer(), node.find("type")->as_string()));
  }
  return lines;
}

std::string machine_of(const std::string& states) {
  return R"({"StartAt":"A","States":{)" + states + "}}";
}

namespace {

/// Writes whatever an execution is made of. Each struct is taken apart whole, so that a new field must be named here.
class Describer {
 public:
  std::string text;

  void execution(const Execution& one) {
    const auto& [id, identity, machine, input, started_at, last_time, deadline, redriven_at, status, next_strand,
                 redrive_count, lines_due, last_event_id, strands, requests, origin, entered] = one;
    const auto& [type, revision, child] = origin;
    all("execution", id, identity.get(), machine, input, started_at, last_time, deadline, status, last_event_id,
        next_strand, redrive_count, *redriven_at, *requests, lines_due, type, revision, child.get(), entered.words());
    std::map<StrandId, const Strand*> sorted;
    for (const Strand& strand : strands) {
      sorted[strand.id] = &strand;
    }
    for (const auto& entry : sorted) {
      put(*entry.second);
    }
  }

 private:
  template <class... T>
  void all(std::string_view what, const T&... values) {
    text += fmt::format("\n{}:", what);
    (put(values), ...);
  }
  template <class T>
  requires std::is_arithmetic_v<T> || std::is_enum_v<T>
  void put(T value) { text += " " + std::to_string(static_cast<std::int64_t>(value)); }
  void put(Timestamp time) { put(time.us); }
  void put(const std::string& value) { text += " '" + value + "'"; }
  void put(const Value& value) { text += " " + value.to_text(); }
  template <class T>
  void put(const std::optional<T>& value) {
    value ? put(*value) : put(std::string("none"));
  }
  template <class T>
  void put(const T* value) {
    value != nullptr ? put(*value) : put(std::string("null"));
  }
  template <class T>
  void put(const std::vector<T>& values) {
    put(values.size());
    for (const T& value : values) {
      put(value);
    }
  }
  void put(const asl::StateMachinePtr& machine) { put(machine == nullptr ? std::string() : machine->text); }
  void put(const query::VariableScope& scope) { put(scope.entries()); }
  void put(const query::VariableScope::Entry& entry) { all("$" + entry.name, entry.value); }
  void put(const DispatchId& id) { put(work::dispatch_text(id)); }
  void put(const Identity& one) {
    const auto& [name, arn, role_arn] = one.machine();
    all("identity", one.name(), one.arn(), name, arn, role_arn);
  }
  void put(const RequestTaken& one) {
    const auto& [request, verdict] = one;
    all("request", request, verdict);
  }
  void put(const MapItem& one) {
    const auto& [index, value, key, source] = one;
    all("item", index, value, key, source);
  }
  void put(const ChildOrigin& one) {
    const auto& [parent, item, scope, variables] = one;
    all("child", parent, item, scope, variables);
  }
  void put(const Strand& one) {
    const auto& [id, parent, index, iteration, phase, started, submitted, queued, given_up, child_line, state_line,
                 state, visits, dispatches, input, previous, entered_id, entered_previous, entered_at, deadline,
                 retrier_uses, variables, result, token, children, failure, call] = one;
    static_cast<void>(queued);
    all("strand", id, parent, index, iteration, phase, started, submitted, given_up, child_line, state_line, state,
        visits, dispatches, input, previous, entered_id, entered_previous, entered_at, deadline, *retrier_uses,
        variables.get(), result, *token, children.get(), failure.get(), call.get());
  }
  void put(const Children& one) {
    const auto& [is_map, items, results, next, running, finished, max_concurrency, iteration_previous, given_up, tasks,
                 held, run] = one;
    static_cast<void>(held);
    all("children", is_map, items, results, next, running, finished, max_concurrency, iteration_previous, given_up,
        tasks, run.get());
  }
  void put(const MapRun& one) {
    const auto& [arn, parameters, redrives, children, items, note, abort_said, succeeded_id] = one;
    all("map run", arn, parameters, redrives, children, std::vector(items.begin(), items.end()), note, abort_said,
        succeeded_id);
  }
  void put(const Failure& one) {
    const auto& [error, cause, also_matches, catchable, from_child, reported] = one;
    all("failure", error, cause, also_matches, catchable, from_child, reported);
  }
  void put(const Call& one) {
    const auto& [parameters, timeout_seconds, heartbeat_seconds, started_at, timeout_at, heartbeat_at, note] = one;
    all("call", parameters, timeout_seconds, heartbeat_seconds, started_at, timeout_at, heartbeat_at, note);
  }
};

}  // namespace

std::string describe(const Engine& engine, ExecutionId id) {
  const Execution* execution = engine.find(id);
  if (execution == nullptr) {
    return "none";
  }
  Describer describer;
  describer.execution(*execution);
  return describer.text;
}

}  // namespace lockstep::engine
