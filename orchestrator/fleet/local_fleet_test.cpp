#include "fleet/local_fleet.hpp"
#include "fleet/settlement.hpp"
#include "value/test_folder.hpp"

#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>

namespace lockstep::fleet {
namespace {

using work::Builtin;
using work::Job;
using work::JobId;
using work::JobKind;
using namespace std::chrono_literals;

FleetSettings settings() {
  FleetSettings made;
  made.kill_after = 50ms;
  made.jobs = std::vector{Job{.resource = "job:noop", .builtin = Builtin::noop},
                          Job{.resource = "job:sleep", .builtin = Builtin::sleep},
                          Job{.resource = "job:cat", .kind = JobKind::exec, .argv = {"cat"}, .folder = "/"},
                          Job{.resource = "job:long", .kind = JobKind::exec, .argv = {"sleep", "60"}, .folder = "/"}};
  return made;
}

constexpr JobId kNoop{0};
constexpr JobId kSleep{1};
constexpr JobId kCat{2};
constexpr JobId kLong{3};

work::Task task(JobId job, std::uint64_t visit, std::string_view input = "null") {
  work::Task made;
  made.id = work::DispatchId::at(work::ExecutionId{1}, visit, 1);
  made.job = job;
  made.input = Value::from_text(std::string(input)).value();
  return made;
}

std::vector<work::Outcome> wait_for(Fleet& fleet, std::size_t count) {
  const Waker waker;
  std::vector<work::Outcome> outcomes;
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
  std::vector<work::Outcome> outcomes = wait_for(fleet, 2);
  EXPECT_EQ(outcomes[0].id.visit, 2U);
  EXPECT_EQ(outcomes[1].result.to_text(), "[1,2]");
}

TEST(LocalFleet, RunsJobsThatAreAddedWhileOthersRun) {
  LocalFleet fleet(settings(), 2);
  fleet.dispatch(task(kLong, 1));
  for (std::uint32_t round = 0; round < 3; ++round) {
    fleet.add_jobs(
        {{.resource = "job:added", .kind = JobKind::exec, .argv = {"echo", std::to_string(round)}, .folder = "/"}});
    fleet.dispatch(task(JobId{4 + round}, 2 + round));
    EXPECT_EQ(wait_for(fleet, 1).front().result.to_text(), std::to_string(round));
  }
  fleet.dispatch(task(JobId{7}, 9));
  EXPECT_EQ(wait_for(fleet, 1).front().error, "States.Runtime");
}

TEST(LocalFleet, ATaskThatIsCutOffAgainAndAgainIsLost) {
  FleetSettings killing = settings();
  const JobId kills = killing.jobs.add({.resource = "job:k",
                                        .kind = JobKind::exec,
                                        .argv = {"/bin/sh", "-c", "kill -9 $PPID; sleep 60"},
                                        .folder = "/"});
  LocalFleet fleet(killing, 1);
  work::Task doomed = task(kills, 1);
  for (; doomed.id.count < 3; ++doomed.id.count) {
    fleet.dispatch(doomed);
    EXPECT_EQ(wait_for(fleet, 1).front().kind, work::OutcomeKind::interrupted);
  }
  fleet.dispatch(doomed);
  EXPECT_EQ(wait_for(fleet, 1).front().error, "Lockstep.WorkerLost");
  fleet.dispatch(task(kCat, 2, "[1]"));
  EXPECT_EQ(wait_for(fleet, 1).front().result.to_text(), "[1]");
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
  fleet.cancel(work::DispatchId::at(work::ExecutionId{1}, 1, 1));
  EXPECT_EQ(wait_for(fleet, 1).front().kind, work::OutcomeKind::cancelled);
  EXPECT_GE(fleet.room(), 1U);
}

TEST(Prefetch, TakesShortTasksAheadAndBindsLongOnesLate) {
  const auto capacity_after = [](std::int64_t us) {
    Prefetch prefetch;
    work::Outcome outcome;
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
    work::Outcome outcome;
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
  std::vector<work::Outcome> outcomes;
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
  std::vector<work::Outcome> outcomes;
  fleet.wait(20ms, waker, outcomes);
  const auto begin = std::chrono::steady_clock::now();
  fleet.stop();
  fleet.stop();
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 2s);
  EXPECT_EQ(fleet.slots(), 0U);
  EXPECT_EQ(fleet.room(), 0U);
  fleet.wait(0us, waker, outcomes);
  for (const work::Outcome& outcome : outcomes) {
    EXPECT_EQ(outcome.kind, work::OutcomeKind::cancelled);
  }
}

TEST(LocalFleet, ADrainBeginsNothingMoreAndLetsEndWhatRuns) {
  LocalFleet fleet(settings(), 1);
  fleet.dispatch(task(kSleep, 1, "0.3"));
  for (std::uint64_t visit = 2; visit <= 4; ++visit) {
    fleet.dispatch(task(kSleep, visit, "60"));
  }
  const Waker waker;
  std::vector<work::Outcome> outcomes;
  fleet.wait(100ms, waker, outcomes);  // the first has begun
  EXPECT_TRUE(outcomes.empty());
  fleet.drain();
  EXPECT_EQ(fleet.room(), 0U);
  fleet.dispatch(task(kSleep, 5, "60"));
  for (const work::Outcome& outcome : wait_for(fleet, 5)) {
    if (outcome.id.visit == 1) {
      EXPECT_EQ(outcome.kind, work::OutcomeKind::succeeded);
    } else {
      EXPECT_EQ(outcome.kind, work::OutcomeKind::interrupted);
      EXPECT_FALSE(outcome.begun);
    }
  }
}

/// A run folder in which no task folder can be made, until good() is called.
class FullDisk {
 public:
  FullDisk() { run_.write("tasks", "in the way"); }
  void good() const { std::filesystem::remove(run_.path() + "/tasks"); }
  FleetSettings settings() const {
    FleetSettings made = fleet::settings();
    made.run_folder = run_.path();
    return made;
  }

