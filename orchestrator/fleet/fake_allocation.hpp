// All ranks of one allocation in virtual time: rank 0's machine, the network, and worker ranks with their real loops.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "fleet/fake_worker.hpp"
#include "fleet/mpi_fleet.hpp"

namespace lockstep::fleet {

/// Must outlive what happens in its VirtualTime.
class FakeAllocation {
 public:
  struct Options {
    std::vector<std::size_t> slots{1};  ///< of each worker
    bool one_host = false;              ///< rank 0 sees the workers' processes
    worker::Patience patience;
    FakeNetwork::Delays delays;
    journal::FileLayer* files = nullptr;         ///< shared by all ranks; null: there are none
    journal::FileLayer* rank_0_files = nullptr;  ///< of rank 0, where it has others
    std::string host = "here";                   ///< of rank 0
    SimulatedFleet::Script script;
    std::uint64_t seed = 1;
    decltype(SimulatedRunner::Parts::refuses) refuses = nullptr;
  };

  FakeAllocation(VirtualTime& time, ProcessTable& processes, TaskWatch& watch, const Options& options);

  FakeMachine& rank_0() { return rank_0_; }
  FakeNetwork& network() { return network_; }
  int size() const { return network_.size(); }
  FakeWorker& worker(int rank) { return *workers_[static_cast<std::size_t>(rank - 1)]; }
  std::unique_ptr<MpiFleet> make_fleet(FleetSettings settings);

  /// kill -9 of rank 0's process alone.
  void kill_rank_0();
  /// Of all.
  void kill();
  /// Whether no process is left.
  bool is_over() const;

 private:
  FakeNetwork network_;
  FakeMachine rank_0_;
  std::vector<std::unique_ptr<FakeWorker>> workers_;
};

}  // namespace lockstep::fleet
