#include "fleet/local_fleet.hpp"

#include <poll.h>

#include <csignal>

#include "fleet/sleep.hpp"
#include "mpi_worker/builtin.hpp"
#include "mpi_worker/cores.hpp"
#include "mpi_worker/exec_runner.hpp"
#include "mpi_worker/spool.hpp"

namespace lockstep::fleet {
namespace {

/// Outcomes that may lie ready before the service must take them: what bounds the tasks that cost nothing.
constexpr std::size_t kMostAtOnce = 1024;
/// After KILL; a process that even that does not end is beyond us.
constexpr std::chrono::seconds kAfterKill{5};

/// The journal lives in this process and gets a result at least as soon as a spool would: only markers are needed.
FleetSettings with_markers_only(FleetSettings settings) {
  settings.spool = std::min(settings.spool, worker::SpoolUse::markers);
  return settings;
}

}  // namespace

LocalFleet::LocalFleet(FleetSettings settings, std::size_t slots)
    : settings_(with_markers_only(std::move(settings))),
      place_{0, worker::host_name()},
      slots_(slots != 0 ? slots : worker::usable_cores()) {}

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
  worker::Outcome outcome;
  if (stopped_) {
    outcome.id = task.id;
    outcome.kind = worker::OutcomeKind::cancelled;
    outcome.begun = false;
    outcome.started = outcome.ended = worker::now();
    at_once_.push_back(std::move(outcome));
    return;
  }
  const auto job = static_cast<std::size_t>(task.job);
  if (job < settings_.jobs.size() && worker::run_at_once(settings_.jobs[job], task, outcome)) {
    at_once_.push_back(std::move(outcome));
    return;
  }
  if (!thread_.joinable()) {
    // Signals are for the thread that called us.
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    thread_ = std::thread([this] { run(); });
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
  }
  ++in_flight_;
  bool first = false;
  {
    const std::lock_guard lock(mail_.mutex);
    first = mail_.tasks.empty();
    mail_.tasks.push_back(std::move(task));
  }
  if (first) {
    mail_.to_runner.wake();
  }
}

void LocalFleet::cancel(const worker::DispatchId& id) {
  if (in_flight_ == 0) {
    return;
  }
  {
    const std::lock_guard lock(mail_.mutex);
    mail_.cancels.push_back(id);
  }
  mail_.to_runner.wake();
}

bool LocalFleet::collect(std::vector<worker::Outcome>& outcomes) {
  const std::size_t before = outcomes.size();
  const bool keeps = settings_.spool != worker::SpoolUse::none;
  for (worker::Outcome& outcome : at_once_) {
    if (keeps) {
      settlement_.give_other();
    }
    outcomes.push_back(std::move(outcome));
  }
  at_once_.clear();
  if (in_flight_ > 0) {
    mail_.to_service.clear();
    const std::lock_guard lock(mail_.mutex);
    in_flight_ -= mail_.outcomes.size();
    for (worker::Outcome& outcome : mail_.outcomes) {
      prefetch_.learn(outcome);
      if (keeps) {
        settlement_.give();
      }
      outcomes.push_back(std::move(outcome));
    }
    mail_.outcomes.clear();
  }
  return outcomes.size() > before;
}

void LocalFleet::wait(std::chrono::microseconds limit, const Waker& waker, std::vector<worker::Outcome>& outcomes) {
  if (collect(outcomes) || limit <= std::chrono::microseconds(0)) {
    return;
  }
  sleep_until_readable(limit, waker.descriptor(), mail_.to_service.descriptor());
  collect(outcomes);
}

void LocalFleet::settled(std::uint32_t /*rank*/) {
  if (settings_.spool != worker::SpoolUse::none) {
    settlement_.settle();
    settled_.store(settlement_.count(), std::memory_order_relaxed);
  }
}

void LocalFleet::run() {
  const std::unique_ptr<worker::Spool> spool = worker::Spool::open(settings_, place_.rank);
  worker::Runner runner(settings_, place_, slots_, spool.get());
  std::vector<worker::Task> tasks;
  std::vector<worker::DispatchId> cancels;
  std::vector<worker::Outcome> outcomes;
  auto kill_time = worker::Runner::Clock::time_point::max();
  for (bool stopping = false; !stopping || runner.running() > 0;) {
    {
      const std::lock_guard lock(mail_.mutex);
      tasks.swap(mail_.tasks);
      cancels.swap(mail_.cancels);
      if (mail_.stop && !stopping) {
        stopping = true;
        kill_time = worker::Runner::Clock::now() + settings_.kill_after + kAfterKill;
      }
    }
    for (worker::Task& task : tasks) {
      runner.submit(std::move(task));
    }
    for (const worker::DispatchId& id : cancels) {
      runner.cancel(id);
    }
    tasks.clear();
    cancels.clear();
    if (stopping) {
      runner.hold(true);
      runner.cancel_all();
      if (worker::Runner::Clock::now() > kill_time) {
        break;
      }
    }
    constexpr std::chrono::seconds kWhileStopping{1};
    constexpr std::chrono::hours kElse{1};
    mail_.to_runner.clear();
    bool more = false;
    {
      // What came in after the first look has woken us before clear().
      const std::lock_guard lock(mail_.mutex);
      more = !mail_.tasks.empty() || !mail_.cancels.empty() || mail_.stop != stopping;
    }
    const bool at_end = stopping && runner.running() == 0;
    const std::chrono::microseconds limit = stopping ? std::chrono::microseconds(kWhileStopping) : kElse;
    runner.wait(more || at_end ? std::chrono::microseconds(0) : limit, mail_.to_runner.descriptor(), outcomes);
    if (spool) {
      for (const worker::Outcome& outcome : outcomes) {
        spool->over(outcome.id);
      }
      spool->acknowledged(settled_.load(std::memory_order_relaxed));
    }
    if (!outcomes.empty()) {
      const std::lock_guard lock(mail_.mutex);
      std::move(outcomes.begin(), outcomes.end(), std::back_inserter(mail_.outcomes));
      outcomes.clear();
      mail_.to_service.wake();
    }
  }
}

void LocalFleet::stop() {
  stopped_ = true;
  if (!thread_.joinable()) {
    return;
  }
  {
    const std::lock_guard lock(mail_.mutex);
    mail_.stop = true;
  }
  mail_.to_runner.wake();
  thread_.join();
}

std::string LocalFleet::describe() const {
  return fmt::format("this process, {} slot{}", slots_, slots_ == 1 ? "" : "s");
}

}  // namespace lockstep::fleet
