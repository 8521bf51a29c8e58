#include "fleet/simulated_fleet.hpp"

#include <poll.h>

#include "mpi_worker/builtin.hpp"
#include "value/random.hpp"

namespace lockstep::fleet {
namespace {

bool is_readable(int descriptor) {
  pollfd fd = {descriptor, POLLIN, 0};
  return poll(&fd, 1, 0) > 0;
}

}  // namespace

DispatchRandom::DispatchRandom(std::uint64_t seed, const work::DispatchId& id)
    : state_(mix(mix(mix(seed + 1) + static_cast<std::uint64_t>(id.execution)) + id.place()) + id.count) {}

std::uint64_t DispatchRandom::next() {
  return next_random(state_);
}

double DispatchRandom::uniform() {
  return static_cast<double>(next() >> 11U) * 0x1p-53;
}

std::chrono::microseconds DispatchRandom::between(std::chrono::microseconds least, std::chrono::microseconds most) {
  const auto range = static_cast<double>((most - least).count()) + 1;
  return least + std::chrono::microseconds(static_cast<std::int64_t>(uniform() * range));
}

SimulatedFleet::SimulatedFleet(FleetSettings settings, std::size_t slots, std::uint64_t seed, Timestamp start)
    : settings_(std::move(settings)), slots_(slots), seed_(seed), now_(start) {}

void SimulatedFleet::script(const std::string& resource, Script script) {
  scripts_[resource] = std::move(script);
}

Act SimulatedFleet::act(const work::Task& task) const {
  const work::Job* const known = settings_.jobs.find(task.job);
  if (known == nullptr) {
    return {{}, work::OutcomeKind::failed, {}, "States.Runtime", "the job is not in the run's job table"};
  }
  const work::Job& job = *known;
  if (const auto script = scripts_.find(job.resource); script != scripts_.end()) {
    DispatchRandom random(seed_, task.id);
    return script->second(task, random);
  }
  work::Outcome outcome;
  if (worker::run_at_once(job, task, outcome)) {
    return {{}, outcome.kind, outcome.result, outcome.error, outcome.cause};
  }
  if (job.kind == work::JobKind::builtin) {
    const auto duration = worker::sleep_duration(task.input);
    if (!duration) {
      return {{}, work::OutcomeKind::failed, {}, "Lockstep.BadArguments", duration.error()};
    }
    return {*duration, work::OutcomeKind::succeeded, {}, {}, {}};
  }
  return {{}, work::OutcomeKind::succeeded, task.input, {}, {}};
}

void SimulatedFleet::start(work::Task task) {
  Act done = act(task);
  Running running;
  running.outcome.id = task.id;
  running.outcome.kind = done.kind;
  running.outcome.result = std::move(done.result);
  running.outcome.error = std::move(done.error);
  running.outcome.cause = std::move(done.cause);
  for (const auto& limit : {task.timeout, task.heartbeat}) {
    if (limit && *limit < done.duration) {
      done.duration = *limit;
      running.outcome.kind = work::OutcomeKind::timed_out;
      running.outcome.result = Value();
    }
  }
  running.outcome.started = now_;
  running.outcome.ended = {now_.us + done.duration.count()};
  running.task = std::move(task);
  running.number = ++started_;
  running_.emplace(running.outcome.ended.us, std::move(running));
  busiest_ = std::max(busiest_, running_.size());
}

void SimulatedFleet::fill() {
  while (!queue_.empty() && running_.size() < slots_ && !stopped_) {
    start(std::move(queue_.front()));
    queue_.pop_front();
  }
}

std::size_t SimulatedFleet::room() const {
  const std::size_t taken = running_.size() + queue_.size();
  return stopped_ || taken >= slots_ ? 0 : slots_ - taken;
}

void SimulatedFleet::add_jobs(std::vector<work::Job> jobs) {
  for (work::Job& job : jobs) {
    settings_.jobs.add(std::move(job));
  }
}

void SimulatedFleet::dispatch(work::Task task) {
  ++dispatched_;
  queue_.push_back(std::move(task));
  fill();
}

void SimulatedFleet::cancel(const work::DispatchId& id) {
  work::Outcome outcome;
  outcome.id = id;
  outcome.kind = work::OutcomeKind::cancelled;
  outcome.started = outcome.ended = now_;
  for (auto running = running_.begin(); running != running_.end(); ++running) {
    if (running->second.outcome.id == id) {
      outcome.started = running->second.outcome.started;
      running_.erase(running);
      ready_.push_back(std::move(outcome));
      fill();
      return;
    }
  }
  const auto waiting =
      std::find_if(queue_.begin(), queue_.end(), [&](const work::Task& task) { return task.id == id; });
  if (waiting != queue_.end()) {
    queue_.erase(waiting);
    ready_.push_back(std::move(outcome));
  }
}

/// Ends all tasks whose time comes up to `time`, and starts those that wait in their place.
void SimulatedFleet::end_until(Timestamp time) {
  while (!running_.empty() && running_.begin()->first <= time.us) {
    now_ = {std::max(now_.us, running_.begin()->first)};
    ready_.push_back(std::move(running_.begin()->second.outcome));
    running_.erase(running_.begin());
    fill();
  }
  now_ = std::max(now_, time);
}

void SimulatedFleet::advance(std::chrono::microseconds time) {
  end_until({now_.us + time.count()});
}

void SimulatedFleet::set_slots(std::size_t slots) {
  slots_ = slots;
  while (running_.size() > slots_) {
    const auto youngest = std::max_element(running_.begin(), running_.end(), [](const auto& a, const auto& b) {
      return a.second.number < b.second.number;
    });
    queue_.push_front(std::move(youngest->second.task));
    running_.erase(youngest);
  }
  fill();
}

void SimulatedFleet::wait(std::chrono::microseconds limit, const Waker& waker, std::vector<work::Outcome>& outcomes) {
  if (ready_.empty() && !is_readable(waker.descriptor())) {
    const std::int64_t end = now_.us > INT64_MAX - limit.count() ? INT64_MAX : now_.us + limit.count();
    const std::int64_t first = running_.empty() ? INT64_MAX : running_.begin()->first;
    end_until({std::min(end, first)});
  } else {
    end_until(now_);
  }
  std::move(ready_.begin(), ready_.end(), std::back_inserter(outcomes));
  ready_.clear();
}

void SimulatedFleet::stop() {
  stopped_ = true;
  std::vector<work::DispatchId> ids;
  for (const auto& [end, running] : running_) {
    ids.push_back(running.outcome.id);
  }
  for (const work::Task& task : queue_) {
    ids.push_back(task.id);
  }
  for (const work::DispatchId& id : ids) {
    cancel(id);
  }
}

std::string SimulatedFleet::describe() const {
  return fmt::format("virtual time, {} slot{}", slots_, slots_ == 1 ? "" : "s");
}

}  // namespace lockstep::fleet
