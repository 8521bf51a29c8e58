#include "mpi_worker/keeper_process.hpp"

#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <vector>

#include "mpi_worker/descendants.hpp"
#include "mpi_worker/keeper_message.hpp"
#include "mpi_worker/spawn.hpp"
#include "value/boot_clock.hpp"

namespace lockstep::worker {
namespace {

/// The socket to the rank, of the guard and of each keeper.
constexpr int kControl = 0;

/// Tells a keeper to end: from the guard, or from the kernel when the guard is dead. Nobody who ends a whole allocation
/// sends it; what such a one does send is blocked here, that the tasks are given the time that it leaves them.
int end_signal() {
  return SIGRTMIN;
}

volatile std::sig_atomic_t child_ended = 0;
volatile std::sig_atomic_t told_to_end = 0;

extern "C" void on_child(int /*signal*/) {
  child_ended = 1;
}
extern "C" void on_end(int /*signal*/) {
  told_to_end = 1;
}

void prepare(const char* name) {
  sigset_t all;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, nullptr);
  struct sigaction action = {};
  action.sa_handler = on_child;
  sigaction(SIGCHLD, &action, nullptr);
  action.sa_handler = on_end;
  sigaction(end_signal(), &action, nullptr);
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  prctl(PR_SET_NAME, name);
}

/// Waits for one of our two signals, which come only here, or for the socket unless `is_over`: it stays readable then,
/// and no signal would come. At most for `limit` (null: for ever). What poll() says of the socket.
short wait_for_news(bool is_over, const timespec* limit = nullptr) {
  sigset_t waiting;
  sigfillset(&waiting);
  sigdelset(&waiting, SIGCHLD);
  sigdelset(&waiting, end_signal());
  pollfd control = {kControl, POLLIN | POLLRDHUP, 0};
  return ppoll(&control, is_over ? 0 : 1, limit, &waiting) > 0 ? control.revents : short{0};
}

std::int64_t now_ns() {
  return BootClock::now().time_since_epoch().count();
}

bool is_closed(short events) {
  return (events & (POLLHUP | POLLRDHUP | POLLERR | POLLNVAL)) != 0;
}

template <class Structure>
std::string_view bytes_of(const Structure& structure) {
  return {reinterpret_cast<const char*>(&structure), sizeof structure};
}

void say(const Report& report, int socket = kControl) {
  send_message(socket, bytes_of(report), {}, nullptr, 0, true);  // a rank that is gone shows at the next wait
}

/// A file's contents, for as long as this process lives; empty where that cannot be had.
std::string_view map_file(int file) {
  struct stat status = {};
  if (fstat(file, &status) != 0 || status.st_size <= 0) {
    return {};
  }
  const auto size = static_cast<std::size_t>(status.st_size);
  void* const memory = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file, 0);
  return memory == MAP_FAILED ? std::string_view() : std::string_view(static_cast<const char*>(memory), size);
}

/// Appends pointers to `count` texts that end with a NUL each, and takes them from the front; false: there are fewer.
bool take_texts(std::string_view& texts, std::size_t count, std::vector<const char*>& pointers) {
  for (; count > 0; --count) {
    const std::size_t end = texts.find('\0');
    if (end == std::string_view::npos) {
      return false;
    }
    pointers.push_back(texts.data());
    texts.remove_prefix(end + 1);
  }
  return true;
}

class KeeperProcess {
 public:
  explicit KeeperProcess(std::string_view environment) {
    take_texts(environment, static_cast<std::size_t>(std::count(environment.begin(), environment.end(), '\0')),
               variables_);
    shared_variables_ = variables_.size();
    prepare("task-keeper");
    signals_ = signals_to_reset();
    texts_.resize(kMostTextBytes);
  }

  /// Returns when there is nobody any more to keep a program for, and nothing is left of the last.
  void run() {
    while (told_to_end == 0 || any_left_) {
      const short events = wait_for_news(ending_);
      ending_ = ending_ || is_closed(events) || told_to_end != 0;
      if (!ending_ && (events & POLLIN) != 0) {
        obey();
      }
      if (child_ended != 0) {
        child_ended = 0;
        collect();
      }
      if (ending_ && !any_left_) {
        return;
      }
      if (any_left_ && (ending_ || killing_)) {
        kill_children({});
      }
    }
  }

 private:
  void obey() {
    Order order;
    ReceivedDescriptors descriptors;
    // Only an order to start has texts: those of what runs stay.
    const ssize_t size = receive_message(kControl, &order, sizeof order, &descriptors, texts_);
    if (size < static_cast<ssize_t>(sizeof order)) {
      descriptors.close_all();
      return;
    }
    switch (order.kind) {
      case OrderKind::start:
        start(order, {texts_.data(), static_cast<std::size_t>(size) - sizeof order}, descriptors);
        break;
      case OrderKind::signal:
        if (any_left_) {
          signal_tree(order.signal);
        }
        break;
      case OrderKind::kill:
        killing_ = true;
        break;
    }
    descriptors.close_all();
  }

