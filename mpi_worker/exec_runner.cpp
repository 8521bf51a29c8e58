#include "mpi_worker/exec_runner.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>

#include "mpi_worker/builtin.hpp"
#include "mpi_worker/environment.hpp"
#include "mpi_worker/plugin_thread.hpp"
#include "mpi_worker/scarcity.hpp"
#include "mpi_worker/stream.hpp"

namespace lockstep::worker {
namespace {

/// While we are being told to end, what begins only dies.
constexpr std::chrono::seconds kQuiet{2};
/// Between two looks at whether a fence that is against it lets tasks begin.
constexpr std::chrono::milliseconds kLookAtFence{50};
/// By then, and the run's grace, rank 0, which was told to end as well, has said what it wants.
constexpr std::chrono::seconds kDoubt{10};

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

/// Each task takes six descriptors.
void allow_descriptors(std::size_t slots) {
  rlimit limit = {};
  const rlim_t wanted = 6 * slots + 256;
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

}  // namespace

Runner::Runner(const RunSettings& settings, Place place, std::size_t slots, Spool* spool, Fence fence,
               const ToldToEnd& told)
    : settings_(&settings),
      spool_(spool),
      fence_(std::move(fence)),
      place_(std::move(place)),
      log_(settings.run_folder, place_, settings.log_limit),
      folders_(settings.run_folder),
      environment_(shared_environment(environ, settings, place_)),
      keepers_(environment_, fence_),
      slots_(std::max<std::size_t>(slots, 1)),
      begun_tasks_(slots_.size()),
      told_(told),
      doubts_(told, settings.grace + kDoubt) {
  occupy_standard_descriptors();
  allow_descriptors(slots_.size());
  ignore_broken_pipes();
  static_cast<void>(has_epoll());
  context_.settings = settings_;
  context_.log = &log_;
  context_.folders = &folders_;
  context_.keepers = &keepers_;
  context_.environment = &environment_;
  context_.path = program_path();
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
  outcome.usage.rank = place_.rank;
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
  for (Doubts::Failure& one : doubts_.give_up()) {
    Outcome outcome;
    outcome.id = one.outcome.id;
    outcome.kind = OutcomeKind::cancelled;
    outcome.started = one.outcome.started;
    outcome.ended = one.outcome.ended;
    ready_.push_back(std::move(outcome));
  }
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

/// The task has not begun; neither do those that wait behind it. What we only keep to be quicker may be what is short.
void Runner::refuse(Outcome outcome, std::vector<Outcome>& outcomes) {
  keepers_.dismiss_idle();
  folders_.remove_spare();
  give(std::move(outcome), outcomes);
  for (Task& task : queue_) {
    give(outcome_of(task, {}), outcomes);
  }
  queue_.clear();
}

/// Without it nothing that is started could be watched.
bool Runner::has_epoll() {
  if (!epoll_) {
    epoll_ = Descriptor(epoll_create1(EPOLL_CLOEXEC));
    other_ = -1;
  }
  return static_cast<bool>(epoll_);
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
  handle_doubts(outcomes);
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
  return spool_ != nullptr && settings_->jobs.never_twice(task.job);
}

/// Whether others cannot have taken our place yet. Cheap: it is asked for each task.
bool Runner::may_begin() const {
  return !fence_.begin_until || BootClock::now() < fence_.begin_until();
}

void Runner::start_waiting(std::vector<Outcome>& outcomes) {
  std::size_t marked = 0;
  while (!held_ && !queue_.empty() && !free_slots_.empty()) {
    const std::uint32_t told = told_.times();
    if (told != 0 && Clock::now() < may_start()) {
      return;
    }
    if (marked == 0 && spool_ != nullptr) {
      marked = mark();
    }
    if (!may_begin()) {  // the markers may have taken their time
      return;
    }
    marked -= marked > 0 ? 1 : 0;
    Task task = std::move(queue_.front());
    queue_.pop_front();
    Outcome outcome;
    const work::Job* job = settings_->jobs.find(task.job);
    if (const auto trouble = never_twice(task) ? spool_->failure() : std::nullopt) {
      refuse(outcome_of(task, {"", fmt::format("its start cannot be recorded, and its job must never start twice: {}",
                                               trouble->message)}),
             outcomes);
    } else if (job == nullptr) {
      outcome.id = task.id;
      outcome.kind = OutcomeKind::failed;
      outcome.error = "States.Runtime";
      outcome.cause = fmt::format("job {} is not in the run's job table", static_cast<std::uint32_t>(task.job));
      outcome.started = outcome.ended = now();
      give(std::move(outcome), outcomes);
    } else if (run_at_once(*job, task, outcome)) {
      give(std::move(outcome), outcomes);
    } else if (job->kind == work::JobKind::builtin) {
      start_sleep(std::move(task), outcomes);
    } else if (auto process = start_process(std::move(task), slots_[free_slots_.back()])) {
      std::uint32_t index = 0;
      Slot& slot = take_slot(index);
      slot.process = std::move(*process);
      begun_tasks_.begin(index, slot.process->task().id);
      slot.number = ++begun_;
      slot.terms = told;
      watch(index);
    } else if (process.error().begun) {
      give(std::move(process.error()), outcomes);
    } else {
      refuse(std::move(process.error()), outcomes);
    }
  }
}

/// A process of its own for the task, or what the slot has for its job.
tl::expected<std::unique_ptr<Running>, Outcome> Runner::start_process(Task task, Slot& slot) {
  using work::JobKind;
  const JobKind kind = settings_->jobs.find(task.job)->kind;
  if (!has_epoll()) {
    return tl::unexpected(outcome_of(task, {"", fmt::format("cannot watch a process: {}", explain_scarcity(errno))}));
  }
  if (kind == JobKind::exec) {
    return Process::start(std::move(task), context_);
  }
  const auto found = std::find_if(slot.lasting.begin(), slot.lasting.end(),
                                  [&](const auto& lasting) { return lasting->task().job == task.job; });
  if (found != slot.lasting.end()) {
    std::unique_ptr<Lasting> lasting = std::move(*found);
    slot.lasting.erase(found);
    if (lasting->is_idle()) {
      auto refused = lasting->give(std::move(task));
      if (refused) {
        slot.lasting.push_back(std::move(lasting));
        return tl::unexpected(std::move(*refused));
      }
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
  if (lasting->is_idle()) {
    static_cast<void>(process.release());
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
  begun_tasks_.begin(free_slots_.back(), task.id);
  take_slot(index).sleep = Sleep{std::move(task), Clock::now() + time, kind, now()};
  watch(index);
}

void Runner::finish(const Slot& slot, std::vector<Outcome>& outcomes) {
  Running& process = *slot.process;
  Outcome outcome = process.finish();
  if (process.failed()) {
    Task task = process.task();
    task.input = Value();
    doubts_.add({.task = std::move(task),
                 .outcome = std::move(outcome),
                 .time = Clock::now(),
                 .by_signal = process.ended_by_others(),
                 .told = slot.terms,
                 .others = begun_});
    return;
  }
  if (outcome.kind != OutcomeKind::succeeded && work::is_outcome(outcome.kind)) {
    log_.write_failure(process.task(), outcome);
  }
  if (outcome.unbegun != nullptr) {
    refuse(std::move(outcome), outcomes);
  } else {
    give(std::move(outcome), outcomes);
  }
}

void Runner::handle_doubts(std::vector<Outcome>& outcomes) {
  if (doubts_.empty()) {
    return;
  }
  std::uint64_t oldest = UINT64_MAX;
  for (const Slot& slot : slots_) {
    if (slot.process && slot.process->is_process()) {
      oldest = std::min(oldest, slot.number);
    }
  }
  for (Doubts::Failure& one : doubts_.decide(Clock::now(), heard_, oldest)) {
    if (one.outcome.kind == OutcomeKind::failed) {
      log_.write_failure(one.task, one.outcome);
    }
    give(std::move(one.outcome), outcomes);
  }
}

/// Until then nothing begins.
Runner::Clock::time_point Runner::may_start() const {
  return told_.times() == 0 ? Clock::time_point::min() : told_.last() + kQuiet;
}

/// Takes the outcome where the slot's task is over, else waits for what comes next.
void Runner::settle(std::uint32_t index, std::vector<Outcome>& outcomes) {
  Slot& slot = slots_[index];
  if (slot.process && slot.process->done()) {
    finish(slot, outcomes);
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
  begun_tasks_.end(index);
  --running_;
  free_slots_.push_back(index);
}

Runner::Clock::time_point Runner::next_time() const {
  if (!ready_.empty()) {
    return Clock::time_point::min();
  }
  Clock::time_point next = timers_.empty() ? Clock::time_point::max() : timers_.begin()->first;
  if (!held_ && !queue_.empty() && !free_slots_.empty()) {
    next = std::min(next, may_begin() ? may_start() : Clock::now() + kLookAtFence);
  }
  return std::min(next, doubts_.next_time(heard_));
}

}  // namespace lockstep::worker
