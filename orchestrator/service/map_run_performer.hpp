// The performer of Map Runs whose children are executions of the house: each child becomes a request of the house, as a
// nested execution does (nested_performer.hpp), named by Map Run and number. So a child that was started is found again
// after a crash, never started twice, and held until the Map Run knows its end.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "fleet/fleet.hpp"
#include "service/map_run_work.hpp"
#include "service/performer.hpp"
#include "service/request.hpp"

namespace lockstep::service {

/// Borrows everything it works with.
class MapRunPerformer final : public Performer, public InputSource {
 public:
  struct Parts {
    MapRunWork::Parts work;
    /// The execution of this ARN, or why it cannot be described.
    std::function<tl::expected<Description, Refused>(const std::string& arn)> describe;
  };
  explicit MapRunPerformer(Parts parts) : parts_(std::move(parts)) {}

  void dispatch(engine::DispatchTask dispatch) override;
  void cancel(const engine::DispatchId& id) override;
  Result<std::vector<Fate>> recover(const std::vector<engine::DispatchTask>& open) override;
  void advance() override;
  bool report(const TakeIn& take) override;
  std::size_t open() const override { return runs_.size() + asked_.size(); }

  void announce_to(const fleet::Waker& waker) override { waker_ = &waker; }
  bool has_news() const override { return !requests_.empty() || !settled_.empty(); }
  std::chrono::milliseconds longest_rest() const override { return std::chrono::hours(1); }
  std::vector<Incoming> take() override;
  bool failed() const override { return false; }
  bool has_more() const override { return !requests_.empty(); }
  void reply(const std::string& id, const Reply& reply) override;
  Result<void> take_back(const std::string& /*id*/) override { return {}; }
  std::vector<std::string> settle() override { return std::exchange(settled_, {}); }
  bool may_come_again(const std::string& id) override;

  /// The dispatch of the Map Run that this ARN, or UUID, means; nothing: none of that name is at work.
  std::optional<work::DispatchId> at_work(const std::string& map_run) const;

 private:
  enum class Purpose : std::uint8_t { start, redrive, stop };
  struct Asked {
    work::DispatchId run;
    std::uint64_t child = 0;
    std::string arn = {};  // of its execution
    Purpose purpose = Purpose::start;
  };
  struct Run {
    std::unique_ptr<MapRunWork> work;
    std::unordered_map<std::uint64_t, std::string> requests;  // of its live children, by number
    bool recovered = false;                                   // there may be children that were not reached again
  };
  /// A child that is to be redriven, and what it was before.
  struct Again {
    MapRunWork::Child child;
    Description before;
  };

  bool is_out(const work::DispatchId& id) const { return parts_.work.engine.find_map_run(id) != nullptr; }
  Run* find(const work::DispatchId& id);
  void add(engine::DispatchTask dispatch);
  void ask(const std::string& id, Asked asked, Request request);
  void begin_again(Run& run, MapRunWork::Child child);
  void start(Run& run, MapRunWork::Child child, bool stands);
  void stop(const std::string& id, const Asked& asked);
  void stop_children(const Run& run);
  template <class IsMeant>
  void let_go(const IsMeant& is_meant);
  void answer(const std::string& id, const Asked& asked, const Ended& ended);
  void answer(const std::string& id, const Asked& asked, const Refused& refused);
  void answer(const std::string& id, const Asked& asked, const Accepted& accepted);
  void close(const std::string& id);
  void tell(Run& run, const MapRunWork::News& news);
  void wake() const;

  Parts parts_;
  const fleet::Waker* waker_ = nullptr;
  std::unordered_map<work::DispatchId, Run, work::DispatchIdHash> runs_;
  std::unordered_map<std::string, work::DispatchId> by_uuid_;
  std::unordered_map<std::string, Asked> asked_;  // by request
  std::unordered_map<std::string, Again> again_;  // by the request of its redrive
  std::deque<Incoming> requests_;
  std::vector<std::string> settled_;
};

}  // namespace lockstep::service
