#include "mpi_worker/exec_runner.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <span>

#include "mpi_worker/builtin.hpp"
#include "mpi_worker/environment.hpp"
#include "mpi_worker/plugin_thread.hpp"
#include "mpi_worker/stream.hpp"

namespace lockstep::worker {
namespace {

/// How long a failure by TERM or KILL may turn out to be the end of the whole allocation.
constexpr std::chrono::seconds kDoubt{1};

/// Descriptors 0, 1 and 2 must not become ends of pipes: a child puts its own there.
void occupy_standard_descriptors() {
  int fd = 0;
  do {
    fd = open("/dev/null", O_RDWR | O_CLOEXEC);
  } while (fd >= 0 && fd <= 2);
  if (fd > 2) {
    close(fd);
  }
}

/// Each task takes five descriptors.
void allow_descriptors(std::size_t slots) {
  rlimit limit = {};
  const rlim_t wanted = 5 * slots + 256;
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < wanted) {
    limit.rlim_cur = std::min(wanted, limit.rlim_max);
    setrlimit(RLIMIT_NOFILE, &limit);
  }
}

void ignore_broken_pipes() {
  struct sigaction action = {};
  if (sigaction(SIGPIPE, nullptr, &action) == 0 && action.sa_handler == SIG_DFL) {
    action.sa_handler = SIG_IGN;
    sigaction(SIGPIPE, &action, nullptr);
  }
}

/// What epoll says of the descriptor that wait() listens to besides; a slot's number is smaller.
constexpr std::uint64_t kOther = UINT64_MAX;

/// epoll_wait() to the nanosecond.
int wait_for_events(int epoll, std::span<epoll_event> events, std::chrono::nanoseconds limit) {
  const auto most = static_cast<int>(events.size());
  if (limit <= std::chrono::nanoseconds(0)) {
    return epoll_wait(epoll, events.data(), most, 0);
  }
  timespec spec = {static_cast<time_t>(limit.count() / 1'000'000'000),
                   static_cast<long>(limit.count() % 1'000'000'000)};
#ifdef SYS_epoll_pwait2
  const auto count =
      static_cast<int>(syscall(SYS_epoll_pwait2, epoll, events.data(), most, &spec, nullptr, std::size_t{0}));
  if (count >= 0 || errno != ENOSYS) {
    return count;
  }
#endif
  // Before Linux 5.11.
  pollfd fd = {epoll, POLLIN, 0};
  ppoll(&fd, 1, &spec, nullptr);
  return epoll_wait(epoll, events.data(), most, 0);
}

}  // namespace

Runner::Runner(const RunSettings& settings, Place place, std::size_t slots, Spool* spool)
    : settings_(&settings),
      spool_(spool),
      place_(std::move(place)),
      log_(settings.run_folder, place_),
      folders_(settings.run_folder),
      environment_(shared_environment(environ, settings, place_)),
      guard_(std::max<std::size_t>(slots, 1) * (1 + settings.jobs.size())),
      slots_(std::max<std::size_t>(slots, 1)) {
  occupy_standard_descriptors();
  allow_descriptors(slots_.size());
  ignore_broken_pipes();
  epoll_ = Descriptor(epoll_create1(EPOLL_CLOEXEC));
  const char* path = std::getenv("PATH");
  context_.settings = settings_;
  context_.log = &log_;
  context_.folders = &folders_;
  context_.signals = signals_to_reset();
  context_.environment = &environment_;
  context_.path = path != nullptr ? path : "/usr/local/bin:/usr/bin:/bin";
  for (std::size_t i = slots_.size(); i-- > 0;) {
    free_slots_.push_back(static_cast<std::uint32_t>(i));
  }
}

Runner::~Runner() {
  // Idle streams see the end of their input and may end by themselves, but not for long.
  constexpr std::chrono::milliseconds kStreamsTime{200};
  const Clock::time_point end = Clock::now() + kStreamsTime;
  for (Slot& slot : slots_) {
    for (const auto& lasting : slot.lasting) {
      lasting->close();
    }
  }
  for (Slot& slot : slots_) {
    for (const auto& lasting : slot.lasting) {
      pollfd fd = {lasting->ended(), POLLIN, 0};
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - Clock::now());
      poll(&fd, 1, static_cast<int>(std::clamp(left, std::chrono::milliseconds(0), kStreamsTime).count()));
    }
  }
}

void Runner::give(Outcome outcome, std::vector<Outcome>& outcomes) const {
  outcome.rank = place_.rank;
  outcomes.push_back(std::move(outcome));
}

void Runner::submit(Task task) {
  queue_.push_back(std::move(task));
}

void Runner::cancel(const DispatchId& id) {
  const Clock::time_point time = Clock::now();
  for (std::uint32_t i = 0; i < slots_.size(); ++i) {
    Slot& slot = slots_[i];
    if (slot.process && slot.process->task().id == id) {
      slot.process->cancel(time);
      watch(i);
      return;
    }
    if (slot.sleep && slot.sleep->task.id == id) {
      slot.sleep->kind = OutcomeKind::cancelled;
      slot.sleep->end = time;
      watch(i);
      return;
    }
  }
  const auto waiting = std::find_if(queue_.begin(), queue_.end(), [&](const Task& task) { return task.id == id; });
  if (waiting != queue_.end()) {
    Outcome outcome;
    outcome.id = id;
    outcome.kind = OutcomeKind::cancelled;
    outcome.started = outcome.ended = now();
    outcome.begun = false;
    ready_.push_back(std::move(outcome));
    queue_.erase(waiting);
  }
}

std::vector<DispatchId> Runner::take_back(std::size_t most) {
  std::vector<DispatchId> ids;
  while (ids.size() < most && !queue_.empty()) {
    ids.push_back(queue_.back().id);
    queue_.pop_back();
  }
  std::reverse(ids.begin(), ids.end());
  return ids;
}

void Runner::cancel_all() {
  std::vector<DispatchId> ids;
  for (const Task& task : queue_) {
    ids.push_back(task.id);
  }
  for (const Slot& slot : slots_) {
    if (!slot.free()) {
      ids.push_back(slot.process ? slot.process->task().id : slot.sleep->task.id);
    }
  }
  for (const DispatchId& id : ids) {
    cancel(id);
  }
  for (Doubtful& one : doubtful_) {
    Outcome outcome;
    outcome.id = one.outcome.id;
    outcome.kind = OutcomeKind::cancelled;
    outcome.started = one.outcome.started;
    outcome.ended = one.outcome.ended;
    ready_.push_back(std::move(outcome));
  }
  doubtful_.clear();
}

void Runner::doubt(std::chrono::milliseconds time) {
  doubt_until_ = Clock::now() + time;
}

void Runner::kill_all() {
  cancel_all();
  for (std::uint32_t i = 0; i < slots_.size(); ++i) {
    if (slots_[i].process) {
      slots_[i].process->kill();
      watch(i);
    }
  }
}

void Runner::give_ready(std::vector<Outcome>& outcomes) {
  for (Outcome& outcome : ready_) {
    give(std::move(outcome), outcomes);
  }
  ready_.clear();
}

void Runner::advance(std::vector<Outcome>& outcomes) {
  give_ready(outcomes);
  if (running_ > 0) {
    handle_events(std::chrono::nanoseconds(0), outcomes);
    handle_timers(outcomes);
  }
  handle_doubtful(outcomes);
  start_waiting(outcomes);
}

/// Makes markers durable for the next tasks that need one, as many tasks as there are slots free. How many tasks it
/// looked at.
std::size_t Runner::mark() {
  const std::size_t count = std::min(queue_.size(), free_slots_.size());
  bool any = false;
  for (std::size_t i = 0; i < count; ++i) {
    if (never_twice(queue_[i])) {
      spool_->started(queue_[i].id, now());
      any = true;
    }
  }
  if (any) {
    static_cast<void>(spool_->commit());  // asked for again where it matters
  }
  return count;
}

bool Runner::never_twice(const Task& task) const {
  const auto job = static_cast<std::size_t>(task.job);
  return spool_ != nullptr && job < settings_->jobs.size() &&
         settings_->jobs[job].interrupted == integrations::Interrupted::fail;
}

void Runner::start_waiting(std::vector<Outcome>& outcomes) {
  std::size_t marked = 0;
  while (!held_ && !queue_.empty() && !free_slots_.empty()) {
    if (marked == 0 && spool_ != nullptr) {
      marked = mark();
    }
    marked -= marked > 0 ? 1 : 0;
    Task task = std::move(queue_.front());
    queue_.pop_front();
    Outcome outcome;
    const auto job = static_cast<std::size_t>(task.job);
    if (const auto trouble = never_twice(task) ? spool_->failure() : std::nullopt) {
      outcome.id = task.id;
      outcome.kind = OutcomeKind::failed;
      outcome.error = "States.TaskFailed";
      outcome.cause = fmt::format(
          "not started, because its start cannot be recorded and its job must never start twice: {}", trouble->message);
      outcome.started = outcome.ended = now();
      give(std::move(outcome), outcomes);
    } else if (job >= settings_->jobs.size()) {
      outcome.id = task.id;
      outcome.kind = OutcomeKind::failed;
      outcome.error = "States.Runtime";
      outcome.cause = fmt::format("job {} is not in the run's job table", job);
      outcome.started = outcome.ended = now();
      give(std::move(outcome), outcomes);
    } else if (run_at_once(settings_->jobs[job], task, outcome)) {
      give(std::move(outcome), outcomes);
    } else if (settings_->jobs[job].kind == integrations::JobKind::builtin) {
      start_sleep(std::move(task), outcomes);
    } else if (auto process = start_process(std::move(task), slots_[free_slots_.back()])) {
      std::uint32_t index = 0;
      guard_.set(free_slots_.back(), (*process)->group());
      take_slot(index).process = std::move(*process);
      watch(index);
    } else {
      give(std::move(process.error()), outcomes);
    }
  }
}

/// A process of its own for the task, or what the slot has for its job.
tl::expected<std::unique_ptr<Running>, Outcome> Runner::start_process(Task task, Slot& slot) {
  using integrations::JobKind;
  const JobKind kind = settings_->jobs[static_cast<std::size_t>(task.job)].kind;
  if (kind == JobKind::exec) {
    return Process::start(std::move(task), context_);
  }
  const auto found = std::find_if(slot.lasting.begin(), slot.lasting.end(),
                                  [&](const auto& lasting) { return lasting->task().job == task.job; });
  if (found != slot.lasting.end()) {
    std::unique_ptr<Lasting> lasting = std::move(*found);
    slot.lasting.erase(found);
    if (lasting->is_idle()) {
      lasting->give(std::move(task));
      return lasting;
    }
  }
  if (kind == JobKind::plugin && place_.calls_plugins) {
    return PluginThread::start(std::move(task), context_, place_);
  }
  return Stream::start(std::move(task), context_);
}

/// Keeps what lasts for the slot's next task of its job.
void Runner::keep(std::uint32_t index, std::unique_ptr<Running> process) {
  Slot& slot = slots_[index];
  auto* lasting = dynamic_cast<Lasting*>(process.get());
  if (lasting == nullptr) {
    return;
  }
  for (const int fd : slot.watched) {
    if (fd >= 0) {
      epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
    }
  }
  const std::size_t place =
      slots_.size() + index * settings_->jobs.size() + static_cast<std::size_t>(lasting->task().job);
  const bool is_idle = lasting->is_idle();
  guard_.set(place, is_idle ? lasting->group() : 0);
  if (is_idle) {
    process.release();
    slot.lasting.emplace_back(lasting);
  }
}

Runner::Slot& Runner::take_slot(std::uint32_t& index) {
  index = free_slots_.back();
  free_slots_.pop_back();
  ++running_;
  return slots_[index];
}

void Runner::start_sleep(Task task, std::vector<Outcome>& outcomes) {
  const auto duration = sleep_duration(task.input);
  if (!duration) {
    Outcome outcome;
    outcome.id = task.id;
    outcome.kind = OutcomeKind::failed;
    outcome.error = "Lockstep.BadArguments";
    outcome.cause = duration.error();
    outcome.started = outcome.ended = now();
    give(std::move(outcome), outcomes);
    return;
  }
  std::chrono::microseconds time = *duration;
  for (const auto& limit : {task.timeout, task.heartbeat}) {
    time = limit ? std::min(time, *limit) : time;
  }
  const OutcomeKind kind = time < *duration ? OutcomeKind::timed_out : OutcomeKind::succeeded;
  std::uint32_t index = 0;
  take_slot(index).sleep = Sleep{std::move(task), Clock::now() + time, kind, now()};
  watch(index);
}

void Runner::set_timer(std::uint32_t index, Clock::time_point time) {
  Slot& slot = slots_[index];
  if (slot.timer == time) {
    return;
  }
  if (slot.timer != Clock::time_point::max()) {
    timers_.erase({slot.timer, index});
  }
  slot.timer = time;
  if (time != Clock::time_point::max()) {
    timers_.emplace(time, index);
  }
}

/// Makes epoll and the timers agree with what the slot waits for. Each event is told once: a child that another thread
/// has just started holds all our descriptors until it runs its program, and those that we have closed meanwhile would
/// keep us busy until then.
void Runner::watch(std::uint32_t index) {
  Slot& slot = slots_[index];
  Clock::time_point next = Clock::time_point::max();
  if (slot.sleep) {
    next = slot.sleep->end;
  }
  if (slot.process) {
    const Running& process = *slot.process;
    const int wanted[kEvents] = {process.in(), process.out(), process.err(), process.beat(), process.ended()};
    for (std::uint32_t kind = 0; kind < kEvents; ++kind) {
      epoll_event event = {};
      event.events = EPOLLONESHOT | (kind == kIn ? EPOLLOUT : EPOLLIN);
      event.data.u64 = std::uint64_t{index} << 3U | kind;
      const bool told = std::exchange(slot.told[kind], false);
      if (wanted[kind] == slot.watched[kind]) {
        if (told && wanted[kind] >= 0) {
          epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, wanted[kind], &event);
        }
        continue;
      }
      // A closed descriptor has left epoll by itself; the one of a process that has ended stays open, and so does the
      // input of a stream.
      if ((kind == kEnded || (kind == kIn && process.keeps_in())) && wanted[kind] < 0) {
        epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, slot.watched[kind], nullptr);
      } else if (wanted[kind] >= 0) {
        epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, wanted[kind], &event);
      }
      slot.watched[kind] = wanted[kind];
    }
    next = process.next_time();
  }
  set_timer(index, next);
}

