#include "fleet/local_fleet.hpp"

#include <poll.h>

#include <algorithm>
#include <csignal>

#include "fleet/sleep.hpp"
#include "mpi_worker/blocked_signals.hpp"
#include "mpi_worker/builtin.hpp"
#include "mpi_worker/cores.hpp"
#include "mpi_worker/exec_runner.hpp"
#include "mpi_worker/spool.hpp"

namespace lockstep::fleet {
namespace {

/// Outcomes that may lie ready before the service must take them: what bounds the tasks that cost nothing.
constexpr std::size_t kMostAtOnce = 1024;
/// How long outcomes may lie while there are tasks for every hand: waking the service costs more than an outcome. Less
/// than half of what is handed over ahead.
constexpr std::chrono::microseconds kNoHurry{4000};
/// After KILL; a process that even that does not end is beyond us.
constexpr std::chrono::seconds kAfterKill{5};
/// Between two looks while tasks are being stopped; else nothing has to be looked at unasked.
constexpr std::chrono::seconds kWhileStopping{1};
constexpr std::chrono::hours kElse{1};

/// The journal lives in this process and gets a result at least as soon as a spool would: only markers are needed.
FleetSettings with_markers_only(FleetSettings settings) {
  settings.spool = std::min(settings.spool, worker::SpoolUse::markers);
  return settings;
}

worker::Outcome not_begun(const worker::DispatchId& id) {
  worker::Outcome outcome;
  outcome.id = id;
  outcome.kind = worker::OutcomeKind::cancelled;
  outcome.begun = false;
  outcome.started = outcome.ended = worker::now();
  return outcome;
}

}  // namespace

LocalFleet::LocalFleet(FleetSettings settings, std::size_t slots)
    : settings_(with_markers_only(std::move(settings))),
      place_{0, worker::host_name()},
      slots_(slots != 0 ? slots : worker::usable_cores()),
      most_hands_(std::min(slots_, worker::usable_cores())) {}

LocalFleet::~LocalFleet() {
  stop();
}

std::size_t LocalFleet::room() const {
  const std::size_t capacity = prefetch_.capacity(slots_);
  if (stopped_ || in_flight_ >= capacity || at_once_.size() >= kMostAtOnce) {
    return 0;
  }
  return std::min(capacity - in_flight_, kMostAtOnce - at_once_.size());
}

void LocalFleet::dispatch(worker::Task task) {
  if (stopped_) {
    at_once_.push_back(not_begun(task.id));
    return;
  }
  const auto job = static_cast<std::size_t>(task.job);
  worker::Outcome outcome;
  if (job < settings_.jobs.size() && worker::run_at_once(settings_.jobs[job], task, outcome)) {
    at_once_.push_back(std::move(outcome));
    return;
  }
  ++in_flight_;
  Hand* idle = nullptr;
  {
    const std::lock_guard lock(mail_.mutex);
    mail_.tasks.push_back(std::move(task));
    const auto found = std::find_if(hands_.begin(), hands_.end(), [](const auto& hand) { return hand->idle; });
    if (found != hands_.end()) {
      idle = found->get();
      idle->idle = false;
    }
  }
  if (idle != nullptr) {
    idle->waker.wake();
  } else if (hands_.size() < most_hands_) {
    start_hand();
  }
}

void LocalFleet::start_hand() {
  auto hand = std::make_unique<Hand>();
  hand->number = static_cast<std::uint32_t>(hands_.size());
  hand->slots = slots_ / most_hands_ + (hand->number < slots_ % most_hands_ ? 1 : 0);
  {
    const worker::BlockedSignals blocked;
    hand->thread = std::thread([this, raw = hand.get()] { run(*raw); });
  }
  const std::lock_guard lock(mail_.mutex);
  hands_.push_back(std::move(hand));
}

void LocalFleet::cancel(const worker::DispatchId& id) {
  if (in_flight_ == 0) {
    return;
  }
  {
    const std::lock_guard lock(mail_.mutex);
    const auto waiting =
        std::find_if(mail_.tasks.begin(), mail_.tasks.end(), [&](const worker::Task& task) { return task.id == id; });
    if (waiting != mail_.tasks.end()) {
      mail_.tasks.erase(waiting);
      --in_flight_;
      at_once_.push_back(not_begun(id));
      return;
    }
    for (const auto& hand : hands_) {
      hand->cancels.push_back(id);
    }
  }
  for (const auto& hand : hands_) {
    hand->waker.wake();
  }
}

bool LocalFleet::collect(std::vector<worker::Outcome>& outcomes) {
  const std::size_t before = outcomes.size();
  const bool keeps = settings_.spool != worker::SpoolUse::none;
  const auto give = [&](worker::Outcome& outcome, Hand* hand) {
    if (keeps) {
      given_.push_back(hand);
    }
    outcomes.push_back(std::move(outcome));
  };
  for (worker::Outcome& outcome : at_once_) {
    give(outcome, nullptr);
  }
  at_once_.clear();
  if (in_flight_ > 0) {
    const std::lock_guard lock(mail_.mutex);
    in_flight_ -= mail_.ended.size();
    for (Ended& ended : mail_.ended) {
      prefetch_.learn(ended.outcome);
      give(ended.outcome, ended.hand);
    }
    mail_.ended.clear();
    mail_.announced = false;
  }
  return outcomes.size() > before;
}

void LocalFleet::wait(std::chrono::microseconds limit, const Waker& waker, std::vector<worker::Outcome>& outcomes) {
  if (collect(outcomes) || limit <= std::chrono::microseconds(0)) {
    return;
  }
  sleep_until_readable(limit, waker.descriptor(), mail_.to_service.descriptor());
  mail_.to_service.clear();
  collect(outcomes);
}

void LocalFleet::settled(std::uint32_t /*rank*/) {
  if (given_.empty()) {
    return;
  }
  if (Hand* hand = given_.front(); hand != nullptr) {
    hand->settled.fetch_add(1, std::memory_order_relaxed);
  }
  given_.pop_front();
}

/// Whether the service has to be woken for what has ended. Requires the mailbox's mutex.
bool LocalFleet::is_due(Clock::time_point now) const {
  return !mail_.ended.empty() && !mail_.announced &&
         (mail_.tasks.size() < 2 * hands_.size() || mail_.ended_since + kNoHurry <= now);
}

void LocalFleet::run(Hand& hand) {
  // Each thread keeps its markers apart.
  const std::unique_ptr<worker::Spool> spool = worker::Spool::open(settings_, hand.number);
  worker::Runner runner(settings_, place_, hand.slots, spool.get());
  std::vector<worker::DispatchId> cancels;
  std::vector<worker::Outcome> outcomes;
  auto kill_time = Clock::time_point::max();
  for (bool stopping = false; !stopping || runner.running() > 0;) {
    bool announce = false;
    bool unannounced = false;
    {
      const std::lock_guard lock(mail_.mutex);
      cancels.swap(hand.cancels);
      if (mail_.stop && !stopping) {
        stopping = true;
        kill_time = Clock::now() + settings_.kill_after + kAfterKill;
      }
      while (!stopping && !mail_.tasks.empty() && runner.running() + runner.waiting() < hand.slots) {
        runner.submit(std::move(mail_.tasks.front()));
        mail_.tasks.pop_front();
      }
      // Who dispatches from now on wakes us.
      hand.idle = runner.running() + runner.waiting() < hand.slots;
      announce = is_due(Clock::now());
      mail_.announced = mail_.announced || announce;
      unannounced = !mail_.ended.empty() && !mail_.announced;
    }
    if (announce) {
      mail_.to_service.wake();
    }
    for (const worker::DispatchId& id : cancels) {
      runner.cancel(id);
    }
    cancels.clear();
    if (stopping) {
      runner.hold(true);
      runner.cancel_all();
      if (Clock::now() > kill_time) {
        break;
      }
    }
    const bool at_end = stopping && runner.running() == 0;
    const std::chrono::microseconds limit = at_end        ? std::chrono::microseconds(0)
                                            : stopping    ? std::chrono::microseconds(kWhileStopping)
                                            : unannounced ? kNoHurry
                                                          : std::chrono::microseconds(kElse);
    if (runner.wait(limit, hand.waker.descriptor(), outcomes)) {
      hand.waker.clear();
    }
    if (outcomes.empty()) {
      continue;
    }
    if (spool) {
      for (const worker::Outcome& outcome : outcomes) {
        spool->over(outcome.id);
      }
      spool->acknowledged(hand.settled.load(std::memory_order_relaxed));
    }
    const std::lock_guard lock(mail_.mutex);
    if (mail_.ended.empty()) {
      mail_.ended_since = Clock::now();
    }
    for (worker::Outcome& outcome : outcomes) {
      mail_.ended.push_back({std::move(outcome), &hand});
    }
    outcomes.clear();
  }
  // The last outcomes.
  mail_.to_service.wake();
}

void LocalFleet::stop() {
  stopped_ = true;
  {
    const std::lock_guard lock(mail_.mutex);
    mail_.stop = true;
    in_flight_ -= mail_.tasks.size();
    for (const worker::Task& task : mail_.tasks) {
      at_once_.push_back(not_begun(task.id));
    }
    mail_.tasks.clear();
  }
  for (const auto& hand : hands_) {
    hand->waker.wake();
  }
  for (const auto& hand : hands_) {
    if (hand->thread.joinable()) {
      hand->thread.join();
    }
  }
}

std::string LocalFleet::describe() const {
  return fmt::format("this process, {} slot{}", slots_, slots_ == 1 ? "" : "s");
}

}  // namespace lockstep::fleet
