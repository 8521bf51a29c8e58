// Liveness: a thread of its own on every rank sends and answers heartbeats, because MPI reports no dead peer (design,
// wall 8; slurm-mpi.md 4).
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

namespace lockstep::worker {

/// What a worker does that misses rank 0, and when rank 0 takes a worker for lost. The worker is done before rank 0
/// hands its tasks to others.
struct Patience {
  std::chrono::milliseconds start_nothing{10'000};
  std::chrono::milliseconds kill_tasks{20'000};
  std::chrono::milliseconds end{30'000};   ///< a worker ends
  std::chrono::milliseconds lost{30'500};  ///< rank 0 hands on a worker's tasks
  std::chrono::milliseconds beat{1'000};   ///< between two beats

  /// What a worker owes the run that has missed rank 0 for so long.
  enum class Duty : std::uint8_t { go_on, start_nothing, kill_tasks, end };
  Duty duty(std::chrono::milliseconds silence) const;

  /// All times multiplied by the environment's LOCKSTEP_PATIENCE (0.01 to 100; for tests and slow networks).
  static Patience from_environment();
};

/// Needs MPI_THREAD_MULTIPLE. Rank 0 exchanges beats with all others, the others only with rank 0.
class Heart {
 public:
  Heart(int rank, int size, Patience patience);
  ~Heart();
  Heart(const Heart&) = delete;
  Heart& operator=(const Heart&) = delete;

  /// How long nothing was heard of a rank; any thread. On a worker, of rank 0: since it sent the last beat that rank 0
  /// has answered, so that a worker never takes itself for alive longer than rank 0 does.
  std::chrono::milliseconds silence(int rank) const;
  const Patience& patience() const { return patience_; }
  /// Sends no more beats to a rank.
  void forget(int rank);
  /// Ends the thread; no beat is under way afterwards but to ranks that do not take it. Idempotent.
  void stop();

 private:
  using Clock = std::chrono::steady_clock;
  struct Peer;

  void run();
  void send_beats();
  void take_beats();
  Peer* peer(int rank) const;

  const int rank_;
  const Patience patience_;
  std::vector<std::unique_ptr<Peer>> peers_;  // rank 0: by rank - 1; else rank 0 alone
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

}  // namespace lockstep::worker
