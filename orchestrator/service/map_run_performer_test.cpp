// Which children of a Map Run begin, what it asks of the house, and what becomes of that when it ends.
#include "service/map_run_performer.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>

#include "asl/parser.hpp"
#include "engine/snapshot.hpp"
#include "fleet/fleet.hpp"
#include "service/test_clock.hpp"
#include "value/test_json.hpp"

namespace lockstep::service {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

/// An engine whose Map Runs go to a performer at once, as if all that happens were durable; the test is the desk.
class MapRuns : public testing::Test {
 protected:
  /// Of items that a Choice lets fail where they are 0.
  void start(const std::string& items, const std::string& fields = "", const std::string& kind = "STANDARD") {
    const auto parsed =
        asl::parse_definition(R"({"StartAt":"M","States":{"M":{"Type":"Map","End":true,)" + fields +
                              R"("ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":")" + kind +
                              R"("},"StartAt":"C","States":{
          "C":{"Type":"Choice","Choices":[{"Variable":"$","NumericEquals":0,"Next":"F"}],"Default":"P"},
          "F":{"Type":"Fail","Error":"Zero"},"P":{"Type":"Pass","End":true}}}}}})");
    ASSERT_NE(parsed.machine, nullptr);
    const auto machine = std::make_shared<engine::MachineIdentity>(
        engine::MachineIdentity{"m", "arn:aws:states:us-east-1:123456789012:stateMachine:m", "role"});
    take(
        engine::StartExecution{kParent, std::make_shared<engine::Identity>("e", machine), parsed.machine, json(items)});
  }
  journal::SequenceNumber take(engine::InputBody body) {
    engine::Step step;
    engine_.handle({clock_.now(), 1, std::move(body)}, step);
    while (engine_.has_ready()) {
      engine_.handle({clock_.now(), 1, engine::Proceed{}}, step);
    }
    for (engine::Effect& effect : step.effects) {
      if (auto* dispatch = std::get_if<engine::DispatchTask>(&effect.body)) {
        out_ = *dispatch;
        performer_.dispatch(std::move(*dispatch));
      } else if (const auto* cancel = std::get_if<engine::CancelTask>(&effect.body)) {
        cancelled_.push_back(cancel->id);
      } else if (auto* end = std::get_if<engine::EndExecution>(&effect.body)) {
        ends_.push_back(std::move(*end));
      }
    }
    return 0;
  }
  /// What is asked for after a turn.
  std::vector<std::string> asked() {
    performer_.report(take_);
    performer_.advance();
    std::vector<std::string> ids;
    for (Incoming& incoming : performer_.take()) {
      ids.push_back(incoming.id);
      if (auto* child = std::get_if<StartChild>(&*incoming.request)) {
        to_start_[incoming.id] = std::move(child->start);
      }
    }
    return ids;
  }
  /// Runs the child to its end, which nobody is told yet.
  engine::EndExecution run(const std::string& request) {
    engine::StartExecution start = to_start_.at(request);
    start.id = engine::ExecutionId{++last_};
    start.request = request;
    take(std::move(start));
    const engine::EndExecution end = ends_.back();
    ends_.pop_back();
    return end;
  }
  void finish(const std::string& request) { performer_.reply(request, Ended{"arn", run(request)}); }
  bool is_awake() const {
    pollfd one{waker_.descriptor(), POLLIN, 0};
    return ::poll(&one, 1, 0) == 1;
  }
  const engine::DispatchId& map_run() {
    id_ = engine::open_dispatches(engine_).front().id;
    return id_;
  }

  static constexpr engine::ExecutionId kParent{1};
  engine::Engine engine_{engine::Limits::hpc()};
  ManualClock clock_;
  map_run::Buckets buckets_;
  fleet::Waker waker_;
  MapRunPerformer performer_{{{engine_, buckets_, clock_}, [](const std::string&) {
                                return tl::unexpected(Refused{"ExecutionDoesNotExist", ""});
                              }}};
  const TakeIn take_ = [this](engine::InputBody body) { return take(std::move(body)); };
  std::map<std::string, engine::StartExecution> to_start_;
  std::vector<engine::DispatchId> cancelled_;
  std::vector<engine::EndExecution> ends_;
  engine::DispatchTask out_;  // the last that went out
  std::uint64_t last_ = 1;
  engine::DispatchId id_;
};

