// Rank 0's side of the workers on all other ranks.
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "fleet/fleet.hpp"
#include "fleet/prefetch.hpp"
#include "fleet/recall.hpp"
#include "fleet/settlement.hpp"
#include "mpi_worker/backoff.hpp"
#include "mpi_worker/channel.hpp"
#include "mpi_worker/heart.hpp"
#include "mpi_worker/protocol.hpp"

namespace lockstep::fleet {

/// A task whose rank is lost is handed to another by the fleet itself; the service sees only the outcome. One that was
/// in flight on three lost ranks fails as Lockstep.WorkerLost (design, wall 8).
class MpiFleet final : public Fleet {
 public:
  /// Waits until all workers have said hello, at most a few seconds: who is late joins later. Borrows channel and
  /// heart.
  MpiFleet(FleetSettings settings, int size, worker::Channel& channel, worker::Heart& heart);
  ~MpiFleet() override;

  std::size_t slots() const override;
  std::size_t room() const override;
  void dispatch(worker::Task task) override;
  void cancel(const worker::DispatchId& id) override;
  void wait(std::chrono::microseconds limit, const Waker& waker, std::vector<worker::Outcome>& outcomes) override;
  void settled(std::uint32_t rank) override;
  void stop() override;
  std::string describe() const override;

  /// Whether every worker has ended as it was told, so that MPI can be finalized.
  bool all_ended() const;
  /// Outcomes and messages that were dropped: of a dispatch that is over, of a lost rank, without sense.
  std::uint64_t dropped() const { return dropped_; }

 private:
  using Clock = std::chrono::steady_clock;
  /// Between two looks at who is alive.
  static constexpr std::chrono::milliseconds kLook{200};

  enum class Standing : std::uint8_t {
    awaited,  // has not said hello
    working,
    suspect,  // has sent what makes no sense: is told to stop, gets nothing more, is lost once it is silent or gone
    lost,
    ended  // has said goodbye
  };
  struct Worker {
    int rank = 0;
    Standing standing = Standing::awaited;
    worker::Hello hello;
    bool visible = false;      // its process can be seen from here
    std::size_t assigned = 0;  // tasks in flight
    std::size_t capacity = 0;
    bool in_free = false;   // listed in free_
    bool in_ahead = false;  // listed in ahead_
    bool asked = false;     // for tasks back, and has not answered
    bool has_none = false;  // its last answer; since then it got none
    bool held_up = false;   // was asked, and nothing has ended there since: it gets nothing ahead
    Prefetch prefetch;
    worker::Batch batch{worker::MessageType::tasks};
    std::vector<worker::DispatchId> cancels;
    Settlement settlement;
    std::uint64_t told = 0;  // settled outcomes that it knows of
  };
  struct Flight {
    worker::Task task;
    int rank = 0;  // 0: with no worker
    unsigned losses = 0;
    bool cancelled = false;
  };
  using Flights = std::unordered_map<worker::DispatchId, Flight, worker::DispatchIdHash>;

  Worker& of(int rank) { return workers_[static_cast<std::size_t>(rank - 1)]; }
  Worker* choose();
  void list(Worker& one);
  void set_capacity(Worker& one, std::size_t capacity);
  void assign(Flight& flight, Worker& one);
  void pump();
  void send(Worker& one, std::string message);
  void flush(Worker& one);
  void flush_all();

  bool take_messages(std::vector<worker::Outcome>& outcomes);
  bool handle(Worker& one, std::string_view message, std::vector<worker::Outcome>& outcomes);
  bool handle_hello(Worker& one, std::string_view message);
  void handle_outcome(Worker& one, worker::Outcome outcome, std::vector<worker::Outcome>& outcomes);
  void handle_returned(Worker& one, const std::vector<worker::DispatchId>& ids, std::vector<worker::Outcome>& outcomes);
  void release(Worker& one);
  void balance();
  void suspect(Worker& one, std::string_view why);
  bool look_for_lost(std::vector<worker::Outcome>& outcomes);
  void lose(Worker& one, std::string_view why, std::vector<worker::Outcome>& outcomes);
  void recover_spooled(const Worker& one, std::vector<worker::Outcome>& outcomes);
  std::chrono::microseconds pause() const;
  void retry(Flights::iterator flight, const Worker& one, std::vector<worker::Outcome>& outcomes);
  bool never_twice(const Flight& flight) const;
  void give_interrupted(Flights::iterator flight, const Worker& one, std::vector<worker::Outcome>& outcomes);
  void give(const worker::DispatchId& id, worker::OutcomeKind kind, std::string error, std::string cause,
            std::vector<worker::Outcome>& outcomes);

  const FleetSettings settings_;
  worker::Channel& channel_;
  worker::Heart& heart_;
  std::vector<Worker> workers_;  // by rank - 1
  Flights flights_;
  std::deque<worker::DispatchId> waiting_;  // with no worker
  std::deque<int> free_;                    // ranks with a slot free
  std::deque<int> ahead_;                   // ranks that take tasks ahead
  std::vector<int> dirty_;                  // ranks with something to send
  std::vector<worker::Outcome> ready_;      // made here
  std::size_t capacity_ = 0;                // of all workers
  std::size_t assigned_ = 0;                // to all workers
  std::uint64_t dropped_ = 0;
  worker::Backoff backoff_;
  Clock::time_point next_look_;
  Clock::time_point next_balance_;
  bool stopped_ = false;
};

}  // namespace lockstep::fleet
