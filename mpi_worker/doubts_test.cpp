#include "mpi_worker/doubts.hpp"

#include <gtest/gtest.h>

namespace lockstep::worker {
namespace {

using namespace std::chrono_literals;

/// Tasks of one rank, by name of their dispatch, in a time of their own.
class DoubtsTest : public testing::Test {
 protected:
  using Clock = Doubts::Clock;

  void fail(std::uint32_t visit, bool by_signal = true, bool cut_off = false) {
    Doubts::Failure failure;
    failure.outcome.id = {work::ExecutionId{1}, work::StrandId::top, visit, 1};
    failure.outcome.kind = OutcomeKind::failed;
    failure.outcome.error = "States.TaskFailed";
    failure.outcome.cause = "killed by signal 15";
    failure.task.cut_off = cut_off;
    failure.time = now_;
    failure.by_signal = by_signal;
    failure.told = told_when_begun_;
    failure.others = begun_;
    doubts_.add(std::move(failure));
  }
  /// What is decided by now: "1 failed", "2 interrupted", …
  std::string decided() {
    std::string all;
    for (const Doubts::Failure& one : doubts_.decide(now_, std::min(heard_, now_), oldest_)) {
      all += fmt::format("{}{} {}", all.empty() ? "" : ", ", one.outcome.id.visit,
                         one.outcome.kind == OutcomeKind::interrupted ? "interrupted" : "failed");
    }
    return all;
  }
  void pass(std::chrono::milliseconds time) { now_ += time; }

  ToldToEnd told_;
  Doubts doubts_{told_, 20s};
  Clock::time_point now_{1000s};
  Clock::time_point heard_ = Clock::time_point::max();
  std::uint32_t told_when_begun_ = 0;
  std::uint64_t begun_ = 2;
  std::uint64_t oldest_ = 1;  // one of them lives
};

TEST_F(DoubtsTest, ADeathBySignalIsATasksOwnWhenNothingExplainsItForTwoSeconds) {
  fail(1);
  EXPECT_EQ(doubts_.next_time(heard_), now_ + 2s);
  pass(1999ms);
  EXPECT_EQ(decided(), "");
  pass(1ms);
  EXPECT_EQ(decided(), "1 failed");
  EXPECT_TRUE(doubts_.empty());
}

TEST_F(DoubtsTest, OneThatEndedByItselfIsToldSoon) {
  fail(1, false);
  pass(100ms);
  EXPECT_EQ(decided(), "1 failed");
}

TEST_F(DoubtsTest, WhoeverEndsEverythingMayGetToTheTasksFirst) {
  fail(1);
  fail(2, false);
  pass(90ms);
  told_.note(now_);
  EXPECT_EQ(decided(), "1 interrupted, 2 interrupted");
}

TEST_F(DoubtsTest, HoweverATaskFailsThatRanWhenWeWereToldToEnd) {
  told_.note(now_);
  pass(19s);
  fail(1, false);
  EXPECT_EQ(decided(), "1 interrupted");
  pass(2s);
  fail(2, false);
  EXPECT_EQ(decided(), "") << "that was long ago";
  pass(100ms);
  EXPECT_EQ(decided(), "2 failed");
}

TEST_F(DoubtsTest, ATaskThatBeganAfterwardsFailsByItself) {
  told_.note(now_);
  told_when_begun_ = told_.times();
  pass(3s);
  fail(1);
  EXPECT_EQ(decided(), "");
  pass(2s);
  EXPECT_EQ(decided(), "1 failed");
}

TEST_F(DoubtsTest, NothingIsDecidedWhileRank0IsSilent) {
  heard_ = now_ - 1ms;
  fail(1);
  fail(2, false);
  pass(30s);
  EXPECT_EQ(decided(), "");
  EXPECT_EQ(doubts_.next_time(heard_), Clock::time_point::max()) << "there is nothing to look at";
  heard_ += 1ms;
  EXPECT_EQ(decided(), "1 failed, 2 failed");
}

TEST_F(DoubtsTest, AllTasksOfARankDieTogetherForNoFaultOfTheirs) {
  fail(1);
  begun_ = 3;  // into the slot that became free
  pass(100ms);
  fail(2);
  oldest_ = 3;
  pass(1900ms);
  EXPECT_EQ(decided(), "1 interrupted, 2 interrupted") << "one verdict for all";
}

TEST_F(DoubtsTest, NotWhereOneOfThemLives) {
  fail(1);
  fail(2);
  pass(2s);
  EXPECT_EQ(decided(), "1 failed, 2 failed");
}

TEST_F(DoubtsTest, OneAloneDiesWithNobody) {
  oldest_ = UINT64_MAX;
  fail(1);
  pass(2s);
  EXPECT_EQ(decided(), "1 failed");
}

TEST_F(DoubtsTest, DeathsTogetherAreAnExcuseOnlyOnce) {
  oldest_ = UINT64_MAX;
  fail(1, true, true);
  fail(2);
  pass(2s);
  EXPECT_EQ(decided(), "1 failed, 2 interrupted");
  fail(3, true, true);
  told_.note(now_);
  EXPECT_EQ(decided(), "3 interrupted") << "of this there can be any number";
}

TEST_F(DoubtsTest, WhatNobodyWantsToKnowIsGivenBack) {
  fail(1);
  fail(2);
  EXPECT_EQ(doubts_.give_up().size(), 2U);
  EXPECT_TRUE(doubts_.empty());
}

TEST(WasToldToEnd, BySignalsAndByWhatShellsSayOfThem) {
  EXPECT_TRUE(was_told_to_end(SIGTERM));
  EXPECT_TRUE(was_told_to_end(SIGKILL));
  EXPECT_TRUE(was_told_to_end((128 + SIGTERM) << 8));
  EXPECT_FALSE(was_told_to_end(SIGSEGV));
  EXPECT_FALSE(was_told_to_end(SIGTERM << 8));
  EXPECT_FALSE(was_told_to_end(0));
}

}  // namespace
}  // namespace lockstep::worker
