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

#include "mpi_worker/guard.hpp"
#include "mpi_worker/process.hpp"
#include "mpi_worker/running.hpp"
#include "mpi_worker/settings.hpp"
#include "mpi_worker/spool.hpp"
#include "mpi_worker/task.hpp"

namespace lockstep::worker {

/// All calls come from one thread, which must live as long as the runner does: the processes are tied to it and get
/// KILL when it ends. Ignores SIGPIPE process-wide, where it was not handled.
class Runner {
 public:
  using Clock = std::chrono::steady_clock;

  /// `settings` is borrowed. `slots` is at least 1. In `spool`, borrowed too, stands durably before a task begins that
  /// it does, where its job must never start twice; null: nowhere.
  Runner(const RunSettings& settings, Place place, std::size_t slots, Spool* spool = nullptr);
  /// Kills what still runs.
  ~Runner();
  Runner(const Runner&) = delete;
  Runner& operator=(const Runner&) = delete;

  /// Takes a task; it starts with the next advance() that has a slot free.
  void submit(Task task);
  /// Stops the task (TERM, after kill_after KILL) or drops it where it has not begun; either way one outcome comes.
  /// An unknown id is ignored.
  void cancel(const DispatchId& id);
  /// Gives up at most so many tasks, those that would begin last: they have left no trace here and no outcome comes.
  std::vector<DispatchId> take_back(std::size_t most);
  /// Cancels all.
  void cancel_all();
  /// KILL to all that runs, at once.
  void kill_all();
  /// We were told to end, and perhaps so was everything here: failures are held back for `time`, as those by TERM and
  /// KILL always are for a second. Where cancel_all() comes meanwhile, they were no failures of their tasks.
  void doubt(std::chrono::milliseconds time);
  /// Starts nothing as long as it is held.
  void hold(bool held) { held_ = held; }

  /// Starts, feeds, reads and ends what can be without waiting; appends an outcome for each task that is over.
  void advance(std::vector<Outcome>& outcomes);
  /// Readable when advance() has something to do; for poll().
  int descriptor() const { return epoll_.get(); }
  /// When advance() has something to do though nothing is readable; max(): never.
  Clock::time_point next_time() const;
  /// Starts what can be started, then does the rest of advance() when there is something to do, but waits at most
  /// `limit`, and less if `other` (a descriptor that stays open; -1: none) is readable: whether it is.
  bool wait(std::chrono::microseconds limit, int other, std::vector<Outcome>& outcomes);

  std::size_t slots() const { return slots_.size(); }
  /// Tasks that occupy a slot.
  std::size_t running() const { return running_; }
  /// Tasks that were taken and have not begun.
  std::size_t waiting() const { return queue_.size(); }

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
    bool free() const { return !process && !sleep; }
  };
  /// A failure that may not be the task's own.
  struct Doubtful {
    Clock::time_point time;  // when it is one
    Outcome outcome;
  };

  void start_waiting(std::vector<Outcome>& outcomes);
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
  void finish(Running& process, std::vector<Outcome>& outcomes);
  void handle_doubtful(std::vector<Outcome>& outcomes);
  void settle(std::uint32_t index, std::vector<Outcome>& outcomes);
  void watch(std::uint32_t index);
  void give(Outcome outcome, std::vector<Outcome>& outcomes) const;

  const RunSettings* settings_;
  Spool* spool_;
  Place place_;
  TaskLog log_;
  TaskFolders folders_;
  std::vector<std::string> environment_;
  ProcessContext context_;
  Guard guard_;  // a place for each slot, and behind them one for each slot and job: its idle process
  Descriptor epoll_;
  int other_ = -1;  // what wait() listens to besides
  std::vector<Slot> slots_;
  std::vector<std::uint32_t> free_slots_;
  std::size_t running_ = 0;
  std::deque<Task> queue_;
  std::vector<Outcome> ready_;                                    // cancelled before they began
  std::set<std::pair<Clock::time_point, std::uint32_t>> timers_;  // at most one for each slot
  std::vector<Doubtful> doubtful_;
  Clock::time_point doubt_until_ = Clock::time_point::min();
  bool held_ = false;
};

}  // namespace lockstep::worker
