// The performer of activities' tasks: each waits until a worker of its activity asks for one. Who has taken a task
// answers its token, and the engine watches its time: nothing of that is kept here.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "engine/engine.hpp"
#include "fleet/fleet.hpp"
#include "service/clock.hpp"
#include "service/performer.hpp"
#include "service/request.hpp"

namespace lockstep::service {

/// One thread, the loop's. Borrows everything it works with.
class ActivityPerformer final : public Performer {
 public:
  /// How long who asks for a task waits for one.
  static constexpr std::chrono::seconds kLongPoll{60};

  struct Parts {
    const engine::Engine& engine;
    const Clock& clock;
    const fleet::Waker& waker;  ///< the loop's
    /// Whether somebody still waits for the answer to a request: asked before it gets a task. `asker` as there.
    std::function<bool(const std::string& request, const std::string& asker)> is_awaited;
  };
  explicit ActivityPerformer(Parts parts) : parts_(std::move(parts)) {}

  void dispatch(engine::DispatchTask dispatch) override;
  void cancel(const engine::DispatchId& id) override;
  /// All of them wait on, those first that have waited longest.
  Result<std::vector<Fate>> recover(const std::vector<engine::DispatchTask>& open) override;
  bool report(const TakeIn& take) override;
  std::size_t open() const override { return places_.size(); }
  void drain() override { draining_ = true; }

  /// A worker wants a task of the activity with this ARN: it is given the oldest, at once or when one comes. Then the
  /// engine answers the request, and taken() says with what. `take` as for report(). False: as many wait already as
  /// may.
  bool poll(const std::string& request, const std::string& arn, const GetActivityTask& wanted, const TakeIn& take);
  /// What the request was given; once. Nothing: it was no poll.
  std::optional<ActivityTask> taken(const std::string& request);
  /// Requests for which no task came within their time. They are forgotten.
  std::vector<std::string> expired();

 private:
  struct Poll {
    std::string request;
    std::string worker;
    std::string asker;
    Timestamp until;
  };
  struct Activity {
    std::map<std::uint64_t, engine::DispatchTask> tasks;  // in the order in which they came
    std::deque<Poll> polls;                               // likewise, and so of their ends
  };
  struct Waiting {
    Activity* activity;
    std::uint64_t number;
  };

  bool is_awaited(const Poll& poll) const { return parts_.is_awaited(poll.request, poll.asker); }
  bool match(Activity& activity, const TakeIn& take);
  bool give(const Poll& poll, const engine::DispatchTask& task, const TakeIn& take);

  Parts parts_;
  std::unordered_map<std::string, Activity> activities_;  // by ARN; as many as were ever named
  std::unordered_map<work::DispatchId, Waiting, work::DispatchIdHash> places_;
  std::uint64_t next_ = 0;
  std::unordered_map<std::string, ActivityTask> taken_;  // by request, until that is durable
  Timestamp next_end_{INT64_MAX};                        // no poll ends before
  bool may_match_ = false;                               // a task has come for which a worker waits
  bool draining_ = false;
};

}  // namespace lockstep::service
