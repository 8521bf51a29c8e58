#include "service/service.hpp"

#include <algorithm>

namespace lockstep::service {

namespace {

// How long the loop sleeps when nothing is expected: long enough to cost nothing, short enough to notice what no waker
// announces.
constexpr std::chrono::microseconds kLongestSleep{500'000};
// While effects wait for the disk, the loop looks again this soon.
constexpr std::chrono::microseconds kJournalPoll{200};

std::string request_id(const engine::DispatchId& id) {
  return integrations::request_id(id.execution, id.visit, id.count);
}

worker::DispatchId to_worker(const engine::DispatchId& id) {
  return {id.execution, id.visit, id.count};
}
engine::DispatchId to_engine(const worker::DispatchId& id) {
  return {id.execution, id.visit, id.count};
}

}  // namespace

Service::Service(const Parts& parts) : parts_(parts), random_(parts.seed) {}

Result<RunEnd> Service::run(engine::StartExecution start) {
  take_now(std::move(start));
  while (true) {
    release_effects();
    if (ended_) {
      return RunEnd{false, std::move(*ended_)};
    }
    if (const auto failure = parts_.journal.failure()) {
      return tl::unexpected<Error>(*failure);
    }
    if (parts_.stop.signal.load() != 0) {
      return RunEnd{true, {}};
    }
    hand_out();
    if (parts_.fleet.slots() == 0 && !awaited_.empty()) {
      return fail(ErrorKind::unavailable, "no worker is left to run tasks on");
    }
    const bool outcomes = take_outcomes();
    const auto deadline = parts_.engine.next_deadline();
    if (!outcomes && (parts_.engine.has_ready() || (deadline && *deadline <= parts_.clock.now()))) {
      take_now(engine::Proceed{});
    }
  }
}

/// Lets the engine decide, and hands its Events to the journal. Effects queue up behind the number of the last of them.
void Service::take(engine::Input input) {
  input.seed = random_();
  step_.clear();
  parts_.engine.handle(input, step_);
  if (parts_.observer != nullptr) {
    for (const engine::Event& event : step_.events) {
      parts_.observer->on_event(event, parts_.engine);
    }
  }
  const journal::SequenceNumber last = parts_.journal.append(step_.events);
  for (engine::Effect& effect : step_.effects) {
    effects_.push_back({last, std::move(effect)});
  }
}

template <class Body>
void Service::take_now(Body body) {
  take({parts_.clock.now(), 0, std::move(body)});
}

void Service::release_effects() {
  if (effects_.empty()) {
    return;
  }
  const journal::SequenceNumber durable = parts_.journal.durable();
  while (!effects_.empty() && effects_.front().after <= durable) {
    engine::Effect effect = std::move(effects_.front().effect);
    effects_.pop_front();
    std::visit([this](auto& body) { perform(body); }, effect);
  }
}

void Service::perform(engine::DispatchTask& dispatch) {
  awaited_.try_emplace(to_worker(dispatch.id));
  queue_.push_back(std::move(dispatch));
}

void Service::perform(const engine::CancelTask& cancel) {
  const worker::DispatchId id = to_worker(cancel.id);
  const auto known = awaited_.find(id);
  if (known == awaited_.end()) {
    return;
  }
  const bool handed_out = known->second.handed_out;
  awaited_.erase(known);
  if (handed_out) {
    parts_.fleet.cancel(id);
  } else {
    ++cancelled_;
    drop_cancelled();
  }
}

/// Where most of the queue is cancelled: a long task may keep it from moving, and it must not pin what is over.
void Service::drop_cancelled() {
  if (cancelled_ * 2 > queue_.size()) {
    std::erase_if(queue_, [this](const engine::DispatchTask& task) { return !awaited_.contains(to_worker(task.id)); });
    cancelled_ = 0;
  }
}

void Service::perform(const engine::EndExecution& end) {
  ended_ = end;
  parts_.engine.forget(end.id);
}

void Service::hand_out() {
  std::size_t room = parts_.fleet.room();
  while (room > 0 && !queue_.empty()) {
    engine::DispatchTask next = std::move(queue_.front());
    queue_.pop_front();
    const auto known = awaited_.find(to_worker(next.id));
    if (known == awaited_.end()) {
      --cancelled_;
    } else if (start(std::move(next), known->second)) {
      --room;
    }
  }
}

/// False: the task has failed before it reached a worker.
bool Service::start(engine::DispatchTask dispatch, Awaited& awaited) {
  const asl::State& state = dispatch.machine->state(dispatch.state);
  const auto& detail = std::get<asl::Task>(state.detail);
  auto resolved = parts_.integrations.resolve(detail.resource, dispatch.parameters, request_id(dispatch.id));
  if (!resolved) {
    engine::TaskOutcome outcome;
    outcome.id = dispatch.id;
    outcome.kind = engine::TaskOutcome::Kind::failed;
    outcome.error = std::move(resolved.error().error);
    outcome.cause = std::move(resolved.error().cause);
    outcome.started = parts_.clock.now();
    refused_.push_back(std::move(outcome));
    return false;
  }
  awaited.handed_out = true;
  awaited.wrapping = std::move(resolved->wrapping);
  worker::Task task;
  task.id = to_worker(dispatch.id);
  task.job = resolved->job;
  task.input = std::move(resolved->input);
  if (dispatch.timeout_seconds) {
    task.timeout = std::chrono::seconds(*dispatch.timeout_seconds);
  }
  if (dispatch.heartbeat_seconds) {
    task.heartbeat = std::chrono::seconds(*dispatch.heartbeat_seconds);
  }
  task.execution_name = dispatch.execution->name;
  task.state_name = state.name;
  task.item_index = dispatch.item_index;
  task.attempt = dispatch.attempt;
  task.task_token = std::move(dispatch.token);
  parts_.fleet.dispatch(std::move(task));
  ++dispatched_;
  return true;
}

/// Waits for the one next thing and takes in the outcomes that there are. False if there was none.
bool Service::take_outcomes() {
  outcomes_.clear();
  parts_.fleet.wait(patience(), parts_.waker, outcomes_);
  std::vector<engine::TaskOutcome> refused = std::exchange(refused_, {});
  for (engine::TaskOutcome& outcome : refused) {
    awaited_.erase(to_worker(outcome.id));
    take_now(std::move(outcome));
  }
  for (worker::Outcome& ended : outcomes_) {
    const auto known = awaited_.find(ended.id);
    if (known == awaited_.end()) {
      continue;  // cancelled meanwhile
    }
    const integrations::Wrapping& wrapping = known->second.wrapping;
    const engine::DispatchId id = to_engine(ended.id);
    engine::TaskOutcome outcome;
    outcome.id = id;
    outcome.started = ended.started;
    switch (ended.kind) {
      case worker::OutcomeKind::succeeded:
        outcome.kind = engine::TaskOutcome::Kind::succeeded;
        outcome.result = integrations::wrap_result(wrapping, ended.result, request_id(id));
        break;
      case worker::OutcomeKind::timed_out:
        outcome.kind = ended.error == worker::kHeartbeatTimeout ? engine::TaskOutcome::Kind::heartbeat_missed
                                                                : engine::TaskOutcome::Kind::timed_out;
        break;
      default:
        outcome.kind = engine::TaskOutcome::Kind::failed;
        outcome.error = std::move(ended.error);
        outcome.cause = integrations::wrap_cause(wrapping, std::move(ended.cause));
    }
    awaited_.erase(known);
    take_now(std::move(outcome));
  }
  return !refused.empty() || !outcomes_.empty();
}

std::chrono::microseconds Service::patience() {
  if (parts_.engine.has_ready() || !refused_.empty()) {
    return std::chrono::microseconds{0};
  }
  std::chrono::microseconds limit = effects_.empty() ? kLongestSleep : kJournalPoll;
  if (const auto deadline = parts_.engine.next_deadline()) {
    limit = std::clamp(std::chrono::microseconds(deadline->us - parts_.clock.now().us), std::chrono::microseconds{0},
                       limit);
  }
  return limit;
}

}  // namespace lockstep::service