/// From now on epoll tells of `other`, too.
void Runner::listen_to(int other) {
  if (other == other_) {
    return;
  }
  if (other_ >= 0) {
    epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, other_, nullptr);
  }
  other_ = other;
  if (other >= 0) {
    epoll_event event = {};
    event.events = EPOLLIN;
    event.data.u64 = kOther;
    epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, other, &event);
  }
}

/// Waits for events at most so long; true: what we listen to besides is readable.
bool Runner::handle_events(std::chrono::nanoseconds limit, std::vector<Outcome>& outcomes) {
  std::array<epoll_event, 64> events;
  bool other = false;
  const int count = wait_for_events(epoll_.get(), events, limit);
  const Clock::time_point time = count > 0 ? Clock::now() : Clock::time_point();
  for (int i = 0; i < count; ++i) {
    const std::uint64_t data = events[static_cast<std::size_t>(i)].data.u64;
    if (data == kOther) {
      other = true;
      continue;
    }
    const auto index = static_cast<std::uint32_t>(data >> 3U);
    slots_[index].told[data & 7U] = true;
    // The slot may have changed hands since; reading and writing find nothing to do then.
    Running* process = slots_[index].process.get();
    if (process == nullptr) {
      continue;
    }
    switch (data & 7U) {
      case kIn:
        process->on_writable();
        break;
      case kOut:
        process->on_out(time);
        break;
      case kErr:
        process->on_err(time);
        break;
      case kBeat:
        process->on_beat(time);
        break;
      default:
        process->on_ended(time);
        break;
    }
    settle(index, outcomes);
  }
  return other;
}