 private:
  TestFolder run_;
};

TEST(LocalFleet, KeepsTasksThatCannotBegin) {
  const FullDisk disk;
  LocalFleet fleet(disk.settings(), 4);
  for (std::uint64_t visit = 1; visit <= 20; ++visit) {
    fleet.dispatch(task(kCat, visit, std::to_string(visit)));
  }
  const Waker waker;
  std::vector<work::Outcome> outcomes;
  for (int i = 0; i < 5; ++i) {
    fleet.wait(100ms, waker, outcomes);
  }
  EXPECT_TRUE(outcomes.empty());
  EXPECT_FALSE(fleet.failure());
  fleet.cancel(work::DispatchId::at(work::ExecutionId{1}, 3, 1));
  disk.good();
  for (const work::Outcome& outcome : wait_for(fleet, 20)) {
    EXPECT_EQ(outcome.kind, outcome.id.visit == 3 ? work::OutcomeKind::cancelled : work::OutcomeKind::succeeded);
  }
}

TEST(LocalFleet, GivesTasksBackThatCouldNotBeginWhenTheRunIsStopped) {
  const FullDisk disk;
  LocalFleet fleet(disk.settings(), 2);
  for (std::uint64_t visit = 1; visit <= 6; ++visit) {
    fleet.dispatch(task(kCat, visit));
  }
  const Waker waker;
  std::vector<work::Outcome> outcomes;
  fleet.wait(300ms, waker, outcomes);
  EXPECT_TRUE(outcomes.empty());
  fleet.drain();
  for (const work::Outcome& outcome : wait_for(fleet, 6)) {
    EXPECT_EQ(outcome.kind, work::OutcomeKind::interrupted);
    EXPECT_FALSE(outcome.begun);
  }
}

TEST(LocalFleet, NothingBeginsWhileTheGateIsShut) {
  LocalFleet fleet(settings(), 1);
  std::atomic<bool> open = false;
  fleet.set_gate([&] { return open.load(); });
  fleet.dispatch(task(kCat, 1, "1"));
  const Waker waker;
  std::vector<work::Outcome> outcomes;
  fleet.wait(150ms, waker, outcomes);
  EXPECT_TRUE(outcomes.empty());
  open = true;
  EXPECT_EQ(wait_for(fleet, 1).front().kind, work::OutcomeKind::succeeded);
}

TEST(LocalFleet, AKillDoesNotWaitForTasksThatIgnoreTerm) {
  FleetSettings patient = settings();
  patient.kill_after = 60s;
  LocalFleet fleet(std::move(patient), 2);
  fleet.dispatch(task(kLong, 1));
  fleet.dispatch(task(kLong, 2));
  const Waker waker;
  std::vector<work::Outcome> outcomes;
  fleet.wait(100ms, waker, outcomes);
  const auto begin = std::chrono::steady_clock::now();
  fleet.kill();
  fleet.stop();
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 10s);
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
