#include "mpi_worker/heart.hpp"

#include <gtest/gtest.h>

#include <cstdlib>

namespace lockstep::worker {
namespace {

using namespace std::chrono_literals;
using Duty = Patience::Duty;

TEST(Patience, AWorkerThatMissesRank0DoesLessAndLess) {
  const Patience patience;
  EXPECT_EQ(patience.duty(0s), Duty::go_on);
  EXPECT_EQ(patience.duty(10s), Duty::go_on);
  EXPECT_EQ(patience.duty(10'001ms), Duty::start_nothing);
  EXPECT_EQ(patience.duty(20s), Duty::start_nothing);
  EXPECT_EQ(patience.duty(20'001ms), Duty::kill_tasks);
  EXPECT_EQ(patience.duty(30s), Duty::kill_tasks);
  EXPECT_EQ(patience.duty(30'001ms), Duty::end);
}

TEST(Patience, Rank0HandsOnOnlyWhatItsWorkerHasEnded) {
  const Patience patience;
  EXPECT_GT(patience.kill_hung, patience.kill_tasks);
  EXPECT_GT(patience.end, patience.kill_hung);
  EXPECT_GT(patience.end_hung, patience.end);
  EXPECT_GE(patience.lost, patience.end_hung + patience.beat);
}

TEST(Patience, ALoopThatDoesNotKillItsTasksInTimeHangs) {
  const Patience patience;
  EXPECT_FALSE(patience.is_hung(23s, Duty::start_nothing));
  EXPECT_TRUE(patience.is_hung(23'001ms, Duty::start_nothing));
  EXPECT_TRUE(patience.is_hung(23'001ms, Duty::go_on)) << "nor has it looked";
  EXPECT_FALSE(patience.is_hung(31'500ms, Duty::kill_tasks)) << "it waits for rank 0 without them";
  EXPECT_TRUE(patience.is_hung(31'501ms, Duty::kill_tasks)) << "it should have ended";
}

class PatienceFromEnvironment : public testing::Test {
 protected:
  static Patience with(const char* text) {
    setenv("LOCKSTEP_PATIENCE", text, 1);
    const Patience patience = Patience::from_environment();
    unsetenv("LOCKSTEP_PATIENCE");
    return patience;
  }
};

TEST_F(PatienceFromEnvironment, ScalesEveryTime) {
  const Patience patience = with("0.05");
  EXPECT_EQ(patience.start_nothing, 500ms);
  EXPECT_EQ(patience.kill_tasks, 1s);
  EXPECT_EQ(patience.end, 1500ms);
  EXPECT_EQ(patience.kill_hung, 1150ms);
  EXPECT_EQ(patience.end_hung, 1575ms);
  EXPECT_EQ(patience.lost, 1625ms);
  EXPECT_EQ(patience.beat, 50ms);
}

TEST_F(PatienceFromEnvironment, WithoutSenseChangesNothing) {
  for (const char* text : {"", "no", "0", "-1", "0.001", "1000"}) {
    EXPECT_EQ(with(text).end, 30s) << text;
  }
}

}  // namespace
}  // namespace lockstep::worker
