#include "fleet/simulated_runner.hpp"

#include <algorithm>

namespace lockstep::fleet {

using work::DispatchId;
using work::Outcome;
using work::OutcomeKind;

SimulatedRunner::SimulatedRunner(Parts parts, const worker::RunSettings& settings, worker::Place place,
                                 std::size_t slots, worker::Spool* spool, worker::Fence fence)
    : parts_(std::move(parts)),
      settings_(settings),
      place_(std::move(place)),
      slots_(slots),
      spool_(spool),
      fence_(std::move(fence)) {}

SimulatedRunner::~SimulatedRunner() {
  for (const Running& one : running_) {
    end(parts_.watch, *one.life);
  }
}

void SimulatedRunner::end(TaskWatch& watch, Life& life) {
  if (!std::exchange(life.over, true)) {
    watch.is_over(life.task, life.place);
  }
}

void SimulatedRunner::end_at(const std::shared_ptr<Life>& life, Clock::time_point time) {
  life->end = std::min(life->end, time);
  parts_.time.at(life->end, [life, &watch = parts_.watch, &now = parts_.time] {
    if (life->end <= now.now()) {
      end(watch, *life);
    }
  });
}

Outcome SimulatedRunner::outcome_of(const DispatchId& id, OutcomeKind kind) const {
  Outcome outcome;
  outcome.id = id;
  outcome.kind = kind;
  outcome.usage.rank = place_.rank;
  outcome.started = outcome.ended = parts_.wall_clock();
  return outcome;
}

void SimulatedRunner::cancel(const DispatchId& id) {
  for (Running& one : running_) {
    if (one.life->task.id == id) {
      // Some end by TERM, some only by KILL.
      DispatchRandom random(parts_.seed, id);
      end_at(one.life, parts_.time.now() + random.between(std::chrono::microseconds(0), settings_.kill_after));
      one.outcome.kind = OutcomeKind::cancelled;
      one.outcome.result = Value();
      return;
    }
  }
  const auto waiting =
      std::find_if(queue_.begin(), queue_.end(), [&](const work::Task& task) { return task.id == id; });
  if (waiting != queue_.end()) {
    Outcome outcome = outcome_of(id, OutcomeKind::cancelled);
    outcome.begun = false;
    ready_.push_back(std::move(outcome));
    queue_.erase(waiting);
  }
}

void SimulatedRunner::cancel_all() {
  std::vector<DispatchId> ids;
  for (const work::Task& task : queue_) {
    ids.push_back(task.id);
  }
  for (const Running& one : running_) {
    ids.push_back(one.life->task.id);
  }
  for (const DispatchId& id : ids) {
    cancel(id);
  }
}

void SimulatedRunner::kill_all() {
  cancel_all();
  for (Running& one : running_) {
    one.life->end = parts_.time.now();
    end(parts_.watch, *one.life);
  }
}

/// Makes markers durable for the next tasks that need one, as the real one does. How many tasks it looked at.
std::size_t SimulatedRunner::mark() {
  const std::size_t count = std::min(queue_.size(), slots_ - running_.size());
  bool any = false;
  for (std::size_t i = 0; i < count; ++i) {
    if (never_twice(queue_[i])) {
      spool_->started(queue_[i].id, parts_.wall_clock());
      any = true;
    }
  }
  if (any) {
    static_cast<void>(spool_->commit());
  }
  return count;
}

bool SimulatedRunner::never_twice(const work::Task& task) const {
  return spool_ != nullptr && settings_.jobs.never_twice(task.job);
}

void SimulatedRunner::end_at(BootClock::time_point time) {
  all_end_ = Clock::time_point(time.time_since_epoch());
  if (!std::exchange(waits_for_the_end_, true)) {
    wait_for_the_end();
  }
}

void SimulatedRunner::wait_for_the_end() {
  parts_.time.at(std::max(all_end_, parts_.time.now()), [this, is_here = std::weak_ptr<char>(is_here_)] {
    if (is_here.expired()) {
      return;
    }
    if (all_end_ <= parts_.time.now()) {
      waits_for_the_end_ = false;
      cut_off();
    } else {
      wait_for_the_end();
    }
  });
}

/// As the real one's guard does, though our process may stand still.
void SimulatedRunner::cut_off() {
  for (Running& one : running_) {
    one.life->end = std::min(one.life->end, parts_.time.now());
    if (!one.life->over) {
      one.outcome.kind = OutcomeKind::interrupted;
      one.outcome.result = Value();
    }
    end(parts_.watch, *one.life);
  }
}

bool SimulatedRunner::may_begin() const {
  return !fence_.begin_until || BootClock::time_point(parts_.time.now().time_since_epoch()) < fence_.begin_until();
}

void SimulatedRunner::start_waiting(std::vector<Outcome>& outcomes) {
  std::size_t marked = 0;
  while (!held_ && !queue_.empty() && running_.size() < slots_ && may_begin()) {
    if (marked == 0 && spool_ != nullptr) {
      marked = mark();
    }
    marked -= marked > 0 ? 1 : 0;
    work::Task task = std::move(queue_.front());
    queue_.pop_front();
    if (never_twice(task) && spool_->failure()) {
      refuse(task.id, "its start cannot be recorded", outcomes);
      continue;
    }
    std::string why = parts_.refuses ? parts_.refuses(task, place_, running_.size()) : "";
    if (why.empty()) {
      start(std::move(task));
    } else {
      refuse(task.id, std::move(why), outcomes);
    }
  }
}

/// With all that wait behind it.
void SimulatedRunner::refuse(const DispatchId& id, std::string why, std::vector<Outcome>& outcomes) {
  const auto give = [&](const DispatchId& one) -> Outcome& {
    outcomes.push_back(outcome_of(one, OutcomeKind::interrupted));
    outcomes.back().begun = false;
    return outcomes.back();
  };
  give(id).cause = std::move(why);
  for (const work::Task& task : queue_) {
    give(task.id);
  }
  queue_.clear();
}

void SimulatedRunner::start(work::Task task) {
  parts_.watch.begins(task, place_);
  DispatchRandom random(parts_.seed, task.id);
  Act act = settings_.jobs.find(task.job) != nullptr
                ? parts_.script(task, random)
                : Act{{}, OutcomeKind::failed, {}, "States.Runtime", "the job is not in the run's job table"};
  Running one;
  one.outcome = outcome_of(task.id, act.kind);
  one.outcome.result = std::move(act.result);
  one.outcome.error = std::move(act.error);
  one.outcome.cause = std::move(act.cause);
  for (const auto& limit : {task.timeout, task.heartbeat}) {
    if (limit && *limit < act.duration) {
      act.duration = *limit;
      one.outcome.kind = OutcomeKind::timed_out;
      one.outcome.result = Value();
    }
  }
  one.life = std::make_shared<Life>(Life{std::move(task), place_, Clock::time_point::max()});
  end_at(one.life, parts_.time.now() + act.duration);
  running_.push_back(std::move(one));
}

void SimulatedRunner::advance(std::vector<Outcome>& outcomes) {
  std::move(ready_.begin(), ready_.end(), std::back_inserter(outcomes));
  ready_.clear();
  const Clock::time_point now = parts_.time.now();
  for (std::size_t i = 0; i < running_.size();) {
    if (running_[i].life->end > now) {
      ++i;
      continue;
    }
    Running over = std::move(running_[i]);
    running_.erase(running_.begin() + static_cast<std::ptrdiff_t>(i));
    over.outcome.ended = parts_.wall_clock();
    end(parts_.watch, *over.life);
    outcomes.push_back(std::move(over.outcome));
  }
  start_waiting(outcomes);
}

SimulatedRunner::Clock::time_point SimulatedRunner::next_time() const {
  if (!ready_.empty() || (!held_ && !queue_.empty() && running_.size() < slots_ && may_begin())) {
    return Clock::time_point::min();
  }
  Clock::time_point next = Clock::time_point::max();
  for (const Running& one : running_) {
    next = std::min(next, one.life->end);
  }
  return next;
}

}  // namespace lockstep::fleet
