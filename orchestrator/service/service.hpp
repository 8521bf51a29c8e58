// The shell around the engine: the one loop. Takes what happened, lets the engine decide, gives the Events to the
// journal, and performs an Effect only when the Events that caused it are durable.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <random>
#include <string>
#include <unordered_map>
#include <vector>

#include "engine/engine.hpp"
#include "fleet/fleet.hpp"
#include "integrations/integration.hpp"
#include "journal/journal.hpp"
#include "service/clock.hpp"

namespace lockstep::service {

/// Sees every Event after it was applied, before it goes to the journal: history files, progress lines.
class Observer {
 public:
  virtual ~Observer() = default;
  virtual void on_event(const engine::Event& event, const engine::Engine& engine) = 0;
};

/// What came in from a signal handler. Only lock-free atomics: safe in a handler.
struct StopRequest {
  std::atomic<int> signal{0};  ///< the first that asked to stop; 0: none
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
    std::uint64_t seed = 0;        ///< of all randomness of the run
  };
  explicit Service(const Parts& parts);

  /// Runs one execution to its end and returns what became of it, once that is durable. Errors: no worker is left, the
  /// journal failed.
  Result<RunEnd> run(engine::StartExecution start);

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

  void take(engine::Input input);
  template <class Body>
  void take_now(Body body);
  void release_effects();
  void perform(engine::DispatchTask& dispatch);
  void perform(const engine::CancelTask& cancel);
  void perform(const engine::EndExecution& end);
  void hand_out();
  bool start(engine::DispatchTask dispatch, Awaited& awaited);
  void drop_cancelled();
  bool take_outcomes();
  std::chrono::microseconds patience();

  Parts parts_;
  std::mt19937_64 random_;
  engine::Step step_;
  std::deque<WaitingEffect> effects_;       // in order; released as the journal becomes durable
  std::deque<engine::DispatchTask> queue_;  // released, but the fleet has no room yet; cancelled ones among them
  std::size_t cancelled_ = 0;               // of queue_
  std::unordered_map<worker::DispatchId, Awaited, worker::DispatchIdHash> awaited_;
  std::vector<engine::TaskOutcome> refused_;  // dispatches that failed before they reached a worker
  std::vector<worker::Outcome> outcomes_;
  std::optional<engine::EndExecution> ended_;
  std::uint64_t dispatched_ = 0;
};

}  // namespace lockstep::service
