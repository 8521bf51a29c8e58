#include "fleet/fake_allocation.hpp"

#include <algorithm>

namespace lockstep::fleet {

FakeAllocation::FakeAllocation(VirtualTime& time, ProcessTable& processes, TaskWatch& watch, const Options& options)
    : network_(time, options.seed, static_cast<int>(options.slots.size()) + 1, options.patience, options.delays),
      rank_0_(time, processes, options.host, options.rank_0_files != nullptr ? options.rank_0_files : options.files) {
  network_.on_arrival(0, [this] { rank_0_.wake(); });
  for (int rank = 1; rank < network_.size(); ++rank) {
    FakeWorker::Parts parts{time, processes, network_};
    parts.rank = rank;
    parts.slots = options.slots[static_cast<std::size_t>(rank - 1)];
    parts.host = options.one_host ? options.host : fmt::format("there-{}", rank);
    parts.files = options.files;
    parts.script = options.script;
    parts.watch = &watch;
    parts.seed = options.seed;
    parts.refuses = options.refuses;
    workers_.push_back(std::make_unique<FakeWorker>(parts));
  }
}

std::unique_ptr<MpiFleet> FakeAllocation::make_fleet(FleetSettings settings) {
  return std::make_unique<MpiFleet>(std::move(settings), size(), network_.channel(0), network_.heart(0), rank_0_);
}

void FakeAllocation::kill_rank_0() {
  rank_0_.kill();
  network_.kill(0);
}

void FakeAllocation::kill() {
  kill_rank_0();
  for (const std::unique_ptr<FakeWorker>& worker : workers_) {
    worker->kill();
  }
}

bool FakeAllocation::is_over() const {
  return rank_0_.is_dead() &&
         std::all_of(workers_.begin(), workers_.end(), [](const auto& one) { return one->is_over(); });
}

}  // namespace lockstep::fleet
