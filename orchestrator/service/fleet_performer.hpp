// The performer of jobs: what a Task's Resource means by jobs.json is handed to the fleet as it has room.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "fleet/fair_queue.hpp"
#include "fleet/fleet.hpp"
#include "integrations/integration.hpp"
#include "service/clock.hpp"
#include "service/observer.hpp"
#include "service/performer.hpp"
#include "service/stop.hpp"
#include "value/rare.hpp"

namespace lockstep::service {

/// What workers that are gone have left word of.
struct LastWords {
  std::unordered_map<work::DispatchId, work::Outcome, work::DispatchIdHash> finished;
  std::unordered_set<work::DispatchId, work::DispatchIdHash> begun;  ///< with a Started marker
};

/// Jobs that a state machine has of its own.
struct OwnJobs {
  integrations::Integrations integrations;
  std::uint32_t first = 0;  ///< JobId of the first in the fleet's table
};

/// Borrows everything it works with. It is where the loop sleeps, too.
class FleetPerformer final : public Performer, public Sleeper {
 public:
  struct Parts {
    engine::Engine& engine;  ///< for observers only
    fleet::Fleet& fleet;
    const integrations::Integrations& integrations;  ///< the house's jobs, first in the fleet's table
    const Clock& clock;
    fleet::Waker& waker;  ///< the loop's
    const StopRequest& stop;
    worker::Machine* machine = &worker::real_machine();
    Observer* observer = nullptr;  ///< may be null
    /// The jobs of the dispatch's machine. Null, also what it gives: it has none of its own.
    std::function<const OwnJobs*(const engine::DispatchTask&)> own_jobs = nullptr;
    /// What the spools say of the dispatches in question. Null: nothing.
    std::function<Result<LastWords>(const std::vector<engine::DispatchTask>& open)> last_words;
    /// Called when that is durable in the journal. May be null.
    std::function<void()> taken_in;
    /// Told what the workers do, now and then, until the run is stopped, and once more then. May be null.
    std::function<void(const fleet::Workload&, const engine::Engine&)> on_workload;
  };
  explicit FleetPerformer(Parts parts);

  void dispatch(engine::DispatchTask dispatch) override;
  void cancel(const engine::DispatchId& id) override;
  Result<std::vector<Fate>> recover(const std::vector<engine::DispatchTask>& open) override;
  void recovered() override;
  void advance() override;
  void sleep(std::chrono::microseconds limit) override;
  bool report(const TakeIn& take) override;
  void durable(journal::SequenceNumber last) override;
  bool in_hurry() const override { return queue_.size() <= 2 * pace_.lately; }
  std::size_t open() const override { return awaited_.size(); }
  std::uint32_t window() const override { return window_; }
  std::optional<Error> failure() const override;
  void drain() override;
  bool drained() const override;

  /// Whether a job is mapped to what the dispatch is of.
  bool maps(const engine::DispatchTask& dispatch) const {
    return integrations_of(own_jobs(dispatch)).maps(engine::resource_of(dispatch));
  }
  /// Tasks that were handed to the fleet.
  std::uint64_t dispatched() const { return dispatched_; }

 private:
  /// A dispatch that somebody waits for.
  struct Awaited {
    bool handed_out = false;
    bool never_twice = false;  // once it is handed out, as the next
    Rare<integrations::Wrapping> wrapping;
  };
  /// How many tasks end in the time between two commits of the journal that nobody asks for.
  struct Pace {
    std::int64_t since_us = 0;
    std::size_t outcomes = 0;  // since then
    std::size_t lately = 0;    // in that time, at the last count
  };
  struct Settling {
    journal::SequenceNumber after;
    std::uint32_t rank;
  };

  bool hand_out(engine::DispatchTask dispatch, Awaited& awaited);
  const integrations::Integrations& integrations_of(const OwnJobs* own) const;
  const OwnJobs* own_jobs(const engine::DispatchTask& dispatch) const;
  static bool is_never_twice(const integrations::Integrations& integrations, integrations::JobId job);
  Fate fate_of(const engine::DispatchTask& task, LastWords& said) const;
  std::optional<engine::InputBody> input_of(work::Outcome& ended, const TakeIn& take);
  static tl::expected<integrations::Resolved, integrations::Failure> resolve(
      const integrations::Integrations& integrations, const engine::DispatchTask& dispatch);
  void drop_cancelled();
  void look_at_slots();
  void keep_pace();
  void tell_workload(bool at_once);

  Parts parts_;
  /// Released, but the fleet has no room yet; by execution. Cancelled ones among them.
  fleet::FairQueue<engine::DispatchTask> queue_;
  std::size_t cancelled_ = 0;  // of queue_
  std::unordered_map<work::DispatchId, Awaited, work::DispatchIdHash> awaited_;
  std::vector<work::Outcome> refused_;  // dispatches that failed before they reached a worker
  std::vector<work::Outcome> outcomes_;
  std::deque<Settling> settling_;  // outcomes whose Events are not durable yet
  Pace pace_;
  std::uint32_t window_ = 0;
  std::chrono::steady_clock::time_point next_workload_;
  std::uint64_t dispatched_ = 0;
};

}  // namespace lockstep::service
