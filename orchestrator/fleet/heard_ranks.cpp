// MpiFleet's part that takes in what ranks say: hellos, outcomes, tasks that they give back.
#include "fleet/mpi_fleet.hpp"
#include "mpi_worker/spool.hpp"

namespace lockstep::fleet {

using work::Outcome;
using work::OutcomeKind;
using worker::MessageType;

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
  if (!ready_ranks_.empty()) {
    enroll();
  }
  return any;
}

/// False: the message makes no sense.
bool MpiFleet::handle(Worker& one, std::string_view message, std::vector<Outcome>& outcomes) {
  switch (worker::type_of(message).value_or(MessageType::setup)) {
    case MessageType::hello:
      return handle_hello(one, message);
    case MessageType::ready:
      if (one.standing != Standing::greeted) {
        return false;
      }
      one.standing = Standing::ready;
      ready_ranks_.push_back(one.rank);
      return true;
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
    case MessageType::begun:
      if (auto begun = worker::decode_begun(message)) {
        one.begun = std::move(*begun);
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
    case MessageType::job:
    case MessageType::cancel:
    case MessageType::recall:
    case MessageType::stop:
    case MessageType::kill:
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
  one.standing = Standing::greeted;
  if (one.hello.protocol != worker::kProtocol) {
    suspect(one, "it runs another version of lockstep");
    return true;
  }
  one.visible = one.hello.place == machine_.place() && machine_.start_time_of(one.hello.pid) == one.hello.started;
  send(one, worker::encode_setup(settings_));
  return true;
}

/// From now on those that are ready get tasks: whoever owns the run after us will know of them.
void MpiFleet::enroll() {
  std::vector<worker::RosterEntry> entries;
  for (const int rank : ready_ranks_) {
    const worker::Hello& hello = of(rank).hello;
    entries.push_back({static_cast<std::uint32_t>(rank), hello.pid, hello.started, false, hello.place});
  }
  std::optional<Error> trouble;
  if (!settings_.run_folder.empty()) {
    const auto noted = roster_ ? roster_->add(std::move(entries))
                               : fail(ErrorKind::io, "the run's workers cannot be noted in its folder");
    trouble = noted ? std::nullopt : std::optional(noted.error());
  }
  for (const int rank : std::exchange(ready_ranks_, {})) {
    Worker& one = of(rank);
    if (one.standing != Standing::ready) {
      continue;  // it is lost
    }
    if (trouble) {
      suspect(one, trouble->message);
      continue;
    }
    one.standing = Standing::working;
    fit_capacity(one);
  }
  pump();
}

void MpiFleet::handle_outcome(Worker& one, Outcome outcome, std::vector<Outcome>& outcomes) {
  const auto found = flights_.find(outcome.id);
  if (found == flights_.end() || found->second.rank != one.rank) {
    ++dropped_;
    if (settings_.spool) {
      one.settlement.drop();
    }
    return;
  }
  release(one);
  one.held_up = false;
  if (outcome.kind == OutcomeKind::interrupted && !outcome.begun) {
    if (settings_.spool) {
      one.settlement.drop();
    }
    handle_refused(found, one, outcome.cause, outcomes);
    return;
  }
  if (outcome.begun) {
    note_begun(one, outcome);
  }
  fit_capacity(one);
  // Where we did not cancel it, the worker has missed us and ended it by itself.
  if (outcome.kind == OutcomeKind::interrupted ||
      (outcome.kind == OutcomeKind::cancelled && !found->second.cancelled)) {
    if (settings_.spool) {
      one.settlement.drop();
    }
    if (outcome.begun && !found->second.cancelled && !stopped_ && !draining_ &&
        settings_.jobs.never_twice(found->second.task.job)) {
      give_interrupted(found, one, outcome.cause, outcomes);
    } else {
      retry(found, one, outcome.cause, outcome.begun, outcomes);
    }
    return;
  }
  if (settings_.spool) {
    one.settlement.give();
  }
  outcome.usage.rank = static_cast<std::uint32_t>(one.rank);
  flights_.erase(found);
  outcomes.push_back(std::move(outcome));
}

void MpiFleet::note_begun(Worker& one, const Outcome& outcome) {
  ++begun_;
  standstill_.began();
  if (one.shortage.began()) {
    machine_.say(fmt::format("rank {} on {} begins tasks again", one.rank, one.hello.host));
  }
  one.prefetch.learn(outcome);
}

/// The task is nobody's again: it could not begin there (`why`; empty: it was not tried).
void MpiFleet::handle_refused(Flights::iterator flight, Worker& one, std::string_view why,
                              std::vector<Outcome>& outcomes) {
  const work::DispatchId id = flight->first;
  std::uint32_t& times = flight->second.task.refused;
  if (!why.empty()) {
    const Clock::time_point now = machine_.now();
    const std::string place = fmt::format("rank {} on {}", one.rank, one.hello.host);
    short_ranks_ += one.shortage.is_short() ? 0 : 1;
    if (one.shortage.refused(now, one.assigned, begun_)) {
      machine_.say(fmt::format("{} begins no task while others do: it is set aside, and tried again every {} s: {}",
                               place, Shortage::kAside.count(), why));
    }
    one.refusal = why;
    if (assigned_ == 0) {
      standstill_.refused(now);
    }
    last_refusal_ = fmt::format("{}: {}", place, why);
    ++times;
  }
  fit_capacity(one);
  if (const auto time = rest_of_refused(times); time.count() > 0 && !why.empty() && !is_unwanted(flight->second)) {
    flight->second.rank = 0;
    rest(id, time);
  } else {
    take_back(flight, outcomes);
  }
}

bool MpiFleet::is_unwanted(const Flight& flight) const {
  return flight.cancelled || stopped_ || draining_;
}

/// A task that has not begun, from who had it: the next in turn.
void MpiFleet::take_back(Flights::iterator flight, std::vector<Outcome>& outcomes) {
  const work::DispatchId id = flight->first;
  if (!is_unwanted(flight->second)) {
    flight->second.rank = 0;
    waiting_.push_front(id);
    return;
  }
  const bool cancelled = flight->second.cancelled || stopped_;
  flights_.erase(flight);
  if (cancelled) {
    give(id, OutcomeKind::cancelled, "", "", outcomes);
  } else {
    give_unbegun(id, outcomes);
  }
}

std::optional<Error> MpiFleet::failure() const {
  if (!standstill_.is_over()) {
    return std::nullopt;
  }
  return standstill_error(standstill_, last_refusal_, settings_.run_folder);
}

/// It has a task less.
void MpiFleet::release(Worker& one) {
  --one.assigned;
  --assigned_;
}

/// A worker has given up tasks that it had not begun: they are nobody's again, and the next in turn.
void MpiFleet::handle_returned(Worker& one, const std::vector<work::DispatchId>& ids, std::vector<Outcome>& outcomes) {
  one.asked = false;
  one.has_none = ids.empty();
  for (auto id = ids.rbegin(); id != ids.rend(); ++id) {
    const auto found = flights_.find(*id);
    if (found == flights_.end() || found->second.rank != one.rank) {
      ++dropped_;
      continue;
    }
    release(one);
    take_back(found, outcomes);
  }
  list(one);
  pump();
}

}  // namespace lockstep::fleet