void Runner::handle_timers(std::vector<Outcome>& outcomes) {
  if (timers_.empty()) {
    return;
  }
  const Clock::time_point time = Clock::now();
  while (!timers_.empty() && timers_.begin()->first <= time) {
    const std::uint32_t index = timers_.begin()->second;
    set_timer(index, Clock::time_point::max());
    if (slots_[index].process) {
      slots_[index].process->on_time(time);
    }
    settle(index, outcomes);
  }
}

void Runner::finish(Running& process, std::vector<Outcome>& outcomes) {
  const Clock::time_point time = Clock::now();
  const bool doubtful = process.ended_by_others() || (process.failed() && time < doubt_until_);
  Outcome outcome = process.finish();
  if (outcome.kind == OutcomeKind::failed || outcome.kind == OutcomeKind::timed_out) {
    log_.write_failure(process.task(), outcome);
  }
  if (doubtful) {
    doubtful_.push_back({std::max(time + kDoubt, doubt_until_), std::move(outcome)});
  } else {
    give(std::move(outcome), outcomes);
  }
}

void Runner::handle_doubtful(std::vector<Outcome>& outcomes) {
  const Clock::time_point time = doubtful_.empty() ? Clock::time_point::min() : Clock::now();
  for (Doubtful& one : doubtful_) {
    if (one.time <= time) {
      give(std::move(one.outcome), outcomes);
    }
  }
  std::erase_if(doubtful_, [&](const Doubtful& one) { return one.time <= time; });
}

