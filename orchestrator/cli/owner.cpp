#include "cli/owner.hpp"

#include <unistd.h>

#include <csignal>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <thread>

#include "cli/exit_status.hpp"
#include "cli/progress.hpp"
#include "cli/terminal.hpp"
#include "fleet/launch.hpp"
#include "fleet/local_fleet.hpp"
#include "fleet/mpi_world.hpp"
#include "service/history_file.hpp"

namespace lockstep::cli {

namespace fs = std::filesystem;

namespace {

constexpr std::chrono::milliseconds kDying{4'000};

/// How signal handlers reach the loop.
struct Bell {
  service::StopRequest stop;
  fleet::Waker waker;
};
Bell* bell = nullptr;

extern "C" void on_stop_signal(int signal) {
  int none = 0;
  if (!bell->stop.signal.compare_exchange_strong(none, signal)) {
    _exit(kInterrupted);  // the second time: at once, with what is durable
  }
  bell->waker.wake();
}

/// The bell outlives everything: a signal may come as late as it likes.
Bell& catch_signals() {
  bell = new Bell;
  struct sigaction action = {};
  action.sa_handler = on_stop_signal;
  sigemptyset(&action.sa_mask);
  for (const int signal : {SIGTERM, SIGINT, SIGUSR1}) {
    sigaction(signal, &action, nullptr);
  }
  std::signal(SIGPIPE, SIG_IGN);
  return *bell;
}

/// This process is one of several ranks: rank 0 coordinates, the others work.
int run_as_rank(const Result<OwnerOptions>& options, const Coordinate& coordinate) {
  int argc = 0;
  char** argv = nullptr;
  auto world = fleet::MpiWorld::start(argc, argv);
  if (!world) {
    return report(world.error());
  }
  fleet::MpiWorld& ranks = **world;
  if (ranks.rank() != 0) {
    ranks.finish(ranks.run_worker(options ? options->slots : 0));
  }
  int status = kSucceeded;
  if (!options) {
    status = report(options.error());
  } else {
    try {
      status = coordinate(
          [&](fleet::FleetSettings settings) { return ranks.make_fleet(std::move(settings), options->slots); });
    } catch (const std::exception& exception) {
      // The workers wait for orders: whatever has happened here, they must be sent home.
      status = report({ErrorKind::internal, fmt::format("internal error: {}", exception.what())});
    }
  }
  ranks.finish(status);
}

std::string banner(const service::Session& session, const service::RunFolder& folder, const fleet::Fleet& fleet) {
  const journal::Recovered& found = session.recovered();
  std::string resumed;
  if (!found.is_new) {
    resumed = fmt::format("; goes on after event {}", found.tail.next_seq - 1);
  }
  const char* job = std::getenv("SLURM_JOB_ID");
  return fmt::format("version {}, execution {} on {}{}; run folder {}{}", LOCKSTEP_VERSION, session.plan().request.name,
                     fleet.describe(), job != nullptr ? fmt::format(", job {}", job) : "", folder.path(), resumed);
}

/// Both that want to see what happens; either may be null.
class Observers final : public service::Observer {
 public:
  Observers(service::Observer* first, service::Observer* second) : all_{first, second} {}
  void on_event(const engine::Event& event, const engine::Engine& engine) override {
    for (service::Observer* one : all_) {
      if (one != nullptr) {
        one->on_event(event, engine);
      }
    }
  }
  void on_outcome(const worker::Outcome& outcome, const engine::Engine& engine) override {
    for (service::Observer* one : all_) {
      if (one != nullptr) {
        one->on_outcome(outcome, engine);
      }
    }
  }

 private:
  std::array<service::Observer*, 2> all_;
};

void tell(const Progress& progress, report::SummaryFacts facts) {
  for (const std::string& line : progress.summary(std::move(facts))) {
    complain(line);
  }
}

}  // namespace

int report(const Error& error) {
  complain(error.message);
  return exit_status(error.kind);
}

int print_result(const service::Finished& finished) {
  std::cout << finished.line << '\n' << std::flush;
  if (!std::cout) {
    complain("cannot write the result to standard output");
    return kIo;
  }
  return finished.exit_status;
}

int as_owner(const std::string& command, const Arguments& arguments, const Result<OwnerOptions>& options,
             const Coordinate& coordinate) {
  if (fleet::MpiWorld::launched()) {
    return run_as_rank(options, coordinate);
  }
  if (!options) {
    return report(options.error());
  }
  if (!options->ranks.empty()) {
    fleet::LaunchPlan plan;
    plan.ranks = options->ranks == "all" ? 0 : std::stoul(options->ranks);
    std::error_code error;
    plan.program = fs::read_symlink("/proc/self/exe", error).string();
    plan.argv = {command};
    plan.argv.insert(plan.argv.end(), arguments.begin(), arguments.end());
    // Rank 0 writes through mpirun's pipe, and would not know that there is a terminal.
    unsetenv(kTerminalVariable);
    if (const auto terminal = Terminal::find()) {
      setenv(kTerminalVariable, terminal->description().c_str(), 1);
    }
    const auto status = fleet::launch(plan);
    return status ? *status : report(status.error());
  }
  return coordinate([&](fleet::FleetSettings settings) {
    return std::make_unique<fleet::LocalFleet>(std::move(settings), options->slots);
  });
}

Result<std::unique_ptr<journal::Lease>> acquire_lease(const service::RunFolder& folder, const OwnerOptions& options) {
  journal::LeaseOptions lease;
  lease.takeover = options.takeover;
  lease.warn = [](const std::string& line) { complain(line); };
  // Ranks whose mpirun was killed live on for up to a second, and longer on a busy machine: a dying owner is given that
  // time.
  const auto end = std::chrono::steady_clock::now() + kDying;
  while (true) {
    auto acquired = journal::Lease::acquire(folder.path(), 0, lease);
    if (acquired || acquired.error().kind != ErrorKind::occupied || std::chrono::steady_clock::now() >= end) {
      return acquired;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
}

Result<std::unique_ptr<service::HistoryFile>> open_history(const OwnerOptions& options) {
  return options.history.empty() ? std::unique_ptr<service::HistoryFile>()
                                 : service::HistoryFile::open(options.history);
}

Result<service::Plan> plan_of(const service::RunFolder& folder) {
  auto request = folder.load();
  if (!request) {
    return tl::unexpected<Error>(request.error());
  }
  return service::make_plan(*std::move(request), folder.path() + "/definition.json", folder.path() + "/jobs.json");
}

int carry_out(const service::RunFolder& folder, service::Plan plan, std::unique_ptr<journal::Lease> lease,
              const OwnerOptions& options, const MakeFleet& make_fleet, std::unique_ptr<service::HistoryFile> history,
              const std::function<Result<void>(service::Session&)>& before) {
  Bell& signals = catch_signals();
  service::SessionOptions chosen;
  chosen.sync = options.sync_mode();
  chosen.grace = std::chrono::milliseconds(static_cast<std::int64_t>(options.grace * 1000));
  chosen.retain = std::chrono::hours(24) * options.retain_days;
  chosen.software = "lockstep " LOCKSTEP_VERSION;
  chosen.say = [](const std::string& line) { complain(line); };
  chosen.waker = &signals.waker;
  chosen.stop = &signals.stop;
  auto opened = service::Session::open(folder, std::move(plan), std::move(chosen), std::move(lease));
  if (!opened) {
    return report(opened.error());
  }
  service::Session& session = **opened;
  if (before) {
    if (const auto ready = before(session); !ready) {
      return report(ready.error());
    }
  }
  if (history != nullptr) {
    if (const auto replayed = session.replay(*history); !replayed) {
      return report(replayed.error());
    }
  }
  const auto close_history = [&] { return history != nullptr ? history->close() : Result<void>(); };
  const auto ended = session.ended();
  if (!ended) {
    return report(ended.error());
  }
  if (*ended) {
    const int status = print_result(**ended);
    const auto written = close_history();
    return written ? status : report(written.error());
  }
  fleet::FleetSettings settings;
  settings.jobs = session.plan().jobs.jobs;
  settings.run_folder = folder.path();
  settings.run_id = session.plan().request.name;
  settings.epoch = session.epoch();
  settings.sync = options.sync_mode();
  settings.grace = std::chrono::milliseconds(static_cast<std::int64_t>(options.grace * 1000));
  settings.spool = session.plan().request.type == "EXPRESS" ? worker::SpoolUse::none : worker::SpoolUse::results;
  const std::unique_ptr<fleet::Fleet> fleet = make_fleet(std::move(settings));
  std::unique_ptr<Progress> progress;
  if (!options.quiet) {
    complain(banner(session, folder, *fleet));
    progress = std::make_unique<Progress>(*fleet, session.execution());
  }
  Observers observers(history.get(), progress.get());
  const bool watched = history != nullptr || progress != nullptr;
  const auto end = session.run(*fleet, watched ? &observers : nullptr);
  if (progress != nullptr) {
    progress->stop();
  }
  const Result<void> written = close_history();
  if (!end) {
    return report(end.error());
  }
  if (end->interrupted) {
    report::SummaryFacts facts{.interrupted = true, .because = strsignal(signals.stop.signal.load())};
    facts.next = fmt::format("lockstep resume --dir {}", folder.path());
    if (progress != nullptr) {
      tell(*progress, std::move(facts));
    } else {
      complain(fmt::format("stopped by {} with work left; go on with: {}", facts.because, facts.next));
    }
    return kInterrupted;
  }
  if (progress != nullptr) {
    report::SummaryFacts facts;
    if (end->finished.exit_status != kSucceeded && session.plan().request.type != "EXPRESS") {
      facts.next = fmt::format("lockstep redrive --dir {}", folder.path());
    }
    tell(*progress, std::move(facts));
  }
  const int status = print_result(end->finished);
  return written ? status : report(written.error());
}

}  // namespace lockstep::cli
