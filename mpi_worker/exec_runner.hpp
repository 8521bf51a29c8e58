// Runs the tasks of one rank: processes without a shell, and builtins. One thread drives it, whatever the number of
// slots; a fleet within this process and the loop of a worker rank use the same one.
#pragma once

#include <chrono>
#include <deque>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "mpi_worker/doubts.hpp"
#include "mpi_worker/fence.hpp"
#include "mpi_worker/keeper.hpp"
#include "mpi_worker/process.hpp"
#include "mpi_worker/running.hpp"
#include "mpi_worker/settings.hpp"
#include "mpi_worker/spool.hpp"
#include "mpi_worker/task_runner.hpp"

namespace lockstep::worker {

/// All calls come from one thread. Nothing of a task outlives its outcome, the runner, or this process, however that
/// ends (guard.hpp). Ignores SIGPIPE process-wide, where it was not handled.
class Runner final : public TaskRunner {
 public:
  /// `settings` is borrowed. `slots` is at least 1. In `spool`, borrowed too, stands durably before a task begins that
  /// it does, where its job must never start twice; null: nowhere. Nothing begins once the fence says so, nor for a
  /// moment after this process was `told` to end.
  Runner(const RunSettings& settings, Place place, std::size_t slots, Spool* spool = nullptr, Fence fence = {},
         const ToldToEnd& told = told_to_end);
  /// Waits for the end of what it kills, at most a few seconds.
  ~Runner() override;

  void submit(Task task) override;
  void cancel(const DispatchId& id) override;
  std::vector<DispatchId> take_back(std::size_t most) override { return take_from(queue_, most); }
  void cancel_all() override;
  void kill_all() override;
  void rank_0_lived(Clock::time_point time) override { heard_ = time; }
  void hold(bool held) override { held_ = held; }
  void end_at(BootClock::time_point time) override { Guard::end_at(time); }

  void advance(std::vector<Outcome>& outcomes) override;
  int descriptor() const override { return epoll_.get(); }
  Clock::time_point next_time() const override;
  /// Starts what can be started, then does the rest of advance() when there is something to do, but waits at most
  /// `limit`, and less if `other` (a descriptor that stays open; -1: none) is readable: whether it is.
  bool wait(std::chrono::microseconds limit, int other, std::vector<Outcome>& outcomes);

  std::size_t slots() const { return slots_.size(); }
  std::size_t running() const override { return running_; }
  std::vector<BegunTask> begun() const override { return begun_tasks_.list(); }
  std::size_t waiting() const override { return queue_.size(); }

 private:
  struct Sleep {
    Task task;
    Clock::time_point end;
    OutcomeKind kind = OutcomeKind::succeeded;  // what it comes to at its end
    Timestamp started;
  };
  /// What epoll tells of a slot.
  enum Event : std::uint32_t { kIn, kOut, kErr, kBeat, kEnded, kEvents };
  struct Slot {
    std::unique_ptr<Running> process;
    std::optional<Sleep> sleep;
    int watched[kEvents] = {-1, -1, -1, -1, -1};         // what epoll knows of it
    bool told[kEvents] = {};                             // epoll has told of it, and is silent until it is asked again
    std::vector<std::unique_ptr<Lasting>> lasting;       // idle; at most one for each job
    Clock::time_point timer = Clock::time_point::max();  // its entry in timers_; max(): none
    std::uint64_t number = 0;                            // of its process, in the order in which they began
    std::uint32_t terms = 0;                             // how often we had been told to end when its task began
    bool free() const { return !process && !sleep; }
  };

  bool may_begin() const;
  void start_waiting(std::vector<Outcome>& outcomes);
  void refuse(Outcome outcome, std::vector<Outcome>& outcomes);
  bool has_epoll();
  std::size_t mark();
  bool never_twice(const Task& task) const;
  void start_sleep(Task task, std::vector<Outcome>& outcomes);
  Slot& take_slot(std::uint32_t& index);
  void set_timer(std::uint32_t index, Clock::time_point time);
  void give_ready(std::vector<Outcome>& outcomes);
  void listen_to(int other);
  bool handle_events(std::chrono::nanoseconds limit, std::vector<Outcome>& outcomes);
  void handle_timers(std::vector<Outcome>& outcomes);
  tl::expected<std::unique_ptr<Running>, Outcome> start_process(Task task, Slot& slot);
  void keep(std::uint32_t index, std::unique_ptr<Running> process);
  void finish(const Slot& slot, std::vector<Outcome>& outcomes);
  void handle_doubts(std::vector<Outcome>& outcomes);
  Clock::time_point may_start() const;
  void settle(std::uint32_t index, std::vector<Outcome>& outcomes);
  void watch(std::uint32_t index);
  void give(Outcome outcome, std::vector<Outcome>& outcomes) const;

  const RunSettings* settings_;
  Spool* spool_;
  const Fence fence_;
  Place place_;
  TaskLog log_;
  TaskFolders folders_;
  std::vector<std::string> environment_;
  ProcessContext context_;
  Keepers keepers_;
  Descriptor epoll_;
  int other_ = -1;  // what wait() listens to besides
  std::vector<Slot> slots_;
  std::vector<std::uint32_t> free_slots_;
  BegunTasks begun_tasks_;  // by slot
  std::size_t running_ = 0;
  std::deque<Task> queue_;
  std::vector<Outcome> ready_;                                    // cancelled before they began
  std::set<std::pair<Clock::time_point, std::uint32_t>> timers_;  // at most one for each slot
  const ToldToEnd& told_;
  Doubts doubts_;
  Clock::time_point heard_ = Clock::time_point::max();  // of rank 0
  std::uint64_t begun_ = 0;                             // processes, so far
  bool held_ = false;
};

}  // namespace lockstep::worker
