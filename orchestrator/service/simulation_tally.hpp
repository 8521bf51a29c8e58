// What simulations have played, told when all tests of the program are over.
#pragma once

#include <cstdint>

namespace lockstep::service {

struct Tally {
  std::uint64_t schedules = 0;
  std::uint64_t restarts = 0;      ///< processes that went on where another had been cut off, not stopped
  std::uint64_t power_losses = 0;  ///< faults: that came to pass, not only planned
  std::uint64_t kills = 0;
  std::uint64_t disk_errors = 0;
  std::uint64_t signals = 0;
  std::uint64_t lost_ranks = 0;  ///< or slots
  std::uint64_t bad_links = 0;
  std::uint64_t stopped_owners = 0;  ///< while another one began
  std::uint64_t repeated = 0;        ///< outcomes that were told twice
  std::uint64_t transitions = 0;     ///< states entered

  std::uint64_t faults() const {
    return power_losses + kills + disk_errors + signals + lost_ranks + bad_links + stopped_owners + repeated;
  }
};

/// Of this program.
Tally& tally();

}  // namespace lockstep::service
