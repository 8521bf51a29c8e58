#include "fleet/launch.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace lockstep::fleet {
namespace {

using testing::ElementsAre;

TEST(Launch, AsksForRecoveryAndNoBinding) {
  EXPECT_THAT(mpirun_command({8, "/usr/bin/lockstep", {"run", "survey.asl.json", "--ranks", "8"}}, {}),
              ElementsAre("mpirun", "-n", "8", "--oversubscribe", "--enable-recovery", "--bind-to", "none", "--mca",
                          "odls_base_sigkill_timeout", "30", "--mca", "mpi_yield_when_idle", "1", "/usr/bin/lockstep",
                          "run", "survey.asl.json", "--ranks", "8"));
}

TEST(Launch, AllLeavesTheNumberToTheAllocation) {
  EXPECT_THAT(mpirun_command({0, "l", {}}, {"LOCKSTEP_S3_ROOT"}),
              ElementsAre("mpirun", "--enable-recovery", "--bind-to", "none", "--mca", "odls_base_sigkill_timeout",
                          "30", "--mca", "mpi_yield_when_idle", "1", "-x", "LOCKSTEP_S3_ROOT", "l"));
}

TEST(Launch, WithoutALauncherThereIsNobodyToReportTo) {
  unsetenv("LOCKSTEP_STATUS_FILE");
  report_start();
  EXPECT_FALSE(report_status(3));
}

}  // namespace
}  // namespace lockstep::fleet
