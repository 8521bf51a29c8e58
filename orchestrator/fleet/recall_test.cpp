#include "fleet/recall.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace lockstep::fleet {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

Load idle(int rank, std::size_t slots = 1, std::size_t capacity = 1) {
  return {rank, slots, 0, capacity, true};
}
Load holding(int rank, std::size_t assigned, std::size_t slots = 1) {
  return {rank, slots, assigned, 129 * slots, true};
}

TEST(Recall, NobodyIsAskedWhileEveryoneHasWork) {
  EXPECT_THAT(choose_recalls({holding(1, 100), holding(2, 1)}), IsEmpty());
}

TEST(Recall, NobodyIsAskedForWhatMayHaveBegun) {
  EXPECT_THAT(choose_recalls({idle(1), holding(2, 1), holding(3, 4, 4)}), IsEmpty());
}

TEST(Recall, AnIdleSlotGetsOneTaskOfWhoeverHoldsMost) {
  EXPECT_THAT(choose_recalls({holding(1, 5), holding(2, 9), idle(3)}), ElementsAre(Recall{2, 1}));
}

TEST(Recall, OneThatTakesTasksAheadGetsHalf) {
  EXPECT_THAT(choose_recalls({holding(1, 101), idle(2, 1, 129)}), ElementsAre(Recall{1, 50}));
}

TEST(Recall, TheLastTaskAheadIsGivenBackToo) {
  EXPECT_THAT(choose_recalls({holding(1, 2), idle(2)}), ElementsAre(Recall{1, 1}));
}

TEST(Recall, ManyIdleOnesAreServedByMany) {
  EXPECT_THAT(choose_recalls({idle(1), holding(2, 3), idle(3), holding(4, 3), idle(5)}),
              ElementsAre(Recall{2, 1}, Recall{4, 1}));
}

TEST(Recall, WhoHasNotAnsweredOrHasNoneIsLeftAlone) {
  Load asked = holding(1, 50);
  asked.may_be_asked = false;
  EXPECT_THAT(choose_recalls({asked, idle(2), holding(3, 3)}), ElementsAre(Recall{3, 1}));
}

TEST(Recall, AWorkerThatGetsNothingMoreWantsNothing) {
  EXPECT_THAT(choose_recalls({holding(1, 50), Load{2, 4, 0, 0, true}}), IsEmpty());
}

}  // namespace
}  // namespace lockstep::fleet
