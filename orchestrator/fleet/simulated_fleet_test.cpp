#include "fleet/simulated_fleet.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace lockstep::fleet {
namespace {

using testing::ElementsAre;
using work::Builtin;
using work::Job;
using work::JobId;
using work::JobKind;
using namespace std::chrono_literals;

constexpr JobId kMeasure{0};
constexpr JobId kSimulatedSleep{1};

FleetSettings simulated_settings() {
  FleetSettings made;
  made.jobs = std::vector{Job{.resource = "job:measure", .kind = JobKind::exec, .argv = {"measure"}},
                          Job{.resource = "job:sleep", .builtin = Builtin::sleep}};
  return made;
}

work::Task simulated_task(JobId job, std::uint64_t visit, std::string_view input = "null") {
  work::Task made;
  made.id = work::DispatchId::at(work::ExecutionId{1}, visit, 1);
  made.job = job;
  made.input = Value::from_text(std::string(input)).value();
  return made;
}

std::vector<std::uint64_t> visits(const std::vector<work::Outcome>& outcomes) {
  std::vector<std::uint64_t> all;
  for (const work::Outcome& outcome : outcomes) {
    all.push_back(outcome.id.visit);
  }
  return all;
}

class SimulatedFleetTest : public testing::Test {
 protected:
  std::vector<work::Outcome> wait(SimulatedFleet& fleet, std::chrono::microseconds limit) {
    std::vector<work::Outcome> outcomes;
    fleet.wait(limit, waker_, outcomes);
    return outcomes;
  }
  Waker waker_;
};

TEST_F(SimulatedFleetTest, TimePassesOnlyInWait) {
  SimulatedFleet fleet(simulated_settings(), 2, 1, Timestamp{1000});
  fleet.dispatch(simulated_task(kSimulatedSleep, 1, "3600"));
  EXPECT_EQ(fleet.now().us, 1000);
  EXPECT_TRUE(wait(fleet, 1s).empty());
  EXPECT_EQ(fleet.now().us, 1'001'000);
  const auto outcomes = wait(fleet, 24h);
  ASSERT_THAT(visits(outcomes), ElementsAre(1));
  EXPECT_EQ(fleet.now().us, 1000 + 3'600'000'000);
  EXPECT_EQ(outcomes[0].started.us, 1000);
  EXPECT_EQ(outcomes[0].ended, fleet.now());
}

TEST_F(SimulatedFleetTest, SlotsBoundWhatRuns) {
  SimulatedFleet fleet(simulated_settings(), 2);
  EXPECT_EQ(fleet.room(), 2U);
  for (std::uint64_t i = 1; i <= 3; ++i) {
    fleet.dispatch(simulated_task(kSimulatedSleep, i, "1"));
  }
  EXPECT_EQ(fleet.room(), 0U);
  EXPECT_THAT(visits(wait(fleet, 1h)), ElementsAre(1, 2));
  EXPECT_THAT(visits(wait(fleet, 1h)), ElementsAre(3));
  EXPECT_EQ(fleet.now().us, 2'000'000);
  EXPECT_EQ(fleet.busiest(), 2U);
}

TEST_F(SimulatedFleetTest, AScriptSaysHowAJobGoes) {
  SimulatedFleet fleet(simulated_settings(), 1);
  fleet.script("job:measure", [](const work::Task& one, DispatchRandom&) {
    return one.attempt == 0 ? Act{5s, work::OutcomeKind::failed, {}, "Sensor.Cold", "wait"}
                            : Act{1s, work::OutcomeKind::succeeded, Value::integer(7), {}, {}};
  });
  fleet.dispatch(simulated_task(kMeasure, 1));
  EXPECT_EQ(wait(fleet, 1h).at(0).error, "Sensor.Cold");
  work::Task again = simulated_task(kMeasure, 2);
  again.attempt = 1;
  fleet.dispatch(std::move(again));
  EXPECT_EQ(wait(fleet, 1h).at(0).result.to_text(), "7");
  EXPECT_EQ(fleet.now().us, 6'000'000);
}

TEST_F(SimulatedFleetTest, RandomTimesDependOnSeedAndDispatchOnly) {
  const auto ends = [&](std::uint64_t seed, std::uint64_t from) {
    SimulatedFleet fleet(simulated_settings(), 5000, seed);
    fleet.script("job:measure", [](const work::Task&, DispatchRandom& random) {
      return Act{random.between(1ms, 10s), work::OutcomeKind::succeeded, {}, {}, {}};
    });
    std::map<std::uint64_t, std::int64_t> result;
    for (std::uint64_t i = 0; i < 2000; ++i) {
      fleet.dispatch(simulated_task(kMeasure, (from + i) % 2000));
    }
    while (result.size() < 2000) {
      for (const work::Outcome& outcome : wait(fleet, 1h)) {
        result[outcome.id.visit] = outcome.ended.us;
      }
    }
    return result;
  };
  EXPECT_EQ(ends(1, 0), ends(1, 700));
  EXPECT_NE(ends(1, 0), ends(2, 0));
}

TEST_F(SimulatedFleetTest, TimeoutsAndCancels) {
  SimulatedFleet fleet(simulated_settings(), 2);
  work::Task limited = simulated_task(kSimulatedSleep, 1, "60");
  limited.timeout = 5s;
  fleet.dispatch(std::move(limited));
  fleet.dispatch(simulated_task(kSimulatedSleep, 2, "60"));
  fleet.dispatch(simulated_task(kSimulatedSleep, 3, "60"));
  fleet.cancel(work::DispatchId::at(work::ExecutionId{1}, 2, 1));
  EXPECT_EQ(wait(fleet, 1h).at(0).kind, work::OutcomeKind::cancelled);
  const auto outcomes = wait(fleet, 1h);
  EXPECT_EQ(outcomes.at(0).kind, work::OutcomeKind::timed_out);
  EXPECT_EQ(fleet.now().us, 5'000'000);
  EXPECT_THAT(visits(wait(fleet, 1h)), ElementsAre(3));
  EXPECT_EQ(fleet.now().us, 60'000'000);
}

TEST_F(SimulatedFleetTest, TasksOfALostNodeBeginAgain) {
  SimulatedFleet fleet(simulated_settings(), 2);
  fleet.dispatch(simulated_task(kSimulatedSleep, 1, "10"));
  fleet.dispatch(simulated_task(kSimulatedSleep, 2, "10"));
  fleet.advance(5s);
  fleet.set_slots(1);
  EXPECT_THAT(visits(wait(fleet, 1h)), ElementsAre(1));
  EXPECT_THAT(visits(wait(fleet, 1h)), ElementsAre(2));
  EXPECT_EQ(fleet.now().us, 20'000'000);
}

TEST_F(SimulatedFleetTest, AWokenWaitTakesNoTime) {
  SimulatedFleet fleet(simulated_settings(), 1);
  fleet.dispatch(simulated_task(kSimulatedSleep, 1, "10"));
  waker_.wake();
  EXPECT_TRUE(wait(fleet, 1h).empty());
  EXPECT_EQ(fleet.now().us, 0);
}

TEST_F(SimulatedFleetTest, StopCancelsEverything) {
  SimulatedFleet fleet(simulated_settings(), 1);
  fleet.dispatch(simulated_task(kSimulatedSleep, 1, "10"));
  fleet.dispatch(simulated_task(kSimulatedSleep, 2, "10"));
  fleet.stop();
  EXPECT_EQ(fleet.slots(), 0U);
  EXPECT_EQ(wait(fleet, 0s).size(), 2U);
}

}  // namespace
}  // namespace lockstep::fleet
