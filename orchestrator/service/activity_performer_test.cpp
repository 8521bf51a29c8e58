// Who gets which task of an activity, and when.
#include "service/activity_performer.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "asl/parser.hpp"
#include "catalogue/names.hpp"
#include "engine/snapshot.hpp"
#include "service/test_clock.hpp"

namespace lockstep::service {
namespace {

using testing::ElementsAre;

/// An engine whose activities' tasks go to a performer at once, as if all that happens were durable.
class Activities : public testing::Test {
 protected:
  /// An execution with one task of the activity `name`.
  void start(std::uint64_t id, const std::string& name = "paint") {
    const auto machine = asl::parse_definition(R"({"StartAt":"A","States":{"A":{"Type":"Task","End":true,)"
                                               R"("HeartbeatSeconds":30,"Resource":")" +
                                               catalogue::activity_arn(name) + "\"}}}")
                             .machine;
    take(engine::StartExecution{engine::ExecutionId{id}, std::make_shared<engine::Identity>(), machine,
                                Value::integer(static_cast<std::int64_t>(id))});
  }
  journal::SequenceNumber take(engine::InputBody body) {
    engine::Step step;
    engine_.handle({clock_.now(), 1, std::move(body)}, step);
    while (engine_.has_ready()) {
      engine_.handle({clock_.now(), 1, engine::Proceed{}}, step);
    }
    for (engine::Effect& effect : step.effects) {
      if (auto* dispatch = std::get_if<engine::DispatchTask>(&effect.body)) {
        performer_->dispatch(std::move(*dispatch));
      } else if (const auto* cancel = std::get_if<engine::CancelTask>(&effect.body)) {
        cancelled_.push_back(cancel->id);
      } else if (const auto* answer = std::get_if<engine::AnswerRequest>(&effect.body)) {
        answered_.push_back(answer->request);
      }
    }
    return 0;
  }
  void poll(const std::string& request, const std::string& name = "paint") {
    performer_->poll(request, catalogue::activity_arn(name), {name, "worker of " + request, request}, take_);
  }
  /// What each request that was answered since the last time has got.
  std::vector<std::string> got() {
    std::vector<std::string> inputs;
    for (const std::string& request : std::exchange(answered_, {})) {
      inputs.push_back(request + " " + performer_->taken(request).value().input.to_text());
    }
    return inputs;
  }
  /// Another process takes over.
  void begin_anew() {
    performer_ = make();
    const auto open = engine::open_dispatches(engine_);
    const auto fates = performer_->recover(open).value();
    for (const Fate& fate : fates) {
      EXPECT_TRUE(std::holds_alternative<StillRunning>(fate));
    }
  }
  std::unique_ptr<ActivityPerformer> make() {
    return std::make_unique<ActivityPerformer>(
        ActivityPerformer::Parts{engine_, clock_, waker_, [this](const std::string& request, const std::string& asker) {
                                   EXPECT_EQ(request, asker);
                                   return !gone_.contains(request);
                                 }});
  }

  ManualClock clock_;
  engine::Engine engine_{engine::Limits::hpc()};
  fleet::Waker waker_;
  std::set<std::string> gone_;
  std::vector<std::string> answered_;
  std::vector<engine::DispatchId> cancelled_;
  std::unique_ptr<ActivityPerformer> performer_ = make();
  const TakeIn take_ = [this](engine::InputBody body) { return take(std::move(body)); };
};

TEST_F(Activities, GiveTheirTasksToWhoAsksTheOldestFirst) {
  start(1);
  start(2);
  start(3, "print");
  EXPECT_EQ(performer_->open(), 3U);
  poll("a");
  EXPECT_THAT(got(), ElementsAre("a 1"));
  poll("b");
  poll("c");
  EXPECT_THAT(got(), ElementsAre("b 2"));
  poll("d", "print");
  EXPECT_THAT(got(), ElementsAre("d 3"));
  EXPECT_EQ(performer_->open(), 0U);
  start(4);
  EXPECT_THAT(got(), ElementsAre());
  EXPECT_TRUE(performer_->report(take_));
  EXPECT_THAT(got(), ElementsAre("c 4")) << "who had waited";
}

TEST_F(Activities, TellTheWorkerWhatItHasToKnow) {
  start(1);
  poll("a");
  const engine::Strand& strand = *engine_.find(engine::ExecutionId{1})->find(engine::StrandId::top);
  const ActivityTask task = performer_->taken("a").value();
  EXPECT_EQ(task.token, *strand.token);
  EXPECT_EQ(task.heartbeat_seconds, 30);
  EXPECT_EQ(strand.phase, engine::Phase::callback);
  EXPECT_FALSE(performer_->taken("a")) << "it is told once";
}

TEST_F(Activities, LetWhoAsksWaitAMinute) {
  poll("a");
  clock_.time.us += 59'000'000;
  poll("b", "print");
  EXPECT_THAT(performer_->expired(), ElementsAre());
  clock_.time.us += 1'000'000;
  EXPECT_THAT(performer_->expired(), ElementsAre("a"));
  start(1);
  EXPECT_FALSE(performer_->report(take_));
  clock_.time.us += 59'000'000;
  EXPECT_THAT(performer_->expired(), ElementsAre("b"));
}

TEST_F(Activities, PassOverWhoHasGoneAway) {
  poll("a");
  poll("b");
  gone_ = {"a"};
  start(1);
  performer_->report(take_);
  EXPECT_THAT(got(), ElementsAre("b 1"));
}

TEST_F(Activities, GiveNothingThatIsOver) {
  start(1);
  start(2);
  start(3);
  take(engine::StopExecution{"", engine::ExecutionId{1}, {}, {}});
  poll("a");
  EXPECT_THAT(got(), ElementsAre("a 2")) << "whose cancellation is yet to come";
  performer_->cancel(cancelled_.at(0));
  take(engine::StopExecution{"", engine::ExecutionId{3}, {}, {}});
  performer_->cancel(cancelled_.at(1));
  EXPECT_EQ(performer_->open(), 0U);
  poll("b");
  EXPECT_THAT(got(), ElementsAre());
}

TEST_F(Activities, KeepWhatNobodyHasTakenWhenAnotherProcessTakesOver) {
  start(3);
  clock_.time.us += 1;
  start(2);
  clock_.time.us += 1;
  start(1);
  poll("a");
  EXPECT_THAT(got(), ElementsAre("a 3"));
  begin_anew();
  EXPECT_EQ(performer_->open(), 2U);
  poll("b");
  poll("c");
  poll("d");
  EXPECT_THAT(got(), ElementsAre("b 2", "c 1"));
}

TEST_F(Activities, GiveNothingWhileTheRunIsBeingStopped) {
  poll("a");
  performer_->drain();
  start(1);
  performer_->report(take_);
  poll("b");
  EXPECT_THAT(got(), ElementsAre());
  EXPECT_TRUE(performer_->drained());
}

}  // namespace
}  // namespace lockstep::service
