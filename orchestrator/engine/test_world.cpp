#include "engine/test_world.hpp"

namespace lockstep::engine {

namespace {

constexpr ExecutionId kExecution{7};

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
    engine_.handle({now_, seed_++, std::exchange(body, Proceed{})}, step_);
    EXPECT_EQ(engine_.check_invariants(), "");
    for (const Event& event : step_.events) {
      shadow_.apply(event);
      std::string entry;
      if (append_history(entry, event, *machine_)) {
        entries_.push_back(std::move(entry));
      }
      events_.push_back(event);
    }
    EXPECT_EQ(describe(engine_, kExecution), describe(shadow_, kExecution));
    for (Effect& effect : step_.effects) {
      if (auto* dispatch = std::get_if<DispatchTask>(&effect)) {
        dispatches_.push_back(std::move(*dispatch));
      } else if (auto* cancel = std::get_if<CancelTask>(&effect)) {
        cancellations_.push_back(cancel->id);
      } else if (const auto* answer = std::get_if<AnswerRequest>(&effect)) {
        answers_.push_back(*answer);
      } else {
        EXPECT_FALSE(end_.has_value()) << "the execution ended twice";
        end_ = std::get<EndExecution>(effect);
      }
    }
    more = engine_.has_ready();
  }
}

void World::start(const std::string& input) {
  ASSERT_NE(machine_, nullptr);
  auto identity = std::make_shared<Identity>();
  identity->name = "test";
  identity->arn = "arn:aws:states:us-east-1:123456789012:execution:machine:test";
  identity->role_arn = "arn:aws:iam::123456789012:role/lockstep";
  identity->machine_name = "machine";
  identity->machine_arn = "arn:aws:states:us-east-1:123456789012:stateMachine:machine";
  handle(StartExecution{kExecution, identity, machine_, Value::from_text(input).value()});
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
  TaskOutcome outcome;
  outcome.id = id;
  outcome.result = Value::from_text(result).value();
  outcome.started = now_;
  handle(std::move(outcome));
}

void World::fail(const DispatchId& id, const std::string& error, const std::optional<std::string>& cause) {
  TaskOutcome outcome;
  outcome.id = id;
  outcome.kind = TaskOutcome::Kind::failed;
  outcome.error = error;
  outcome.cause = cause;
  outcome.started = now_;
  handle(std::move(outcome));
}

void World::time_out(const DispatchId& id, bool heartbeat) {
  TaskOutcome outcome;
  outcome.id = id;
  outcome.kind = heartbeat ? TaskOutcome::Kind::heartbeat_missed : TaskOutcome::Kind::timed_out;
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

std::string describe(const Engine& engine, ExecutionId id) {
  const Execution* execution = engine.find(id);
  if (execution == nullptr) {
    return "none";
  }
  std::string text = fmt::format("status {} last {} next strand {}\n", static_cast<int>(execution->status),
                                 execution->last_event_id, execution->next_strand);
  std::map<StrandId, const Strand*> strands;
  for (const Strand& strand : execution->strands) {
    strands[strand.id] = &strand;
  }
  for (const auto& [strand_id, strand] : strands) {
    text += fmt::format(
        "strand {} of {}[{}] phase {} state {} visits {} dispatches {} retries {} input {} previous {} entered {}<-{} "
        "at {} deadline {} started {} given up {}",
        static_cast<std::uint32_t>(strand_id), static_cast<std::uint32_t>(strand->parent), strand->index,
        static_cast<int>(strand->phase), static_cast<std::uint32_t>(strand->state), strand->visits, strand->dispatches,
        strand->retry_count, strand->input.to_text(), strand->previous, strand->entered_id, strand->entered_previous,
        strand->entered_at.us, strand->deadline.us, strand->started, strand->given_up);
    if (strand->call != nullptr) {
      text += fmt::format(" call {} {} {}", strand->call->parameters.to_text(),
                          strand->call->timeout_at.value_or(Timestamp{}).us,
                          strand->call->heartbeat_at.value_or(Timestamp{}).us);
    }
    for (const std::uint32_t uses : strand->retrier_uses) {
      text += fmt::format(" uses {}", uses);
    }
    if (strand->variables != nullptr) {
      for (const auto& [name, value] : strand->variables->entries()) {
        text += fmt::format(" ${}={}", name, value.to_text());
      }
    }
    if (strand->phase == Phase::result_ready) {
      text += " result " + strand->result.to_text();
    }
    if (strand->failure != nullptr) {
      text += fmt::format(" failure {} {} {}{}{}", show(strand->failure->error), show(strand->failure->cause),
                          strand->failure->catchable, strand->failure->from_child, strand->failure->reported);
    }
    if (strand->children != nullptr) {
      for (const StrandId gone : strand->children->given_up) {
        text += fmt::format(" gone {}", static_cast<std::uint32_t>(gone));
      }
      text += fmt::format(" children {}/{}/{} previous {}", strand->children->next, strand->children->running,
                          strand->children->finished, strand->children->iteration_previous);
      for (const Value& result : strand->children->results) {
        text += " " + result.to_text();
      }
    }
    text += '\n';
  }
  return text;
}

}  // namespace lockstep::engine
