// The loop against a journal that acknowledges late and a fleet that takes its time: nothing is visible before it is
// durable.
#include "service/service.hpp"

#include <gtest/gtest.h>
#include <poll.h>

#include "asl/parser.hpp"

namespace lockstep::service {
namespace {

/// Time that stands still until somebody waits.
class ManualClock final : public Clock {
 public:
  Timestamp now() const override { return now_; }
  void pass(std::chrono::microseconds time) { now_.us += time.count(); }

 private:
  Timestamp now_{1'700'000'000'000'000};
};

/// Two slots whose tasks end at random moments, in any order; some fail. Checks wall 1 on each dispatch.
class CarefulFleet final : public fleet::Fleet {
 public:
  CarefulFleet(ManualClock& clock, const journal::LateJournal& journal, std::uint64_t seed, int failing_percent)
      : clock_(clock), journal_(journal), random_(seed), failing_percent_(failing_percent) {}

  std::size_t slots() const override { return slots_; }
  std::size_t room() const override { return slots_ - std::min(slots_, tasks_.size()); }
  void dispatch(worker::Task task) override {
    EXPECT_TRUE(is_durable(task.id)) << "dispatched before it was durable";
    EXPECT_LT(tasks_.size(), slots_);
    tasks_.push_back(std::move(task));
  }
  void cancel(const worker::DispatchId& id) override {
    std::erase_if(tasks_, [&](const worker::Task& task) { return task.id == id; });
    ++cancelled_;
  }
  void wait(std::chrono::microseconds limit, const fleet::Waker& waker,
            std::vector<worker::Outcome>& outcomes) override {
    pollfd fd = {waker.descriptor(), POLLIN, 0};
    const bool woken = poll(&fd, 1, 0) > 0;
    EXPECT_FALSE(woken && was_woken_) << "a waker that stays woken would make the loop spin";
    was_woken_ = woken;
    clock_.pass(limit);
    if (tasks_.empty() || random_() % 3 == 0) {
      return;
    }
    const std::size_t which = random_() % tasks_.size();
    worker::Outcome outcome;
    outcome.id = tasks_[which].id;
    outcome.started = clock_.now();
    if (random_() % 100 < static_cast<std::uint64_t>(failing_percent_)) {
      outcome.kind = worker::OutcomeKind::failed;
      outcome.error = "Flaky";
    } else {
      outcome.result = tasks_[which].input;
    }
    tasks_.erase(tasks_.begin() + static_cast<std::ptrdiff_t>(which));
    outcomes.push_back(outcome);
    if (random_() % 4 == 0) {
      outcomes.push_back(std::move(outcome));  // told twice: the second must change nothing
    }
  }
  void stop() override {}
  std::string describe() const override { return "a careful fleet"; }

  void die() { slots_ = 0; }
  std::size_t left() const { return tasks_.size(); }
  int cancelled() const { return cancelled_; }

 private:
  bool is_durable(const worker::DispatchId& id) const {
    for (std::size_t i = 0; i < journal_.acknowledged(); ++i) {
      const engine::Event& event = journal_.events()[i];
      const auto* scheduled = std::get_if<engine::TaskScheduled>(&event.body);
      if (scheduled != nullptr && scheduled->count == id.count &&
          static_cast<std::uint32_t>(event.strand) == id.visit >> 32) {
        return true;
      }
    }
    return false;
  }

  ManualClock& clock_;
  const journal::LateJournal& journal_;
  std::mt19937_64 random_;
  int failing_percent_;
  std::size_t slots_ = 2;
  std::vector<worker::Task> tasks_;
  int cancelled_ = 0;
  bool was_woken_ = false;
};

struct Bench {
  explicit Bench(const std::string& definition, std::uint64_t seed = 1, int failing_percent = 0)
      : machine(asl::parse_definition(definition).machine),
        journal(seed),
        fleet(clock, journal, seed, failing_percent),
        integrations([] {
          integrations::Job echo;
          echo.resource = "job:echo";
          echo.builtin = integrations::Builtin::echo;
          return std::vector{echo};
        }()),
        engine(engine::Limits::hpc()),
        service(parts(seed)) {}

  Service::Parts parts(std::uint64_t seed) {
    Service::Parts parts{engine, journal, fleet, integrations, clock, waker, stop};
    parts.seed = seed;
    return parts;
  }
  Result<RunEnd> run(const std::string& input) {
    auto identity = std::make_shared<engine::Identity>();
    identity->name = "test";
    return service.run({engine::ExecutionId{1}, identity, machine, Value::from_text(input).value()});
  }

