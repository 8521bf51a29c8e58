// The one loop (design): an Input goes to the engine, its Events to the journal, and an Effect to who performs it, once
// the Events that caused it are durable. It knows no execution and no integration.
#pragma once

#include <chrono>
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
#include "journal/folded.hpp"
#include "journal/journal.hpp"
#include "service/clock.hpp"
#include "service/observer.hpp"
#include "service/performer.hpp"
#include "service/request.hpp"
#include "service/stop.hpp"

namespace lockstep::service {

struct Answered {
  std::string request;
  Reply reply;
};

/// Knows which executions there are, and so what a request means.
class Desk {
 public:
  virtual ~Desk() = default;
  /// Hands what is asked for to `take`. A Reply: that led to nothing, and this is the answer.
  virtual std::optional<Reply> handle(Incoming incoming, const TakeIn& take) = 0;
  /// What is to be answered where the engine has this verdict on a request that was handed in; nothing yet.
  virtual std::optional<Reply> reply(const engine::AnswerRequest& verdict) = 0;
  /// What is to be answered without anything else: asked in each turn, while this process owns the run.
  virtual std::vector<Answered> due() { return {}; }
  /// The execution is over, which is durable. What is answered with that.
  virtual std::vector<Answered> on_end(const engine::Execution& execution, engine::EndExecution end) = 0;
  /// The request was answered and will not come again. The execution that it was about, where an owner before has
  /// dealt with it.
  virtual std::optional<engine::ExecutionId> forget(const std::string& /*request*/) { return std::nullopt; }
};

/// Borrows everything it works with. One thread: the caller of run().
class Loop {
 public:
  struct Parts {
    engine::Engine& engine;
    journal::Journal& journal;
    const Performers& performers;
    Sleeper& sleeper;
    Desk& desk;
    const Clock& clock;
    fleet::Waker& waker;
    const StopRequest& stop;
    std::vector<InputSource*> sources = {};
    worker::Machine* machine = &worker::real_machine();  ///< its clock and its sleep
    Observer* observer = nullptr;                        ///< may be null
    journal::Folded* folded = nullptr;                   ///< evolves with what is journalled; may be null
    /// Asked in each turn: whether this process still owns the run; while false, effects and tasks wait. An error: it
    /// never will again, and run() ends with it. Null: always.
    std::function<Result<bool>()> is_owner = nullptr;
    /// Called between Inputs: checkpoints. May be null.
    std::function<void()> between_inputs = nullptr;
    /// Called once when a signal has asked to stop, before anything is waited for. May be null.
    std::function<void()> on_stop = nullptr;
    /// After a signal, how long tasks may still run before they are stopped.
    std::chrono::milliseconds grace{0};
    /// This execution is held also when it is over and was told.
    std::optional<engine::ExecutionId> held = std::nullopt;
    std::uint64_t seed = 0;  ///< of all randomness of the run, but for what must not be guessed
    engine::TokenKey token_key = {};
    const engine::ActivityRule* activities = nullptr;  ///< as Input::activities
  };
  explicit Loop(const Parts& parts);

  /// Goes on with the executions that the engine holds. What had ended meanwhile is taken in before anything overdue
  /// happens and before anything runs again (wall 3). All of that is durable when it returns.
  Result<void> recover();
  /// Lets the engine decide, and hands its Events to the journal. Effects queue up behind the last of them, whose
  /// number is the result.
  journal::SequenceNumber take(engine::InputBody body);
  /// Journals an Event that is none of the engine's.
  void record(engine::EventBody body);
  /// The desk is asked for the reply to this request once all that has happened is durable.
  void answer_when_durable(const std::string& request);
  /// What is over and was told, and is no request's that may come again, is not held any longer. After recover(), which
  /// holds all that ended since a checkpoint.
  void forget_what_is_over();
  /// Goes round until `is_over` says so, which is asked when effects were released (true), or a signal has stopped it
  /// with work left (false). Errors: what is out can never end, the journal failed, the run has another owner.
  Result<bool> run(const std::function<bool()>& is_over);

 private:
  struct WaitingEffect {
    journal::SequenceNumber after;
    engine::Effect effect;
  };

  struct Source {
    InputSource* source;
    std::chrono::steady_clock::time_point next_look = {};
  };

  Result<bool> go_round(const std::function<bool()>& is_over);
  Result<bool> is_owner();
  void release_effects(bool is_owner);
  bool in_hurry() const;
  void journal_step();
  void perform(engine::DispatchTask& dispatch);
  void perform(const engine::CancelTask& cancel);
  void perform(engine::EndExecution& end);
  void perform(const engine::AnswerRequest& verdict);
  void answer(const std::string& request, const Reply& reply);
  void forget_if_over(engine::ExecutionId id);
  bool end_is_due(engine::ExecutionId id) const;
  void begin_to_drain();
  bool drained() const;
  std::optional<Error> failure() const;
  bool report();
  void answer_what_is_due();
  bool take_requests();
  bool take_requests(Source& from);
  void settle(InputSource& source);
  void forget_old_requests();
  void look_at_window();
  std::chrono::microseconds patience() const;
  bool is_stuck() const;

  Parts parts_;
  std::vector<Source> sources_;
  std::mt19937_64 random_;
  engine::Step step_;
  std::uint32_t task_window_ = 0;
  bool timers_held_ = false;
  std::deque<WaitingEffect> effects_;    // in order; released as the journal becomes durable
  std::vector<engine::Effect> at_once_;  // that nothing durable has to precede
  const TakeIn take_ = [this](engine::InputBody body) { return take(std::move(body)); };
  journal::SequenceNumber last_ = 0;
  std::unordered_map<std::string, engine::ExecutionId> answered_;  // requests that may come again after a crash
  std::optional<std::chrono::steady_clock::time_point> drain_end_;
};

}  // namespace lockstep::service
