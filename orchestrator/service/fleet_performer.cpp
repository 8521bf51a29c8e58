#include "service/fleet_performer.hpp"

#include <algorithm>

#include "integrations/envelope.hpp"
#include "journal/journal.hpp"

namespace lockstep::service {

namespace {

// Over which the fleet's pace is measured.
constexpr std::chrono::microseconds kPaceTime = journal::kUnhurried;
// Between two looks at what the workers do.
constexpr std::chrono::milliseconds kBetweenWorkloads{250};

// How many tasks of a Map may be out before it starts no more iterations: what rank 0 hands out in some tens of
// milliseconds, and what each slot may hold.
constexpr std::size_t kTasksAhead = 4096;
constexpr std::size_t kTasksAheadPerSlot = 64;
constexpr std::size_t kMostSlots = 1'000'000;

/// What becomes of a task that had begun and was cut off, and whose job must never start twice.
work::Outcome interrupted(const work::DispatchId& id, std::string_view why, Timestamp started) {
  return work::failed(id, std::string(work::kTaskInterrupted), fmt::format("{}, and its job must not start twice", why),
                      started);
}

engine::TaskProgress submitted(const work::Outcome& outcome, Value answer) {
  return {outcome.id, engine::TaskProgress::Kind::submitted, outcome.started, std::move(answer)};
}

}  // namespace

FleetPerformer::FleetPerformer(Parts parts) : parts_(std::move(parts)) {
  look_at_slots();
}

const OwnJobs* FleetPerformer::own_jobs(const engine::DispatchTask& dispatch) const {
  return parts_.own_jobs ? parts_.own_jobs(dispatch) : nullptr;
}

const integrations::Integrations& FleetPerformer::integrations_of(const OwnJobs* own) const {
  return own != nullptr ? own->integrations : parts_.integrations;
}

bool FleetPerformer::is_never_twice(const integrations::Integrations& integrations, integrations::JobId job) {
  return integrations.jobs()[static_cast<std::size_t>(job)].interrupted == integrations::Interrupted::fail;
}

Result<std::vector<Fate>> FleetPerformer::recover(const std::vector<engine::DispatchTask>& open) {
  auto said = TRY(parts_.last_words ? parts_.last_words(open) : Result<LastWords>(LastWords()));
  std::vector<Fate> fates;
  fates.reserve(open.size());
  for (const engine::DispatchTask& task : open) {
    fates.push_back(fate_of(task, said));
  }
  return fates;
}

Fate FleetPerformer::fate_of(const engine::DispatchTask& task, LastWords& said) const {
  const auto finished = said.finished.find(task.id);
  const bool begun = said.begun.contains(task.id);
  if (finished == said.finished.end() && !begun) {
    return GoesOutAgain{};
  }
  const integrations::Integrations& integrations = integrations_of(own_jobs(task));
  const auto resolved = resolve(integrations, task);
  if (finished != said.finished.end()) {
    auto [outcome, answer] =
        integrations::wrap(resolved ? resolved->wrapping : integrations::Wrapping(), std::move(finished->second));
    if (answer) {
      return GoesOn{{submitted(outcome, *std::move(answer)), std::move(outcome)}};
    }
    return std::move(outcome);
  }
  if (resolved && is_never_twice(integrations, resolved->job)) {
    return interrupted(task.id, "the run was cut off while the task was running", parts_.clock.now());
  }
  return GoesOutAgain{};
}

void FleetPerformer::recovered() {
  if (parts_.taken_in) {
    parts_.taken_in();
  }
}

void FleetPerformer::dispatch(engine::DispatchTask dispatch) {
  awaited_.try_emplace(dispatch.id);
  const std::int32_t priority =
      integrations_of(own_jobs(dispatch)).priority(engine::resource_of(dispatch), dispatch.parameters);
  queue_.push(priority, static_cast<std::uint64_t>(dispatch.id.execution), std::move(dispatch));
}

void FleetPerformer::cancel(const work::DispatchId& id) {
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
void FleetPerformer::drop_cancelled() {
  if (cancelled_ * 2 > queue_.size()) {
    queue_.erase_if([this](const engine::DispatchTask& task) { return !awaited_.contains(task.id); });
    cancelled_ = 0;
  }
}

/// A window that is more than the fleet holds, so that it never waits for the engine; workers may have come since the
/// last time.
void FleetPerformer::look_at_slots() {
  const std::size_t slots = std::min<std::size_t>(parts_.fleet.slots(), kMostSlots);
  window_ = static_cast<std::uint32_t>(kTasksAhead + kTasksAheadPerSlot * slots);
}

void FleetPerformer::advance() {
  std::size_t room = parts_.fleet.room();
  if (room > 0 && queue_.empty()) {
    look_at_slots();
  }
  while (room > 0 && !queue_.empty()) {
    engine::DispatchTask next = queue_.pop();
    const auto known = awaited_.find(next.id);
    if (known == awaited_.end()) {
      --cancelled_;
    } else if (hand_out(std::move(next), known->second)) {
      --room;
    }
  }
}

/// With what the task's own time limit has to do with it.
tl::expected<integrations::Resolved, integrations::Failure> FleetPerformer::resolve(
    const integrations::Integrations& integrations, const engine::DispatchTask& dispatch) {
  auto resolved = integrations.resolve(engine::resource_of(dispatch), dispatch.parameters, dispatch.id);
  if (resolved && resolved->attempt_seconds) {
    resolved->wrapping.is_attempt_limit =
        !dispatch.timeout_seconds || *resolved->attempt_seconds < *dispatch.timeout_seconds;
  }
  return resolved;
}

/// False: the task has failed before it reached a worker.
bool FleetPerformer::hand_out(engine::DispatchTask dispatch, Awaited& awaited) {
  const OwnJobs* own = own_jobs(dispatch);
  const integrations::Integrations& integrations = integrations_of(own);
  auto resolved = resolve(integrations, dispatch);
  if (!resolved) {
    refused_.push_back(work::failed(dispatch.id, std::move(resolved.error().error), std::move(resolved.error().cause),
                                    parts_.clock.now()));
    return false;
  }
  awaited.handed_out = true;
  if (resolved->wrapping.form != integrations::Wrapping::Form::bare) {
    awaited.wrapping.edit() = std::move(resolved->wrapping);
  }
  awaited.never_twice = is_never_twice(integrations, resolved->job);
  work::Task task;
  task.id = dispatch.id;
  task.job =
      own == nullptr ? resolved->job : integrations::JobId{own->first + static_cast<std::uint32_t>(resolved->job)};
  task.input = std::move(resolved->input);
  if (const auto& limit = awaited.wrapping->is_attempt_limit ? resolved->attempt_seconds : dispatch.timeout_seconds) {
    task.timeout = std::chrono::seconds(*limit);
  }
  if (dispatch.heartbeat_seconds) {
    task.heartbeat = std::chrono::seconds(*dispatch.heartbeat_seconds);
  }
  task.execution_name = dispatch.execution->name();
  task.state_name = dispatch.machine->state(dispatch.state).name;
  task.item_index = dispatch.item_index;
  task.attempt = dispatch.attempt;
  task.cut_off = dispatch.id.count > dispatch.attempt + 1;  // a Retry counts as one dispatch, too
  task.task_token = std::move(dispatch.token);
  task.environment = std::move(resolved->environment);
  task.spooled = dispatch.journalled;
  parts_.fleet.dispatch(std::move(task));
  ++dispatched_;
  return true;
}

void FleetPerformer::sleep(std::chrono::microseconds limit) {
  tell_workload(false);
  parts_.fleet.wait(refused_.empty() ? limit : std::chrono::microseconds{0}, parts_.waker, outcomes_);
}

bool FleetPerformer::report(const TakeIn& take) {
  keep_pace();
  const bool any = !refused_.empty() || !outcomes_.empty();
  for (work::Outcome& outcome : std::exchange(refused_, {})) {
    awaited_.erase(outcome.id);
    take(std::move(outcome));
  }
  for (work::Outcome& ended : outcomes_) {
    const std::uint32_t rank = ended.usage.rank;
    journal::SequenceNumber after = settling_.empty() ? 0 : settling_.back().after;
    if (auto input = input_of(ended, take)) {
      after = take(*std::move(input));
    }
    settling_.push_back({after, rank});
  }
  outcomes_.clear();
  return any;
}

/// Nothing: nobody waits for it, or nothing comes of it here.
std::optional<engine::InputBody> FleetPerformer::input_of(work::Outcome& ended, const TakeIn& take) {
  const auto known = awaited_.find(ended.id);
  if (known == awaited_.end()) {
    return std::nullopt;
  }
  const Awaited awaited = std::move(known->second);
  awaited_.erase(known);
  // While the run is being stopped, a failure may be the work of the signal that its task got, too: the task stays
  // open, and a resumed run tells.
  if (parts_.stop.asked() && (ended.kind == work::OutcomeKind::failed || !work::is_outcome(ended.kind))) {
    return std::nullopt;
  }
  if (!work::is_outcome(ended.kind)) {
    // It came to nothing through no fault of its own: it goes out again, unless its job must never start twice.
    if (ended.begun && awaited.never_twice) {
      return interrupted(ended.id, ended.cause, ended.started);
    }
    return engine::RedispatchTask{ended.id};
  }
  if (parts_.observer != nullptr) {
    parts_.observer->on_outcome(ended, parts_.engine);
  }
  auto [outcome, answer] = integrations::wrap(*awaited.wrapping, std::move(ended));
  if (answer) {
    take(submitted(outcome, *std::move(answer)));
  }
  return std::move(outcome);
}

/// The Events of an outcome of this rank's are durable, or there were none.
void FleetPerformer::durable(journal::SequenceNumber last) {
  while (!settling_.empty() && settling_.front().after <= last) {
    parts_.fleet.settled(settling_.front().rank);
    settling_.pop_front();
  }
}

/// Counts outcomes by ticks of the journal.
void FleetPerformer::keep_pace() {
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

std::optional<Error> FleetPerformer::failure() const {
  if (awaited_.empty()) {
    return std::nullopt;
  }
  if (parts_.fleet.slots() == 0) {
    return Error{ErrorKind::unavailable, "no worker is left to run tasks on"};
  }
  return parts_.fleet.failure();
}

/// For people to see. What stops tells nothing new: what was cut off is what ran before.
void FleetPerformer::tell_workload(bool at_once) {
  if (!parts_.on_workload || (parts_.stop.asked() && !at_once)) {
    return;
  }
  const auto now = parts_.machine->now();
  if (at_once || now >= next_workload_) {
    next_workload_ = now + kBetweenWorkloads;
    parts_.on_workload(parts_.fleet.workload(), parts_.engine);
  }
}

void FleetPerformer::drain() {
  tell_workload(true);
  parts_.fleet.drain();
}

bool FleetPerformer::drained() const {
  return parts_.fleet.slots() == 0 ||
         std::none_of(awaited_.begin(), awaited_.end(), [](const auto& one) { return one.second.handed_out; });
}

}  // namespace lockstep::service