  asl::StateMachinePtr machine;
  ManualClock clock;
  journal::LateJournal journal;
  CarefulFleet fleet;
  integrations::Integrations integrations;
  engine::Engine engine;
  fleet::Waker waker;
  StopRequest stop;
  Service service;
};

constexpr const char* kMap = R"({"StartAt":"M","States":{"M":{"Type":"Map","ItemProcessor":{"StartAt":"T","States":{
  "T":{"Type":"Task","Resource":"job:echo","Retry":[{"ErrorEquals":["Flaky"],"MaxAttempts":1000,"BackoffRate":1}],"End":true}}},"End":true}}})";

TEST(Service, ReleasesEffectsOnlyOnceTheirEventsAreDurable) {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    Bench bench(kMap, seed, 30);
    const auto ended = bench.run("[1,2,3,4,5,6,7,8,9,10]");
    ASSERT_TRUE(ended.has_value()) << ended.error().message;
    EXPECT_EQ(ended->end.output.to_text(), "[1,2,3,4,5,6,7,8,9,10]") << "seed " << seed;
    EXPECT_EQ(bench.journal.acknowledged(), bench.journal.events().size())
        << "the result came before it was durable, seed " << seed;
    EXPECT_TRUE(std::holds_alternative<engine::ExecutionSucceeded>(bench.journal.events().back().body));
  }
}

TEST(Service, HearsTheWakerOnce) {
  Bench bench(kMap, 3, 30);
  bench.waker.wake();
  EXPECT_TRUE(bench.run("[1,2,3]").has_value());
}

TEST(Service, WhatTheJournalKeepsRebuildsTheState) {
  Bench bench(kMap, 7, 30);
  ASSERT_TRUE(bench.run("[1,2,3]").has_value());
  engine::Engine again(engine::Limits::hpc());
  for (const engine::Event& event : bench.journal.events()) {
    again.apply(event);
  }
  ASSERT_NE(again.find(engine::ExecutionId{1}), nullptr);
  EXPECT_EQ(again.find(engine::ExecutionId{1})->status, engine::Status::succeeded);
}

TEST(Service, CancelsTheSiblingsOfAFailedBranch) {
  int cancelled = 0;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    Bench bench(
        R"({"StartAt":"M","States":{"M":{"Type":"Map","ItemProcessor":{"StartAt":"T","States":{"T":{"Type":"Task","Resource":"job:echo","End":true}}},
            "Catch":[{"ErrorEquals":["Flaky"],"ResultPath":null,"Next":"W"}],"End":true},"W":{"Type":"Wait","Seconds":5,"End":true}}})",
        seed, 100);
    const auto ended = bench.run("[1,2,3,4]");
    ASSERT_TRUE(ended.has_value());
    EXPECT_EQ(ended->end.output.to_text(), "[1,2,3,4]");
    EXPECT_EQ(bench.fleet.left(), 0U);
    cancelled += bench.fleet.cancelled();
  }
  EXPECT_GT(cancelled, 0);  // of those that had been handed over; the rest never left the service
}

TEST(Service, FailsATaskThatNothingMapsWithoutAWorker) {
  Bench bench(
      R"({"StartAt":"T","States":{"T":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Parameters":{"FunctionName.$":"$.f"},
                  "Catch":[{"ErrorEquals":["Lambda.ResourceNotFoundException"],"Next":"C"}],"End":true},"C":{"Type":"Pass","OutputPath":"$.Error","End":true}}})");
  const auto ended = bench.run(R"({"f":"nowhere"})");
  ASSERT_TRUE(ended.has_value());
  EXPECT_EQ(ended->end.output.to_text(), "\"Lambda.ResourceNotFoundException\"");
}

TEST(Service, EndsWithAnErrorWhenNoWorkerIsLeft) {
  Bench bench(kMap);
  bench.fleet.die();
  const auto ended = bench.run("[1]");
  ASSERT_FALSE(ended.has_value());
  EXPECT_EQ(ended.error().kind, ErrorKind::unavailable);
}

TEST(Service, StopsBetweenTwoInputsWhenASignalSaysSo) {
  Bench bench(kMap);
  bench.stop.signal = 15;
  const auto ended = bench.run("[1]");
  ASSERT_TRUE(ended.has_value());
  EXPECT_TRUE(ended->interrupted);
}

}  // namespace
}  // namespace lockstep::service
