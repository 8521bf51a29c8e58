#include "cli/carry_out.hpp"

#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <system_error>
#include <thread>

#include "asl/definition_file.hpp"
#include "cli/exit_status.hpp"
#include "cli/progress.hpp"
#include "cli/slurm.hpp"
#include "cli/state_writer.hpp"
#include "cli/terminal.hpp"
#include "fleet/launch.hpp"
#include "fleet/local_fleet.hpp"
#include "fleet/mpi_world.hpp"
#include "mpi_worker/guard.hpp"
#include "mpi_worker/heart.hpp"
#include "mpi_worker/roster.hpp"
#include "mpi_worker/told_to_end.hpp"
#include "service/history_file.hpp"

namespace lockstep::cli {

namespace fs = std::filesystem;

namespace {

// Ranks whose mpirun was killed live on for up to a second, and longer on a busy machine.
constexpr std::chrono::milliseconds kDying{4'000};

/// How signal handlers reach the loop.
struct Bell {
  service::StopRequest stop;
  fleet::Waker waker;
};
Bell* bell = nullptr;

/// Whoever ends an allocation signals everybody in it, and mpirun and launchers pass on what they get: within this time
/// all that is one request.
constexpr std::chrono::seconds kOneRequest{2};

extern "C" void on_stop_signal(int signal) {
  using Clock = std::chrono::steady_clock;
  worker::told_to_end.note();
  const Clock::rep now = Clock::now().time_since_epoch().count();
  Clock::rep since = 0;
  if (bell->stop.since.compare_exchange_strong(since, now)) {
    bell->stop.signal = signal;
    bell->waker.wake();
  } else if (Clock::duration(now - since) >= kOneRequest) {
    _exit(kInterrupted);  // the second time: at once, with what is durable
  }
}

/// The bell outlives everything: a signal may come as late as it likes.
Bell& catch_signals() {
  bell = new Bell;
  worker::hear_stop_signals(on_stop_signal);
  std::signal(SIGPIPE, SIG_IGN);
  return *bell;
}

/// This process is one of several ranks: rank 0 coordinates, the others work.
int run_as_rank(const Result<OwnerOptions>& options, const Coordinate& coordinate) {
  int argc = 0;
  char** argv = nullptr;
  auto world = TRY_OR_TELL(fleet::MpiWorld::start(argc, argv));
  fleet::MpiWorld& ranks = *world;
  if (ranks.rank() != 0) {
    const auto guard = worker::Guard::of_this_process();  // ahead: it takes longer to start than a task to arrive
    ranks.finish(ranks.run_worker(options ? options->slots : 0));
  }
  int status = kSucceeded;
  if (!options) {
    status = report(options.error());
  } else {
    try {
      status = coordinate(
          [&](fleet::FleetSettings settings) { return ranks.make_fleet(std::move(settings), options->slots); });
    } catch (const std::system_error& error) {
      status = report(error_of(error));
    } catch (const std::exception& exception) {
      // The workers wait for orders: whatever has happened here, they must be sent home.
      status = report({ErrorKind::internal, fmt::format("internal error: {}", exception.what())});
    }
  }
  ranks.finish(status);
}

/// `what`: "execution survey-1", "a house".
std::string banner(const std::string& what, const service::House& house, const service::RunFolder& folder,
                   const fleet::Fleet& fleet, const OwnerOptions& options) {
  const journal::Recovered& found = house.recovered();
  std::string resumed;
  if (!found.is_new) {
    resumed = fmt::format("; goes on after event {}", found.tail.next_seq - 1);
  }
  const char* job = std::getenv("SLURM_JOB_ID");
  // Nobody has said how many.
  const std::string place = fleet.describe();
  const std::string why = options.ranks != "all" || place.starts_with("this process") ? ""
                          : options.slots != 0
                              ? fmt::format(" (rank 0 coordinates, {} on each other rank)", options.slots)
                              : " (rank 0 coordinates, the others share the cores of their machine)";
  return fmt::format("version {}, {} on {}{}{}; run folder {}{}", LOCKSTEP_VERSION, what, place, why,
                     job != nullptr ? fmt::format(", job {}", job) : "", folder.path(), resumed);
}

/// Both that want to see what happens to the run's own execution; either may be null. Progress sees its Map Runs'
/// children, too.
class Observers final : public service::Observer {
 public:
  Observers(service::Observer* history, Progress* progress) : history_(history), progress_(progress) {}
  void on_event(const engine::Event& event, const engine::Engine& engine) override {
    const bool is_own = event.execution == service::House::kOnly;
    if (history_ != nullptr && is_own) {
      history_->on_event(event, engine);
    }
    if (progress_ == nullptr) {
      return;
    }
    if (is_own) {
      progress_->on_event(event, engine);
    } else if (is_of_map_run(event.execution, engine)) {
      progress_->on_child_event(event, engine);
    }
  }
  void on_outcome(const work::Outcome& outcome, const engine::Engine& engine) override {
    const bool is_own = outcome.id.execution == service::House::kOnly;
    if (history_ != nullptr && is_own) {
      history_->on_outcome(outcome, engine);
    }
    if (progress_ != nullptr && (is_own || is_of_map_run(outcome.id.execution, engine))) {
      progress_->on_outcome(outcome, engine);
    }
  }

 private:
  /// Whether it is a child of a Map Run of the run's own execution, or of such a child's.
  static bool is_of_map_run(engine::ExecutionId id, const engine::Engine& engine) {
    while (id != service::House::kOnly) {
      const engine::Execution* execution = engine.find(id);
      const engine::ChildOrigin* origin = execution != nullptr ? execution->origin.child.get() : nullptr;
      if (origin == nullptr || !origin->parent || origin->scope == asl::ScopeId::top) {
        return false;
      }
      id = origin->parent->execution;
    }
    return true;
  }

  service::Observer* history_;
  Progress* progress_;
};

/// What the last owner has said of its tasks.
fleet::Workload to_workload(const report::RunState& state) {
  return {state.slots, state.running, state.begun};
}

void tell(const Progress& progress, report::SummaryFacts facts) {
  for (const std::string& line : progress.summary(std::move(facts))) {
    complain(line);
  }
}

}  // namespace

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
  const auto guard = worker::Guard::of_this_process();  // ahead: it takes as long to start as all up to the first task
  return coordinate([&](fleet::FleetSettings settings) {
    return std::make_unique<fleet::LocalFleet>(std::move(settings), options->slots);
  });
}

Result<std::unique_ptr<journal::Lease>> acquire_lease(const std::string& run_folder, const OwnerOptions& options,
                                                      journal::Epoch at_least) {
  const worker::Patience patience = worker::Patience::from_environment();
  journal::LeaseOptions lease;
  lease.takeover = options.takeover;
  lease.heartbeat = patience.beat;
  lease.valid_for = patience.start_nothing;
  lease.stale_after = patience.end;
  lease.dying = kDying;
  lease.slurm_job_runs = slurm_job_runs;
  if (!options.quiet) {
    lease.say = [](const std::string& line) { complain(line); };
  }
  auto acquired = journal::Lease::acquire(run_folder, at_least, lease);
  if (acquired) {
    TRY(worker::outlive_workers(run_folder, (*acquired)->epoch(), (*acquired)->last_unconfirmed(), lease.say));
  }
  return acquired;
}

Result<std::unique_ptr<service::HistoryFile>> open_history(const OwnerOptions& options) {
  return options.history.empty() ? std::unique_ptr<service::HistoryFile>()
                                 : service::HistoryFile::open(options.history);
}

Result<void> take_jobs(const std::string& path, service::RunRequest& request) {
  request.sources.jobs = service::source_of(path);
  auto text = service::kept_form_of_jobs(path);
  if (!text) {
    return tl::unexpected<Error>(text.error());
  }
  std::error_code error;
  request.jobs = *std::move(text);
  request.jobs_folder = fs::absolute(path, error).lexically_normal().parent_path().string();
  return {};
}

Result<service::HousePlan> house_plan(const service::RunFolder& folder) {
  auto request = folder.load();
  return request ? service::make_house_plan(*std::move(request), folder.path() + "/jobs.json")
                 : tl::unexpected<Error>(request.error());
}

Result<service::Plan> plan_of(const service::RunFolder& folder, const std::string& jobs,
                              const std::string& definition) {
  auto request = folder.load();
  if (!request) {
    return tl::unexpected<Error>(request.error());
  }
  if (request->is_house()) {
    return fail(ErrorKind::occupied, fmt::format("{0} is a house of many executions: lockstep serve --dir {0}, and "
                                                 "lockstep start, list, describe, stop and redrive for each of them",
                                                 folder.path()));
  }
  if (!jobs.empty()) {
    TRY(take_jobs(jobs, *request));
  }
  service::RequestNames names{folder.path() + "/definition.json", "",
                              jobs.empty() ? folder.path() + "/jobs.json" : jobs};
  if (!definition.empty()) {
    request->sources.definition = service::source_of(definition);
    auto text = TRY(asl::read_definition(definition, std::cin));
    request->definition = std::move(text.json);
    names.definition = definition;
    names.definition_yaml = std::move(text.yaml);
  }
  return service::make_plan(*std::move(request), names);
}

namespace {

/// What every owner has to say to its house.
service::HouseOptions house_options(const OwnerOptions& options, Bell& signals) {
  service::HouseOptions chosen;
  chosen.sync = options.sync_mode();
  chosen.grace = std::chrono::milliseconds(static_cast<std::int64_t>(options.grace * 1000));
  chosen.retain = std::chrono::hours(24) * options.retain_days;
  chosen.software = "lockstep " LOCKSTEP_VERSION;
  chosen.say = [](const std::string& line) { complain(line); };
  chosen.waker = &signals.waker;
  chosen.stop = &signals.stop;
  // Slurm may KILL as soon as it likes, another mpirun than ours two seconds after TERM.
  chosen.hurried =
      std::getenv("SLURM_JOB_ID") != nullptr || (fleet::MpiWorld::launched() && !fleet::has_own_launcher());
  return chosen;
}

fleet::FleetSettings fleet_settings(const OwnerOptions& options, const service::RunFolder& folder,
                                    const service::House& house, const std::string& run_id) {
  fleet::FleetSettings settings;
  settings.jobs = house.jobs();
  settings.run_folder = folder.path();
  settings.run_id = run_id;
  settings.epoch = house.epoch();
  settings.sync = options.sync_mode();
  // Of what is longer than a payload may be nothing is ever read; a newline at its end does not count.
  constexpr std::size_t kNewline = 2;
  settings.output_limit =
      std::min<std::size_t>(*parse_size(options.output_limit), house.limits().payload_bytes + kNewline);
  settings.log_limit = *parse_size(options.log_limit);
  settings.grace = std::chrono::milliseconds(static_cast<std::int64_t>(options.grace * 1000));
  settings.spool = true;
  return settings;
}

/// What a run that a signal has stopped says last.
int tell_stopped(const Bell& signals, const std::string& next, const Progress* progress) {
  const char* because = strsignal(signals.stop.signal.load());
  const std::string line = fmt::format("stopped by {} with work left; go on with: {}", because, next);
  fleet::report_words(line);
  if (progress != nullptr) {
    report::SummaryFacts facts{.interrupted = true, .because = because};
    facts.next = next;
    tell(*progress, std::move(facts));
  } else {
    complain(line);
  }
  return kInterrupted;
}

}  // namespace

int carry_out(const service::RunFolder& folder, service::Plan plan, std::unique_ptr<journal::Lease> lease,
              const OwnerOptions& options, const MakeFleet& make_fleet, std::unique_ptr<service::HistoryFile> history,
              const std::function<Result<void>(service::House&)>& before) {
  constexpr engine::ExecutionId kOnly = service::House::kOnly;
  Bell& signals = catch_signals();
  const bool express = plan.request.type == "EXPRESS";
  service::HouseOptions chosen = house_options(options, signals);
  const std::optional<report::RunState> last_state = report::read_run_state(folder.path());
  if (last_state) {
    chosen.last_workload = to_workload(*last_state);
  }
  std::optional<StateWriter> state;
  std::unique_ptr<Progress> progress;
  chosen.on_workload = [&](const fleet::Workload& workload, const engine::Engine& engine) {
    state->take(workload);
    if (progress != nullptr) {
      progress->on_workload(workload, engine);
    }
  };
  auto opened = TRY_OR_TELL(
      service::House::open(folder, service::limits_of(plan.request), plan.jobs, std::move(chosen), std::move(lease)));
  service::House& house = *opened;
  if (before) {
    TRY_OR_TELL(before(house));
  }
  if (history != nullptr) {
    TRY_OR_TELL(house.replay(kOnly, *history));
  }
  const auto close_history = [&] { return history != nullptr ? history->close() : Result<void>(); };
  if (const auto ended = house.ended(kOnly); ended && !house.has_open()) {
    const service::Finished finished = service::result_of(*ended);
    const auto kept = folder.finish(finished);
    const int status = kept ? print_result(finished) : report(kept.error());
    const auto written = close_history();
    return written ? status : report(written.error());
  }
  house.start(plan);
  const std::unique_ptr<fleet::Fleet> fleet = make_fleet(fleet_settings(options, folder, house, plan.request.name));
  state.emplace(folder.path(), house.epoch(), last_state, end_of_allocation());
  if (!options.quiet) {
    complain(banner("execution " + plan.request.name, house, folder, *fleet, options));
    progress = std::make_unique<Progress>(*fleet, house.execution(kOnly));
  }
  Observers observers(history.get(), progress.get());
  const bool watched = history != nullptr || progress != nullptr;
  const auto end = house.run(*fleet, watched ? &observers : nullptr, {kOnly});
  state->stop();
  if (progress != nullptr) {
    progress->stop();
  }
  const Result<void> written = close_history();
  if (!end) {
    return report(end.error());
  }
  if (end->interrupted) {
    return tell_stopped(signals, fmt::format("lockstep resume --dir {}", folder.path()), progress.get());
  }
  const service::Finished finished = service::result_of(*end->end);
  if (const auto kept = folder.finish(finished); !kept) {
    complain(kept.error().message);
  }
  if (progress != nullptr) {
    report::SummaryFacts facts;
    if (finished.exit_status != kSucceeded && !express) {
      facts.next = fmt::format("lockstep redrive --dir {}", folder.path());
      facts.may_redrive = true;
    }
    tell(*progress, std::move(facts));
  }
  const int status = print_result(finished);
  return written ? status : report(written.error());
}

int keep_house(const service::RunFolder& folder, std::unique_ptr<journal::Lease> lease, const OwnerOptions& options,
               const MakeFleet& make_fleet, const service::House::Goal& goal) {
  Bell& signals = catch_signals();
  auto plan = TRY_OR_TELL(house_plan(folder));
  service::HouseOptions chosen = house_options(options, signals);
  std::optional<StateWriter> state;
  chosen.on_workload = [&](const fleet::Workload& workload, const engine::Engine& /*engine*/) {
    state->take(workload);
  };
  auto opened = TRY_OR_TELL(
      service::House::open(folder, service::limits_of(plan.request), plan.jobs, std::move(chosen), std::move(lease)));
  service::House& house = *opened;
  const std::unique_ptr<fleet::Fleet> fleet =
      make_fleet(fleet_settings(options, folder, house, fs::path(folder.path()).filename().string()));
  state.emplace(folder.path(), house.epoch(), std::nullopt, end_of_allocation());
  if (!options.quiet) {
    complain(banner("a house held open", house, folder, *fleet, options));
  }
  const auto end = house.run(*fleet, nullptr, goal);
  state->stop();
  if (!end) {
    return report(end.error());
  }
  if (end->interrupted) {
    if (goal.request.empty()) {  // that is how a server ends
      return kSucceeded;
    }
    return tell_stopped(signals, fmt::format("lockstep serve --dir {}", folder.path()), nullptr);
  }
  return end->refused ? report({ErrorKind::invalid, service::to_text(service::Reply(*end->refused))})
                      : print_result(service::result_of(*end->end));
}

}  // namespace lockstep::cli
