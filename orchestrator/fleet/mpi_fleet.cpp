#include "fleet/mpi_fleet.hpp"

#include <poll.h>

#include <thread>

#include "fleet/sleep.hpp"
#include "mpi_worker/builtin.hpp"
#include "mpi_worker/spool.hpp"
#include "mpi_worker/worker_loop.hpp"

namespace lockstep::fleet {
namespace {

using worker::MessageType;
using worker::Outcome;
using worker::OutcomeKind;

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

MpiFleet::MpiFleet(FleetSettings settings, int size, worker::Channel& channel, worker::Heart& heart)
    : settings_(std::move(settings)), channel_(channel), heart_(heart), next_look_(Clock::now() + kLook) {
  workers_.resize(static_cast<std::size_t>(size - 1));
  for (int rank = 1; rank < size; ++rank) {
    of(rank).rank = rank;
  }
  const Clock::time_point end = Clock::now() + kGreeting;
  const auto awaited = [](const Worker& one) { return one.standing == Standing::awaited; };
  std::vector<Outcome> none;
  while (std::any_of(workers_.begin(), workers_.end(), awaited) && Clock::now() < end) {
    if (!take_messages(none)) {
      channel_.progress();
      std::this_thread::sleep_for(std::chrono::microseconds(200));
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
    }
  }
  return stopped_ ? 0 : slots;
}

std::size_t MpiFleet::room() const {
  const std::size_t taken = assigned_ + waiting_.size();
  return stopped_ || taken >= capacity_ ? 0 : capacity_ - taken;
}

void MpiFleet::set_capacity(Worker& one, std::size_t capacity) {
  capacity_ += capacity - one.capacity;
  one.capacity = capacity;
  list(one);
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

/// Hands waiting tasks to workers that have room.
void MpiFleet::pump() {
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

void MpiFleet::dispatch(worker::Task task) {
  if (stopped_) {
    give(task.id, OutcomeKind::cancelled, "", "", ready_);
    return;
  }
  if (const std::size_t size = task.input.text_size(); size > worker::kMaxPayload) {
    give(task.id, OutcomeKind::failed, "States.DataLimitExceeded",
         fmt::format("an input of {} bytes is longer than a message to a worker can be", size), ready_);
    return;
  }
  const worker::DispatchId id = task.id;
  const auto [flight, fresh] = flights_.try_emplace(id, Flight{std::move(task)});
  if (!fresh) {
    ++dropped_;
    return;
  }
  waiting_.push_back(id);
  backoff_.reset();  // an answer may come soon
  pump();
}

void MpiFleet::cancel(const worker::DispatchId& id) {
  const auto found = flights_.find(id);
  if (found == flights_.end()) {
    return;
  }
  if (found->second.rank == 0) {
    flights_.erase(found);
    waiting_.erase(std::find(waiting_.begin(), waiting_.end(), id));
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
    fmt::print(stderr, "lockstep: to rank {}: {}\n", one.rank, sent.error());
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
  if (rank == 0 || rank > workers_.size() || settings_.spool == worker::SpoolUse::none) {
    return;
  }
  Worker& one = of(static_cast<int>(rank));
  one.settlement.settle();
  if (one.settlement.count() - one.told == worker::Spool::kWorthAcknowledging) {
    dirty_.push_back(one.rank);
  }
}

bool MpiFleet::take_messages(std::vector<Outcome>& outcomes) {
  bool any = false;
  while (std::optional<worker::Message> message = channel_.receive()) {
    any = true;
    Worker& one = of(message->source);
    if (one.standing == Standing::lost || one.standing == Standing::ended) {
      ++dropped_;
    } else if (!handle(one, message->bytes, outcomes)) {
      ++dropped_;
      suspect(one, "a message makes no sense");
    }
  }
  return any;
}

/// False: the message makes no sense.
bool MpiFleet::handle(Worker& one, std::string_view message, std::vector<Outcome>& outcomes) {
  switch (worker::type_of(message).value_or(MessageType::setup)) {
    case MessageType::hello:
      return handle_hello(one, message);
    case MessageType::outcomes:
      if (auto batch = worker::decode_outcomes(message)) {
        for (Outcome& outcome : *batch) {
          handle_outcome(one, std::move(outcome), outcomes);
        }
        return true;
      }
      return false;
    case MessageType::returned:
      if (const auto ids = worker::decode_returned(message)) {
        handle_returned(one, *ids, outcomes);
        return true;
      }
      return false;
    case MessageType::goodbye:
      if (stopped_) {
        set_capacity(one, 0);
        one.standing = Standing::ended;
      } else {
        lose(one, "it has ended", outcomes);
      }
      return true;
    case MessageType::setup:
    case MessageType::tasks:
    case MessageType::cancel:
    case MessageType::recall:
    case MessageType::stop:
      break;
  }
  return false;
}

bool MpiFleet::handle_hello(Worker& one, std::string_view message) {
  auto hello = worker::decode_hello(message);
  if (!hello || one.standing != Standing::awaited) {
    return false;
  }
  one.hello = std::move(*hello);
  one.standing = Standing::working;
  if (one.hello.protocol != worker::kProtocol) {
    suspect(one, "it runs another version of lockstep");
    return true;
  }
  static const std::string here = worker::this_place();
  one.visible = one.hello.place == here && worker::start_time_of(one.hello.pid) == one.hello.started;
  send(one, worker::encode_setup(settings_));
  set_capacity(one, one.prefetch.capacity(one.hello.slots));
  pump();
  return true;
}

void MpiFleet::handle_outcome(Worker& one, Outcome outcome, std::vector<Outcome>& outcomes) {
  const auto found = flights_.find(outcome.id);
  const bool keeps = settings_.spool != worker::SpoolUse::none;
  if (found == flights_.end() || found->second.rank != one.rank) {
    ++dropped_;
    if (keeps) {
      one.settlement.drop();
    }
    return;
  }
  release(one);
  one.held_up = false;
  if (one.standing == Standing::working) {
    one.prefetch.learn(outcome);
    set_capacity(one, one.prefetch.capacity(one.hello.slots));
  }
  if (outcome.kind == OutcomeKind::cancelled && !found->second.cancelled && !stopped_) {
    // The worker has missed us and ended it by itself.
    if (keeps) {
      one.settlement.drop();
    }
    if (outcome.begun && never_twice(found->second)) {
      give_interrupted(found, one, outcomes);
    } else {
      retry(found, one, outcomes);
    }
    return;
  }
  if (keeps) {
    one.settlement.give();
  }
  outcome.rank = static_cast<std::uint32_t>(one.rank);
  flights_.erase(found);
  outcomes.push_back(std::move(outcome));
}

/// It has a task less.
void MpiFleet::release(Worker& one) {
  --one.assigned;
  --assigned_;
}

/// A worker has given up tasks that it had not begun: they are nobody's again, and the next in turn.
void MpiFleet::handle_returned(Worker& one, const std::vector<worker::DispatchId>& ids,
                               std::vector<Outcome>& outcomes) {
  one.asked = false;
  one.has_none = ids.empty();
  for (auto id = ids.rbegin(); id != ids.rend(); ++id) {
    const auto found = flights_.find(*id);
    if (found == flights_.end() || found->second.rank != one.rank) {
      ++dropped_;
      continue;
    }
    release(one);
    if (found->second.cancelled || stopped_) {
      flights_.erase(found);
      give(*id, OutcomeKind::cancelled, "", "", outcomes);
    } else {
      found->second.rank = 0;
      waiting_.push_front(*id);
    }
  }
  list(one);
  pump();
}

/// Asks for tasks back where workers have nothing to do and others hold tasks ahead.
void MpiFleet::balance() {
  if (free_.empty() || assigned_ == 0 || !waiting_.empty() || stopped_) {
    return;
  }
  const Clock::time_point now = Clock::now();
  if (now < next_balance_) {
    return;
  }
  next_balance_ = now + kBalance;
  std::vector<Load> loads;
  for (const Worker& one : workers_) {
    if (one.standing == Standing::working) {
      loads.push_back({one.rank, one.hello.slots, one.assigned, one.capacity, !one.asked && !one.has_none});
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
  fmt::print(stderr, "lockstep: rank {} on {} gets no more tasks: {}\n", one.rank, one.hello.host, why);
  set_capacity(one, 0);
  send(one, worker::encode_bare(MessageType::stop));
  one.standing = Standing::suspect;
}

void MpiFleet::give(const worker::DispatchId& id, OutcomeKind kind, std::string error, std::string cause,
                    std::vector<Outcome>& outcomes) {
  Outcome outcome;
  outcome.id = id;
  outcome.kind = kind;
  outcome.error = std::move(error);
  outcome.cause = std::move(cause);
  outcome.started = outcome.ended = worker::now();
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
  const Clock::time_point begin = Clock::now();
  const std::chrono::nanoseconds longest =
      std::clamp<std::chrono::nanoseconds>(limit, std::chrono::nanoseconds(0), std::chrono::hours(24));
  while (true) {
    const bool moved = take_messages(outcomes);
    const bool lost = look_for_lost(outcomes);
    pump();
    balance();
    flush_all();
    channel_.progress();
    const auto spent = Clock::now() - begin;
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
    sleep_until_readable(std::chrono::duration_cast<std::chrono::microseconds>(
                             std::min<std::chrono::nanoseconds>(time, longest - spent)),
                         waker.descriptor());
    pollfd fd = {waker.descriptor(), POLLIN, 0};
    if (poll(&fd, 1, 0) > 0) {
      take_messages(outcomes);
      return;
    }
    if (time.count() == 0) {
      std::this_thread::yield();
    }
  }
}

void MpiFleet::stop() {
  if (stopped_) {
    return;
  }
  flush_all();
  stopped_ = true;
  for (Worker& one : workers_) {
    send(one, worker::encode_bare(MessageType::stop));
  }
  const auto over = [](const Worker& one) { return one.standing == Standing::ended || one.standing == Standing::lost; };
  const Clock::time_point end = Clock::now() + settings_.kill_after + kFarewell;
  backoff_.reset();
  while (!std::all_of(workers_.begin(), workers_.end(), over) && Clock::now() < end) {
    if (!take_messages(ready_)) {
      look_for_lost(ready_);
      channel_.progress();
      const std::chrono::microseconds time = backoff_.next();
      std::this_thread::sleep_for(time);
    }
  }
}

bool MpiFleet::all_ended() const {
  return std::all_of(workers_.begin(), workers_.end(),
                     [](const Worker& one) { return one.standing == Standing::ended; });
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
