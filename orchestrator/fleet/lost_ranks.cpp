// MpiFleet's part that deals with ranks that are lost: how that is noticed, and what becomes of their tasks.
#include "fleet/mpi_fleet.hpp"
#include "mpi_worker/spool.hpp"
#include "mpi_worker/worker_loop.hpp"

namespace lockstep::fleet {

using worker::Outcome;
using worker::OutcomeKind;

namespace {

/// A task that was in flight on this many lost ranks is not tried again.
constexpr unsigned kMostLosses = 3;

}  // namespace

/// True: a rank was lost.
bool MpiFleet::look_for_lost(std::vector<Outcome>& outcomes) {
  const Clock::time_point now = Clock::now();
  if (now < next_look_) {
    return false;
  }
  next_look_ = now + kLook;
  bool any = false;
  for (Worker& one : workers_) {
    if (one.standing == Standing::lost || one.standing == Standing::ended) {
      continue;
    }
    if (heart_.silence(one.rank) > heart_.patience().lost) {
      lose(one, fmt::format("silent for {} s", heart_.silence(one.rank).count() / 1000), outcomes);
      any = true;
    } else if (one.visible && worker::start_time_of(one.hello.pid) != one.hello.started) {
      // Its tasks got KILL with it: there is nothing to wait for. What it still had to say has arrived by now.
      take_messages(outcomes);
      if (one.standing != Standing::ended && one.standing != Standing::lost) {
        lose(one, fmt::format("process {} is gone", one.hello.pid), outcomes);
      }
      any = true;
    }
  }
  return any;
}

void MpiFleet::lose(Worker& one, std::string_view why, std::vector<Outcome>& outcomes) {
  set_capacity(one, 0);
  one.standing = Standing::lost;
  one.batch.take();
  one.cancels.clear();
  heart_.forget(one.rank);
  channel_.abandon(one.rank);
  assigned_ -= one.assigned;
  fmt::print(stderr, "lockstep: rank {} on {} is lost: {}; {} task{} in flight on it\n", one.rank, one.hello.host, why,
             one.assigned, one.assigned == 1 ? "" : "s");
  one.assigned = 0;
  recover_spooled(one, outcomes);
  for (auto flight = flights_.begin(); flight != flights_.end();) {
    const auto next = std::next(flight);
    if (flight->second.rank == one.rank) {
      retry(flight, one, outcomes);
    }
    flight = next;
  }
  pump();
}

/// Takes the outcomes that a lost rank has made durable but not reported, and ends the tasks that it has begun and that
/// must not begin again.
void MpiFleet::recover_spooled(const Worker& one, std::vector<Outcome>& outcomes) {
  const auto in_flight = [&](const worker::DispatchId& id) {
    const auto flight = flights_.find(id);
    return flight != flights_.end() && flight->second.rank == one.rank ? flight : flights_.end();
  };
  if (settings_.spool == worker::SpoolUse::none || settings_.run_folder.empty() || stopped_) {
    return;
  }
  std::vector<worker::DispatchId> begun;
  const auto read = worker::read_spool(
      settings_.run_folder, settings_.epoch, static_cast<std::uint32_t>(one.rank), [&](worker::SpoolRecord record) {
        const auto flight = in_flight(record.id);
        if (flight == flights_.end()) {
          return;
        }
        if (record.kind == worker::SpoolRecord::Kind::started) {
          begun.push_back(record.id);
          return;
        }
        record.outcome.rank = 0;  // it has no spool any more that would have to be told
        flights_.erase(flight);
        outcomes.push_back(std::move(record.outcome));
      });
  const std::vector<std::string> troubles = read ? *read : std::vector<std::string>{read.error().message};
  for (const std::string& trouble : troubles) {
    fmt::print(stderr, "lockstep: {}\n", trouble);
  }
  if (!troubles.empty()) {
    // Any of its tasks may have begun.
    for (const auto& [id, flight] : flights_) {
      if (flight.rank == one.rank) {
        begun.push_back(id);
      }
    }
  }
  for (const worker::DispatchId& id : begun) {
    const auto flight = in_flight(id);
    if (flight != flights_.end() && !flight->second.cancelled && never_twice(flight->second)) {
      give_interrupted(flight, one, outcomes);
    }
  }
}

bool MpiFleet::never_twice(const Flight& flight) const {
  const auto job = static_cast<std::size_t>(flight.task.job);
  return job < settings_.jobs.size() && settings_.jobs[job].interrupted == integrations::Interrupted::fail;
}

void MpiFleet::give_interrupted(Flights::iterator flight, const Worker& one, std::vector<Outcome>& outcomes) {
  const worker::DispatchId id = flight->first;
  flights_.erase(flight);
  give(id, OutcomeKind::failed, std::string(worker::kTaskInterrupted),
       fmt::format("the task had begun on rank {} on {}, which was lost, and its job must never start twice", one.rank,
                   one.hello.host),
       outcomes);
}

/// Hands a task of a lost rank on, unless it has been lost too often or nobody wants it any more.
void MpiFleet::retry(Flights::iterator flight, const Worker& one, std::vector<Outcome>& outcomes) {
  const worker::DispatchId id = flight->first;
  Flight& lost = flight->second;
  ++lost.losses;
  lost.rank = 0;
  if (lost.cancelled || stopped_) {
    flights_.erase(flight);
    give(id, OutcomeKind::cancelled, "", "", outcomes);
  } else if (lost.losses >= kMostLosses) {
    flights_.erase(flight);
    give(id, OutcomeKind::failed, "Lockstep.WorkerLost",
         fmt::format("the task was in flight on {} ranks that were lost, the last was rank {} on {}", kMostLosses,
                     one.rank, one.hello.host),
         outcomes);
  } else {
    waiting_.push_front(id);
  }
}

}  // namespace lockstep::fleet
