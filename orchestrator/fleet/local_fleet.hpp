// The fleet within this process: no MPI. The embedded default, and what a single rank falls back to.
#pragma once

#include <atomic>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "fleet/fleet.hpp"
#include "fleet/prefetch.hpp"
#include "fleet/shortage.hpp"
#include "mpi_worker/roster.hpp"
#include "mpi_worker/task_runner.hpp"

namespace lockstep::worker {
class Spool;
}

namespace lockstep::fleet {

/// Builtins that take no time run within dispatch(); everything else on threads of their own. Starting a process holds
/// up the thread that does it, so that there is a thread for each core, as many as are needed: each drives its share of
/// the slots and takes its tasks from one queue. What cannot begin goes back into it (shortage.hpp).
class LocalFleet final : public Fleet {
 public:
  /// `slots` 0: as many as this process may use cores.
  explicit LocalFleet(FleetSettings settings, std::size_t slots = 0);
  ~LocalFleet() override;

  std::size_t slots() const override { return stopped_ ? 0 : slots_; }
  std::size_t room() const override;
  void add_jobs(std::vector<work::Job> jobs) override;
  void dispatch(work::Task task) override;
  void cancel(const work::DispatchId& id) override;
  void wait(std::chrono::microseconds limit, const Waker& waker, std::vector<work::Outcome>& outcomes) override;
  void settled(std::uint32_t rank) override;
  std::optional<Error> failure() const override;
  void drain() override;
  void kill() override;
  void set_gate(std::function<bool()> may_begin) override { may_begin_ = std::move(may_begin); }
  void stop() override;
  Workload workload() const override;
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
    std::vector<work::DispatchId> cancels;
    bool idle = false;                           // sleeps, and could take a task
    const worker::TaskRunner* runner = nullptr;  // while there is one
  };
  struct Ended {
    work::Outcome outcome;
    Hand* hand = nullptr;
  };
  /// What the threads hand each other.
  struct Mailbox {
    mutable std::mutex mutex;
    std::deque<work::Task> tasks;
    std::multimap<Clock::time_point, work::Task> resting;  // could not begin; then in tasks
    std::size_t taken = 0;                                 // tasks that the hands have
    Shortage shortage;                                     // of this process
    Standstill standstill;
    std::string last_refusal;
    std::vector<Ended> ended;
    Clock::time_point ended_since;  // where there are any
    bool announced = false;         // the service was woken for them
    bool draining = false;
    bool stop = false;
    bool kill = false;
    Waker to_service;
  };

  void enter_roster();
  void start_hand();
  void start_first_hand();
  void note_refusal(const std::string& why);
  bool may_take(Clock::time_point now);
  void wake_resting(Clock::time_point now);
  Clock::time_point next_try() const;
  void keep_unbegun(const Hand& hand, worker::Spool* spool, std::vector<work::Outcome>& outcomes);
  void drop_waiting(work::OutcomeKind kind);
  void wake_hands() const;
  void run(Hand& hand);
  bool is_due(Clock::time_point now) const;
  bool collect(std::vector<work::Outcome>& outcomes);
  void count_losses(work::Outcome& outcome);

  FleetSettings settings_;  // jobs are added, under mail_.mutex; each hand has its own
  const worker::Place place_;
  const std::size_t slots_;
  const std::size_t most_hands_;
  std::unique_ptr<worker::Roster> roster_;   // null: there is no run folder, or it is over
  std::unique_ptr<journal::FileLock> lock_;  // null: there are none
  Prefetch prefetch_;
  std::vector<work::Outcome> at_once_;
  std::size_t in_flight_ = 0;  // with the hands
  std::deque<Hand*> given_;    // whose outcomes are not settled; null: nobody's. Empty where there are no spools
  std::map<work::DispatchId, unsigned> losses_;  // by visit; mostly empty
  bool stopped_ = false;
  bool draining_ = false;
  std::function<bool()> may_begin_;  // null: always
  std::atomic<bool> stuck_ = false;  // mail_.standstill is over
  Mailbox mail_;
  std::vector<std::unique_ptr<Hand>> hands_;
};

}  // namespace lockstep::fleet
