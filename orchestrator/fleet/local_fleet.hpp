// The fleet within this process: no MPI. The embedded default, and what a single rank falls back to.
#pragma once

#include <atomic>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "fleet/fleet.hpp"
#include "fleet/prefetch.hpp"

namespace lockstep::fleet {

/// Builtins that take no time run within dispatch(); everything else on threads of their own. Starting a process holds
/// up the thread that does it, so that there is a thread for each core, as many as are needed: each drives its share of
/// the slots and takes its tasks from one queue.
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
  using Clock = std::chrono::steady_clock;

  /// One thread with its runner.
  struct Hand {
    std::uint32_t number = 0;
    std::size_t slots = 1;
    Waker waker;
    std::atomic<std::uint64_t> settled{0};  // outcomes of its own
    std::thread thread;
    // Guarded by mail_.mutex.
    std::vector<worker::DispatchId> cancels;
    bool idle = false;  // sleeps, and could take a task
  };
  struct Ended {
    worker::Outcome outcome;
    Hand* hand = nullptr;
  };
  /// What the threads hand each other.
  struct Mailbox {
    std::mutex mutex;
    std::deque<worker::Task> tasks;
    std::vector<Ended> ended;
    Clock::time_point ended_since;  // where there are any
    bool announced = false;         // the service was woken for them
    bool stop = false;
    Waker to_service;
  };

  void start_hand();
  void run(Hand& hand);
  bool is_due(Clock::time_point now) const;
  bool collect(std::vector<worker::Outcome>& outcomes);

  const FleetSettings settings_;
  const worker::Place place_;
  const std::size_t slots_;
  const std::size_t most_hands_;
  Prefetch prefetch_;
  std::vector<worker::Outcome> at_once_;
  std::size_t in_flight_ = 0;  // with the hands
  std::deque<Hand*> given_;    // whose outcomes are not settled; null: nobody's. Empty where there are no spools
  bool stopped_ = false;
  Mailbox mail_;
  std::vector<std::unique_ptr<Hand>> hands_;
};

}  // namespace lockstep::fleet
