// Staying the owner, and looking at who is.
#include "journal/lease.hpp"

#include <fmt/format.h>

#include <span>

namespace lockstep::journal {

namespace {

// While another owner's counter is watched.
constexpr std::chrono::milliseconds kLook{50};
// A file that was replaced while it was opened (ESTALE) is there at the next attempt.
constexpr int kAttempts = 3;

}  // namespace

void Surroundings::sleep(std::chrono::milliseconds time) {
  std::this_thread::sleep_for(time);
}

Surroundings& real_surroundings() {
  static Surroundings surroundings;
  return surroundings;
}

Result<std::string> read_lease(const FileLayer& files, const std::string& run_folder, Surroundings& here) {
  constexpr std::uint64_t kLongest = 1 << 16;
  const std::string path = run_folder + "/lease";
  for (int attempt = 1;; ++attempt) {
    const auto bytes = read_whole(files, path, kLongest);
    if (bytes) {
      return std::string(reinterpret_cast<const char*>(bytes->data()), bytes->size());
    }
    if (const auto stands = files.exists(path); stands && !*stands) {
      return std::string();
    }
    if (attempt == kAttempts) {
      return tl::unexpected<Error>(bytes.error());
    }
    here.sleep(kLook);
  }
}

Result<void> write_lease(FileLayer& files, const std::string& run_folder, const Owner& owner, bool sync,
                         const std::function<bool()>& too_late) {
  const std::string text = to_text(owner);
  const std::string path = run_folder + "/lease";
  const std::string temporary = temporary_for(path);
  auto file = TRY(files.create(temporary));
  auto done = file->write(std::as_bytes(std::span(text)), 0);
  if (done && sync) {
    done = file->sync();
  }
  if (done && too_late && too_late()) {
    done = fail(ErrorKind::io, fmt::format("{} took too long to write", path));
  }
  if (done) {
    done = files.rename(temporary, path);
  }
  if (!done) {
    static_cast<void>(files.remove(temporary));
  }
  return done && sync ? files.sync_folder(run_folder) : done;
}

Lease::Lease(std::string folder, std::unique_ptr<FileLock> lock, const Owner& self,
             std::chrono::milliseconds last_unconfirmed, const LeaseOptions& options)
    : folder_(std::move(folder)),
      options_(options),
      last_unconfirmed_(last_unconfirmed),
      lock_(std::move(lock)),
      self_(self) {
  confirmed_at_ = now().time_since_epoch().count();
  if (!options_.surroundings->keep(this)) {
    thread_ = std::thread([this] { beat(); });
  }
}

Lease::~Lease() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  stop_changed_.notify_all();
  if (thread_.joinable()) {
    thread_.join();
  } else {
    options_.surroundings->keep(nullptr);
  }
  if (!lost_.load() && check()) {
    self_.released = true;
    static_cast<void>(write(to_sync_, now()));
  }
}

bool Lease::is_confirmed() const {
  const BootClock::time_point confirmed{BootClock::duration{confirmed_at_.load(std::memory_order_relaxed)}};
  return !lost_.load(std::memory_order_relaxed) && now() - confirmed < options_.valid_for;
}

void Lease::on_loss(std::function<void()> told) {
  {
    const std::lock_guard lock(mutex_);
    on_loss_ = std::move(told);
  }
  if (is_lost()) {
    lose();
  }
}

void Lease::lose() {
  lost_ = true;
  std::function<void()> tell;
  {
    const std::lock_guard lock(mutex_);
    tell = std::exchange(on_loss_, nullptr);
  }
  if (tell) {
    tell();
  }
}

Result<void> Lease::check() {
  const auto text = TRY(read_lease(*options_.files, folder_, *options_.surroundings));
  // One of a smaller epoch has lost the run, and was stopped for so long that it does not know it yet.
  const auto owner = parse_owner(text);
  if (owner && owner->epoch >= self_.epoch && !owner->is_same(self_)) {
    lose();
    return fail(ErrorKind::occupied,
                fmt::format("{} was taken over by another Lockstep ({})", folder_, describe(*owner)));
  }
  if (lost_.load()) {
    return fail(ErrorKind::occupied, fmt::format("{} was taken over by another Lockstep", folder_));
  }
  return {};
}

