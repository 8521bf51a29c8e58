// Who owns a run folder: exactly one process may write to it.
//
// LOCK is held by the kernel for as long as the owner lives, where the file system has locks. `lease` says in words who
// the owner is, carries the fencing epoch, and a counter that the owner moves every second: so an owner that is dead,
// on whichever host, is told from one that is slow, without comparing clocks. An owner that was stopped and goes on
// after another one took over finds a greater epoch there and may do nothing more.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "journal/format.hpp"
#include "value/error.hpp"

namespace lockstep::journal {

/// What `lease` says.
struct Owner {
  Epoch epoch = 0;
  std::string host;
  std::string boot_id;  ///< of the host's kernel; changes when it restarts
  std::int64_t pid = 0;
  std::uint64_t start_time = 0;  ///< of the process, in the kernel's ticks: a pid may be used again
  std::string slurm_job;         ///< SLURM_JOB_ID; empty: none
  std::uint64_t slurm_restart = 0;
  std::uint64_t counter = 0;
  bool released = false;
};

std::string to_text(const Owner& owner);
std::optional<Owner> parse_owner(const std::string& text);
/// This process.
Owner this_process();
/// "host n1, process 4711, Slurm job 12 (restart 1)".
std::string describe(const Owner& owner);

struct LeaseOptions {
  /// Take the run from an owner that holds LOCK but has not moved its counter for `stale_after` (it is stopped, or its
  /// host is cut off).
  bool takeover = false;
  std::chrono::milliseconds heartbeat{1'000};
  /// An owner whose counter does not move for this long is dead.
  std::chrono::milliseconds stale_after{30'000};
  /// How old the last confirmation may be for is_confirmed(); well below stale_after.
  std::chrono::milliseconds valid_for{10'000};
  /// Whether a Slurm job still runs; nothing where that cannot be said. Null: nobody knows.
  std::function<std::optional<bool>(const std::string& job)> slurm_job_runs;
  std::function<void(const std::string&)> warn;
};

class Lease {
 public:
  /// Becomes the owner of the run folder, which must stand, with an epoch above the last owner's and `at_least`. Where
  /// the last owner may still live elsewhere, it watches for up to `stale_after`. An error (occupied) says who the
  /// owner is and what to do.
  static Result<std::unique_ptr<Lease>> acquire(const std::string& run_folder, Epoch at_least,
                                                const LeaseOptions& options = {});
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;
  /// Releases it.
  ~Lease();

  Epoch epoch() const { return self_.epoch; }
  /// Whether this process was seen to be the owner a moment ago. Before an effect goes out: cheap. Any thread.
  bool is_confirmed() const;
  /// Looks into the file: an error if there is another owner, or the file cannot be read. Any thread.
  Result<void> check();

 private:
  Lease(std::string folder, int lock, const Owner& self, const LeaseOptions& options);
  void beat();
  bool renew();

  const std::string folder_;
  const LeaseOptions options_;
  const int lock_;  // descriptor that holds LOCK; -1: the file system has no locks
  Owner self_;      // its counter: guarded by mutex_

  std::atomic<bool> lost_{false};
  std::atomic<std::chrono::steady_clock::rep> confirmed_at_{0};
  std::mutex mutex_;
  std::condition_variable stop_changed_;
  bool stopping_ = false;
  std::thread thread_;
};

/// Who owns the folder according to its lease; nothing if there is none. For status, and for messages.
std::optional<Owner> read_owner(const std::string& run_folder);

enum class Life : std::uint8_t { running, ended, unknown };
struct OwnerState {
  std::optional<Owner> owner;  ///< the last that there was; nothing if there was none, or its lease cannot be read
  Life life = Life::ended;
};
/// Whether somebody owns the folder now, as far as can be told from any node without taking the lock and without
/// writing. Where nothing else tells, the owner's counter is watched for up to `watch`.
OwnerState look_at_owner(const std::string& run_folder, std::chrono::milliseconds watch);

}  // namespace lockstep::journal
