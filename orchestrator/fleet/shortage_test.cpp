#include "fleet/shortage.hpp"

#include <gtest/gtest.h>

namespace lockstep::fleet {
namespace {

using namespace std::chrono_literals;

/// One rank that gets what it may have, and can run so many at a time.
class Rank {
 public:
  explicit Rank(std::size_t slots) : slots_(slots) {}

  /// Hands over all that it may have, as the fleet does with tasks for more than all slots, in steps of 10 ms.
  void go(std::chrono::milliseconds time) {
    for (const Shortage::Time end = now_ + time; now_ < end; now_ += 10ms) {
      if (const auto limit = shortage_.raise(now_, slots_, alone)) {
        told.push_back(fmt::format("limited to {}", *limit));
      }
      const std::size_t limit = std::min(shortage_.limit(), slots_);
      running_ = std::min(running_, can_run);
      std::size_t refused = limit - std::min(limit, can_run);
      tries += refused;
      running_ = std::max(running_, std::min(limit, can_run));
      for (; refused > 0; --refused) {
        if (shortage_.refused(now_, running_ + refused - 1, others_have_begun)) {
          told.emplace_back("aside");
        }
      }
      if (running_ > 0 && tasks_end && shortage_.began()) {
        told.emplace_back("back");
      }
    }
  }

  std::size_t running() const { return running_; }
  const Shortage& shortage() const { return shortage_; }

  std::size_t can_run = 0;
  std::uint64_t others_have_begun = 0;
  bool alone = false;
  bool tasks_end = true;
  std::size_t tries = 0;  // that failed
  std::vector<std::string> told;

 private:
  const std::size_t slots_;
  Shortage shortage_;
  Shortage::Time now_{1h};
  std::size_t running_ = 0;
};

TEST(Shortage, ARankThatIsWellHasNoLimit) {
  Rank rank(16);
  rank.can_run = 16;
  rank.go(1s);
  EXPECT_EQ(rank.running(), 16U);
  EXPECT_FALSE(rank.shortage().is_short());
}

TEST(Shortage, KeepsWhatWorksAndTriesMoreLessAndLessOften) {
  Rank rank(16);
  rank.can_run = 10;
  rank.go(1s);
  EXPECT_EQ(rank.running(), 10U);
  EXPECT_LE(rank.tries, 6U + 4 * 2);
  rank.tries = 0;
  rank.go(60s);
  EXPECT_EQ(rank.running(), 10U);
  EXPECT_LE(rank.tries, 2U * 20);
  EXPECT_GE(rank.tries, 10U);
  EXPECT_EQ(rank.told, std::vector<std::string>{"limited to 10"});
}

TEST(Shortage, IsOverSoonOnceItIs) {
  Rank rank(200);
  rank.go(1s);
  EXPECT_EQ(rank.running(), 0U);
  rank.can_run = 200;
  rank.go(10s);
  EXPECT_EQ(rank.running(), 200U);
  EXPECT_FALSE(rank.shortage().is_short());
}

TEST(Shortage, WhatCouldNotBeginBeforeItWasKnownCountsOnce) {
  Shortage shortage;
  const Shortage::Time now{1h};
  for (std::size_t left = 16; left-- > 0;) {
    shortage.refused(now, left, 0);
  }
  EXPECT_EQ(shortage.limit(), 0U);
  EXPECT_EQ(shortage.next_try(false), now + Shortage::kFirstPause);
}

TEST(Shortage, WhoCanBeginNothingWhileOthersCanIsSetAside) {
  Rank rank(4);
  rank.go(200ms);
  rank.others_have_begun = 1;
  rank.go(10s);
  EXPECT_TRUE(rank.shortage().is_aside());
  rank.tries = 0;
  rank.go(10min);
  EXPECT_GE(rank.tries, 9U);
  EXPECT_LE(rank.tries, 11U) << "one a minute";
  rank.can_run = 4;
  rank.go(70s);
  EXPECT_EQ(rank.running(), 4U);
  EXPECT_EQ(rank.told, (std::vector<std::string>{"limited to 0", "aside", "back"}));
}

TEST(Shortage, NobodyIsSetAsideWhereNoneCanBegin) {
  Rank rank(4);
  rank.go(10min);
  EXPECT_FALSE(rank.shortage().is_aside());
}

TEST(Shortage, WhoIsSetAsideIsTriedWhereThereIsNobodyElse) {
  Rank rank(4);
  rank.go(200ms);
  rank.others_have_begun = 1;
  rank.go(10s);
  ASSERT_TRUE(rank.shortage().is_aside());
  rank.alone = true;
  rank.tries = 0;
  rank.go(20s);
  EXPECT_GE(rank.tries, 3U);
}

TEST(Shortage, WhoRunsSomeIsNeverSetAside) {
  Rank rank(4);
  rank.can_run = 1;
  rank.tasks_end = false;
  rank.go(1s);
  rank.others_have_begun = 1000;
  rank.go(10min);
  EXPECT_FALSE(rank.shortage().is_aside());
}

TEST(Standstill, TakesHalfAMinuteAndSomeTries) {
  Standstill standstill;
  const Standstill::Time now{1h};
  standstill.refused(now);
  standstill.refused(now + 3h);  // the machine stood still
  EXPECT_FALSE(standstill.is_over());
  for (int i = 0; i < 10; ++i) {
    standstill.refused(now + 3h);
  }
  EXPECT_TRUE(standstill.is_over());
  standstill.began();
  for (int i = 0; i < 100; ++i) {
    standstill.refused(now + 4h);
  }
  EXPECT_FALSE(standstill.is_over());
}

TEST(Rests, GrowUpToSomeSeconds) {
  EXPECT_EQ(rest_of_refused(0), 0ms);
  EXPECT_EQ(rest_of_refused(1), 0ms) << "another rank may take it at once";
  EXPECT_EQ(rest_of_refused(2), 100ms);
  EXPECT_EQ(rest_of_refused(5), 800ms);
  EXPECT_EQ(rest_of_refused(UINT32_MAX), 5s);
}

}  // namespace
}  // namespace lockstep::fleet