  void start(const Order& order, std::string_view texts, const ReceivedDescriptors& descriptors) {
    Report report;
    report.kind = ReportKind::refused;
    report.number = any_left_                                ? EBUSY
                    : descriptors.count != order.descriptors ? EMFILE
                    : now_ns() >= order.not_after_ns         ? ETIME
                                                             : 0;
    if (report.number == 0 && order.texts_apart) {
      texts = texts_apart_ = map_file(descriptors.numbers[order.descriptors - 1]);
      report.number = texts.empty() ? ENOMEM : 0;
    }
    if (report.number == 0) {
      const auto pid = spawn_as(order, texts, descriptors);
      if (pid) {
        main_ = *pid;
        main_ended_ = killing_ = false;
        any_left_ = true;
        report.kind = ReportKind::started;
        report.pid = *pid;
      } else {
        report.stage = pid.error().stage;
        report.number = pid.error().number;
        drop_texts();
      }
    }
    if (report.kind == ReportKind::refused || order.tells_pid) {
      say(report);
    }
  }

  void drop_texts() {
    if (!texts_apart_.empty()) {
      munmap(const_cast<char*>(texts_apart_.data()), texts_apart_.size());
      texts_apart_ = {};
    }
  }

  /// All variables but those that the last so many replace.
  void replace(std::size_t count) {
    const auto first = variables_.end() - static_cast<std::ptrdiff_t>(count);
    const auto is_replaced = [&](const char* variable) {
      const std::string_view text = variable;
      const std::string_view name = text.substr(0, text.find('=') + 1);
      return std::any_of(first, variables_.end(),
                         [&](const char* one) { return std::string_view(one).starts_with(name); });
    };
    std::remove_copy_if(variables_.begin(), first, std::back_inserter(replaced_), is_replaced);
    replaced_.insert(replaced_.end(), first, variables_.end());
  }

  tl::expected<pid_t, SpawnFailure> spawn_as(const Order& order, std::string_view texts,
                                             const ReceivedDescriptors& descriptors) {
    arguments_.clear();
    variables_.resize(shared_variables_);
    const std::size_t programs = order.descriptors - (order.texts_apart ? 1 : 0);
    if (programs < 3 || !take_texts(texts, 2 + std::size_t{order.arguments}, arguments_) ||
        !take_texts(texts, order.variables, variables_)) {
      return tl::unexpected(SpawnFailure{SpawnStage::process, EINVAL});
    }
    arguments_.push_back(nullptr);
    replaced_.clear();
    if (order.replacing > 0 && order.replacing <= order.variables) {
      replace(order.replacing);
    }
    variables_.push_back(nullptr);
    replaced_.push_back(nullptr);
    SpawnPlan& plan = spawning_.plan;
    plan.program = arguments_[0];
    plan.folder = *arguments_[1] == '\0' ? nullptr : arguments_[1];
    plan.argv = arguments_.data() + 2;
    plan.environment = order.replacing > 0 ? replaced_.data() : variables_.data();
    plan.in = descriptors.numbers[0];
    plan.out = descriptors.numbers[1];
    plan.err = descriptors.numbers[2];
    plan.fourth = programs > 3 ? descriptors.numbers[3] : -1;
    plan.death_signal = SIGKILL;
    return begin_to_spawn(spawning_, signals_);
  }

  void signal_tree(int signal) const {
    if (!main_ended_) {
      setpgid(main_, main_);  // it may not have come so far itself
    }
    signal_descendants(signal, main_ended_ ? 0 : main_);
    if (!main_ended_) {
      kill(-main_, signal);
      kill(-main_, SIGCONT);
    }
  }

  /// Reaps what has ended. Whatever is left of the program is below us: without children there is nothing.
  void collect() {
    Report ended;
    while (true) {
      rusage usage = {};
      int status = 0;
      const pid_t pid = wait4(-1, &status, WNOHANG, &usage);
      if (pid < 0 && errno == EINTR) {
        continue;
      }
      if (pid <= 0) {
        any_left_ = pid == 0;
        break;
      }
      if (pid == main_ && !main_ended_) {
        main_ended_ = true;
        drop_texts();
        if (const auto failure = spawning_.failure()) {
          ended.kind = ReportKind::refused;
          ended.stage = failure->stage;
          ended.number = failure->number;
          continue;
        }
        ended.kind = ReportKind::ended;
        ended.status = status;
        ended.cpu_us = std::int64_t{usage.ru_utime.tv_sec + usage.ru_stime.tv_sec} * 1'000'000 +
                       usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
        ended.max_rss_kib = peak_of(usage);
      }
    }
    if (ending_) {
      return;  // what we do ourselves is no news of the program: our own end tells that it was cut off
    }
    if (ended.kind == ReportKind::refused) {
      say(ended);
    } else if (ended.kind == ReportKind::ended) {
      ended.is_clean = !any_left_;
      told_clean_ = ended.is_clean;
      say(ended);
    } else if (main_ended_ && !any_left_ && !told_clean_) {
      told_clean_ = true;
      ended.kind = ReportKind::clean;
      say(ended);
    }
  }

