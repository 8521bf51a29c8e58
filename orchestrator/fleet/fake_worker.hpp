// A whole worker rank in virtual time: its real loop, simulated tasks, and what may befall its process.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "fleet/fake_machine.hpp"
#include "fleet/fake_network.hpp"
#include "fleet/simulated_runner.hpp"
#include "mpi_worker/worker_loop.hpp"

namespace lockstep::fleet {

/// Steps by itself as time passes. Must outlive what happens in its VirtualTime.
class FakeWorker {
 public:
  struct Parts {
    VirtualTime& time;
    ProcessTable& processes;
    FakeNetwork& network;
    int rank = 1;
    std::size_t slots = 1;
    std::string host = "there";
    journal::FileLayer* files = nullptr;  ///< null: none
    SimulatedFleet::Script script;
    TaskWatch* watch = nullptr;
    std::uint64_t seed = 1;
    decltype(SimulatedRunner::Parts::refuses) refuses = nullptr;
  };
  explicit FakeWorker(const Parts& parts);
  ~FakeWorker();
  FakeWorker(const FakeWorker&) = delete;
  FakeWorker& operator=(const FakeWorker&) = delete;

  /// kill -9: its tasks die with it.
  void kill();
  /// SIGSTOP; its tasks go on.
  void freeze();
  void thaw();

  bool is_over() const { return loop_ == nullptr; }
  /// How it ended by itself.
  std::optional<int> status() const { return status_; }
  const FakeMachine& machine() const { return machine_; }

 private:
  void step();
  void step_at(VirtualTime::Time time);

  VirtualTime& time_;
  ProcessTable& processes_;
  FakeNetwork& network_;
  const int rank_;
  FakeMachine machine_;
  std::unique_ptr<worker::WorkerLoop> loop_;  // null: the process is no more
  std::optional<int> status_;
  bool frozen_ = false;
  VirtualTime::Time next_step_ = VirtualTime::Time::max();
};

}  // namespace lockstep::fleet
