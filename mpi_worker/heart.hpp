// Liveness: a thread of its own on every rank sends and answers heartbeats, because MPI reports no dead peer (design,
// wall 8; slurm-mpi.md 4).
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "value/boot_clock.hpp"

namespace lockstep::worker {

/// What a worker does that misses rank 0, and when rank 0 takes a worker for lost. The worker is done before rank 0
/// hands its tasks to others, also where the thread of its loop hangs.
struct Patience {
  std::chrono::milliseconds start_nothing{10'000};
  std::chrono::milliseconds kill_tasks{20'000};
  std::chrono::milliseconds kill_hung{23'000};  ///< where the loop has not, they are killed, and the worker ends
  std::chrono::milliseconds end{30'000};        ///< a worker ends
  std::chrono::milliseconds end_hung{31'500};   ///< the heart's thread ends it where the loop has not
  std::chrono::milliseconds lost{32'500};       ///< rank 0 hands on a worker's tasks
  std::chrono::milliseconds beat{1'000};        ///< between two beats

  /// What a worker owes the run that has missed rank 0 for so long.
  enum class Duty : std::uint8_t { go_on, start_nothing, kill_tasks, end };
  Duty duty(std::chrono::milliseconds silence) const;
  /// Whether a loop that has done so much after so long a silence hangs.
  bool is_hung(std::chrono::milliseconds silence, Duty done) const;

  /// All times multiplied by the environment's LOCKSTEP_PATIENCE (0.01 to 100; for tests and slow networks).
  static Patience from_environment();
};

class Heart {
 public:
  virtual ~Heart() = default;
  Heart(const Heart&) = delete;
  Heart& operator=(const Heart&) = delete;

  /// How long nothing was heard of a rank; any thread. On a worker, of rank 0: since it sent the last beat that rank 0
  /// has answered, so that a worker never takes itself for alive longer than rank 0 does.
  virtual std::chrono::milliseconds silence(int rank) const = 0;
  virtual const Patience& patience() const = 0;
  /// Sends no more beats to a rank.
  virtual void forget(int rank) = 0;

  /// On rank 0: it beats only while this is so, any thread asks it: workers miss a rank 0 that may own the run no more,
  /// also where another thread of it hangs. Null: always; returns when a call is over.
  // NOLINTNEXTLINE(performance-unnecessary-value-param): who overrides it keeps it
  virtual void beat_while(std::function<bool()> /*is_owner*/) {}

  /// On a worker: is told with each beat when its tasks must have ended, unless it is told another time before
  /// (TaskRunner::end_at). Null: there are none any more; returns when a call is over. Any thread.
  // NOLINTNEXTLINE(performance-unnecessary-value-param): who overrides it keeps it
  virtual void watch_over(std::function<void(BootClock::time_point)> /*end_at*/) {}
  /// On a worker: the loop has looked, and done this. Any thread.
  virtual void has_done(Patience::Duty /*duty*/) {}

 protected:
  Heart() = default;
};

/// Needs MPI_THREAD_MULTIPLE. Rank 0 exchanges beats with all others, the others only with rank 0.
class MpiHeart final : public Heart {
 public:
  MpiHeart(int rank, int size, Patience patience);
  ~MpiHeart() override;

  std::chrono::milliseconds silence(int rank) const override;
  const Patience& patience() const override { return patience_; }
  void forget(int rank) override;
  void beat_while(std::function<bool()> is_owner) override;
  void watch_over(std::function<void(BootClock::time_point)> end_at) override;
  void has_done(Patience::Duty duty) override { done_.store(duty, std::memory_order_relaxed); }
  /// Ends the thread; no beat is under way afterwards but to ranks that do not take it. Idempotent.
  void stop();

 private:
  struct Peer;

  void run();
  void send_beats();
  void take_beats();
  bool may_beat();
  void put_off_the_end();
  Peer* peer(int rank) const;

  const int rank_;
  const Patience patience_;
  std::vector<std::unique_ptr<Peer>> peers_;  // rank 0: by rank - 1; else rank 0 alone
  std::atomic<bool> stop_{false};
  std::atomic<Patience::Duty> done_{Patience::Duty::go_on};
  std::mutex mutex_;
  std::function<void(BootClock::time_point)> end_at_;  // guarded by mutex_
  std::function<bool()> is_owner_;                     // likewise
  std::thread thread_;
};

}  // namespace lockstep::worker
