#include "mpi_worker/cores.hpp"

#include <gtest/gtest.h>

#include <cstdlib>

namespace lockstep::worker {
namespace {

TEST(Cores, RanksOfOneMachineShareItsCores) {
  unsetenv("OMPI_COMM_WORLD_LOCAL_SIZE");
  EXPECT_EQ(slots_of_rank(), usable_cores());
  setenv("OMPI_COMM_WORLD_LOCAL_SIZE", "100000", 1);
  EXPECT_EQ(slots_of_rank(), 1U);
  setenv("OMPI_COMM_WORLD_LOCAL_SIZE", "nonsense", 1);
  EXPECT_EQ(slots_of_rank(), usable_cores());
  unsetenv("OMPI_COMM_WORLD_LOCAL_SIZE");
}

TEST(Cores, TheMachineHasAName) {
  EXPECT_FALSE(host_name().empty());
  EXPECT_EQ(host_name().find('.'), std::string::npos);
}

}  // namespace
}  // namespace lockstep::worker