Result<bool> Lease::confirm() {
  if (is_confirmed()) {
    if (doubted_at_.load(std::memory_order_relaxed) != 0) {
      doubted_at_ = 0;
    }
    return true;
  }
  // Whoever was stopped for a while is given the time to confirm it.
  const BootClock::rep at = Lease::now().time_since_epoch().count();
  BootClock::rep since = 0;
  if (doubted_at_.compare_exchange_strong(since, at)) {
    since = at;
  }
  const bool too_late = BootClock::duration{at - since} >= options_.give_up_after;
  if (const auto checked = check(); !checked && (too_late || checked.error().kind == ErrorKind::occupied)) {
    return tl::unexpected<Error>(checked.error());
  }
  if (too_late && !is_confirmed()) {
    return fail(ErrorKind::io, fmt::format("{}/lease could not be renewed for {:.0f} s: others may take the run",
                                           folder_, std::chrono::duration<double>(options_.give_up_after).count()));
  }
  return is_confirmed();
}

bool Lease::has_journal() const {
  const std::lock_guard lock(mutex_);
  return self_.has_journal;
}

void Lease::set_has_journal() {
  {
    const std::lock_guard lock(mutex_);
    if (self_.has_journal) {
      return;
    }
    self_.has_journal = hurry_ = to_sync_ = true;
  }
  stop_changed_.notify_all();
}

Result<void> Lease::forget_journal() {
  {
    const std::lock_guard lock(mutex_);
    self_.has_journal = false;
  }
  if (const auto checked = check(); !checked) {
    return checked;
  }
  return write(true, now());
}

/// With the next counter.
Result<void> Lease::write(bool sync, BootClock::time_point since) {
  Owner owner;
  {
    const std::lock_guard lock(mutex_);
    ++self_.counter;
    owner = self_;
  }
  return write_lease(*options_.files, folder_, owner, sync, [&] { return now() >= since + options_.valid_for; });
}

/// False: it is lost.
bool Lease::renew(bool sync, std::chrono::milliseconds& pause) {
  pause = options_.heartbeat;
  const auto before = now();
  if (const auto checked = check(); !checked) {
    return checked.error().kind != ErrorKind::occupied;
  }
  const bool written = write(sync, before).has_value();
  if (now() - before >= options_.valid_for) {
    // Stopped on the way: what was written may stand in another owner's place. That one has the time to put it right.
    constexpr int kBeats = 3;
    pause *= kBeats;
  } else if (written && check()) {
    confirmed_at_ = before.time_since_epoch().count();
  }
  if (!written && sync) {
    const std::lock_guard lock(mutex_);
    to_sync_ = true;
  }
  return !lost_.load();
}

bool Lease::renew() {
  bool sync = false;
  {
    const std::lock_guard lock(mutex_);
    hurry_ = false;
    sync = std::exchange(to_sync_, false);
  }
  std::chrono::milliseconds pause{};
  return renew(sync, pause);
}

void Lease::beat() {
  std::unique_lock lock(mutex_);
  std::chrono::milliseconds pause = options_.heartbeat;
  while (true) {
    const bool woken = stop_changed_.wait_for(lock, pause, [this] { return stopping_ || hurry_; });
    if (stopping_) {
      return;
    }
    hurry_ = false;
    const bool sync = !woken && std::exchange(to_sync_, false);
    lock.unlock();
    const bool owner = renew(sync, pause);
    lock.lock();
    if (!owner) {
      return;
    }
  }
}

OwnerState look_at_owner(const std::string& run_folder, std::chrono::milliseconds watch) {
  OwnerState state;
  const auto text = read_lease(posix_files(), run_folder);
  state.owner = text ? parse_owner(*text) : std::nullopt;
  bool is_free = false;  // known to be
  if (const auto locked = posix_files().is_locked(run_folder + "/LOCK")) {
    if (*locked) {
      state.life = Life::running;
      return state;
    }
    is_free = true;
  }
  if (!state.owner) {
    state.life = text && (text->empty() || is_free) ? Life::ended : Life::unknown;
    return state;
  }
  if (state.owner->released) {
    return state;
  }
  if (const auto running = is_running(*state.owner)) {
    state.life = *running ? Life::running : Life::ended;
    return state;
  }
  // A file system's locks may be each host's own.
  state.life = is_free ? Life::ended : Life::unknown;
  for (const auto end = BootClock::now() + watch; BootClock::now() < end;) {
    std::this_thread::sleep_for(kLook);
    const auto again = read_lease(posix_files(), run_folder);
    if (again && *again != *text) {
      const auto owner = parse_owner(*again);
      state.life = owner && owner->released ? Life::ended : Life::running;
      break;
    }
  }
  return state;
}

}  // namespace lockstep::journal
