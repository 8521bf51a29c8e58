#include "service/service.hpp"

#include <algorithm>
#include <thread>

namespace lockstep::service {

namespace {

// How long the loop sleeps when nothing is expected: long enough to cost nothing, short enough to notice what no waker
// announces.
constexpr std::chrono::microseconds kLongestSleep{500'000};
// While effects wait for the disk, the loop looks again this soon, where the journal does not wake it.
constexpr std::chrono::microseconds kJournalPoll{5'000};
// Over which the fleet's pace is measured.
constexpr std::chrono::microseconds kPaceTime = journal::kUnhurried;
// How often it looks into the mailbox.
constexpr std::chrono::milliseconds kMailboxPoll{250};

// How many tasks of a Map may be out before it starts no more iterations: what rank 0 hands out in some tens of
// milliseconds, and what each slot may hold.
constexpr std::size_t kTasksAhead = 4096;
constexpr std::size_t kTasksAheadPerSlot = 64;
constexpr std::size_t kMostSlots = 1'000'000;

bool is_journalled_for_express(const engine::EventBody& body) {
  return std::holds_alternative<engine::ExecutionStarted>(body) ||
         std::holds_alternative<engine::ExecutionSucceeded>(body) ||
         std::holds_alternative<engine::ExecutionFailed>(body) ||
         std::holds_alternative<engine::ExecutionTimedOut>(body) ||
         std::holds_alternative<engine::ExecutionAborted>(body) || std::holds_alternative<engine::RequestTaken>(body);
}

integrations::RequestId request_id(const engine::DispatchId& id) {
  return {id.execution, id.visit, id.count};
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
  execution_ = start.id;
  take_now(std::move(start));
  return loop();
}

Result<RunEnd> Service::resume(Interruption interruption) {
  execution_ = interruption.execution;
  parts_.engine.hold_timers(true);
  take_in(interruption);
  parts_.engine.hold_timers(false);
  const journal::SequenceNumber all = last_;
  while (parts_.journal.durable() < all) {
    if (const auto failure = parts_.journal.failure()) {
      return tl::unexpected<Error>(*failure);
    }
    std::this_thread::sleep_for(kJournalPoll);
  }
  if (interruption.taken_in) {
    interruption.taken_in();
  }
  return loop();
}

Result<RunEnd> Service::redrive(engine::ExecutionId execution) {
  execution_ = execution;
  take_now(engine::RedriveExecution{"", execution});
  return loop();
}

/// First what had ended, then what was said meanwhile, and only then what has to run again.
void Service::take_in(Interruption& interruption) {
  const auto call_of = [&](const engine::DispatchId& id) -> const engine::Strand* {
    const engine::Execution* execution = parts_.engine.find(engine::ExecutionId{id.execution});
    const auto strand = engine::StrandId{static_cast<std::uint32_t>(id.visit >> 32)};
    const engine::Strand* found = execution == nullptr ? nullptr : execution->find(strand);
    return found != nullptr && found->call != nullptr ? found : nullptr;
  };
  std::vector<engine::DispatchId> again;
  for (const engine::DispatchId& id : interruption.tasks) {
    const engine::Strand* strand = call_of(id);
    if (strand == nullptr) {
      continue;
    }
    const engine::Execution& execution = *parts_.engine.find(engine::ExecutionId{id.execution});
    const auto& detail = std::get<asl::Task>(execution.machine->state(strand->state).detail);
    const auto resolved = parts_.integrations.resolve(detail.resource, strand->call->parameters, request_id(id));
    const auto finished = interruption.finished.find(to_worker(id));
    if (finished != interruption.finished.end()) {
      take_now(to_engine_outcome(finished->second, resolved ? resolved->wrapping : integrations::Wrapping()));
    } else if (resolved && interruption.begun.contains(to_worker(id)) &&
               parts_.integrations.jobs()[static_cast<std::size_t>(resolved->job)].interrupted ==
                   integrations::Interrupted::fail) {
      engine::TaskOutcome outcome;
      outcome.id = id;
      outcome.kind = engine::TaskOutcome::Kind::failed;
      outcome.error = "Lockstep.TaskInterrupted";
      outcome.cause = "the run was cut off while the task was running, and its job must not start twice";
      outcome.started = parts_.clock.now();
      take_now(std::move(outcome));
    } else {
      again.push_back(id);
    }
  }
  take_messages();
  for (const engine::DispatchId& id : again) {
    take_now(engine::RedispatchTask{id});
  }
}

Result<RunEnd> Service::loop() {
  while (true) {
    if (const auto released = release_effects(); !released) {
      return tl::unexpected<Error>(released.error());
    }
    if (ended_) {
      return RunEnd{false, std::move(*ended_)};
    }
    if (const auto failure = parts_.journal.failure()) {
      return tl::unexpected<Error>(*failure);
    }
    if (parts_.stop.signal.load() != 0 && drained()) {
      return RunEnd{true, {}};
    }
    if (!drain_end_) {
      hand_out();
    }
    if (parts_.fleet.slots() == 0 && !awaited_.empty()) {
      return fail(ErrorKind::unavailable, "no worker is left to run tasks on");
    }
    const bool outcomes = take_outcomes();
    const bool messages = take_messages();
    const auto deadline = parts_.engine.next_deadline();
    if (!outcomes && !messages && (parts_.engine.has_ready() || (deadline && *deadline <= parts_.clock.now()))) {
      take_now(engine::Proceed{});
    }
    if (parts_.between_inputs) {
      parts_.between_inputs();
    }
  }
}

/// A signal asked to stop: nothing more is handed out, and tasks that run may end within the grace.
bool Service::drained() {
  const auto now = std::chrono::steady_clock::now();
  if (!drain_end_) {
    drain_end_ = now + parts_.grace;
  }
  const bool idle =
      std::none_of(awaited_.begin(), awaited_.end(), [](const auto& one) { return one.second.handed_out; });
  return (idle && effects_.empty()) || now >= *drain_end_;
}

/// Takes in what other processes say. False if there was nothing.
bool Service::take_messages() {
  if (parts_.mailbox == nullptr) {
    return false;
  }
  const auto now = std::chrono::steady_clock::now();
  if (now < next_look_) {
    return false;
  }
  next_look_ = now + kMailboxPoll;
  std::vector<engine::InputBody> inputs = parts_.mailbox->take(execution_);
  for (engine::InputBody& input : inputs) {
    take({parts_.clock.now(), 0, std::move(input)});
  }
  if (parts_.mailbox->has_more()) {
    next_look_ = now;
  }
  for (const std::string& id : parts_.mailbox->settle()) {
    parts_.engine.forget_request(execution_, id);
  }
  return !inputs.empty();
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
  if (parts_.express) {
    std::erase_if(step_.events, [](const engine::Event& event) { return !is_journalled_for_express(event.body); });
  }
  last_ = parts_.journal.append(step_.events);
  for (engine::Effect& effect : step_.effects) {
    effects_.push_back({last_, std::move(effect)});
  }
}

template <class Body>
void Service::take_now(Body body) {
  take({parts_.clock.now(), 0, std::move(body)});
}

Result<void> Service::release_effects() {
  if (effects_.empty() && settling_.empty()) {
    return {};
  }
  // The journal's next commit comes by itself: what is only to be settled can wait for it, and what is to be done, too,
  // while tasks for longer than that wait for room in the fleet.
  const bool in_hurry = !effects_.empty() && queue_.size() <= 2 * pace_.lately;
  const journal::SequenceNumber durable = in_hurry ? parts_.journal.durable() : parts_.journal.durable_now();
  while (!settling_.empty() && settling_.front().after <= durable) {
    parts_.fleet.settled(settling_.front().rank);
    settling_.pop_front();
  }
  if (effects_.empty() || effects_.front().after > durable) {
    return {};
  }
  if (parts_.is_owner) {
    const auto owner = parts_.is_owner();
    if (!owner) {
      return tl::unexpected<Error>(owner.error());
    }
    if (!*owner) {
      return {};
    }
  }
  while (!effects_.empty() && effects_.front().after <= durable) {
    engine::Effect effect = std::move(effects_.front().effect);
    effects_.pop_front();
    std::visit([this](auto& body) { perform(body); }, effect);
  }
  return {};
}

void Service::perform(const engine::AnswerRequest& answer) {
  if (parts_.mailbox != nullptr) {
    parts_.mailbox->answer(answer.request, answer.verdict);
  }
}

/// The Events of an outcome of this rank's were appended, or there were none.
void Service::settle(std::uint32_t rank) {
  settling_.push_back({last_, rank});
}

void Service::perform(engine::DispatchTask& dispatch) {
  awaited_.try_emplace(to_worker(dispatch.id));
  const asl::State& state = dispatch.machine->state(dispatch.state);
  const std::int32_t priority =
      parts_.integrations.priority(std::get<asl::Task>(state.detail).resource, dispatch.parameters);
  queue_.push(priority, dispatch.id.execution, std::move(dispatch));
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
    queue_.erase_if([this](const engine::DispatchTask& task) { return !awaited_.contains(to_worker(task.id)); });
    cancelled_ = 0;
  }
}

void Service::perform(const engine::EndExecution& end) {
  ended_ = end;
  parts_.engine.forget(end.id);
}

void Service::hand_out() {
  std::size_t room = parts_.fleet.room();
  if (room > 0 && queue_.empty()) {
    // More than the fleet holds, so that it never waits for the engine; workers may have come since the last time.
    const std::size_t slots = std::min<std::size_t>(parts_.fleet.slots(), kMostSlots);
    parts_.engine.set_task_window(static_cast<std::uint32_t>(kTasksAhead + kTasksAheadPerSlot * slots));
  }
  while (room > 0 && !queue_.empty()) {
    engine::DispatchTask next = queue_.pop();
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

/// Counts outcomes by ticks of the journal.
void Service::keep_pace() {
  pace_.outcomes += outcomes_.size();
  const std::int64_t now = parts_.clock.now().us;
  const std::int64_t spent = now - pace_.since_us;
  if (spent >= kPaceTime.count() || spent < 0) {
    pace_.lately = pace_.outcomes * static_cast<std::size_t>(kPaceTime.count()) /
                   static_cast<std::size_t>(std::max<std::int64_t>(spent, kPaceTime.count()));
    pace_.outcomes = 0;
    pace_.since_us = now;
  }
}

/// Waits for the one next thing and takes in the outcomes that there are. False if there was none.
bool Service::take_outcomes() {
  outcomes_.clear();
  parts_.fleet.wait(patience(), parts_.waker, outcomes_);
  keep_pace();
  parts_.waker.clear();  // before anybody looks at what it may have told of
  std::vector<engine::TaskOutcome> refused = std::exchange(refused_, {});
  for (engine::TaskOutcome& outcome : refused) {
    awaited_.erase(to_worker(outcome.id));
    take_now(std::move(outcome));
  }
  for (worker::Outcome& ended : outcomes_) {
    const std::uint32_t rank = ended.rank;
    const auto known = awaited_.find(ended.id);
    // While the run is being stopped, a failure may be the work of the signal that its task got, too: the task stays
    // open, and a resumed run tells.
    const bool is_doubtful =
        drain_end_ && (ended.kind == worker::OutcomeKind::failed || ended.kind == worker::OutcomeKind::cancelled);
    if (known != awaited_.end()) {
      const integrations::Wrapping wrapping = std::move(known->second.wrapping);
      awaited_.erase(known);
      if (!is_doubtful) {
        if (parts_.observer != nullptr) {
          parts_.observer->on_outcome(ended, parts_.engine);
        }
        take_now(to_engine_outcome(ended, wrapping));
      }
    }
    settle(rank);
  }
  return !refused.empty() || !outcomes_.empty();
}

engine::TaskOutcome Service::to_engine_outcome(worker::Outcome& ended, const integrations::Wrapping& wrapping) {
  engine::TaskOutcome outcome;
  outcome.id = to_engine(ended.id);
  outcome.started = ended.started;
  outcome.usage = {ended.cpu.count(), ended.max_rss_kib, ended.rank};
  switch (ended.kind) {
    case worker::OutcomeKind::succeeded:
      outcome.kind = engine::TaskOutcome::Kind::succeeded;
      outcome.result = integrations::wrap_result(wrapping, ended.result, request_id(outcome.id));
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
  return outcome;
}

std::chrono::microseconds Service::patience() {
  if (parts_.engine.has_ready() || !refused_.empty()) {
    return std::chrono::microseconds{0};
  }
  std::chrono::microseconds limit = effects_.empty() ? kLongestSleep : kJournalPoll;
  if (parts_.mailbox != nullptr) {
    limit = std::min<std::chrono::microseconds>(limit, kMailboxPoll);
  }
  if (drain_end_) {
    constexpr std::chrono::microseconds kWhileDraining{20'000};
    limit = std::min(limit, kWhileDraining);
  }
  if (const auto deadline = parts_.engine.next_deadline()) {
    limit = std::clamp(std::chrono::microseconds(deadline->us - parts_.clock.now().us), std::chrono::microseconds{0},
                       limit);
  }
  return limit;
}

}  // namespace lockstep::service
