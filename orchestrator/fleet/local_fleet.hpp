// The fleet within this process: no MPI. The embedded default, and what a single rank falls back to.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "fleet/fleet.hpp"
#include "fleet/prefetch.hpp"
#include "fleet/settlement.hpp"

namespace lockstep::fleet {

/// Builtins that take no time run within dispatch(); everything else on one thread of its own, which is started with
/// the first such task and drives all slots.
class LocalFleet final : public Fleet {
 public:
  /// `slots` 0: as many as this process may use cores.
  explicit LocalFleet(FleetSettings settings, std::size_t slots = 0);
  ~LocalFleet() override;

  std::size_t slots() const override { return stopped_ ? 0 : slots_; }
  std::size_t room() const override;
  void dispatch(worker::Task task) override;
  void cancel(const worker::DispatchId& id) override;
  void wait(std::chrono::microseconds limit, const Waker& waker, std::vector<worker::Outcome>& outcomes) override;
  void settled(std::uint32_t rank) override;
  void stop() override;
  std::string describe() const override;

 private:
  /// What the two threads hand each other.
  struct Mailbox {
    std::mutex mutex;
    std::vector<worker::Task> tasks;
    std::vector<worker::DispatchId> cancels;
    std::vector<worker::Outcome> outcomes;
    bool stop = false;
    Waker to_runner;
    Waker to_service;
  };

  void run();
  bool collect(std::vector<worker::Outcome>& outcomes);

  const FleetSettings settings_;
  const worker::Place place_;
  const std::size_t slots_;
  Prefetch prefetch_;
  std::vector<worker::Outcome> at_once_;
  std::size_t in_flight_ = 0;  // with the runner
  Settlement settlement_;
  std::atomic<std::uint64_t> settled_{0};  // its count, for the runner's thread
  bool stopped_ = false;
  Mailbox mail_;
  std::thread thread_;
};

}  // namespace lockstep::fleet
