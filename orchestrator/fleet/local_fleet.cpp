#include "fleet/local_fleet.hpp"

#include <poll.h>

#include <algorithm>
#include <csignal>
#include <system_error>

#include "fleet/sleep.hpp"
#include "mpi_worker/blocked_signals.hpp"
#include "mpi_worker/builtin.hpp"
#include "mpi_worker/cores.hpp"
#include "mpi_worker/exec_runner.hpp"
#include "mpi_worker/machine.hpp"
#include "mpi_worker/scarcity.hpp"
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
/// Between two looks at whether tasks may begin.
constexpr std::chrono::milliseconds kWhileShut{50};
/// The same at whether a thread can be started where none could.
constexpr std::chrono::milliseconds kWithoutHands{50};
/// Between two looks while tasks are being stopped; else nothing has to be looked at unasked.
constexpr std::chrono::seconds kWhileStopping{1};
constexpr std::chrono::hours kElse{1};

work::Outcome not_begun(const work::DispatchId& id, work::OutcomeKind kind) {
  work::Outcome outcome;
  outcome.id = id;
  outcome.kind = kind;
  outcome.begun = false;
  outcome.started = outcome.ended = worker::now();
  return outcome;
}

}  // namespace

LocalFleet::LocalFleet(FleetSettings settings, std::size_t slots)
    : settings_(std::move(settings)),
      place_{0, worker::host_name()},
      slots_(slots != 0 ? slots : worker::usable_cores()),
      most_hands_(std::min(slots_, worker::usable_cores())) {
  if (!settings_.run_folder.empty()) {
    enter_roster();
  }
}

LocalFleet::~LocalFleet() {
  stop();
}

/// So that the next owner waits for what ends our tasks when we are killed.
void LocalFleet::enter_roster() {
  worker::Machine& machine = worker::real_machine();
  auto made = worker::Roster::create(settings_.run_folder, settings_.epoch, kAfterKill, machine);
  if (made) {
    roster_ = std::move(*made);
    lock_ = worker::take_rank_lock(settings_.run_folder, settings_.epoch, 0, machine);
    const std::uint32_t pid = machine.own_pid();
    const auto noted = roster_->add({{0, pid, machine.start_time_of(pid), false, machine.place()}});
    if (noted) {
      return;
    }
    made = tl::unexpected<Error>(noted.error());
  }
  machine.say(made.error().message);
}

std::size_t LocalFleet::room() const {
  const std::size_t capacity = prefetch_.capacity(slots_);
  if (stopped_ || draining_ || in_flight_ >= capacity || at_once_.size() >= kMostAtOnce) {
    return 0;
  }
  return std::min(capacity - in_flight_, kMostAtOnce - at_once_.size());
}

void LocalFleet::add_jobs(std::vector<work::Job> jobs) {
  const std::lock_guard lock(mail_.mutex);
  for (work::Job& job : jobs) {
    settings_.jobs.add(std::move(job));
  }
}

