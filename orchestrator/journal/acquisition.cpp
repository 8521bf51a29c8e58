// Becoming the owner of a run folder: what is known of the last one is weighed until it is known to be gone, or to
// live.
#include <fmt/format.h>

#include <algorithm>
#include <random>

#include "journal/lease.hpp"

namespace lockstep::journal {

namespace {

constexpr std::chrono::milliseconds kNextTry{50};
// For an owner that got KILL to be gone.
constexpr std::chrono::milliseconds kEnding{5'000};

std::string make_token() {
  std::random_device random;
  return fmt::format("{:08x}{:08x}", random(), random());
}

double seconds(std::chrono::milliseconds time) {
  return std::chrono::duration<double>(time).count();
}

}  // namespace

class Acquisition {
 public:
  Acquisition(const std::string& folder, Epoch at_least, const LeaseOptions& options)
      : folder_(folder), at_least_(at_least), options_(options), files_(*options.files) {}

  Result<std::unique_ptr<Lease>> run() {
    while (true) {
      TRY(look());
      const Verdict verdict = judge();
      if (verdict == Verdict::lives || verdict == Verdict::silent) {
        return tl::unexpected<Error>(refusal(verdict));
      }
      if (verdict == Verdict::gone) {
        auto taken = take();
        if (!taken || *taken != nullptr) {
          return taken;
        }
      } else {
        tell();
        here_.sleep(kNextTry);
      }
    }
  }

 private:
  enum class Verdict : std::uint8_t {
    gone,    ///< the run may be taken
    lives,   ///< its owner
    silent,  ///< its owner does not show that it lives, but something says that it may
    open     ///< nobody can tell yet
  };

  Result<void> look() {
    if (lock_ == nullptr) {
      auto attempt = TRY(files_.try_lock(folder_ + "/LOCK"));
      lock_ = std::move(attempt.lock);
      if (!attempt.has_locks && has_locks_ && options_.say) {
        options_.say(
            fmt::format("{} is on a file system without locks; only its lease keeps a second Lockstep out", folder_));
      }
      has_locks_ = attempt.has_locks;
    }
    auto text = TRY(read_lease(files_, folder_, here_));
    const auto now = here_.now();
    if (!text_ || text != *text_) {
      moved_ = text_.has_value();
      changed_at_ = now;
      text_ = std::move(text);
      owner_ = parse_owner(*text_);
    }
    waited_ = now - begin_;
    still_ = now - changed_at_;
    return {};
  }

  bool is_held() const { return lock_ == nullptr && has_locks_; }
  /// The owner was seen to move its counter a moment ago.
  bool moves() const {
    constexpr int kBeats = 3;
    return moved_ && still_ < kBeats * options_.heartbeat;
  }

  Verdict judge() {
    const bool is_free = lock_ != nullptr || !has_locks_;
    if (is_free && (text_->empty() || (owner_ && owner_->released))) {
      return Verdict::gone;
    }
    running_ = owner_ ? here_.is_running(*owner_) : std::nullopt;
    if (running_.value_or(false) && lock_ != nullptr && owner_->pid == self_.pid) {
      return Verdict::gone;  // this very process had it before, and has let go of the lock
    }
    if (is_free && running_ && !*running_) {
      return Verdict::gone;
    }
    if (is_held() && ended_at_ && here_.now() - *ended_at_ < kEnding) {
      return Verdict::open;  // we have ended it: its lock is free in a moment
    }
    if (moves() || (running_.value_or(false) && !options_.takeover)) {
      return waited_ < options_.dying ? Verdict::open : Verdict::lives;
    }
    return still_ < patience() ? Verdict::open : judge_silence();
  }

  /// The counter has stood still for long enough.
  Verdict judge_silence() const {
    if (options_.takeover) {
      return Verdict::gone;
    }
    if (job_runs_.value_or(false)) {
      return Verdict::silent;
    }
    // A file server may hold the lock of a client that is dead, and for long. But then something else must say so, too.
    const bool is_requeued = is_same_job() && owner_->slurm_restart < self_.slurm_restart;
    const bool job_ended = job_runs_ && !*job_runs_;
    return is_held() && !is_requeued && !job_ended ? Verdict::silent : Verdict::gone;
  }

  bool is_same_job() const { return owner_ && !owner_->slurm_job.empty() && owner_->slurm_job == self_.slurm_job; }

  /// How long the counter has to stand still.
  std::chrono::milliseconds patience() {
    if (owner_ && !owner_->slurm_job.empty() && !is_same_job() && options_.slurm_job_runs &&
        asked_for_ != owner_->slurm_job) {
      asked_for_ = owner_->slurm_job;
      job_runs_ = options_.slurm_job_runs(owner_->slurm_job);
    }
    if (job_runs_ && !*job_runs_) {
      // Whatever Slurm says, it may run on a node that is cut off: it must have had the time to miss its confirmation.
      return std::min(options_.stale_after, options_.valid_for + 2 * options_.heartbeat);
    }
    return options_.stale_after;
  }

  std::string name() const { return owner_ ? describe(*owner_) : std::string("it has not said who it is"); }

