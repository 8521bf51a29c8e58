// Rank 0's side of the workers on all other ranks.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "fleet/fleet.hpp"
#include "fleet/prefetch.hpp"
#include "fleet/recall.hpp"
#include "fleet/settlement.hpp"
#include "fleet/shortage.hpp"
#include "mpi_worker/backoff.hpp"
#include "mpi_worker/channel.hpp"
#include "mpi_worker/heart.hpp"
#include "mpi_worker/machine.hpp"
#include "mpi_worker/protocol.hpp"
#include "mpi_worker/roster.hpp"

namespace lockstep::fleet {

/// A task whose rank is lost is handed to another by the fleet itself; the service sees only the outcome. One that was
/// in flight on three lost ranks fails as Lockstep.WorkerLost (design, wall 8). A task that a rank could not begin for
/// want of resources goes to others first (shortage.hpp).
class MpiFleet final : public Fleet {
 public:
  /// Waits until all workers have said hello, at most a few seconds: who is late joins later. Borrows channel, heart
  /// and machine.
  MpiFleet(FleetSettings settings, int size, worker::Channel& channel, worker::Heart& heart,
           worker::Machine& machine = worker::real_machine());
  ~MpiFleet() override;

  std::size_t slots() const override;
  std::size_t room() const override;
  void add_jobs(std::vector<work::Job> jobs) override;
  void dispatch(work::Task task) override;
  void cancel(const work::DispatchId& id) override;
  void wait(std::chrono::microseconds limit, const Waker& waker, std::vector<work::Outcome>& outcomes) override;
  void settled(std::uint32_t rank) override;
  std::optional<Error> failure() const override;
  void drain() override;
  void kill() override;
  void set_gate(std::function<bool()> may_begin) override;
  void stop() override;
  Workload workload() const override;
  std::string describe() const override;

  /// Whether every worker has ended as it was told, so that MPI can be finalized.
  bool all_ended() const;
  /// Outcomes and messages that were dropped: of a dispatch that is over, of a lost rank, without sense.
  std::uint64_t dropped() const { return dropped_; }

 private:
  using Clock = worker::Machine::Clock;
  /// Between two looks at who is alive.
  static constexpr std::chrono::milliseconds kLook{200};

  enum class Standing : std::uint8_t {
    awaited,  // has not said hello
    greeted,  // has got its settings, and is not ready yet
    ready,    // and will be noted in the roster
    working,
    suspect,  // has sent what makes no sense: is told to stop, gets nothing more, is lost once it is silent or gone
    lost,
    ended  // has said goodbye
  };
  struct Worker {
    int rank = 0;
    Standing standing = Standing::awaited;
    worker::Hello hello;
    bool visible = false;            // its process can be seen from here
    bool is_dying = false;           // it is lost, but something of its tasks may be left
    std::string why_lost;            // then
    Clock::time_point handed_on_by;  // then: its tasks, whatever is left of them
    std::size_t assigned = 0;        // tasks in flight
    std::size_t capacity = 0;
    bool in_free = false;   // listed in free_
    bool in_ahead = false;  // listed in ahead_
    bool asked = false;     // for tasks back, and has not answered
    bool has_none = false;  // its last answer; since then it got none
    bool held_up = false;   // was asked, and nothing has ended there since: it gets nothing ahead
    Prefetch prefetch;
    std::vector<bool> knows;  // by JobId: the jobs that it was told
    worker::Batch batch{worker::MessageType::tasks};
    std::vector<work::DispatchId> cancels;
    Shortage shortage;
    std::string refusal;                 // why a task could not begin, the last time
    std::vector<work::BegunTask> begun;  // as it has told last
    Settlement settlement;
    std::uint64_t told = 0;  // settled outcomes that it knows of
  };
  struct Flight {
    work::Task task;
    int rank = 0;  // 0: with no worker
    unsigned losses = 0;
    bool cancelled = false;
  };
  using Flights = std::unordered_map<work::DispatchId, Flight, work::DispatchIdHash>;

