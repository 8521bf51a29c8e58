#include "fleet/local_fleet.hpp"
#include "fleet/settlement.hpp"

#include <gtest/gtest.h>

#include <csignal>

namespace lockstep::fleet {
namespace {

using integrations::Builtin;
using integrations::Job;
using integrations::JobId;
using integrations::JobKind;
using namespace std::chrono_literals;

FleetSettings settings() {
  FleetSettings made;
  made.kill_after = 50ms;
  made.jobs = {Job{.resource = "job:noop", .builtin = Builtin::noop},
               Job{.resource = "job:sleep", .builtin = Builtin::sleep},
               Job{.resource = "job:cat", .kind = JobKind::exec, .argv = {"cat"}, .folder = "/"},
               Job{.resource = "job:long", .kind = JobKind::exec, .argv = {"sleep", "60"}, .folder = "/"}};
  return made;
}

constexpr JobId kNoop{0};
constexpr JobId kSleep{1};
constexpr JobId kCat{2};
constexpr JobId kLong{3};

worker::Task task(JobId job, std::uint64_t visit, std::string_view input = "null") {
  worker::Task made;
  made.id = {1, visit, 1};
  made.job = job;
  made.input = Value::from_text(std::string(input)).value();
  return made;
}

std::vector<worker::Outcome> wait_for(Fleet& fleet, std::size_t count) {
  const Waker waker;
  std::vector<worker::Outcome> outcomes;
  for (int i = 0; i < 1000 && outcomes.size() < count; ++i) {
    fleet.wait(10ms, waker, outcomes);
  }
  EXPECT_EQ(outcomes.size(), count);
  return outcomes;
}

TEST(LocalFleet, RunsProcessesAndBuiltins) {
  LocalFleet fleet(settings(), 2);
  EXPECT_EQ(fleet.describe(), "this process, 2 slots");
  fleet.dispatch(task(kCat, 1, "[1,2]"));
  fleet.dispatch(task(kNoop, 2));
  std::vector<worker::Outcome> outcomes = wait_for(fleet, 2);
  EXPECT_EQ(outcomes[0].id.visit, 2U);
  EXPECT_EQ(outcomes[1].result.to_text(), "[1,2]");
}

TEST(LocalFleet, UsesTheCoresOfTheProcessUnlessTold) {
  EXPECT_GE(LocalFleet(settings()).slots(), 1U);
}

TEST(LocalFleet, RoomIsWhatTheSlotsCanTake) {
  LocalFleet fleet(settings(), 2);
  EXPECT_EQ(fleet.room(), 2U);
  fleet.dispatch(task(kSleep, 1, "60"));
  EXPECT_EQ(fleet.room(), 1U);
  fleet.dispatch(task(kSleep, 2, "60"));
  EXPECT_EQ(fleet.room(), 0U);
  fleet.cancel({1, 1, 1});
  EXPECT_EQ(wait_for(fleet, 1).front().kind, worker::OutcomeKind::cancelled);
  EXPECT_GE(fleet.room(), 1U);
}

TEST(Prefetch, TakesShortTasksAheadAndBindsLongOnesLate) {
  const auto capacity_after = [](std::int64_t us) {
    Prefetch prefetch;
    worker::Outcome outcome;
    outcome.ended.us = us;
    prefetch.learn(outcome);
    return prefetch.capacity(2);
  };
  EXPECT_EQ(Prefetch().capacity(2), 2U);  // nothing is known yet
  EXPECT_EQ(capacity_after(1'000), 42U);
  EXPECT_EQ(capacity_after(4'900), 10U);
  EXPECT_EQ(capacity_after(1'000'000), 2U);
  EXPECT_EQ(capacity_after(100), 2U * 201U);
  EXPECT_EQ(capacity_after(0), 2U * 1025U);
}

TEST(Prefetch, LetsRankZeroSleepWhileItsWorkersHaveTasksAhead) {
  const auto pause_after = [](std::int64_t us, std::size_t assigned) {
    Prefetch prefetch;
    worker::Outcome outcome;
    outcome.ended.us = us;
    prefetch.learn(outcome);
    return prefetch.pause(assigned, 2).count();
  };
  EXPECT_EQ(Prefetch().pause(2, 2).count(), 0);  // nothing is known yet
  EXPECT_EQ(pause_after(400, 2), 100);
  EXPECT_EQ(pause_after(400, 6), 400);
  EXPECT_EQ(pause_after(400, 42), 1'000);
  EXPECT_EQ(pause_after(20, 2'000), 5);  // they need us soon, however many they have
  EXPECT_EQ(pause_after(60'000'000, 2), 1'000);
}

TEST(LocalFleet, TasksThatCostNothingAreBounded) {
  LocalFleet fleet(settings(), 1);
  std::uint64_t count = 0;
  while (fleet.room() > 0) {
    fleet.dispatch(task(kNoop, ++count));
  }
  EXPECT_EQ(count, 1024U);
  wait_for(fleet, count);
  EXPECT_GT(fleet.room(), 0U);
}

TEST(LocalFleet, AWakerEndsTheWait) {
  LocalFleet fleet(settings(), 1);
  const Waker waker;
  waker.wake();
  std::vector<worker::Outcome> outcomes;
  const auto begin = std::chrono::steady_clock::now();
  fleet.wait(10s, waker, outcomes);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 1s);
  waker.clear();
  fleet.wait(1ms, waker, outcomes);
  EXPECT_TRUE(outcomes.empty());
}

TEST(LocalFleet, StopLeavesNothingRunning) {
  LocalFleet fleet(settings(), 2);
  fleet.dispatch(task(kLong, 1));
  fleet.dispatch(task(kSleep, 2, "60"));
  fleet.dispatch(task(kLong, 3));
  const Waker waker;
  std::vector<worker::Outcome> outcomes;
  fleet.wait(20ms, waker, outcomes);
  const auto begin = std::chrono::steady_clock::now();
  fleet.stop();
  fleet.stop();
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 2s);
  EXPECT_EQ(fleet.slots(), 0U);
  EXPECT_EQ(fleet.room(), 0U);
  fleet.wait(0us, waker, outcomes);
  for (const worker::Outcome& outcome : outcomes) {
    EXPECT_EQ(outcome.kind, worker::OutcomeKind::cancelled);
  }
}

TEST(Settlement, CountsTheWorkersOutcomesInTheirOrder) {
  Settlement settlement;
  settlement.drop();
  EXPECT_EQ(settlement.count(), 1U) << "nothing before it waits";
  settlement.give();
  settlement.drop();
  settlement.give();
  EXPECT_EQ(settlement.count(), 1U);
  settlement.settle();
  EXPECT_EQ(settlement.count(), 3U);
  settlement.settle();
  settlement.settle();
  EXPECT_EQ(settlement.count(), 4U);
}

}  // namespace
}  // namespace lockstep::fleet
