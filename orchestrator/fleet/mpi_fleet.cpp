#include "fleet/mpi_fleet.hpp"

#include "mpi_worker/spool.hpp"

namespace lockstep::fleet {
namespace {

using work::Outcome;
using work::OutcomeKind;
using worker::MessageType;

/// Tasks of this many bytes, or this many tasks, make a message.
constexpr std::size_t kBatchBytes = std::size_t{64} << 10;
constexpr std::size_t kBatchTasks = 64;
/// For the hellos: ranks start together.
constexpr std::chrono::seconds kGreeting{10};
/// Between two looks at whether idle workers can help busy ones.
constexpr std::chrono::microseconds kBalance{500};
/// For the goodbyes, beyond what running tasks may take.
constexpr std::chrono::seconds kFarewell{10};
/// Workers that can do without us for less than this run tasks that are over at once.
constexpr std::chrono::microseconds kNoTime{10};
/// Sleep while nothing is in flight: only a hello or a goodbye can come.
constexpr std::chrono::milliseconds kIdle{20};

}  // namespace

MpiFleet::MpiFleet(FleetSettings settings, int size, worker::Channel& channel, worker::Heart& heart,
                   worker::Machine& machine)
    : settings_(std::move(settings)),
      channel_(channel),
      heart_(heart),
      machine_(machine),
      next_look_(machine.now() + kLook) {
  workers_.resize(static_cast<std::size_t>(size - 1));
  for (int rank = 1; rank < size; ++rank) {
    of(rank).rank = rank;
  }
  if (!settings_.run_folder.empty()) {
    auto made = worker::Roster::create(settings_.run_folder, settings_.epoch, heart_.patience().lost, machine_);
    if (made) {
      roster_ = std::move(*made);
    } else {
      machine_.say(made.error().message);
    }
  }
  const Clock::time_point end = machine_.now() + kGreeting;
  const auto awaited = [](const Worker& one) {
    return one.standing == Standing::awaited || one.standing == Standing::greeted;
  };
  std::vector<Outcome> none;
  while (std::any_of(workers_.begin(), workers_.end(), awaited) && machine_.now() < end) {
    if (!take_messages(none)) {
      channel_.progress();
      machine_.sleep(std::chrono::microseconds(200), -1);
    }
  }
}

MpiFleet::~MpiFleet() {
  stop();
}

std::size_t MpiFleet::slots() const {
  std::size_t slots = 0;
  for (const Worker& one : workers_) {
    if (one.standing == Standing::working) {
      slots += one.hello.slots;
    } else if (one.standing == Standing::awaited) {
      slots += 1;
    } else if (one.standing == Standing::greeted || one.standing == Standing::ready) {
      slots += one.hello.slots;
    }
  }
  return stopped_ ? 0 : slots;
}

std::size_t MpiFleet::room() const {
  const std::size_t taken = assigned_ + waiting_.size();
  return stopped_ || draining_ || taken >= capacity_ ? 0 : capacity_ - taken;
}

void MpiFleet::set_capacity(Worker& one, std::size_t capacity) {
  capacity_ += capacity - one.capacity;
  one.capacity = capacity;
  list(one);
}

/// What it may hold: running ones and some ahead, or as many as it can begin while something is short there.
void MpiFleet::fit_capacity(Worker& one) {
  if (one.standing == Standing::working && !one.is_dying) {
    set_capacity(one, std::min(one.prefetch.capacity(one.hello.slots), one.shortage.limit()));
  }
}

/// Tries ranks with more tasks again that could not begin some, when the others have enough to do.
void MpiFleet::ease_shortages() {
  if (short_ranks_ == 0 || assigned_ + waiting_.size() < capacity_) {
    return;
  }
  short_ranks_ = 0;
  const Clock::time_point now = machine_.now();
  const bool alone = capacity_ == 0;
  for (Worker& one : workers_) {
    if (one.standing == Standing::working && one.shortage.is_short()) {
      if (const auto limit = one.shortage.raise(now, one.hello.slots, alone)) {
        machine_.say(fmt::format("rank {} on {} cannot begin more than {} task{} at a time now: {}", one.rank,
                                 one.hello.host, *limit, *limit == 1 ? "" : "s", one.refusal));
      }
      fit_capacity(one);
      short_ranks_ += one.shortage.is_short() ? 1 : 0;
    }
  }
}

/// Makes sure that choose() finds the worker where it can take a task.
void MpiFleet::list(Worker& one) {
  if (one.standing != Standing::working || one.assigned >= one.capacity) {
    return;
  }
  const bool free = one.assigned < one.hello.slots;
  if (!free && one.held_up) {
    return;
  }
  if (!std::exchange(free ? one.in_free : one.in_ahead, true)) {
    (free ? free_ : ahead_).push_back(one.rank);
  }
}

/// A worker with a slot free, else one that takes tasks ahead, in turn; else null.
MpiFleet::Worker* MpiFleet::choose() {
  while (!free_.empty()) {
    Worker& one = of(free_.front());
    free_.pop_front();
    one.in_free = false;
    if (one.standing == Standing::working && one.assigned < std::min<std::size_t>(one.hello.slots, one.capacity)) {
      return &one;
    }
    list(one);
  }
  while (!ahead_.empty()) {
    Worker& one = of(ahead_.front());
    ahead_.pop_front();
    one.in_ahead = false;
    if (one.standing == Standing::working && one.assigned < one.capacity && !one.held_up) {
      return &one;
    }
  }
  return nullptr;
}

void MpiFleet::assign(Flight& flight, Worker& one) {
  flight.rank = one.rank;
  ++one.assigned;
  ++assigned_;
  one.has_none = false;
  list(one);
  tell_job(one, flight.task.job);
  const std::size_t size = flight.task.input.text_size();
  if (one.batch.count() > 0 && one.batch.bytes() + size > kBatchBytes) {
    flush(one);
  }
  if (one.batch.count() == 0) {
    dirty_.push_back(one.rank);
  }
  one.batch.add(flight.task);
  if (one.batch.bytes() > kBatchBytes || one.batch.count() >= kBatchTasks) {
    flush(one);
  }
}

/// Before the first task that needs it; what waits in the batch follows.
void MpiFleet::tell_job(Worker& one, work::JobId id) {
  const work::Job* job = settings_.jobs.find(id);
  const auto index = static_cast<std::size_t>(id);
  if (job == nullptr || (index < one.knows.size() && one.knows[index])) {
    return;
  }
  one.knows.resize(std::max(one.knows.size(), index + 1));
  one.knows[index] = true;
  send(one, worker::encode_job(id, *job));
}

void MpiFleet::rest(const work::DispatchId& id, std::chrono::milliseconds time) {
  resting_.emplace(machine_.now() + time, id);
}

void MpiFleet::wake_resting() {
  while (!resting_.empty() && resting_.begin()->first <= machine_.now()) {
    waiting_.push_front(resting_.begin()->second);
    resting_.erase(resting_.begin());
  }
}

/// Hands waiting tasks to workers that have room.
void MpiFleet::pump() {
  wake_resting();
  ease_shortages();
  if (waiting_.empty() || (may_begin_ && !may_begin_())) {
    return;
  }
  while (!waiting_.empty()) {
    const auto found = flights_.find(waiting_.front());
    if (found == flights_.end() || found->second.rank != 0) {
      waiting_.pop_front();
      continue;
    }
    Worker* one = choose();
    if (one == nullptr) {
      return;
    }
    waiting_.pop_front();
    assign(found->second, *one);
  }
}

void MpiFleet::add_jobs(std::vector<work::Job> jobs) {
  for (work::Job& job : jobs) {
    settings_.jobs.add(std::move(job));
  }
}

void MpiFleet::dispatch(work::Task task) {
  if (stopped_ || draining_) {
    give_unbegun(task.id, ready_);
    return;
  }
  if (const std::size_t size = task.input.text_size(); size > worker::kMaxPayload) {
    give(task.id, OutcomeKind::failed, "States.DataLimitExceeded",
         fmt::format("an input of {} bytes is longer than a message to a worker can be", size), ready_);
    return;
  }
  const work::DispatchId id = task.id;
  const auto [flight, fresh] = flights_.try_emplace(id, Flight{std::move(task)});
  if (!fresh) {
    ++dropped_;
    return;
  }
  waiting_.push_back(id);
  backoff_.reset();  // an answer may come soon
  pump();
}

void MpiFleet::cancel(const work::DispatchId& id) {
  const auto found = flights_.find(id);
  if (found == flights_.end()) {
    return;
  }
  if (found->second.rank == 0) {
    flights_.erase(found);
    std::erase(waiting_, id);
    std::erase_if(resting_, [&](const auto& one) { return one.second == id; });
    give(id, OutcomeKind::cancelled, "", "", ready_);
    return;
  }
  found->second.cancelled = true;
  Worker& one = of(found->second.rank);
  one.cancels.push_back(id);
  dirty_.push_back(one.rank);
}

void MpiFleet::send(Worker& one, std::string message) {
  if (one.standing == Standing::lost || one.standing == Standing::ended) {
    return;
  }
  if (auto sent = channel_.send(one.rank, std::move(message)); !sent) {
    machine_.say(fmt::format("lockstep: to rank {}: {}", one.rank, sent.error()));
  }
}

void MpiFleet::flush(Worker& one) {
  const std::uint64_t settled = one.settlement.count();
  if (one.batch.count() > 0 || settled - one.told >= worker::Spool::kWorthAcknowledging) {
    one.told = settled;
    send(one, one.batch.take(settled));
  }
  if (!one.cancels.empty()) {
    send(one, worker::encode_cancel(one.cancels));
    one.cancels.clear();
  }
}

void MpiFleet::flush_all() {
  for (const int rank : dirty_) {
    flush(of(rank));
  }
  dirty_.clear();
}

void MpiFleet::settled(std::uint32_t rank) {
  if (rank == 0 || rank > workers_.size() || !settings_.spool) {
    return;
  }
  Worker& one = of(static_cast<int>(rank));
  one.settlement.settle();
  if (one.settlement.count() - one.told == worker::Spool::kWorthAcknowledging) {
    dirty_.push_back(one.rank);
  }
}

/// Asks for tasks back where workers have nothing to do and others hold tasks ahead.
void MpiFleet::balance() {
  if (free_.empty() || assigned_ == 0 || !waiting_.empty() || stopped_ || draining_) {
    return;
  }
  const Clock::time_point now = machine_.now();
  if (now < next_balance_) {
    return;
  }
  next_balance_ = now + kBalance;
  std::vector<Load> loads;
  for (const Worker& one : workers_) {
    if (one.standing == Standing::working) {
      const std::size_t slots = std::min<std::size_t>(one.hello.slots, one.shortage.limit());
      loads.push_back({one.rank, slots, one.assigned, one.capacity, !one.asked && !one.has_none});
    }
  }
  for (const Recall& recall : choose_recalls(loads)) {
    Worker& one = of(recall.rank);
    one.asked = one.held_up = true;
    send(one, worker::encode_recall(static_cast<std::uint32_t>(recall.count)));
  }
}

void MpiFleet::suspect(Worker& one, std::string_view why) {
  if (one.standing == Standing::suspect) {
    return;
  }
  machine_.say(fmt::format("rank {} on {} gets no more tasks: {}", one.rank, one.hello.host, why));
  set_capacity(one, 0);
  send(one, worker::encode_bare(MessageType::stop));
  one.standing = Standing::suspect;
}

void MpiFleet::give(const work::DispatchId& id, OutcomeKind kind, std::string error, std::string cause,
                    std::vector<Outcome>& outcomes) {
  Outcome outcome;
  outcome.id = id;
  outcome.kind = kind;
  outcome.error = std::move(error);
  outcome.cause = std::move(cause);
  outcome.started = outcome.ended = machine_.wall_clock();
  outcomes.push_back(std::move(outcome));
}

/// How long no worker that has tasks needs us.
std::chrono::microseconds MpiFleet::pause() const {
  std::chrono::microseconds shortest = std::chrono::microseconds::max();
  for (const Worker& one : workers_) {
    if (one.assigned > 0) {
      shortest = std::min(shortest, one.prefetch.pause(one.assigned, one.hello.slots));
    }
  }
  return shortest == std::chrono::microseconds::max() ? std::chrono::microseconds(0) : shortest;
}

void MpiFleet::wait(std::chrono::microseconds limit, const Waker& waker, std::vector<Outcome>& outcomes) {
  const std::size_t before = outcomes.size();
  std::move(ready_.begin(), ready_.end(), std::back_inserter(outcomes));
  ready_.clear();
  const Clock::time_point begin = machine_.now();
  const std::chrono::nanoseconds longest =
      std::clamp<std::chrono::nanoseconds>(limit, std::chrono::nanoseconds(0), std::chrono::hours(24));
  while (true) {
    const bool moved = take_messages(outcomes);
    const bool lost = look_for_lost(outcomes);
    pump();
    balance();
    flush_all();
    channel_.progress();
    const auto spent = machine_.now() - begin;
    if (outcomes.size() > before || lost || spent >= longest) {
      return;
    }
    if (moved) {
      backoff_.reset();
      continue;
    }
    const std::chrono::microseconds pause = this->pause();
    std::chrono::nanoseconds time = std::max<std::chrono::nanoseconds>(backoff_.next(pause < kNoTime), pause);
    if (flights_.empty() && channel_.unsent() == 0) {
      time = kIdle;
    }
    if (machine_.sleep(std::min<std::chrono::nanoseconds>(time, longest - spent), waker.descriptor())) {
      take_messages(outcomes);
      return;
    }
  }
}

/// Asks for all that a worker has not begun.
void MpiFleet::recall_all(Worker& one) {
  if (one.standing == Standing::working && one.assigned > 0) {
    flush(one);
    one.asked = true;
    send(one, worker::encode_recall(UINT32_MAX));
  }
}

void MpiFleet::drain() {
  draining_ = true;
  for (const auto& [until, id] : resting_) {
    waiting_.push_back(id);
  }
  resting_.clear();
  for (const work::DispatchId& id : waiting_) {
    if (const auto found = flights_.find(id); found != flights_.end() && found->second.rank == 0) {
      flights_.erase(found);
      give_unbegun(id, ready_);
    }
  }
  waiting_.clear();
  for (Worker& one : workers_) {
    recall_all(one);
  }
}

void MpiFleet::kill() {
  drain();
  for (Worker& one : workers_) {
    send(one, worker::encode_bare(MessageType::kill));
  }
}

void MpiFleet::give_unbegun(const work::DispatchId& id, std::vector<Outcome>& outcomes) {
  give(id, OutcomeKind::interrupted, "", "", outcomes);
  outcomes.back().begun = false;
}

/// What may hand out nothing beats no more either: its workers end before another owner hands their tasks out.
void MpiFleet::set_gate(std::function<bool()> may_begin) {
  heart_.beat_while(may_begin);
  may_begin_ = std::move(may_begin);
}

void MpiFleet::stop() {
  if (stopped_) {
    return;
  }
  heart_.beat_while(nullptr);
  flush_all();
  stopped_ = true;
  for (Worker& one : workers_) {
    send(one, worker::encode_bare(MessageType::stop));
  }
  const auto over = [](const Worker& one) { return one.standing == Standing::ended || one.standing == Standing::lost; };
  const Clock::time_point end = machine_.now() + settings_.kill_after + kFarewell;
  backoff_.reset();
  while (!std::all_of(workers_.begin(), workers_.end(), over) && machine_.now() < end) {
    if (!take_messages(ready_)) {
      look_for_lost(ready_);
      channel_.progress();
      machine_.sleep(backoff_.next(), -1);
    }
  }
  if (roster_ && std::all_of(workers_.begin(), workers_.end(), over)) {
    std::exchange(roster_, nullptr)->remove();
  }
}

bool MpiFleet::all_ended() const {
  return std::all_of(workers_.begin(), workers_.end(),
                     [](const Worker& one) { return one.standing == Standing::ended; });
}

Workload MpiFleet::workload() const {
  Workload load;
  load.slots = slots();
  for (const Worker& one : workers_) {
    load.running += std::min<std::size_t>(one.assigned, one.hello.slots);
    for (const work::BegunTask& task : one.begun) {
      // What has ended since is not in flight any more.
      if (const auto flight = flights_.find(task.id); flight != flights_.end() && flight->second.rank == one.rank) {
        load.begun.push_back({task.id, task.started, static_cast<std::uint32_t>(one.rank)});
      }
    }
  }
  return load;
}

std::string MpiFleet::describe() const {
  const auto working = static_cast<std::size_t>(std::count_if(
      workers_.begin(), workers_.end(), [](const Worker& one) { return one.standing == Standing::working; }));
  std::vector<std::string> hosts;
  for (const Worker& one : workers_) {
    if (one.standing == Standing::working && std::find(hosts.begin(), hosts.end(), one.hello.host) == hosts.end()) {
      hosts.push_back(one.hello.host);
    }
  }
  const auto plural = [](std::size_t count) { return count == 1 ? "" : "s"; };
  return fmt::format("{} worker rank{} on {} host{}, {} slot{}", working, plural(working), hosts.size(),
                     plural(hosts.size()), slots(), plural(slots()));
}

}  // namespace lockstep::fleet