  /// In KiB. Before it ran its program it shared our memory, and Linux counts that as its own: a smaller peak cannot be
  /// told.
  std::int64_t peak_of(const rusage& usage) {
    if (usage.ru_maxrss > own_peak_) {
      rusage own = {};
      getrusage(RUSAGE_SELF, &own);
      own_peak_ = own.ru_maxrss;
    }
    return usage.ru_maxrss > own_peak_ ? usage.ru_maxrss : 0;
  }

  std::vector<const char*> variables_;  // those that all programs share, and those of the last one
  std::size_t shared_variables_ = 0;
  std::vector<const char*> replaced_;  // the last one's, where it has some of its own instead of shared ones
  std::vector<const char*> arguments_;
  std::vector<char> texts_;
  std::string_view texts_apart_;  // instead; empty: none
  SignalsToReset signals_;
  Spawning spawning_;
  long own_peak_ = 0;  // when we last looked: it only grows
  pid_t main_ = 0;
  bool main_ended_ = true;
  bool any_left_ = false;  // of the program
  bool told_clean_ = true;
  bool killing_ = false;
  bool ending_ = false;
};

class GuardProcess {
 public:
  void run() {
    prepare("task-guard");
    bool ending = false;
    while (true) {
      const short events = wait_for_news(ending, ending || end_ns_ == INT64_MAX ? nullptr : &kLook);
      if (!ending && (is_closed(events) || (events == 0 && now_ns() >= end_ns_))) {
        ending = true;
        shutdown(kControl, SHUT_RDWR);  // before anybody hears of it: who hires from now on finds another guard
        for (const Keeper& keeper : keepers_) {
          kill(keeper.pid, end_signal());
        }
      } else if (!ending && (events & POLLIN) != 0) {
        obey();
      }
      if (child_ended != 0) {
        child_ended = 0;
        collect();
      }
      if (ending && keepers_.empty()) {
        return;
      }
    }
  }

 private:
  /// Whether it is time; the clock that poll() goes by stands still while the machine is suspended.
  static constexpr timespec kLook = {1, 0};

  /// One that has ended is on the list until nothing is left of what it kept.
  struct Keeper {
    pid_t pid = 0;
    int socket = -1;  // its end: the rank's closes with ours
    bool ended = false;
  };

  void obey() {
    GuardOrder order;
    ReceivedDescriptors descriptors;
    if (receive_message(kControl, &order, sizeof order, &descriptors) != sizeof order) {
      descriptors.close_all();
      return;
    }
    switch (order.kind) {
      case GuardOrderKind::hire:
        if (descriptors.count == 2) {
          hire(descriptors);
        } else {
          descriptors.close_all();
        }
        break;
      case GuardOrderKind::hold:
        // It stays open here, and in the keepers to come, which begin as copies of us.
        if (descriptors.count != 1) {
          shutdown(kControl, SHUT_RDWR);  // of no use without
        }
        break;
      case GuardOrderKind::end_at:
        end_ns_ = order.time_ns;
        break;
    }
  }

  void hire(ReceivedDescriptors& descriptors) {
    const auto [socket, environment] = std::pair(descriptors.numbers[0], descriptors.numbers[1]);
    const pid_t guard = getpid();
    const pid_t pid = fork();
    if (pid == 0) {
      prctl(PR_SET_PDEATHSIG, end_signal());
      told_to_end = getppid() == guard ? 0 : 1;
      for (const Keeper& other : keepers_) {
        close(other.socket);
      }
      dup2(socket, kControl);
      const std::string_view variables = map_file(environment);
      descriptors.close_all();
      KeeperProcess(variables).run();
      _exit(0);
    }
    close(environment);
    if (pid < 0) {
      Report report;
      report.kind = ReportKind::refused;
      report.number = errno;
      say(report, socket);
      close(socket);
      return;
    }
    keepers_.push_back({pid, socket, false});
  }

  void collect() {
    pid_t pid = 0;
    while ((pid = waitpid(-1, nullptr, WNOHANG)) > 0 || (pid < 0 && errno == EINTR)) {
      for (Keeper& keeper : keepers_) {
        keeper.ended = keeper.ended || keeper.pid == pid;
      }
    }
    std::vector<pid_t> living;
    for (const Keeper& keeper : keepers_) {
      if (!keeper.ended) {
        living.push_back(keeper.pid);
      }
    }
    // Who else is our child was left by a keeper that was killed.
    if (living.size() < keepers_.size() && kill_children(living) == 0) {
      std::erase_if(keepers_, [](const Keeper& keeper) {
        if (keeper.ended) {
          close(keeper.socket);
        }
        return keeper.ended;
      });
    }
  }

  std::vector<Keeper> keepers_;
  std::int64_t end_ns_ = INT64_MAX;
};

}  // namespace

void run_guard() {
  GuardProcess().run();
}

}  // namespace lockstep::worker
