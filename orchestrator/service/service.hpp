// The shell around the engine: the one loop. Takes what happened, lets the engine decide, gives the Events to the
// journal, and performs an Effect only when the Events that caused it are durable.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <random>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "engine/engine.hpp"
#include "fleet/fair_queue.hpp"
#include "fleet/fleet.hpp"
#include "integrations/integration.hpp"
#include "journal/journal.hpp"
#include "service/clock.hpp"
#include "service/mailbox.hpp"

namespace lockstep::service {

/// Sees what happens: history files, progress. On the service's thread; must not block.
class Observer {
 public:
  virtual ~Observer() = default;
  /// Every Event after it was applied, before it goes to the journal.
  virtual void on_event(const engine::Event& event, const engine::Engine& engine) = 0;
  /// What a worker has sent, before the engine takes it.
  virtual void on_outcome(const worker::Outcome& /*outcome*/, const engine::Engine& /*engine*/) {}
};

/// What came in from a signal handler. Only lock-free atomics: safe in a handler.
struct StopRequest {
  std::atomic<int> signal{0};  ///< the first that asked to stop; 0: none
};

/// A run that goes on: what recovery found (journal/recovery.hpp, mpi_worker/spool.hpp).
struct Interruption {
  engine::ExecutionId execution{};
  std::vector<engine::DispatchId> tasks;                                                     ///< that were out
  std::unordered_map<worker::DispatchId, worker::Outcome, worker::DispatchIdHash> finished;  ///< in a spool
  std::unordered_set<worker::DispatchId, worker::DispatchIdHash> begun;                      ///< with a Started marker
  /// Called when all of that is durable in the journal.
  std::function<void()> taken_in;
};

/// How a run ended.
struct RunEnd {
  bool interrupted = false;  ///< a signal stopped it with work left
  engine::EndExecution end;  ///< otherwise
};

/// Borrows everything it works with. One thread: the caller of run().
class Service {
 public:
  struct Parts {
    engine::Engine& engine;
    journal::Journal& journal;
    fleet::Fleet& fleet;
    const integrations::Integrations& integrations;
    const Clock& clock;
    fleet::Waker& waker;
    const StopRequest& stop;
    Observer* observer = nullptr;  ///< may be null
    Mailbox* mailbox = nullptr;    ///< may be null
    /// Asked before effects go out: whether this process still owns the run; while false, they wait. An error: it never
    /// will again. Null: always.
    std::function<Result<bool>()> is_owner;
    /// Called between Inputs: checkpoints. May be null.
    std::function<void()> between_inputs;
    /// Only the start and the end of executions are journalled (asynchronous Express, wall 1).
    bool express = false;
    /// After a signal, how long tasks may still run before they are stopped.
    std::chrono::milliseconds grace{0};
    std::uint64_t seed = 0;  ///< of all randomness of the run
  };
  explicit Service(const Parts& parts);

  /// Runs one execution to its end and returns what became of it, once that is durable. Errors: no worker is left, the
  /// journal failed.
  Result<RunEnd> run(engine::StartExecution start);
  /// Goes on with an execution that the engine holds. What had ended meanwhile is taken in before anything overdue
  /// happens and before anything runs again (wall 3).
  Result<RunEnd> resume(Interruption interruption);
  /// Runs again what did not succeed in an execution that the engine holds and that is over.
  Result<RunEnd> redrive(engine::ExecutionId execution);

  /// Tasks that were handed to the fleet.
  std::uint64_t dispatched() const { return dispatched_; }

 private:
  struct WaitingEffect {
    journal::SequenceNumber after;
    engine::Effect effect;
  };
  /// A dispatch that somebody waits for.
  struct Awaited {
    bool handed_out = false;
    integrations::Wrapping wrapping;  // once it is handed out
  };

  Result<RunEnd> loop();
  void take_in(Interruption& interruption);
  void take(engine::Input input);
  template <class Body>
  void take_now(Body body);
  Result<void> release_effects();
  void perform(engine::DispatchTask& dispatch);
  void perform(const engine::CancelTask& cancel);
  void perform(const engine::EndExecution& end);
  void perform(const engine::AnswerRequest& answer);
  void hand_out();
  bool start(engine::DispatchTask dispatch, Awaited& awaited);
  engine::TaskOutcome to_engine_outcome(worker::Outcome& ended, const integrations::Wrapping& wrapping);
  void settle(std::uint32_t rank);
  bool take_messages();
  bool drained();
  void drop_cancelled();
  void keep_pace();
  bool take_outcomes();
  std::chrono::microseconds patience();

  Parts parts_;
  std::mt19937_64 random_;
  engine::Step step_;
  std::deque<WaitingEffect> effects_;  // in order; released as the journal becomes durable
  /// Released, but the fleet has no room yet; by execution. Cancelled ones among them.
  fleet::FairQueue<engine::DispatchTask> queue_;
  std::size_t cancelled_ = 0;  // of queue_
  std::unordered_map<worker::DispatchId, Awaited, worker::DispatchIdHash> awaited_;
  std::vector<engine::TaskOutcome> refused_;  // dispatches that failed before they reached a worker
  std::vector<worker::Outcome> outcomes_;
  std::optional<engine::EndExecution> ended_;
  struct Settling {
    journal::SequenceNumber after;
    std::uint32_t rank;
  };
  /// How many tasks end in the time between two commits of the journal that nobody asks for.
  struct Pace {
    std::int64_t since_us = 0;
    std::size_t outcomes = 0;  // since then
    std::size_t lately = 0;    // in that time, at the last count
  };
  Pace pace_;
  std::deque<Settling> settling_;  // outcomes whose Events are not durable yet
  journal::SequenceNumber last_ = 0;
  std::chrono::steady_clock::time_point next_look_;  // into the mailbox
  std::optional<std::chrono::steady_clock::time_point> drain_end_;
  engine::ExecutionId execution_{};
  std::uint64_t dispatched_ = 0;
};

}  // namespace lockstep::service