/// Takes the outcome where the slot's task is over, else waits for what comes next.
void Runner::settle(std::uint32_t index, std::vector<Outcome>& outcomes) {
  Slot& slot = slots_[index];
  if (slot.process && slot.process->done()) {
    guard_.set(index, 0);
    finish(*slot.process, outcomes);
    keep(index, std::move(slot.process));
    slot.process.reset();
  } else if (slot.sleep && slot.sleep->end <= Clock::now()) {
    Outcome outcome;
    outcome.id = slot.sleep->task.id;
    outcome.started = slot.sleep->started;
    outcome.ended = now();
    outcome.kind = slot.sleep->kind;
    give(std::move(outcome), outcomes);
    slot.sleep.reset();
  } else {
    watch(index);
    return;
  }
  std::fill(std::begin(slot.watched), std::end(slot.watched), -1);
  set_timer(index, Clock::time_point::max());
  --running_;
  free_slots_.push_back(index);
}

Runner::Clock::time_point Runner::next_time() const {
  if (!ready_.empty() || (!held_ && !queue_.empty() && !free_slots_.empty())) {
    return Clock::time_point::min();
  }
  Clock::time_point next = timers_.empty() ? Clock::time_point::max() : timers_.begin()->first;
  for (const Doubtful& one : doubtful_) {
    next = std::min(next, one.time);
  }
  return next;
}

bool Runner::wait(std::chrono::microseconds limit, int other, std::vector<Outcome>& outcomes) {
  const std::size_t before = outcomes.size();
  listen_to(other);
  give_ready(outcomes);
  start_waiting(outcomes);
  std::chrono::nanoseconds time = outcomes.size() > before ? std::chrono::nanoseconds(0) : limit;
  if (const Clock::time_point next = next_time(); next != Clock::time_point::max()) {
    const Clock::time_point now = Clock::now();
    time = std::clamp<std::chrono::nanoseconds>(next - std::min(next, now), std::chrono::nanoseconds(0), time);
  }
  const bool told = handle_events(time, outcomes);
  handle_timers(outcomes);
  handle_doubtful(outcomes);
  return told;
}

}  // namespace lockstep::worker
