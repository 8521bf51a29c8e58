// The performer of tasks that call Step Functions itself (nested_call.hpp): each dispatch becomes a request of the
// house, like one that comes in from outside, and what that is answered becomes the task's outcome.
//
// The request is named by the dispatch. An execution keeps the requests that it was about, so that after a crash a
// child that was started is found, and never started twice; it is held until its end was told to the task that waits.
// A child goes with the task that waits for it: also a synchronous one, which nobody else could stop, though AWS, where
// such a call is given up but its execution goes on, stops none.
#pragma once

#include <deque>
#include <functional>
#include <set>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "engine/engine.hpp"
#include "fleet/fleet.hpp"
#include "service/clock.hpp"
#include "service/nested_call.hpp"
#include "service/performer.hpp"

namespace lockstep::service {

/// Borrows everything it works with.
class NestedPerformer final : public Performer, public InputSource {
 public:
  struct Parts {
    const engine::Engine& engine;
    const Clock& clock;
    /// The execution of this ARN, or why it cannot be described.
    std::function<tl::expected<Description, Refused>(const std::string& arn)> describe;
    /// Tells requests of tasks whose dispatch is journalled nowhere from those of another owner's: a random number.
    std::uint64_t owner = 0;
  };
  explicit NestedPerformer(Parts parts) : parts_(std::move(parts)) {}

  void dispatch(engine::DispatchTask dispatch) override;
  void cancel(const engine::DispatchId& id) override;
  Result<std::vector<Fate>> recover(const std::vector<engine::DispatchTask>& open) override;
  bool report(const TakeIn& take) override;
  void durable(journal::SequenceNumber last) override;
  std::size_t open() const override { return asked_.size() + inputs_.size(); }

  void announce_to(const fleet::Waker& waker) override { waker_ = &waker; }
  bool has_news() const override { return !requests_.empty() || !settled_.empty(); }
  std::chrono::milliseconds longest_rest() const override;
  std::vector<Incoming> take() override;
  bool failed() const override { return false; }
  bool has_more() const override { return false; }
  void reply(const std::string& id, const Reply& reply) override;
  Result<void> take_back(const std::string& /*id*/) override { return {}; }
  std::vector<std::string> settle() override { return std::exchange(settled_, {}); }
  bool may_come_again(const std::string& id) override {
    return by_request_.contains(id) || answered_.contains(id) || stops_.contains(id);
  }

 private:
  struct Asked {
    engine::DispatchTask dispatch;
    std::string request;            // its id
    Request body;                   // until it goes out
    journal::SequenceNumber after;  // it goes out when this is durable
    std::string child;              // the ARN of one that runs, and is waited for
    bool cancelled = false;
    std::optional<Timestamp> until;  // of a synchronous child with a timeout
  };
  using AskedTable = std::unordered_map<work::DispatchId, Asked, work::DispatchIdHash>;

  std::string request_of(const engine::DispatchTask& dispatch) const;
  std::string uuid_of(const engine::DispatchTask& dispatch) const;
  void ask(engine::DispatchTask dispatch);
  void answer(Asked& asked, const Accepted& accepted);
  void answer(Asked& asked, const Refused& refused);
  void answer(Asked& asked, const Started& started);
  void answer(Asked& asked, const Ended& ended);
  void say(const Asked& asked, engine::TaskProgress::Kind kind, Value value);
  void succeed(Asked& asked, Value result);
  void fail(Asked& asked, integrations::Failure failure);
  void close(Asked& asked);
  void time_out();
  void stop(const std::string& execution_arn, const std::string& request);
  void wake() const;

  Parts parts_;
  const fleet::Waker* waker_ = nullptr;
  AskedTable asked_;
  std::unordered_map<std::string, work::DispatchId> by_request_;
  std::set<std::pair<Timestamp, work::DispatchId>> deadlines_;  // of those that have one
  std::unordered_set<std::string> stops_;                       // requests that stop a child nobody waits for
  std::vector<Incoming> requests_;
  std::vector<engine::InputBody> inputs_;
  std::vector<work::DispatchId> noting_;      // inputs_ has its note
  std::vector<work::DispatchId> noted_;       // which is not durable yet
  std::unordered_set<std::string> answered_;  // requests whose end is among inputs_
  std::vector<std::string> settled_;
};

}  // namespace lockstep::service
