// Who owns a run folder: exactly one process may write to it.
//
// LOCK is held by the kernel for as long as the owner lives, where the file system has locks. `lease` says in words who
// the owner is, carries the fencing epoch, and a counter that the owner moves every second: so an owner that is dead,
// on whichever host, is told from one that is slow, without comparing clocks. An owner that was stopped and goes on
// after another one took over finds another identity there and may do nothing more.
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

#include "journal/files.hpp"
#include "journal/format.hpp"
#include "value/boot_clock.hpp"
#include "value/error.hpp"

namespace lockstep::journal {

/// What `lease` says.
struct Owner {
  Epoch epoch = 0;
  std::string host;
  std::string boot_id;        ///< of the host's kernel; changes when it restarts
  std::string pid_namespace;  ///< in which the pid says something
  std::int64_t pid = 0;
  std::uint64_t start_time = 0;  ///< of the process, in the kernel's ticks: a pid may be used again
  std::string token;             ///< random: no two owners have the same, also where all else is equal
  std::string slurm_job;         ///< SLURM_JOB_ID; empty: none
  std::uint64_t slurm_restart = 0;
  std::uint64_t counter = 0;
  bool has_journal = false;  ///< a segment of the journal was begun: an empty one is not the whole truth
  bool released = false;

  /// The same process, and the same time that it became the owner.
  bool is_same(const Owner& other) const;
};

std::string to_text(const Owner& owner);
std::optional<Owner> parse_owner(const std::string& text);
/// This process.
Owner this_process();
/// When a process here was started, in the kernel's ticks; 0: there is no such process, or it has ended.
std::uint64_t process_start_time(std::int64_t pid);
/// KILL to the process here that has this number and was started then: whether there was one. Never to this one.
bool end_process(std::int64_t pid, std::uint64_t start_time);
/// Ends the process that `owner` names with KILL, which ends one that is stopped, too, if it is on this machine and
/// still the same. Whether it is gone within `limit`; false: it is none of those that can be seen here, or not ours to
/// end.
bool end_owner(const Owner& owner, std::chrono::milliseconds limit);
/// Whether the process runs; nothing where that cannot be told from here: on another host, or in another container.
std::optional<bool> is_running(const Owner& owner);
/// "host n1, process 4711, Slurm job 12 (restart 1)".
std::string describe(const Owner& owner);

class Lease;

/// What a lease takes from where its process runs; tests have a world of their own. Any thread.
class Surroundings {
 public:
  Surroundings() = default;
  Surroundings(const Surroundings&) = delete;
  Surroundings& operator=(const Surroundings&) = delete;
  virtual ~Surroundings() = default;
  virtual BootClock::time_point now() const { return BootClock::now(); }
  virtual void sleep(std::chrono::milliseconds time);
  virtual Owner self() const { return this_process(); }
  virtual std::optional<bool> is_running(const Owner& owner) const { return journal::is_running(owner); }
  virtual bool end_owner(const Owner& owner, std::chrono::milliseconds limit) {
    return journal::end_owner(owner, limit);
  }
  /// Whether they call renew() of the lease from now on (null: of none), in place of a thread of its own.
  virtual bool keep(Lease* /*lease*/) { return false; }
};
Surroundings& real_surroundings();

struct LeaseOptions {
  /// Take the run from an owner that holds LOCK but has not moved its counter for `stale_after` (it is stopped, or its
  /// host is cut off). Where its process can be seen from here, it is ended first, and its tasks with it.
  bool takeover = false;
  std::chrono::milliseconds heartbeat{1'000};
  /// An owner whose counter does not move for this long is dead.
  std::chrono::milliseconds stale_after{30'000};
  /// How old the last confirmation may be for is_confirmed(); well below stale_after.
  std::chrono::milliseconds valid_for{10'000};
  /// How long confirm() lets itself be put off.
  std::chrono::milliseconds give_up_after{30'000};
  /// For how long an owner that lives is waited for: it may be about to end.
  std::chrono::milliseconds dying{0};
  /// Whether a Slurm job still runs; nothing where that cannot be said. Null: nobody knows.
  std::function<std::optional<bool>(const std::string& job)> slurm_job_runs;
  /// What a person who waits wants to know. May be null.
  std::function<void(const std::string&)> say;
  FileLayer* files = &posix_files();
  Surroundings* surroundings = &real_surroundings();
};

class Lease {
 public:
  /// Becomes the owner of the run folder, which must stand, with an epoch above the last owner's and `at_least`. Waits
  /// where the last owner may live: one that is on this host for `dying`, another one for up to `stale_after`. An error
  /// (occupied; interrupted where a requeued Slurm job should simply try again) says who the owner is and what to do.
  static Result<std::unique_ptr<Lease>> acquire(const std::string& run_folder, Epoch at_least,
                                                const LeaseOptions& options = {});
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;
  /// Releases it.
  ~Lease();

  Epoch epoch() const { return self_.epoch; }
  /// For so long the last owner's own is_confirmed() was false, at least, when this one was acquired; 0: nobody knows.
  std::chrono::milliseconds last_unconfirmed() const { return last_unconfirmed_; }
  const LeaseOptions& options() const { return options_; }
  /// Whether this process was seen to be the owner a moment ago. Before an effect goes out: cheap. Any thread.
  bool is_confirmed() const;
  /// Whether another owner was seen: there is no way back. Any thread.
  bool is_lost() const { return lost_.load(std::memory_order_relaxed); }
  /// Called once when that is seen, by whichever thread sees it; at once where it was seen already. Before it is
  /// shared.
  void on_loss(std::function<void()> told);
  /// Looks into the file: an error if there is another owner (occupied), or the file cannot be read (io). Any thread.
  Result<void> check();
  /// Whether effects may go out: looks where the last confirmation is too old. An error if there is another owner, or
  /// nothing could be confirmed for `give_up_after`. Any thread.
  Result<bool> confirm();

  /// Shows once more that its owner lives. False: it is lost.
  bool renew();

  /// Whether this owner or one before it has begun a segment of the journal.
  bool has_journal() const;
  /// It has; the next owner will know it, if not at once.
  void set_has_journal();
  /// The journal is about to be removed. Durable when it returns.
  Result<void> forget_journal();

 private:
  friend class Acquisition;
  Lease(std::string folder, std::unique_ptr<FileLock> lock, const Owner& self,
        std::chrono::milliseconds last_unconfirmed, const LeaseOptions& options);
  void beat();
  void lose();
  bool renew(bool sync, std::chrono::milliseconds& pause);
  BootClock::time_point now() const { return options_.surroundings->now(); }
  /// An error where it takes longer than a lease is valid.
  Result<void> write(bool sync, BootClock::time_point since);

  const std::string folder_;
  const LeaseOptions options_;
  const std::chrono::milliseconds last_unconfirmed_;
  const std::unique_ptr<FileLock> lock_;  // null: the file system has no locks, or somebody's lingers
  Owner self_;                            // counter, has_journal, released: guarded by mutex_

  std::atomic<bool> lost_{false};
  std::atomic<BootClock::rep> confirmed_at_{0};
  std::atomic<BootClock::rep> doubted_at_{0};  // when confirm() first found it too old; 0: it is not
  mutable std::mutex mutex_;
  std::condition_variable stop_changed_;
  bool stopping_ = false;
  std::function<void()> on_loss_;  // guarded by mutex_
  bool hurry_ = false;             // there is something to write before the next beat
  bool to_sync_ = false;           // the next lease that is written at a beat
  std::thread thread_;
};

/// The text of a run folder's lease; empty where there is none. An error (io) where nobody can tell.
Result<std::string> read_lease(const FileLayer& files, const std::string& run_folder,
                               Surroundings& here = real_surroundings());
/// Visible at once, and durable with `sync`. An error if, asked before it is put there, `too_late` says so.
Result<void> write_lease(FileLayer& files, const std::string& run_folder, const Owner& owner, bool sync,
                         const std::function<bool()>& too_late = nullptr);

enum class Life : std::uint8_t { running, ended, unknown };
struct OwnerState {
  std::optional<Owner> owner;  ///< the last that there was; nothing if there was none, or its lease cannot be read
  Life life = Life::ended;
};
/// Whether somebody owns the folder now, as far as can be told from any node without taking the lock and without
/// writing. Where nothing else tells, the owner's counter is watched for up to `watch`.
OwnerState look_at_owner(const std::string& run_folder, std::chrono::milliseconds watch);
/// Long enough to watch for whoever only looks: an owner moves its counter every second.
inline constexpr std::chrono::milliseconds kWatch{2'500};

}  // namespace lockstep::journal
