// Who does what the engine asks for (design, wall 11). Jobs in the fleet are one performer; whatever else a Task's
// Resource may mean is another one beside it, and the loop knows none of them by name.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <variant>
#include <vector>

#include "engine/input.hpp"
#include "journal/format.hpp"
#include "value/error.hpp"

namespace lockstep::service {

/// Lets the engine decide on an Input. The number of the last Event that there is then: once that is durable, so is all
/// that the Input led to.
using TakeIn = std::function<journal::SequenceNumber(engine::InputBody)>;

/// What has become of a dispatch that was out when the last owner ended.
struct GoesOutAgain {};
struct StillRunning {};
/// It goes on where a rank has journalled that it is: the Inputs that it has missed, in order.
struct GoesOn {
  std::vector<engine::InputBody> missed;
};
using Fate = std::variant<work::Outcome, GoesOutAgain, StillRunning, GoesOn>;

/// All calls come from one thread, the loop's. Nothing blocks, but for recover().
class Performer {
 public:
  virtual ~Performer() = default;

  /// What led to this dispatch is durable: it may begin. An outcome comes of it by report(), once, unless it is
  /// cancelled before.
  virtual void dispatch(engine::DispatchTask dispatch) = 0;
  /// Nobody waits for this dispatch any more. Ids of other performers, and unknown ones, are ignored.
  virtual void cancel(const engine::DispatchId& id) = 0;
  /// The fate of each of `open`, in order, before anything else is asked of it: what this performer has to do with it,
  /// and what it noted of it (DispatchTask::note) comes with the dispatch. Errors: it cannot be known now.
  virtual Result<std::vector<Fate>> recover(const std::vector<engine::DispatchTask>& open) = 0;
  /// All that recover() said is durable in the journal.
  virtual void recovered() {}

  /// Begins what can begin. Once a turn while this process owns the run, and it is not being stopped.
  virtual void advance() {}
  /// Hands what has happened since the last call to `take`. False: nothing has. What happens while the loop sleeps has
  /// to wake it (fleet::Waker).
  virtual bool report(const TakeIn& take) = 0;
  /// Events up to this one are durable.
  virtual void durable(journal::SequenceNumber /*last*/) {}

  /// Whether more dispatches are of use before the journal's next commit, which comes by itself (journal::kUnhurried).
  virtual bool in_hurry() const { return true; }
  /// Dispatches that it holds.
  virtual std::size_t open() const = 0;
  /// So many tasks may be out below a Map before it starts no more iterations; 0: any number.
  virtual std::uint32_t window() const { return 0; }
  /// Why what it holds can never come to an end.
  virtual std::optional<Error> failure() const { return std::nullopt; }

  /// The run is being stopped: nothing begins any more.
  virtual void drain() {}
  /// Whether all that had begun is known to be over.
  virtual bool drained() const { return true; }
};

/// Who performs what. Borrows all of them.
class Performers {
 public:
  using Rule = std::function<bool(const engine::DispatchTask& dispatch)>;
  explicit Performers(Performer& others) : all_{&others} {}
  /// The first rule that holds decides, else it is the one that does what no other does.
  void add(Rule rule, Performer& performer) {
    all_.push_back(&performer);
    rules_.emplace_back(std::move(rule), &performer);
  }
  Performer& of(const engine::DispatchTask& dispatch) const {
    for (const auto& [rule, performer] : rules_) {
      if (rule(dispatch)) {
        return *performer;
      }
    }
    return *all_.front();
  }
  const std::vector<Performer*>& all() const { return all_; }

 private:
  std::vector<Performer*> all_;
  std::vector<std::pair<Rule, Performer*>> rules_;
};

/// Where the loop sleeps.
class Sleeper {
 public:
  virtual ~Sleeper() = default;
  /// Until there is something to report, the loop's waker is woken, or `limit` is over.
  virtual void sleep(std::chrono::microseconds limit) = 0;
};

}  // namespace lockstep::service
