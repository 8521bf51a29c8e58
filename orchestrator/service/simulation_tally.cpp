#include "service/simulation_tally.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <ctime>

namespace lockstep::service {

Tally& tally() {
  static Tally played;
  return played;
}

namespace {

class Teller final : public testing::Environment {
 public:
  void TearDown() override {
    timespec used{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    const double hours = (static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) * 1e-9) / 3600;
    const Tally& played = tally();
    if (played.schedules == 0 || hours <= 0) {
      return;
    }
    const auto line = [hours](std::string_view what, std::uint64_t count) {
      fmt::print("{:>12} {:<28} {:>14.0f} per core-hour\n", count, what, static_cast<double>(count) / hours);
    };
    fmt::print("simulated in {:.0f} s of a core:\n", hours * 3600);
    line("schedules", played.schedules);
    line("crashes with restart", played.restarts);
    line("faults", played.faults());
    fmt::print(
        "{:12} ({} power losses, {} kills, {} disk errors, {} signals, {} ranks or slots lost, {} links held up or "
        "cut, {} owners stopped, {} outcomes twice)\n",
        "", played.power_losses, played.kills, played.disk_errors, played.signals, played.lost_ranks, played.bad_links,
        played.stopped_owners, played.repeated);
    line("states entered", played.transitions);
  }
};
[[maybe_unused]] const testing::Environment* const teller = testing::AddGlobalTestEnvironment(new Teller);

}  // namespace

}  // namespace lockstep::service
