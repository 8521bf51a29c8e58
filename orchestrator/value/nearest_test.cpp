#include "value/nearest.hpp"

#include <gtest/gtest.h>

namespace lockstep {
namespace {

const std::vector<std::string> kStates{"Start", "Middle", "End", "Measure all"};

TEST(Nearest, FindsASlip) {
  EXPECT_EQ(nearest("Midle", kStates), "Middle");
  EXPECT_EQ(nearest("Middel", kStates), "Middle");
  EXPECT_EQ(nearest("middle", kStates), "Middle");
  EXPECT_EQ(nearest("Measur al", kStates), "Measure all");
}

TEST(Nearest, FindsNothingInAnotherWord) {
  EXPECT_EQ(nearest("Finish", kStates), "");
  EXPECT_EQ(nearest("", kStates), "");
  EXPECT_EQ(nearest("x", {"y"}), "");
  EXPECT_EQ(nearest(std::string(100'000, 'x'), kStates), "");
}

TEST(Nearest, PrefersTheNearestAndThenTheFirst) {
  EXPECT_EQ(nearest("cat", {"cats", "Cat", "bat"}), "Cat");
  EXPECT_EQ(nearest("cat", {"bat", "rat"}), "bat");
}

TEST(Nearest, SaysSo) {
  EXPECT_EQ(did_you_mean("Edn", kStates), "; did you mean 'End'?");
  EXPECT_EQ(did_you_mean("Finish", kStates), "");
}

}  // namespace
}  // namespace lockstep
