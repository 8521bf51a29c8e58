#include "mpi_worker/plugin_thread.hpp"

#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <csignal>
#include <mutex>
#include <system_error>
#include <thread>

#include "mpi_worker/blocked_signals.hpp"
#include "mpi_worker/builtin.hpp"
#include "mpi_worker/scarcity.hpp"

namespace lockstep::worker {
namespace {

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

tl::expected<std::unique_ptr<PluginThread>, Outcome> PluginThread::start(Task task, ProcessContext& context,
                                                                         const Place& place) {
  std::unique_ptr<PluginThread> made(new PluginThread(std::move(task), context));
  const work::Job& job = *context.settings->jobs.find(made->task_.job);
  made->shared_ = std::make_shared<Shared>();
  made->shared_->path = job.argv.front();
  made->shared_->place = {job.resource, context.settings->run_id, context.settings->run_folder, place.host, place.rank};
  const auto refuse = [&](int number) {
    return tl::unexpected(not_started(
        made->task_, {"", fmt::format("cannot start a thread for a plugin: {}", explain_scarcity(number))}, context));
  };
  if (!made->shared_->signal) {
    return refuse(EMFILE);
  }
  try {
    const BlockedSignals blocked;
    std::thread([shared = made->shared_] { shared->run(); }).detach();
  } catch (const std::system_error& error) {
    return refuse(error.code().value());
  }
  if (auto refused = made->begin()) {
    return tl::unexpected(std::move(*refused));
  }
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

/// An outcome: it could not.
std::optional<Outcome> PluginThread::begin() {
  const Clock::time_point start = Clock::now();
  auto taken = context_->folders->take(task_);
  if (!taken) {
    return not_started(task_, {"", std::move(taken.error())}, *context_);
  }
  folder_ = std::move(*taken);
  stderr_ = TaskStderr();
  answered_ = false;
  started_ = now();
  watch_.start(task_, start);
  {
    const std::lock_guard lock(shared_->mutex);
    shared_->last_beat = ticks(start);
    shared_->task_folder = folder_.path;
    shared_->task = task_;
  }
  shared_->changed.notify_one();
  return std::nullopt;
}

std::optional<Outcome> PluginThread::give(Task task) {
  context_->folders->give_back(std::exchange(folder_, {}));
  task_ = std::move(task);
  return begin();
}

bool PluginThread::is_idle() {
  return answered_ && watch_.verdict() == Verdict::none && !closed_;
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

void PluginThread::on_time(Clock::time_point now) {
  if (stderr_.flush_time() <= now) {
    stderr_.flush(task_, *context_->log);
  }
  if (done()) {
    return;
  }
  watch_.on_sign(time_of(shared_->last_beat));
  if (const Verdict late = watch_.due(now); late != Verdict::none) {
    end_with(late, now);
  }
  if (watch_.take_kill(now)) {
    leave();
  }
}

PluginThread::Clock::time_point PluginThread::next_time() const {
  return std::min(stderr_.flush_time(), watch_.next_time());
}

void PluginThread::end_with(Verdict verdict, Clock::time_point now) {
  if (watch_.pronounce(verdict)) {
    shared_->cancelled = true;
    watch_.kill_at(now + context_->settings->kill_after);
  }
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
  watch_.kill_at(Watch::kNever);
  left_ = true;
  ended_ = now();
}

Outcome PluginThread::finish() {
  Outcome outcome;
  stderr_.flush(task_, *context_->log);
  if (watch_.verdict() == Verdict::none) {
    conclude_plugin(std::move(answer_), context_->settings->output_limit, outcome);
  } else {
    watch_.conclude("the answer", context_->settings->output_limit, outcome);
  }
  folder_.may_be_wanted = outcome.kind != OutcomeKind::succeeded;
  outcome.id = task_.id;
  outcome.started = started_;
  outcome.ended = ended_;
  return outcome;
}

}  // namespace lockstep::worker
