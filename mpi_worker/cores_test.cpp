#include "mpi_worker/cores.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

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

TEST(Cores, WhereAllRanksAreOnOneMachineTheWorkersHaveAllOfThem) {
  const std::size_t cores = usable_cores();
  const auto slots = [&](std::size_t ranks, std::size_t rank) {
    setenv("OMPI_COMM_WORLD_LOCAL_SIZE", std::to_string(ranks).c_str(), 1);
    setenv("OMPI_COMM_WORLD_SIZE", std::to_string(ranks).c_str(), 1);
    setenv("OMPI_COMM_WORLD_RANK", std::to_string(rank).c_str(), 1);
    return slots_of_rank();
  };
  EXPECT_EQ(slots(2, 1), cores);
  for (const std::size_t workers : {std::size_t{1}, std::size_t{2}, std::size_t{3}, cores, cores + 1}) {
    std::size_t all = 0;
    for (std::size_t rank = 1; rank <= workers; ++rank) {
      all += slots(workers + 1, rank);
    }
    EXPECT_EQ(all, std::max(cores, workers)) << workers;
  }
  setenv("OMPI_COMM_WORLD_SIZE", "8", 1);
  setenv("OMPI_COMM_WORLD_LOCAL_SIZE", "1", 1);
  EXPECT_EQ(slots_of_rank(), cores) << "alone on a machine";
  for (const char* variable : {"OMPI_COMM_WORLD_LOCAL_SIZE", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK"}) {
    unsetenv(variable);
  }
}

TEST(Cores, TheMachineHasAName) {
  EXPECT_FALSE(host_name().empty());
  EXPECT_EQ(host_name().find('.'), std::string::npos);
}

}  // namespace
}  // namespace lockstep::worker
