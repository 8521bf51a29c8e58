#include "mpi_worker/plugin_thread.hpp"

#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <csignal>
#include <mutex>
#include <thread>

#include "mpi_worker/blocked_signals.hpp"
#include "mpi_worker/builtin.hpp"

namespace lockstep::worker {
namespace {

/// Longer times would leave the range of the clock.
constexpr std::chrono::hours kLongest{24 * 365 * 100};

std::int64_t ticks(Running::Clock::time_point time) {
  return time.time_since_epoch().count();
}

Running::Clock::time_point time_of(std::int64_t ticks) {
  return Running::Clock::time_point(Running::Clock::duration(ticks));
}

}  // namespace

/// What both threads see. It holds all that the call needs, as the call may outlive the runner.
struct PluginThread::Shared {
  std::string path;
  PluginPlace place;
  Descriptor signal{eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  std::atomic<bool> cancelled{false};
  std::atomic<std::int64_t> last_beat{0};

  std::mutex mutex;
  std::condition_variable changed;
  std::optional<Task> task;  // to be worked on
  std::string task_folder;
  bool closing = false;
  std::optional<PluginAnswer> answer;
  std::string log;

  void wake() const { eventfd_write(signal.get(), 1); }

  void run() {
    const Result<Plugin> plugin = Plugin::load(path);
    const PluginHooks hooks{cancelled, [this] { last_beat = ticks(Clock::now()); },
                            [this](std::string_view text) {
                              last_beat = ticks(Clock::now());
                              {
                                const std::lock_guard lock(mutex);
                                log += text;
                              }
                              wake();
                            }};
    std::unique_lock lock(mutex);
    while (true) {
      changed.wait(lock, [this] { return task || closing; });
      if (!task) {
        return;
      }
      const Task mine = *std::exchange(task, std::nullopt);
      lock.unlock();
      PluginAnswer made;
      if (plugin) {
        made = call_plugin(*plugin, mine, task_folder, place, hooks);
      } else {
        made.failed = true;
        made.error = "States.TaskFailed";
        made.cause = plugin.error().message;
      }
      lock.lock();
      answer = std::move(made);
      wake();
    }
  }
};

std::unique_ptr<PluginThread> PluginThread::start(Task task, ProcessContext& context, const Place& place) {
  std::unique_ptr<PluginThread> made(new PluginThread(std::move(task), context));
  const integrations::Job& job = context.settings->jobs[static_cast<std::size_t>(made->task_.job)];
  made->shared_ = std::make_shared<Shared>();
  made->shared_->path = job.argv.front();
  made->shared_->place = {job.resource, context.settings->run_id, context.settings->run_folder, place.host, place.rank};
  {
    const BlockedSignals blocked;
    std::thread([shared = made->shared_] { shared->run(); }).detach();
  }
  made->begin();
  return made;
}

int PluginThread::ended() const {
  return done() ? -1 : shared_->signal.get();
}

PluginThread::~PluginThread() {
  shared_->cancelled = true;
  close();
  if (!left_) {
    context_->folders->give_back(std::move(folder_));
  }
}

void PluginThread::begin() {
  const Clock::time_point start = Clock::now();
  folder_ = context_->folders->take(task_.id);
  stderr_ = TaskStderr();
  answered_ = false;
  started_ = now();
  timeout_ =
      task_.timeout ? start + std::min<std::chrono::microseconds>(*task_.timeout, kLongest) : Clock::time_point::max();
  {
    const std::lock_guard lock(shared_->mutex);
    shared_->last_beat = ticks(start);
    shared_->task_folder = folder_.path;
    shared_->task = task_;
  }
  shared_->changed.notify_one();
}

void PluginThread::give(Task task) {
  context_->folders->give_back(std::move(folder_));
  task_ = std::move(task);
  begin();
}

bool PluginThread::is_idle() {
  return answered_ && verdict_ == Verdict::none && !closed_;
}

void PluginThread::close() {
  closed_ = true;
  {
    const std::lock_guard lock(shared_->mutex);
    shared_->closing = true;
  }
  shared_->changed.notify_one();
}

void PluginThread::take_log(Clock::time_point now) {
  std::string text;
  {
    const std::lock_guard lock(shared_->mutex);
    text.swap(shared_->log);
  }
  if (!text.empty()) {
    stderr_.append(text, task_, *context_->log, now);
  }
}

void PluginThread::on_ended(Clock::time_point now) {
  eventfd_t count = 0;
  eventfd_read(shared_->signal.get(), &count);
  take_log(now);
  const std::lock_guard lock(shared_->mutex);
  if (shared_->answer) {
    answer_ = *std::exchange(shared_->answer, std::nullopt);
    answered_ = true;
    ended_ = worker::now();
  }
}

PluginThread::Clock::time_point PluginThread::silent_time() const {
  if (!task_.heartbeat) {
    return Clock::time_point::max();
  }
  return time_of(shared_->last_beat) + std::min<std::chrono::microseconds>(*task_.heartbeat, kLongest);
}

void PluginThread::on_time(Clock::time_point now) {
  if (stderr_.flush_time() <= now) {
    stderr_.flush(task_, *context_->log);
  }
  if (done()) {
    return;
  }
  if (verdict_ == Verdict::none && (timeout_ <= now || silent_time() <= now)) {
    end_with(timeout_ <= now ? Verdict::timed_out : Verdict::silent, now);
  }
  if (kill_time_ <= now) {
    leave();
  }
}

PluginThread::Clock::time_point PluginThread::next_time() const {
  Clock::time_point next = std::min(stderr_.flush_time(), kill_time_);
  return verdict_ == Verdict::none ? std::min({next, timeout_, silent_time()}) : next;
}

void PluginThread::end_with(Verdict verdict, Clock::time_point now) {
  if (verdict_ != Verdict::none) {
    return;
  }
  verdict_ = verdict;
  shared_->cancelled = true;
  kill_time_ = now + context_->settings->kill_after;
}

void PluginThread::cancel(Clock::time_point now) {
  end_with(Verdict::cancelled, now);
}

void PluginThread::kill() {
  end_with(Verdict::cancelled, Clock::now());
  if (!done()) {
    leave();
  }
}

void PluginThread::leave() {
  take_log(Clock::now());
  stderr_.append(fmt::format("lockstep: plugin {}: the call has not returned when it was told to, and goes on beside "
                             "other tasks until it does\n",
                             shared_->path),
                 task_, *context_->log, Clock::now());
  kill_time_ = Clock::time_point::max();
  left_ = true;
  ended_ = now();
}

Outcome PluginThread::finish() {
  Outcome outcome;
  stderr_.flush(task_, *context_->log);
  switch (verdict_) {
    case Verdict::none:
      conclude_plugin(std::move(answer_), context_->settings->output_limit, outcome);
      break;
    case Verdict::silent:
      outcome.error = kHeartbeatTimeout;
      [[fallthrough]];
    case Verdict::timed_out:
      outcome.kind = OutcomeKind::timed_out;
      break;
    case Verdict::cancelled:
      outcome.kind = OutcomeKind::cancelled;
      break;
  }
  outcome.id = task_.id;
  outcome.started = started_;
  outcome.ended = ended_;
  return outcome;
}

}  // namespace lockstep::worker
