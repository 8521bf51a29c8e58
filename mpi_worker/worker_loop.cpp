#include "mpi_worker/worker_loop.hpp"

#include <poll.h>
#include <sys/eventfd.h>

#include <deque>
#include <thread>
#include <unordered_set>

#include "mpi_worker/backoff.hpp"
#include "mpi_worker/exec_runner.hpp"
#include "mpi_worker/protocol.hpp"
#include "mpi_worker/roster.hpp"
#include "mpi_worker/spool.hpp"
#include "mpi_worker/told_to_end.hpp"
#include "value/descriptor.hpp"

namespace lockstep::worker {
namespace {

using Clock = Machine::Clock;

/// Outcomes of this many bytes make a message.
constexpr std::size_t kBatchBytes = std::size_t{64} << 10;
/// Between two looks for messages while there is work that needs none.
constexpr std::chrono::microseconds kWithWork{1000};
/// For the last messages to leave.
constexpr std::chrono::seconds kFarewell{2};

std::unique_ptr<TaskRunner> run_processes(const RunSettings& settings, const Place& place, std::size_t slots,
                                          Spool* spool, const Fence& fence) {
  return std::make_unique<Runner>(settings, place, slots, spool, fence);
}

}  // namespace

class WorkerLoop::State {
 public:
  State(int rank, std::size_t slots, Parts parts)
      : place_{static_cast<std::uint32_t>(rank), parts.machine.host(), true},
        slots_(slots),
        channel_(parts.channel),
        heart_(parts.heart),
        machine_(parts.machine),
        make_runner_(parts.make_runner ? std::move(parts.make_runner) : run_processes) {
    say_hello();
  }
  ~State() { end_runner(); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  bool step() {
    if (farewell_) {
      say_farewell();
      return false;
    }
    const bool taken = take_messages();
    // First: what ends or begins now may depend on whether rank 0 lives, and we may have been stopped for long.
    if (!look_after_rank_0()) {
      status_ = 1;
      return true;
    }
    const bool moved = advance() || taken;
    if (stopping_ && (!runner_ || runner_->running() == 0)) {
      if (spool_) {
        commit();
      }
      report();
      send(encode_bare(MessageType::goodbye));
      farewell_ = machine_.now() + kFarewell;
      return true;
    }
    if (runner_) {
      if (auto begun = begun_.next(*runner_, machine_.now())) {
        send(std::move(*begun));
      }
    }
    channel_.progress();
    if (moved) {
      backoff_.reset();
    }
    return moved;
  }

  void rest() {
    std::chrono::nanoseconds time = farewell_ ? std::chrono::nanoseconds(0) : next_rest();
    if (time.count() == 0) {
      std::this_thread::yield();
      return;
    }
    if (const Clock::time_point next = next_time(); next != Clock::time_point::max()) {
      time = std::clamp<std::chrono::nanoseconds>(next - std::min(next, machine_.now()), std::chrono::nanoseconds(0),
                                                  time);
    }
    pollfd fds[2] = {{runner_ ? runner_->descriptor() : -1, POLLIN, 0}, {spooled_.get(), POLLIN, 0}};
    const timespec spec = {0, static_cast<long>(time.count())};
    ppoll(fds, 2, &spec, nullptr);
    if (fds[1].revents != 0) {
      eventfd_t count = 0;
      eventfd_read(spooled_.get(), &count);
    }
  }

  Clock::time_point next_time() const { return runner_ ? runner_->next_time() : Clock::time_point::max(); }
  std::optional<int> status() const { return status_; }

 private:
  void say_hello() {
    Hello hello;
    hello.host = place_.host;
    hello.place = machine_.place();
    hello.pid = machine_.own_pid();
    hello.started = machine_.start_time_of(hello.pid);
    hello.slots = static_cast<std::uint32_t>(slots_);
    send(encode_hello(hello));
  }

  /// Lets the last messages leave, but not for ever.
  void say_farewell() {
    channel_.progress();
    if (channel_.unsent() == 0 || machine_.now() >= *farewell_) {
      status_ = 0;
    }
  }

  void send(std::string message) {
    if (auto sent = channel_.send(0, std::move(message)); !sent) {
      machine_.say(fmt::format("rank {}: {}", place_.rank, sent.error()));
    }
  }

  bool take_messages() {
    bool any = false;
    while (std::optional<Message> message = channel_.receive()) {
      any = true;
      handle(message->bytes);
    }
    return any;
  }

  void handle(std::string_view message) {
    switch (type_of(message).value_or(MessageType::goodbye)) {
      case MessageType::setup:
        if (auto settings = decode_setup(message); settings && !runner_) {
          settings_ = std::move(*settings);
          open_spool();
          make_runner();
          send(encode_bare(MessageType::ready));
          return;
        }
        break;
      case MessageType::tasks:
        if (auto decoded = decode_tasks(message); decoded && runner_) {
          if (spool_) {
            spool_->acknowledged(decoded->settled);
          }
          for (Task& task : decoded->tasks) {
            if (spool_ && !task.spooled) {
              unspooled_.insert(task.id);
            }
            runner_->submit(std::move(task));
          }
          return;
        }
        break;
      case MessageType::job:
        if (auto decoded = decode_job(message); decoded && runner_) {
          settings_.jobs.put(decoded->id, std::move(decoded->job));
          return;
        }
        break;
      case MessageType::cancel:
        if (const auto ids = decode_cancel(message); ids && runner_) {
          for (const DispatchId& id : *ids) {
            runner_->cancel(id);
          }
          return;
        }
        break;
      case MessageType::stop:
        stopping_ = true;
        if (runner_) {
          runner_->hold(true);
          runner_->cancel_all();
        }
        return;
      case MessageType::kill:
        stopping_ = true;
        if (runner_) {
          runner_->hold(true);
          runner_->kill_all();
        }
        return;
      case MessageType::recall:
        if (const auto count = decode_recall(message); count && runner_) {
          const std::vector<DispatchId> returned = runner_->take_back(*count);
          for (const DispatchId& id : returned) {
            unspooled_.erase(id);
          }
          send(encode_returned(returned));
          return;
        }
        break;
      case MessageType::hello:
      case MessageType::ready:
      case MessageType::outcomes:
      case MessageType::returned:
      case MessageType::goodbye:
      case MessageType::begun:
        break;
    }
    machine_.say(fmt::format("rank {}: a message of {} bytes makes no sense here", place_.rank, message.size()));
  }

  void open_spool() {
    Spool::Notify notify;
    if (machine_.has_threads()) {
      spooled_ = Descriptor(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
      notify = [fd = spooled_.get()] { eventfd_write(fd, 1); };
    }
    spool_ = Spool::open(settings_, place_.rank, std::move(notify), machine_);
  }

  void make_runner() {
    if (!settings_.run_folder.empty()) {
      lock_ = take_rank_lock(settings_.run_folder, settings_.epoch, place_.rank, machine_);
    }
    Fence fence;
    fence.lock = lock_ ? lock_->descriptor() : -1;
    fence.begin_until = [this] {
      const BootClock::time_point now = machine_.boot_now();  // first: what we hear of meanwhile makes it later
      return now + heart_.patience().start_nothing - heart_.silence(0);
    };
    runner_ = make_runner_(settings_, place_, slots_, spool_.get(), fence);
    heart_.watch_over([runner = runner_.get()](BootClock::time_point time) { runner->end_at(time); });
  }

  void end_runner() {
    heart_.watch_over(nullptr);
    runner_.reset();
  }

  /// What has ended goes into the spool, and to rank 0 when it is durable there. What runs does not wait for the disk:
  /// the next tasks were started before we get here, and the commit is left to the spool's own thread.
  bool advance() {
    if (!runner_) {
      return false;
    }
    runner_->advance(ended_);
    const bool any = !ended_.empty();
    for (Outcome& outcome : ended_) {
      if (outcome.result.text_size() > kMaxPayload) {
        outcome.kind = OutcomeKind::failed;
        outcome.error = "States.DataLimitExceeded";
        outcome.cause = fmt::format("a result of {} bytes is longer than a message can be", outcome.result.text_size());
        outcome.result = Value();
      }
      if (spool_) {
        spool_->ended(outcome, unspooled_.erase(outcome.id) == 0);
      }
      waiting_.push_back({spool_ ? spool_->last() : 0, std::move(outcome)});
    }
    ended_.clear();
    if (any && spool_ && runner_->running() == 0 && runner_->waiting() == 0) {
      commit();  // nothing else to do: without the way through another thread
    }
    return report() || any;
  }

  void commit() {
    // A failure shows in report().
    static_cast<void>(spool_->commit());
  }

  /// Sends the outcomes that are durable. A spool that has failed holds up nothing: rank 0's own journal makes the
  /// outcomes durable; what is lost is the second net beneath it.
  bool report() {
    if (waiting_.empty()) {
      return false;
    }
    // With tasks at hand no slot waits for what a report would bring.
    const bool in_no_hurry = runner_->waiting() > 0;
    std::uint64_t durable = !spool_ ? UINT64_MAX : in_no_hurry ? spool_->durable_now() : spool_->durable();
    if (spool_ && durable < waiting_.back().record && spool_->failure()) {
      if (!std::exchange(complained_, true)) {
        machine_.say(fmt::format("rank {} on {}: results are reported without being kept here first: {}", place_.rank,
                                 place_.host, spool_->failure()->message));
      }
      durable = UINT64_MAX;
    }
    Batch batch(MessageType::outcomes);
    while (!waiting_.empty() && waiting_.front().record <= durable) {
      const Outcome& outcome = waiting_.front().outcome;
      if (batch.count() > 0 && batch.bytes() + outcome.result.text_size() > kBatchBytes) {
        send(batch.take());
      }
      batch.add(outcome);
      waiting_.pop_front();
    }
    if (batch.count() == 0) {
      return false;
    }
    send(batch.take());
    return true;
  }

  /// False: rank 0 was missed for too long, and nothing runs here any more.
  bool look_after_rank_0() {
    const std::chrono::milliseconds silence = heart_.silence(0);
    const Patience::Duty duty = heart_.patience().duty(silence);
    if (runner_) {
      runner_->rank_0_lived(machine_.now() - silence);
    }
    if (runner_) {
      runner_->hold(stopping_ || duty >= Patience::Duty::start_nothing);
      if (duty >= Patience::Duty::kill_tasks) {
        runner_->kill_all();
      }
    }
    heart_.has_done(duty);
    if (duty < Patience::Duty::end) {
      return true;
    }
    machine_.say(fmt::format("rank {} on {}: rank 0 was not heard of for {} s: ends", place_.rank, place_.host,
                             silence.count() / 1000));
    end_runner();
    return false;
  }

  std::chrono::nanoseconds next_rest() {
    const std::chrono::nanoseconds time = backoff_.next(!runner_ || runner_->running() == 0);
    // With tasks ahead the end of one wakes us; until then no message can be urgent.
    return runner_ && runner_->running() > 0 && runner_->waiting() > 0 ? kWithWork : time;
  }

  const Place place_;
  const std::size_t slots_;
  Channel& channel_;
  Heart& heart_;
  Machine& machine_;
  const MakeRunner make_runner_;
  struct Waiting {
    std::uint64_t record = 0;  // of the spool
    Outcome outcome;
  };

  RunSettings settings_;
  std::unique_ptr<journal::FileLock> lock_;  // null: there are none; what we run may be left as long as it is held
  Descriptor spooled_;                       // readable when the spool has made more durable
  std::unique_ptr<Spool> spool_;             // null: the run wants none
  std::unique_ptr<TaskRunner> runner_;
  std::unordered_set<DispatchId, DispatchIdHash> unspooled_;  // of the tasks that are here
  std::vector<Outcome> ended_;                                // scratch
  std::deque<Waiting> waiting_;                               // for the spool, in order
  bool complained_ = false;
  BegunReport begun_;
  Backoff backoff_;
  bool stopping_ = false;
  std::optional<Clock::time_point> farewell_;  // goodbye was said: until then
  std::optional<int> status_;
};

WorkerLoop::WorkerLoop(int rank, std::size_t slots, Parts parts)
    : state_(std::make_unique<State>(rank, std::clamp<std::size_t>(slots, 1, kMaxSlots), std::move(parts))) {}
WorkerLoop::~WorkerLoop() = default;

bool WorkerLoop::step() {
  return state_->step();
}

void WorkerLoop::rest() {
  state_->rest();
}

Machine::Clock::time_point WorkerLoop::next_time() const {
  return state_->next_time();
}

std::optional<int> WorkerLoop::status() const {
  return state_->status();
}

int run_worker(int rank, std::size_t slots, Channel& channel, Heart& heart) {
  hear_stop_signals([](int) { told_to_end.note(); });
  WorkerLoop loop(rank, slots, {channel, heart, real_machine(), nullptr});
  while (!loop.status()) {
    if (!loop.step() && !loop.status()) {
      loop.rest();
    }
  }
  return *loop.status();
}

}  // namespace lockstep::worker