TEST_F(MapRuns, OneThatWasGivenUpWhileTheOwnerRecoveredIsNotGoneOnWith) {
  start("[1]");
  performer_.cancel(out_.id);
  take(engine::StopExecution{"", kParent, std::nullopt, std::nullopt});
  const auto fates = performer_.recover({out_});  // as it was open when the recovery began
  ASSERT_TRUE(fates);
  EXPECT_EQ(fates->size(), 1U);
  EXPECT_THAT(asked(), IsEmpty());
}

TEST_F(MapRuns, NoMoreChildrenRunThanMayAndTheirOutputsAreTheResult) {
  start("[1,2,3]", R"("MaxConcurrency":2,)");
  const auto first = asked();
  ASSERT_EQ(first.size(), 2U);
  EXPECT_THAT(asked(), IsEmpty());
  finish(first[1]);
  const auto third = asked();
  ASSERT_EQ(third.size(), 1U);
  EXPECT_THAT(performer_.settle(), ElementsAre(first[1]));
  finish(first[0]);
  finish(third[0]);
  asked();
  asked();
  ASSERT_EQ(ends_.size(), 1U);
  EXPECT_EQ(ends_[0].output.to_text(), "[1,2,3]");
  EXPECT_EQ(performer_.open(), 0U);
}

TEST_F(MapRuns, AChildThatEndsWhileTheMapRunIsGivenUpHurtsNobody) {
  start("[1,2]");
  const auto children = asked();
  ASSERT_EQ(children.size(), 2U);
  const engine::EndExecution end = run(children[0]);
  take(engine::StopExecution{"", kParent, std::nullopt, std::nullopt});
  performer_.reply(children[0], Ended{"arn", end});  // both are told at the same time
  ASSERT_EQ(cancelled_.size(), 1U);
  performer_.cancel(cancelled_[0]);
  EXPECT_THAT(performer_.settle(), ElementsAre(children[0]));
  EXPECT_THAT(asked(), ElementsAre(children[1] + "-stop"));
  performer_.reply(children[1] + "-stop", Accepted());
  finish(children[1]);
  EXPECT_THAT(performer_.settle(), ElementsAre(children[1] + "-stop", children[1]));
  EXPECT_EQ(performer_.open(), 0U);
}

TEST_F(MapRuns, AFailureThatIsNotBorneStopsTheOthers) {
  start("[0,1,2]", R"("MaxConcurrency":2,)");
  const auto children = asked();
  finish(children[0]);
  EXPECT_THAT(asked(), ElementsAre(children[1] + "-stop"));
  finish(children[1]);
  asked();
  asked();
  ASSERT_EQ(ends_.size(), 1U);
  EXPECT_EQ(ends_[0].error, "States.ExceedToleratedFailureThreshold");
}

TEST_F(MapRuns, OfWhatAnOwnerBeforeHasAskedOnlyTheChildrenThatAreOpenMayComeAgain) {
  start("[1,2]");
  const auto children = asked();
  finish(children[0]);
  asked();
  ASSERT_EQ(performer_.settle().size(), 1U);
  const auto open = engine::open_dispatches(engine_);
  MapRunPerformer next{{{engine_, buckets_, clock_}, nullptr}};
  ASSERT_TRUE(next.recover(open).has_value());
  EXPECT_FALSE(next.may_come_again(children[0])) << "it is settled";
  EXPECT_TRUE(next.may_come_again(children[1]));
  for (const char* other : {"-stop", "-again-1", "-r1", "x"}) {
    EXPECT_FALSE(next.may_come_again(children[1] + other)) << other;
  }
  EXPECT_FALSE(next.may_come_again("map-"));
}

TEST_F(MapRuns, ItGoesOnAtOnceAsLongAsThereIsMoreToLookAt) {
  std::string items = "[1";
  for (int i = 1; i < 5000; ++i) {
    items += ",1";
  }
  start(items + "]", R"("MaxConcurrency":1,)");
  const auto first = asked();
  engine::MapRunReport report{map_run(), {}};
  for (std::uint64_t i = 1; i < 4999; ++i) {
    report.progress.children.push_back({i, 1, engine::Status::succeeded, json("1")});
  }
  take(report);  // as if an owner before had been told of them
  finish(first.front());
  performer_.announce_to(waker_);
  int turns = 0;
  std::vector<std::string> last;
  while (last.empty() && turns++ < 100) {
    waker_.clear();
    last = asked();
    ASSERT_TRUE(is_awake()) << "it would sleep in turn " << turns;
  }
  EXPECT_EQ(last.size(), 1U);
}

}  // namespace
}  // namespace lockstep::service
