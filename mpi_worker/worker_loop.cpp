#include "mpi_worker/worker_loop.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <csignal>
#include <deque>
#include <fstream>
#include <memory>
#include <sstream>
#include <thread>

#include "mpi_worker/backoff.hpp"
#include "mpi_worker/cores.hpp"
#include "mpi_worker/descriptor.hpp"
#include "mpi_worker/exec_runner.hpp"
#include "mpi_worker/protocol.hpp"
#include "mpi_worker/spool.hpp"

namespace lockstep::worker {
namespace {

using Clock = std::chrono::steady_clock;

/// Outcomes of this many bytes make a message.
constexpr std::size_t kBatchBytes = std::size_t{64} << 10;
/// Between two looks for messages while there is work that needs none.
constexpr std::chrono::microseconds kWithWork{1000};
/// For the last messages to leave.
constexpr std::chrono::seconds kFarewell{2};

/// TERM has come: to this rank, or to all that belongs to the allocation.
std::atomic<bool> told_to_end{false};
/// By then, and the run's grace, rank 0, which was told as well, has said what it wants.
constexpr std::chrono::seconds kDoubt{10};

class WorkerLoop {
 public:
  WorkerLoop(int rank, std::size_t slots, Channel& channel, const Heart& heart)
      : place_{static_cast<std::uint32_t>(rank), host_name(), true}, slots_(slots), channel_(channel), heart_(heart) {}

  int run() {
    say_hello();
    while (true) {
      const bool taken = take_messages();
      const bool moved = advance() || taken;
      if (stopping_ && (!runner_ || runner_->running() == 0)) {
        if (spool_) {
          commit();
        }
        report();
        say_goodbye();
        return 0;
      }
      if (!look_after_rank_0()) {
        return 1;
      }
      channel_.progress();
      if (moved) {
        backoff_.reset();
      } else {
        rest();
      }
    }
  }

 private:
  void say_hello() {
    Hello hello;
    hello.host = place_.host;
    hello.place = this_place();
    hello.pid = static_cast<std::uint32_t>(getpid());
    hello.started = start_time_of(hello.pid);
    hello.slots = static_cast<std::uint32_t>(slots_);
    send(encode_hello(hello));
  }

  void say_goodbye() {
    send(encode_bare(MessageType::goodbye));
    const Clock::time_point end = Clock::now() + kFarewell;
    while (channel_.unsent() > 0 && Clock::now() < end) {
      channel_.progress();
      std::this_thread::yield();
    }
  }

  void send(std::string message) {
    if (auto sent = channel_.send(0, std::move(message)); !sent) {
      fmt::print(stderr, "lockstep: rank {}: {}\n", place_.rank, sent.error());
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
          runner_ = std::make_unique<Runner>(settings_, place_, slots_, spool_.get());
          return;
        }
        break;
      case MessageType::tasks:
        if (auto decoded = decode_tasks(message); decoded && runner_) {
          if (spool_) {
            spool_->acknowledged(decoded->settled);
          }
          for (Task& task : decoded->tasks) {
            runner_->submit(std::move(task));
          }
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
      case MessageType::recall:
        if (const auto count = decode_recall(message); count && runner_) {
          send(encode_returned(runner_->take_back(*count)));
          return;
        }
        break;
      case MessageType::hello:
      case MessageType::outcomes:
      case MessageType::returned:
      case MessageType::goodbye:
        break;
    }
    fmt::print(stderr, "lockstep: rank {}: a message of {} bytes makes no sense here\n", place_.rank, message.size());
  }

