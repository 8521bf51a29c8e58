// A rank's tasks in virtual time: no process, no thread.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "fleet/simulated_fleet.hpp"
#include "fleet/virtual_time.hpp"
#include "mpi_worker/fence.hpp"
#include "mpi_worker/settings.hpp"
#include "mpi_worker/spool.hpp"
#include "mpi_worker/task_runner.hpp"

namespace lockstep::fleet {

/// What is true of the tasks of all ranks, whoever knows of it.
class TaskWatch {
 public:
  virtual ~TaskWatch() = default;
  /// A process of the task begins to run.
  virtual void begins(const work::Task& task, const worker::Place& place) = 0;
  /// Nothing of it runs any more.
  virtual void is_over(const work::Task& task, const worker::Place& place) = 0;
};

/// As mpi_worker/exec_runner.hpp promises it.
class SimulatedRunner final : public worker::TaskRunner {
 public:
  struct Parts {
    VirtualTime& time;
    std::function<Timestamp()> wall_clock;
    SimulatedFleet::Script script;
    TaskWatch& watch;
    std::uint64_t seed = 1;
    /// Why the task cannot begin now, where so many run; empty: it can. Null: all can.
    std::function<std::string(const work::Task& task, const worker::Place& place, std::size_t running)> refuses;
  };

  SimulatedRunner(Parts parts, const worker::RunSettings& settings, worker::Place place, std::size_t slots,
                  worker::Spool* spool, worker::Fence fence);
  ~SimulatedRunner() override;

  void submit(work::Task task) override { queue_.push_back(std::move(task)); }
  void cancel(const work::DispatchId& id) override;
  std::vector<work::DispatchId> take_back(std::size_t most) override { return take_from(queue_, most); }
  void cancel_all() override;
  void kill_all() override;
  void hold(bool held) override { held_ = held; }
  void end_at(BootClock::time_point time) override;
  void advance(std::vector<work::Outcome>& outcomes) override;
  int descriptor() const override { return -1; }
  Clock::time_point next_time() const override;
  std::size_t running() const override { return running_.size(); }
  std::size_t waiting() const override { return queue_.size(); }

 private:
  /// Of a task that runs: it ends at its time, whether its rank looks or not.
  struct Life {
    work::Task task;
    worker::Place place;
    Clock::time_point end;
    bool over = false;
  };
  struct Running {
    std::shared_ptr<Life> life;
    work::Outcome outcome;
  };

  bool may_begin() const;
  void wait_for_the_end();
  void cut_off();
  void start_waiting(std::vector<work::Outcome>& outcomes);
  void start(work::Task task);
  void refuse(const work::DispatchId& id, std::string why, std::vector<work::Outcome>& outcomes);
  void end_at(const std::shared_ptr<Life>& life, Clock::time_point time);
  static void end(TaskWatch& watch, Life& life);
  std::size_t mark();
  bool never_twice(const work::Task& task) const;
  work::Outcome outcome_of(const work::DispatchId& id, work::OutcomeKind kind) const;

  const Parts parts_;
  const worker::RunSettings& settings_;
  const worker::Place place_;
  const std::size_t slots_;
  worker::Spool* const spool_;
  const worker::Fence fence_;
  std::vector<Running> running_;
  std::deque<work::Task> queue_;
  std::vector<work::Outcome> ready_;
  bool held_ = false;
  Clock::time_point all_end_ = Clock::time_point::max();
  std::shared_ptr<char> is_here_ = std::make_shared<char>();
  bool waits_for_the_end_ = false;
};

}  // namespace lockstep::fleet
