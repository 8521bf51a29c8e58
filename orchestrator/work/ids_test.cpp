#include "work/ids.hpp"

#include <gtest/gtest.h>

namespace lockstep::work {
namespace {

TEST(DispatchId, IsFoundAgainInItsTexts) {
  for (const DispatchId id : {DispatchId{ExecutionId{1}, StrandId::top, 2, 1}, DispatchId{},
                              DispatchId{ExecutionId{UINT64_MAX}, StrandId{UINT32_MAX}, UINT32_MAX, UINT32_MAX},
                              DispatchId{ExecutionId{7}, StrandId{1}, 0, 3}}) {
    EXPECT_EQ(parse_dispatch(dispatch_text(id)), id);
    EXPECT_EQ(parse_dispatch(visit_text(id)), id.of_visit());
    EXPECT_EQ(DispatchId::at(id.execution, id.place(), id.count), id);
  }
  EXPECT_EQ(dispatch_text({ExecutionId{1}, StrandId{1}, 2, 3}), "1-4294967298-3");
  EXPECT_EQ(visit_text({ExecutionId{1}, StrandId{1}, 2, 3}), "1-4294967298");
  for (const char* const wrong :
       {"", "1", "1-", "-1", "1-2-", "1-2-3-", "1-2-3-4", "1-2x", "a-1", "1-99999999999999999999", "1-2-4294967296"}) {
    EXPECT_EQ(parse_dispatch(wrong), std::nullopt) << wrong;
  }
}

TEST(DispatchId, IsSmall) {
  EXPECT_EQ(sizeof(DispatchId), 24U);
}

}  // namespace
}  // namespace lockstep::work
