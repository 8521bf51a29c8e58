#include "journal/lease.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <span>

#include "journal/files.hpp"

namespace lockstep::journal {

std::uint64_t process_start_time(std::int64_t pid);  // owner.cpp

namespace {

using Clock = std::chrono::steady_clock;

// While another owner's counter is watched.
constexpr std::chrono::milliseconds kLook{50};

enum class LockState : std::uint8_t { ours, held, unavailable };

/// `lock` is left open with `held`, too.
Result<LockState> take_lock(const std::string& path, int& lock) {
  lock = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (lock < 0) {
    return fail(ErrorKind::io, fmt::format("cannot open {}: {}", path, std::strerror(errno)));
  }
  struct flock whole {};
  whole.l_type = F_WRLCK;
  whole.l_whence = SEEK_SET;
  if (::fcntl(lock, F_OFD_SETLK, &whole) == 0) {
    return LockState::ours;
  }
  return errno == EAGAIN || errno == EACCES ? LockState::held : LockState::unavailable;
}

/// Whether `owner` is known to be dead, known to live, or neither.
std::optional<bool> is_dead(const Owner& owner, const Owner& self, const LeaseOptions& options) {
  if (owner.released) {
    return true;
  }
  if (!owner.boot_id.empty() && owner.boot_id == self.boot_id) {
    const bool exists = ::kill(static_cast<pid_t>(owner.pid), 0) == 0 || errno == EPERM;
    return !(exists && process_start_time(owner.pid) == owner.start_time);
  }
  if (owner.host == self.host) {
    return true;  // the host has restarted since
  }
  if (!owner.slurm_job.empty()) {
    if (owner.slurm_job == self.slurm_job && owner.slurm_restart < self.slurm_restart) {
      return true;  // this is the same job, requeued
    }
    if (options.slurm_job_runs) {
      if (const auto runs = options.slurm_job_runs(owner.slurm_job); runs && !*runs) {
        return true;
      }
    }
  }
  return std::nullopt;
}

/// Whether the owner's counter stands still for stale_after. Returns early when it moves.
bool stands_still(const std::string& folder, const Owner& owner, const LeaseOptions& options) {
  const auto end = Clock::now() + options.stale_after;
  while (Clock::now() < end) {
    std::this_thread::sleep_for(kLook);
    const auto now = read_owner(folder);
    if (now && (now->epoch != owner.epoch || now->counter != owner.counter)) {
      return now->released;
    }
  }
  return true;
}

/// Visible at once; durable with `sync`.
Result<void> write_lease(const std::string& folder, const Owner& owner, bool sync) {
  FileLayer& files = posix_files();
  const std::string text = to_text(owner);
  const std::string temporary = fmt::format("{}/lease.{}.{}{}", folder, owner.host, owner.pid, kTemporary);
  auto done = files.remove(temporary);
  if (!done) {
    return done;
  }
  auto file = files.create(temporary);
  if (!file) {
    return tl::unexpected<Error>(file.error());
  }
  done = (*file)->write(std::as_bytes(std::span(text)), 0);
  if (done && sync) {
    done = (*file)->sync();
  }
  if (done) {
    done = files.rename(temporary, folder + "/lease");
  }
  if (!done) {
    static_cast<void>(files.remove(temporary));
  }
  if (done && sync) {
    done = files.sync_folder(folder);
  }
  return done;
}

tl::unexpected<Error> occupied_by(const std::string& folder, const std::optional<Owner>& owner, const char* hint) {
  return fail(ErrorKind::occupied,
              fmt::format("{} belongs to another Lockstep that is running: {}{}", folder,
                          owner ? describe(*owner) : std::string("it has not said who it is"), hint));
}

constexpr const char* kTakeoverHint = "; if it hangs, --takeover takes the run from it";

}  // namespace

Result<std::unique_ptr<Lease>> Lease::acquire(const std::string& run_folder, Epoch at_least,
                                              const LeaseOptions& options) {
  int lock = -1;
  const auto locked = take_lock(run_folder + "/LOCK", lock);
  if (!locked) {
    return tl::unexpected<Error>(locked.error());
  }
  const auto close_lock = [&] {
    ::close(lock);
    lock = -1;
  };
  Owner self = this_process();
  const auto owner = read_owner(run_folder);
  if (*locked == LockState::held) {
    close_lock();
    if (!options.takeover || !owner || !stands_still(run_folder, *owner, options)) {
      return occupied_by(run_folder, owner, options.takeover ? "" : kTakeoverHint);
    }
  } else {
    if (*locked == LockState::unavailable) {
      close_lock();
      if (options.warn) {
        options.warn(fmt::format("{} is on a file system without locks; only its lease keeps a second Lockstep out",
                                 run_folder));
      }
    }
    if (owner && owner->pid == self.pid && owner->boot_id == self.boot_id && owner->start_time == self.start_time &&
        lock >= 0) {
      // This very process had it before, and has let go of the lock.
    } else if (owner) {
      const auto dead = is_dead(*owner, self, options);
      if ((dead && !*dead) || (!dead && !stands_still(run_folder, *owner, options))) {
        if (lock >= 0) {
          close_lock();
        }
        return occupied_by(run_folder, owner, "");
      }
    }
  }
  self.epoch = std::max(owner ? owner->epoch : 0, at_least) + 1;
  if (const auto done = write_lease(run_folder, self, true); !done) {
    if (lock >= 0) {
      close_lock();
    }
    return tl::unexpected<Error>(done.error());
  }
  return std::unique_ptr<Lease>(new Lease(run_folder, lock, self, options));
}

Lease::Lease(std::string folder, int lock, const Owner& self, const LeaseOptions& options)
    : folder_(std::move(folder)), options_(options), lock_(lock), self_(self) {
  confirmed_at_ = Clock::now().time_since_epoch().count();
  thread_ = std::thread([this] { beat(); });
}

Lease::~Lease() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  stop_changed_.notify_all();
  thread_.join();
  if (!lost_.load() && check()) {
    self_.released = true;
    ++self_.counter;
    static_cast<void>(write_lease(folder_, self_, false));
  }
  if (lock_ >= 0) {
    ::close(lock_);
  }
}