void LocalFleet::dispatch(work::Task task) {
  if (stopped_ || draining_) {
    at_once_.push_back(not_begun(task.id, work::OutcomeKind::interrupted));
    return;
  }
  const work::Job* job = settings_.jobs.find(task.job);
  work::Outcome outcome;
  if (job != nullptr && worker::run_at_once(*job, task, outcome)) {
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

/// Where it cannot be done, those that are there do its work; if there is none, no task can begin.
void LocalFleet::start_hand() {
  try {
    auto hand = std::make_unique<Hand>();
    hand->number = static_cast<std::uint32_t>(hands_.size());
    hand->slots = slots_ / most_hands_ + (hand->number < slots_ % most_hands_ ? 1 : 0);
    {
      const worker::BlockedSignals blocked;
      hand->thread = std::thread([this, raw = hand.get()] { run(*raw); });
    }
    const std::lock_guard lock(mail_.mutex);
    hands_.push_back(std::move(hand));
  } catch (const std::system_error& error) {
    if (hands_.empty()) {
      const std::lock_guard lock(mail_.mutex);
      note_refusal(fmt::format("cannot start a thread: {}", worker::explain_scarcity(error.code().value())));
    }
  }
}

/// Once more, where none could be started and tasks wait.
void LocalFleet::start_first_hand() {
  {
    const std::lock_guard lock(mail_.mutex);
    if (mail_.tasks.empty() || !may_take(Clock::now())) {
      return;
    }
  }
  start_hand();
}

/// A task could not begin. Requires the mailbox's mutex, as the next.
void LocalFleet::note_refusal(const std::string& why) {
  const Clock::time_point now = Clock::now();
  mail_.shortage.refused(now, mail_.taken, 0);
  if (mail_.taken == 0) {
    mail_.standstill.refused(now);
    stuck_ = mail_.standstill.is_over();
  }
  mail_.last_refusal = fmt::format("{}: {}", place_.host, why);
}

bool LocalFleet::may_take(Clock::time_point now) {
  if (mail_.taken >= mail_.shortage.limit()) {
    if (const auto limit = mail_.shortage.raise(now, slots_, true)) {
      worker::real_machine().say(fmt::format("no more than {} task{} can begin at a time now: {}", *limit,
                                             *limit == 1 ? "" : "s", mail_.last_refusal));
    }
  }
  return mail_.taken < mail_.shortage.limit();
}

void LocalFleet::wake_resting(Clock::time_point now) {
  while (!mail_.resting.empty() && mail_.resting.begin()->first <= now) {
    mail_.tasks.push_front(std::move(mail_.resting.begin()->second));
    mail_.resting.erase(mail_.resting.begin());
  }
}

/// When something is to be done about tasks that could not begin; max(): only once a task ends.
LocalFleet::Clock::time_point LocalFleet::next_try() const {
  Clock::time_point next = mail_.resting.empty() ? Clock::time_point::max() : mail_.resting.begin()->first;
  if (!mail_.tasks.empty() && mail_.shortage.is_short()) {
    next = std::min(next, mail_.shortage.next_try(true));
  }
  return next;
}

std::optional<Error> LocalFleet::failure() const {
  if (!stuck_) {
    return std::nullopt;
  }
  const std::lock_guard lock(mail_.mutex);
  return standstill_error(mail_.standstill, mail_.last_refusal, settings_.run_folder);
}

/// Takes back the tasks that the hand could not begin, and leaves those that nobody wants any more.
void LocalFleet::keep_unbegun(const Hand& hand, worker::Spool* spool, std::vector<work::Outcome>& outcomes) {
  const auto is_unbegun = [](const work::Outcome& outcome) { return outcome.unbegun != nullptr; };
  if (std::none_of(outcomes.begin(), outcomes.end(), is_unbegun)) {
    return;
  }
  const std::lock_guard lock(mail_.mutex);
  std::deque<work::Task> untried;
  std::erase_if(outcomes, [&](work::Outcome& outcome) {
    if (!is_unbegun(outcome)) {
      return false;
    }
    if (spool != nullptr) {
      spool->not_begun(outcome.id, outcome.ended);
    }
    const bool unwanted = mail_.stop || mail_.draining ||
                          std::find(hand.cancels.begin(), hand.cancels.end(), outcome.id) != hand.cancels.end();
    mail_.taken -= unwanted ? 0 : 1;
    work::Task& task = *outcome.unbegun;
    if (!outcome.cause.empty()) {
      note_refusal(outcome.cause);
      ++task.refused;
    }
    if (unwanted) {
      return false;
    }
    if (outcome.cause.empty()) {
      untried.push_back(std::move(task));
    } else {
      mail_.resting.emplace(Clock::now() + rest_of_refused(task.refused), std::move(task));
    }
    return true;
  });
  std::move(untried.rbegin(), untried.rend(), std::front_inserter(mail_.tasks));
}

void LocalFleet::cancel(const work::DispatchId& id) {
  if (in_flight_ == 0) {
    return;
  }
  {
    const std::lock_guard lock(mail_.mutex);
    const auto waiting =
        std::find_if(mail_.tasks.begin(), mail_.tasks.end(), [&](const work::Task& task) { return task.id == id; });
    const std::size_t resting = std::erase_if(mail_.resting, [&](const auto& one) { return one.second.id == id; });
    if (resting > 0 || waiting != mail_.tasks.end()) {
      if (resting == 0) {
        mail_.tasks.erase(waiting);
      }
      --in_flight_;
      at_once_.push_back(not_begun(id, work::OutcomeKind::cancelled));
      return;
    }
    for (const auto& hand : hands_) {
      hand->cancels.push_back(id);
    }
  }
  wake_hands();
}

void LocalFleet::wake_hands() const {
  for (const auto& hand : hands_) {
    hand->waker.wake();
  }
}

/// Of a task that is cut off again and again an outcome is made: it may well do that itself.
void LocalFleet::count_losses(work::Outcome& outcome) {
  const work::DispatchId task = outcome.id.of_visit();
  if (outcome.kind != work::OutcomeKind::interrupted) {
    losses_.erase(task);
  } else if (outcome.begun && ++losses_[task] >= kMostLosses) {
    losses_.erase(task);
    outcome.kind = work::OutcomeKind::failed;
    outcome.error = "Lockstep.WorkerLost";
    outcome.cause = fmt::format("the task was cut off {} times, the last time so: {}", kMostLosses, outcome.cause);
  }
}

bool LocalFleet::collect(std::vector<work::Outcome>& outcomes) {
  const std::size_t before = outcomes.size();
  const auto give = [&](work::Outcome& outcome, Hand* hand) {
    if (settings_.spool) {
      given_.push_back(hand);
    }
    outcomes.push_back(std::move(outcome));
  };
  for (work::Outcome& outcome : at_once_) {
    give(outcome, nullptr);
  }
  at_once_.clear();
  if (in_flight_ > 0) {
    const std::lock_guard lock(mail_.mutex);
    in_flight_ -= mail_.ended.size();
    for (Ended& ended : mail_.ended) {
      if (ended.outcome.begun) {
        prefetch_.learn(ended.outcome);
      }
      if (!losses_.empty() || ended.outcome.kind == work::OutcomeKind::interrupted) {
        count_losses(ended.outcome);
      }
      give(ended.outcome, ended.hand);
    }
    mail_.ended.clear();
    mail_.announced = false;
  }
  return outcomes.size() > before;
}

void LocalFleet::wait(std::chrono::microseconds limit, const Waker& waker, std::vector<work::Outcome>& outcomes) {
  if (in_flight_ > 0 && hands_.empty()) {
    start_first_hand();
    limit = hands_.empty() ? std::min<std::chrono::microseconds>(limit, kWithoutHands) : limit;
  }
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
  // Each thread keeps its markers apart. Only them: the journal lives in this process, and gets a result at least as
  // soon as a spool would.
  const std::unique_ptr<worker::Spool> spool = worker::Spool::open(settings_, hand.number);
  const int shared_lock = lock_ ? lock_->descriptor() : -1;
  const auto begin_until = [this] {
    return !may_begin_ || may_begin_() ? BootClock::time_point::max() : BootClock::time_point::min();
  };
  worker::RunSettings settings = [this] {
    const std::lock_guard lock(mail_.mutex);
    return settings_;
  }();
  worker::Runner runner(settings, place_, hand.slots, spool.get(), {begin_until, shared_lock});
  const auto show = [&](const worker::TaskRunner* shown) {
    const std::lock_guard lock(mail_.mutex);
    hand.runner = shown;
  };
  show(&runner);
  std::vector<work::DispatchId> cancels;
  std::vector<work::Outcome> outcomes;
  auto kill_time = Clock::time_point::max();
  bool kill = false;
  for (bool stopping = false; !stopping || runner.running() > 0;) {
    bool announce = false;
    bool unannounced = false;
    bool shut = false;
    auto next_try = Clock::time_point::max();
    const Clock::time_point now = Clock::now();
    {
      const std::lock_guard lock(mail_.mutex);
      cancels.swap(hand.cancels);
      if (mail_.stop && !stopping) {
        stopping = true;
        kill_time = now + settings_.kill_after + kAfterKill;
      }
      kill = kill || mail_.kill;
      wake_resting(now);
      while (settings.jobs.size() < settings_.jobs.size()) {
        settings.jobs.add(*settings_.jobs.find(static_cast<work::JobId>(settings.jobs.size())));
      }
      const bool may_begin = mail_.tasks.empty() || !may_begin_ || may_begin_();
      shut = !may_begin;
      while (!stopping && may_begin && !mail_.tasks.empty() && runner.running() + runner.waiting() < hand.slots &&
             may_take(now)) {
        runner.submit(std::move(mail_.tasks.front()));
        mail_.tasks.pop_front();
        ++mail_.taken;
      }
      // Who dispatches from now on wakes us.
      hand.idle = runner.running() + runner.waiting() < hand.slots;
      next_try = hand.idle ? this->next_try() : next_try;
      announce = is_due(now);
      mail_.announced = mail_.announced || announce;
      unannounced = !mail_.ended.empty() && !mail_.announced;
    }
    if (announce) {
      mail_.to_service.wake();
    }
    for (const work::DispatchId& id : cancels) {
      runner.cancel(id);
    }
    cancels.clear();
    if (kill) {
      runner.hold(true);
      runner.kill_all();
    }
    if (stopping) {
      runner.hold(true);
      runner.cancel_all();
      if (Clock::now() > kill_time) {
        break;
      }
    }
    const auto until_try = std::chrono::ceil<std::chrono::milliseconds>(next_try - std::min(next_try, now));
    const bool at_end = stopping && runner.running() == 0;
    const std::chrono::microseconds limit = at_end        ? std::chrono::microseconds(0)
                                            : stopping    ? std::chrono::microseconds(kWhileStopping)
                                            : unannounced ? kNoHurry
                                            : shut        ? std::chrono::microseconds(kWhileShut)
                                                          : std::min<std::chrono::microseconds>(kElse, until_try);
    if (runner.wait(limit, hand.waker.descriptor(), outcomes)) {
      hand.waker.clear();
    }
    keep_unbegun(hand, spool.get(), outcomes);
    if (outcomes.empty()) {
      continue;
    }
    if (spool) {
      for (const work::Outcome& outcome : outcomes) {
        spool->over(outcome.id);
      }
      spool->acknowledged(hand.settled.load(std::memory_order_relaxed));
    }
    const std::lock_guard lock(mail_.mutex);
    if (mail_.ended.empty()) {
      mail_.ended_since = Clock::now();
    }
    mail_.taken -= outcomes.size();
    for (work::Outcome& outcome : outcomes) {
      if (outcome.begun && (mail_.shortage.is_short() || mail_.standstill.tries() > 0)) {
        mail_.shortage.began();
        mail_.standstill.began();
        stuck_ = false;
      }
      mail_.ended.push_back({std::move(outcome), &hand});
    }
    outcomes.clear();
  }
  show(nullptr);
  // The last outcomes.
  mail_.to_service.wake();
}

/// Requires the mailbox's mutex.
void LocalFleet::drop_waiting(work::OutcomeKind kind) {
  wake_resting(Clock::time_point::max());
  in_flight_ -= mail_.tasks.size();
  for (const work::Task& task : mail_.tasks) {
    at_once_.push_back(not_begun(task.id, kind));
  }
  mail_.tasks.clear();
}

void LocalFleet::drain() {
  draining_ = true;
  {
    const std::lock_guard lock(mail_.mutex);
    mail_.draining = true;
    drop_waiting(work::OutcomeKind::interrupted);
  }
  wake_hands();
}

void LocalFleet::kill() {
  draining_ = true;
  {
    const std::lock_guard lock(mail_.mutex);
    drop_waiting(work::OutcomeKind::interrupted);
    mail_.draining = mail_.kill = true;
  }
  wake_hands();
}

void LocalFleet::stop() {
  stopped_ = true;
  {
    const std::lock_guard lock(mail_.mutex);
    mail_.stop = true;
    drop_waiting(work::OutcomeKind::cancelled);
  }
  wake_hands();
  for (const auto& hand : hands_) {
    if (hand->thread.joinable()) {
      hand->thread.join();
    }
  }
  if (roster_) {
    std::exchange(roster_, nullptr)->remove();
  }
}

Workload LocalFleet::workload() const {
  Workload load;
  load.slots = slots();
  const std::lock_guard lock(mail_.mutex);
  for (const auto& hand : hands_) {
    if (hand->runner != nullptr) {
      const std::vector<work::BegunTask> begun = hand->runner->begun();
      load.begun.insert(load.begun.end(), begun.begin(), begun.end());
    }
  }
  load.running = load.begun.size();
  return load;
}

std::string LocalFleet::describe() const {
  return fmt::format("this process, {} slot{}", slots_, slots_ == 1 ? "" : "s");
}

}  // namespace lockstep::fleet
