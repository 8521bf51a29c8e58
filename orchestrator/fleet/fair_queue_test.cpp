#include "fleet/fair_queue.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace lockstep::fleet {
namespace {

using testing::ElementsAre;

std::vector<std::string> all_of(FairQueue<std::string>& queue) {
  std::vector<std::string> order;
  while (!queue.empty()) {
    order.push_back(queue.pop());
  }
  return order;
}

TEST(FairQueue, OneSourcesItemsLeaveAsTheyCame) {
  FairQueue<std::string> queue;
  for (const char* item : {"a", "b", "c"}) {
    queue.push(0, 1, item);
  }
  EXPECT_EQ(queue.size(), 3U);
  EXPECT_THAT(all_of(queue), ElementsAre("a", "b", "c"));
  EXPECT_EQ(queue.size(), 0U);
}

TEST(FairQueue, SourcesTakeTurns) {
  FairQueue<std::string> queue;
  for (const char* item : {"a1", "a2", "a3", "a4"}) {
    queue.push(0, 1, item);
  }
  EXPECT_EQ(queue.pop(), "a1");
  queue.push(0, 2, "b1");
  queue.push(0, 2, "b2");
  queue.push(0, 3, "c1");
  EXPECT_THAT(all_of(queue), ElementsAre("a2", "b1", "c1", "a3", "b2", "a4"));
}

TEST(FairQueue, HigherPriorityLeavesFirst) {
  FairQueue<std::string> queue;
  queue.push(0, 1, "usual");
  queue.push(-5, 1, "whenever");
  queue.push(7, 2, "urgent");
  queue.push(7, 2, "urgent too");
  EXPECT_THAT(all_of(queue), ElementsAre("urgent", "urgent too", "usual", "whenever"));
}

TEST(FairQueue, DropsWhatNobodyWants) {
  FairQueue<std::string> queue;
  queue.push(1, 1, "x");
  for (const char* item : {"a", "x", "b"}) {
    queue.push(0, 1, item);
  }
  queue.push(0, 2, "x");
  queue.push(0, 3, "c");
  queue.erase_if([](const std::string& item) { return item == "x"; });
  EXPECT_EQ(queue.size(), 3U);
  queue.push(0, 2, "d");
  EXPECT_THAT(all_of(queue), ElementsAre("a", "c", "d", "b"));
}

}  // namespace
}  // namespace lockstep::fleet