  Worker& of(int rank) { return workers_[static_cast<std::size_t>(rank - 1)]; }
  Worker* choose();
  void list(Worker& one);
  void set_capacity(Worker& one, std::size_t capacity);
  void fit_capacity(Worker& one);
  void ease_shortages();
  void assign(Flight& flight, Worker& one);
  void tell_job(Worker& one, work::JobId id);
  void pump();
  void wake_resting();
  void recall_all(Worker& one);
  void send(Worker& one, std::string message);
  void flush(Worker& one);
  void flush_all();

  bool take_messages(std::vector<work::Outcome>& outcomes);
  bool handle(Worker& one, std::string_view message, std::vector<work::Outcome>& outcomes);
  bool handle_hello(Worker& one, std::string_view message);
  void enroll();
  void handle_outcome(Worker& one, work::Outcome outcome, std::vector<work::Outcome>& outcomes);
  void handle_refused(Flights::iterator flight, Worker& one, std::string_view why,
                      std::vector<work::Outcome>& outcomes);
  void note_begun(Worker& one, const work::Outcome& outcome);
  bool is_unwanted(const Flight& flight) const;
  void take_back(Flights::iterator flight, std::vector<work::Outcome>& outcomes);
  void handle_returned(Worker& one, const std::vector<work::DispatchId>& ids, std::vector<work::Outcome>& outcomes);
  void release(Worker& one);
  void balance();
  void suspect(Worker& one, std::string_view why);
  bool look_for_lost(std::vector<work::Outcome>& outcomes);
  bool is_over(Worker& one, bool is_gone, Clock::time_point now);
  void lose(Worker& one, std::string_view why, std::vector<work::Outcome>& outcomes);
  void recover_spooled(const Worker& one, std::vector<work::Outcome>& outcomes);
  std::chrono::microseconds pause() const;
  void retry(Flights::iterator flight, const Worker& one, std::string_view why, bool begun,
             std::vector<work::Outcome>& outcomes);
  void rest(const work::DispatchId& id, std::chrono::milliseconds time);
  void give_interrupted(Flights::iterator flight, const Worker& one, std::string_view why,
                        std::vector<work::Outcome>& outcomes);
  void give_unbegun(const work::DispatchId& id, std::vector<work::Outcome>& outcomes);
  void give(const work::DispatchId& id, work::OutcomeKind kind, std::string error, std::string cause,
            std::vector<work::Outcome>& outcomes);

  FleetSettings settings_;  // jobs are added
  worker::Channel& channel_;
  worker::Heart& heart_;
  worker::Machine& machine_;
  std::unique_ptr<worker::Roster> roster_;  // null: there is no run folder, or it is over
  std::vector<int> ready_ranks_;            // to be noted in it
  std::vector<Worker> workers_;             // by rank - 1
  Flights flights_;
  std::deque<work::DispatchId> waiting_;                        // with no worker
  std::multimap<Clock::time_point, work::DispatchId> resting_;  // with no worker until then; then in waiting_
  std::deque<int> free_;                                        // ranks with a slot free
  std::deque<int> ahead_;                                       // ranks that take tasks ahead
  std::vector<int> dirty_;                                      // ranks with something to send
  std::vector<work::Outcome> ready_;                            // made here
  std::size_t capacity_ = 0;                                    // of all workers
  std::size_t assigned_ = 0;                                    // to all workers
  std::uint64_t dropped_ = 0;
  std::size_t short_ranks_ = 0;  // ranks with a shortage
  std::uint64_t begun_ = 0;      // tasks that are over and had begun
  Standstill standstill_;
  std::string last_refusal_;  // where, and why
  worker::Backoff backoff_;
  Clock::time_point next_look_;
  Clock::time_point next_balance_;
  bool stopped_ = false;
  bool draining_ = false;
  std::function<bool()> may_begin_;  // null: always
};

}  // namespace lockstep::fleet