  void open_spool() {
    spooled_ = Descriptor(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    spool_ = Spool::open(settings_, place_.rank, [fd = spooled_.get()] { eventfd_write(fd, 1); });
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
        spool_->ended(outcome);
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
        fmt::print(stderr, "lockstep: rank {} on {}: results are reported without being kept here first: {}\n",
                   place_.rank, place_.host, spool_->failure()->message);
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
    if (runner_ && told_to_end.exchange(false)) {
      runner_->doubt(settings_.grace + kDoubt);
    }
    if (runner_ && !stopping_) {
      runner_->hold(duty >= Patience::Duty::start_nothing);
      if (duty >= Patience::Duty::kill_tasks) {
        runner_->kill_all();
      }
    }
    if (duty < Patience::Duty::end) {
      return true;
    }
    fmt::print(stderr, "lockstep: rank {} on {}: rank 0 was not heard of for {} s: ends\n", place_.rank, place_.host,
               silence.count() / 1000);
    runner_.reset();
    return false;
  }

  void rest() {
    std::chrono::nanoseconds time = backoff_.next(!runner_ || runner_->running() == 0);
    if (runner_ && runner_->running() > 0 && runner_->waiting() > 0) {
      time = kWithWork;  // the end of a task wakes us; until then no message can be urgent
    }
    if (time.count() == 0) {
      std::this_thread::yield();
      return;
    }
    if (runner_) {
      const Clock::time_point next = runner_->next_time();
      if (next != Clock::time_point::max()) {
        time = std::clamp<std::chrono::nanoseconds>(next - std::min(next, Clock::now()), std::chrono::nanoseconds(0),
                                                    time);
      }
    }
    pollfd fds[2] = {{runner_ ? runner_->descriptor() : -1, POLLIN, 0}, {spooled_.get(), POLLIN, 0}};
    const timespec spec = {0, static_cast<long>(time.count())};
    ppoll(fds, 2, &spec, nullptr);
    if (fds[1].revents != 0) {
      eventfd_t count = 0;
      eventfd_read(spooled_.get(), &count);
    }
  }

  const Place place_;
  const std::size_t slots_;
  Channel& channel_;
  const Heart& heart_;
  struct Waiting {
    std::uint64_t record = 0;  // of the spool
    Outcome outcome;
  };

  RunSettings settings_;
  Descriptor spooled_;            // readable when the spool has made more durable
  std::unique_ptr<Spool> spool_;  // null: the run wants none
  std::unique_ptr<Runner> runner_;
  std::vector<Outcome> ended_;   // scratch
  std::deque<Waiting> waiting_;  // for the spool, in order
  bool complained_ = false;
  Backoff backoff_;
  bool stopping_ = false;
};

std::string first_line(const char* path) {
  std::ifstream in(path);
  std::string line;
  std::getline(in, line);
  return line;
}

}  // namespace

int run_worker(int rank, std::size_t slots, Channel& channel, const Heart& heart) {
  for (const int signal : {SIGINT, SIGHUP, SIGUSR1, SIGUSR2}) {
    std::signal(signal, SIG_IGN);
  }
  std::signal(SIGTERM, [](int) { told_to_end = true; });
  return WorkerLoop(rank, std::clamp<std::size_t>(slots, 1, kMaxSlots), channel, heart).run();
}

std::string this_place() {
  std::array<char, 64> space{};
  [[maybe_unused]] const ssize_t size = readlink("/proc/self/ns/pid", space.data(), space.size() - 1);
  return fmt::format("{}/{}/{}", host_name(), first_line("/proc/sys/kernel/random/boot_id"), space.data());
}

std::uint64_t start_time_of(std::uint32_t pid) {
  const std::string line = first_line(fmt::format("/proc/{}/stat", pid).c_str());
  // Behind the name, which may hold blanks and brackets: state, then 18 more fields, then the start time.
  const std::size_t name_end = line.rfind(')');
  if (name_end == std::string::npos || name_end + 2 >= line.size() || line[name_end + 2] == 'Z' ||
      line[name_end + 2] == 'X') {
    return 0;
  }
  std::istringstream fields(line.substr(name_end + 2));
  std::string field;
  for (int i = 0; i < 20 && fields >> field; ++i) {
  }
  return std::strtoull(field.c_str(), nullptr, 10);
}

}  // namespace lockstep::worker