bool Lease::is_confirmed() const {
  const Clock::time_point confirmed{Clock::duration{confirmed_at_.load(std::memory_order_relaxed)}};
  return !lost_.load(std::memory_order_relaxed) && Clock::now() - confirmed < options_.valid_for;
}

Result<void> Lease::check() {
  const auto owner = read_owner(folder_);
  if (owner && owner->epoch > self_.epoch) {
    lost_ = true;
    return fail(ErrorKind::occupied,
                fmt::format("{} was taken over by another Lockstep ({})", folder_, describe(*owner)));
  }
  if (lost_.load()) {
    return fail(ErrorKind::occupied, fmt::format("{} was taken over by another Lockstep", folder_));
  }
  return {};
}

bool Lease::renew() {
  if (!check()) {
    return false;
  }
  const auto before = Clock::now();
  ++self_.counter;
  if (write_lease(folder_, self_, false) && check()) {
    confirmed_at_ = before.time_since_epoch().count();
  }
  return true;
}

void Lease::beat() {
  std::unique_lock lock(mutex_);
  while (!stop_changed_.wait_for(lock, options_.heartbeat, [this] { return stopping_; })) {
    lock.unlock();
    const bool owner = renew();
    lock.lock();
    if (!owner) {
      return;
    }
  }
}

OwnerState look_at_owner(const std::string& run_folder, std::chrono::milliseconds watch) {
  OwnerState state;
  state.owner = read_owner(run_folder);
  bool is_free = false;  // known to be
  const int lock = ::open((run_folder + "/LOCK").c_str(), O_RDONLY | O_CLOEXEC);
  if (lock >= 0) {
    struct flock whole {};
    whole.l_type = F_WRLCK;
    whole.l_whence = SEEK_SET;
    const bool asked = ::fcntl(lock, F_OFD_GETLK, &whole) == 0;
    ::close(lock);
    if (asked && whole.l_type != F_UNLCK) {
      state.life = Life::running;
      return state;
    }
    is_free = asked;
  }
  if (!state.owner) {
    return state;
  }
  LeaseOptions options;
  if (const auto dead = is_dead(*state.owner, this_process(), options)) {
    state.life = *dead ? Life::ended : Life::running;
    return state;
  }
  options.stale_after = watch;
  if (!stands_still(run_folder, *state.owner, options)) {
    state.life = Life::running;
  } else {
    // A file system's locks may be each host's own.
    state.life = is_free ? Life::ended : Life::unknown;
  }
  return state;
}

}  // namespace lockstep::journal