  void tell() {
    const bool is_alive = moves() || (running_.value_or(false) && !options_.takeover);
    if (waited_ < options_.heartbeat || !options_.say || told_ == is_alive) {
      return;
    }
    told_ = is_alive;
    options_.say(
        is_alive
            ? fmt::format("{} belongs to another Lockstep that is running ({}); waiting for its end", folder_, name())
            : fmt::format("waiting for the last owner of {} ({}){}: the run is taken over {}", folder_, name(),
                          is_held() ? ", whose lock is still held" : "",
                          fmt::format("when it has shown no sign of life for {:.0f} s", seconds(patience()))));
  }

  Error refusal(Verdict verdict) const {
    if (verdict == Verdict::lives) {
      // A copy of a job whose first run lives on: when that ends, the copy has only its result to print.
      const bool is_copy = is_same_job() && owner_->slurm_restart < self_.slurm_restart;
      const bool may_hang = !moves() && waited_ >= 3 * options_.heartbeat;
      return {is_copy ? ErrorKind::interrupted : ErrorKind::occupied,
              fmt::format("{} belongs to another Lockstep that is running: {}{}", folder_, name(),
                          may_hang ? fmt::format("; its counter has stood still for {:.0f} s: if it hangs, "
                                                 "--takeover takes the run from it",
                                                 seconds(std::chrono::duration_cast<std::chrono::milliseconds>(still_)))
                                   : std::string())};
    }
    return {self_.slurm_job.empty() ? ErrorKind::occupied : ErrorKind::interrupted,
            fmt::format("{} may belong to another Lockstep: {}; it has shown no sign of life for {:.0f} s, but {}; if "
                        "it is gone or hangs, --takeover takes the run from it",
                        folder_, name(), seconds(std::chrono::duration_cast<std::chrono::milliseconds>(still_)),
                        job_runs_.value_or(false) ? "Slurm says that its job runs" : "its lock is still held")};
  }

  /// Null: to be looked at once more, because somebody else was faster, or the last owner was ended.
  Result<std::unique_ptr<Lease>> take() {
    const auto again = TRY(read_lease(files_, folder_, here_));
    if (again != *text_) {
      return nullptr;
    }
    if (running_.value_or(false) && owner_->pid != self_.pid && here_.end_owner(*owner_, kEnding)) {
      if (options_.say) {
        options_.say(fmt::format("the owner that stood still was ended: {}", name()));
      }
      ended_at_ = here_.now();
      return nullptr;  // its lock is free now: once more
    }
    Owner mine = self_;
    mine.epoch = std::max(owner_ ? owner_->epoch : 0, at_least_) + 1;
    mine.token = make_token();
    mine.has_journal = owner_ && owner_->has_journal;
    TRY(write_lease(files_, folder_, mine, true));
    if (lock_ == nullptr) {
      // Where nobody holds a lock, two may have come this far at once, and the later one's lease stands.
      here_.sleep(2 * options_.heartbeat);
      const auto settled = TRY(read_lease(files_, folder_, here_));
      const auto winner = parse_owner(settled);
      if (!winner || !winner->is_same(mine)) {
        return nullptr;
      }
    }
    remove_temporaries();
    const auto unconfirmed = std::chrono::duration_cast<std::chrono::milliseconds>(still_) - options_.valid_for;
    return std::unique_ptr<Lease>(
        new Lease(folder_, std::move(lock_), mine, std::max(unconfirmed, std::chrono::milliseconds(0)), options_));
  }

  /// What owners before have left unfinished. One that only hangs cannot finish it any more.
  void remove_temporaries() {
    const auto names = files_.list(folder_);
    for (const std::string& name : names.value_or(std::vector<std::string>())) {
      if (name.ends_with(kTemporary)) {
        static_cast<void>(files_.remove(fmt::format("{}/{}", folder_, name)));
      }
    }
  }

  const std::string& folder_;
  const Epoch at_least_;
  const LeaseOptions& options_;
  FileLayer& files_;
  Surroundings& here_ = *options_.surroundings;
  const Owner self_ = here_.self();
  const BootClock::time_point begin_ = here_.now();

  std::unique_ptr<FileLock> lock_;
  bool has_locks_ = true;
  std::optional<std::string> text_;  // of the lease; nothing before the first look
  std::optional<Owner> owner_;       // what it says; nothing where there is none, or it makes no sense
  std::optional<bool> running_;      // its process
  bool moved_ = false;               // it has changed since the first look
  BootClock::time_point changed_at_;
  std::optional<BootClock::time_point> ended_at_;  // when we have ended the last owner
  BootClock::duration waited_{0};
  BootClock::duration still_{0};
  std::string asked_for_;         // the job that Slurm was asked about
  std::optional<bool> job_runs_;  // what it said
  std::optional<bool> told_;      // that somebody is waited for; whether as one who lives
};

Result<std::unique_ptr<Lease>> Lease::acquire(const std::string& run_folder, Epoch at_least,
                                              const LeaseOptions& options) {
  return Acquisition(run_folder, at_least, options).run();
}

}  // namespace lockstep::journal
