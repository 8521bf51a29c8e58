// MpiFleet's part that deals with ranks that are lost: how that is noticed, and what becomes of their tasks.
#include "fleet/mpi_fleet.hpp"
#include "mpi_worker/spool.hpp"

namespace lockstep::fleet {

using work::Outcome;
using work::OutcomeKind;

namespace {

/// For a task that was cut off though its rank lives: rank 0 may be told to end as well.
constexpr std::chrono::seconds kRest{2};
/// Between two looks at what a dying worker leaves.
constexpr std::chrono::milliseconds kLookAtDying{5};
constexpr std::string_view kLost = "the rank was lost";
constexpr std::string_view kMissed = "the rank missed rank 0";

}  // namespace

/// True: a rank was lost.
bool MpiFleet::look_for_lost(std::vector<Outcome>& outcomes) {
  const Clock::time_point now = machine_.now();
  if (now < next_look_) {
    return false;
  }
  next_look_ = now + kLook;
  bool any = false;
  // First all that are dying: none gets what another one had, or a task would be lost with each of them.
  std::vector<std::pair<Worker*, bool>> dying;  // whether its process is gone
  for (Worker& one : workers_) {
    if (one.standing == Standing::lost || one.standing == Standing::ended) {
      continue;
    }
    const std::chrono::milliseconds silence = heart_.silence(one.rank);
    const bool is_gone = one.visible && machine_.start_time_of(one.hello.pid) != one.hello.started;
    if (silence <= heart_.patience().lost && !is_gone) {
      continue;
    }
    if (!std::exchange(one.is_dying, true)) {
      set_capacity(one, 0);
      one.why_lost = is_gone ? fmt::format("process {} is gone", one.hello.pid)
                             : fmt::format("silent for {} s", silence.count() / 1000);
      one.handed_on_by = now + heart_.patience().lost;
    }
    dying.emplace_back(&one, is_gone);
  }
  for (const auto& [one, is_gone] : dying) {
    if (!is_over(*one, is_gone, now)) {
      next_look_ = now + kLookAtDying;
      continue;
    }
    if (is_gone) {
      take_messages(outcomes);  // what it still had to say has arrived by now
    }
    if (one->standing != Standing::ended && one->standing != Standing::lost) {
      lose(*one, one->why_lost, outcomes);
    }
    any = true;
  }
  return any;
}

/// Whether nothing of the tasks of a worker that is lost is left. One that can be seen but is not heard (it is stopped,
/// or hangs) is ended: its tasks are processes of their own, and would go on. One elsewhere has ended by itself by now.
bool MpiFleet::is_over(Worker& one, bool is_gone, Clock::time_point now) {
  if (!one.visible || now >= one.handed_on_by) {
    return true;
  }
  if (!is_gone) {
    return !machine_.end_process(one.hello.pid, one.hello.started);
  }
  return !roster_ || !roster_->is_held(static_cast<std::uint32_t>(one.rank));
}

void MpiFleet::lose(Worker& one, std::string_view why, std::vector<Outcome>& outcomes) {
  set_capacity(one, 0);
  one.standing = Standing::lost;
  one.batch.take();
  one.cancels.clear();
  heart_.forget(one.rank);
  channel_.abandon(one.rank);
  assigned_ -= one.assigned;
  standstill_.began();  // some of its tasks may have
  machine_.say(fmt::format("lockstep: rank {} on {} is lost: {}; {} task{} in flight on it", one.rank, one.hello.host,
                           why, one.assigned, one.assigned == 1 ? "" : "s"));
  one.assigned = 0;
  recover_spooled(one, outcomes);
  for (auto flight = flights_.begin(); flight != flights_.end();) {
    const auto next = std::next(flight);
    if (flight->second.rank == one.rank) {
      retry(flight, one, kLost, true, outcomes);
    }
    flight = next;
  }
  pump();
}

/// Takes the outcomes that a lost rank has made durable but not reported, and ends the tasks that it has begun and that
/// must not begin again.
void MpiFleet::recover_spooled(const Worker& one, std::vector<Outcome>& outcomes) {
  const auto in_flight = [&](const work::DispatchId& id) {
    const auto flight = flights_.find(id);
    return flight != flights_.end() && flight->second.rank == one.rank ? flight : flights_.end();
  };
  if (!settings_.spool || settings_.run_folder.empty() || stopped_) {
    return;
  }
  std::vector<work::DispatchId> begun;
  const auto read = worker::read_spool(
      settings_.run_folder, settings_.epoch, static_cast<std::uint32_t>(one.rank),
      [&](worker::SpoolRecord record) {
        const auto flight = in_flight(record.outcome.id);
        if (flight == flights_.end()) {
          return;
        }
        if (record.kind == worker::SpoolKind::begun) {
          begun.push_back(record.outcome.id);
          return;
        }
        record.outcome.usage.rank = 0;  // it has no spool any more that would have to be told
        flights_.erase(flight);
        outcomes.push_back(std::move(record.outcome));
      },
      machine_.files());
  const std::vector<std::string> troubles = read ? *read : std::vector<std::string>{read.error().message};
  for (const std::string& trouble : troubles) {
    machine_.say(fmt::format("lockstep: {}", trouble));
  }
  if (!troubles.empty()) {
    // Any of its tasks may have begun.
    for (const auto& [id, flight] : flights_) {
      if (flight.rank == one.rank) {
        begun.push_back(id);
      }
    }
  }
  for (const work::DispatchId& id : begun) {
    const auto flight = in_flight(id);
    if (flight != flights_.end() && !flight->second.cancelled && !draining_ &&
        settings_.jobs.never_twice(flight->second.task.job)) {
      give_interrupted(flight, one, kLost, outcomes);
    }
  }
}

/// `why`: how the worker came to end it; empty: it has missed us.
void MpiFleet::give_interrupted(Flights::iterator flight, const Worker& one, std::string_view why,
                                std::vector<Outcome>& outcomes) {
  const work::DispatchId id = flight->first;
  flights_.erase(flight);
  give(id, OutcomeKind::failed, std::string(work::kTaskInterrupted),
       fmt::format("the task had begun on rank {} on {} and came to no end ({}), and its job must never start twice",
                   one.rank, one.hello.host, why.empty() ? kMissed : why),
       outcomes);
}

/// Hands a task on that was cut off, unless that has happened too often or nobody wants it any more. `begun`: it may
/// have begun.
void MpiFleet::retry(Flights::iterator flight, const Worker& one, std::string_view why, bool begun,
                     std::vector<Outcome>& outcomes) {
  const work::DispatchId id = flight->first;
  Flight& lost = flight->second;
  lost.losses += begun ? 1 : 0;
  lost.rank = 0;
  lost.task.cut_off = lost.task.cut_off || begun;
  if (lost.cancelled || stopped_) {
    flights_.erase(flight);
    give(id, OutcomeKind::cancelled, "", "", outcomes);
  } else if (draining_) {
    flights_.erase(flight);
    give(id, OutcomeKind::interrupted, "", std::string(why), outcomes);
  } else if (lost.losses >= kMostLosses) {
    flights_.erase(flight);
    give(id, OutcomeKind::failed, "Lockstep.WorkerLost",
         fmt::format("the task was cut off {} times, the last time on rank {} on {}: {}", kMostLosses, one.rank,
                     one.hello.host, why.empty() ? kMissed : why),
         outcomes);
  } else if (one.standing == Standing::lost) {
    waiting_.push_front(id);
  } else {
    rest(id, kRest);  // whoever ends the whole allocation has told rank 0 by then
  }
}

}  // namespace lockstep::fleet
