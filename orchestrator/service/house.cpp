#include "service/house.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <random>

#include "catalogue/names.hpp"
#include "engine/definition_change.hpp"
#include "engine/snapshot.hpp"
#include "mpi_worker/spool.hpp"
#include "service/desk.hpp"
#include "service/map_run_performer.hpp"

namespace lockstep::service {

namespace {

/// How many of the tasks that were out had begun, and how many were over.
std::string describe(const std::vector<engine::DispatchTask>& open, const LastWords& said,
                     const std::optional<fleet::Workload>& last) {
  const std::size_t all = open.size();
  const std::size_t finished = said.finished.size();
  std::string text = fmt::format("of {} task{} that {} out, ", all, all == 1 ? "" : "s", all == 1 ? "was" : "were");
  if (last) {
    std::unordered_set<work::DispatchId, work::DispatchIdHash> begun = said.begun;
    for (const work::BegunTask& task : last->begun) {
      begun.insert(task.id);
    }
    const auto known =
        static_cast<std::size_t>(std::count_if(open.begin(), open.end(), [&](const engine::DispatchTask& task) {
          return begun.contains(task.id) && !said.finished.contains(task.id);
        }));
    // Those that it knew one by one may be over, and others have begun instead.
    const std::size_t running = std::min(all - finished, std::max(known, last->running));
    text += fmt::format("{} were running, {} had not begun, ", running, all - finished - running);
  }
  return text +
         fmt::format("{} had finished; {} dispatched again", finished, last ? "what had not is" : "the others are");
}

/// The key of the tokens that this process gives out. That of a simulation can be had again.
Result<engine::TokenKey> token_key(std::optional<std::uint64_t> seed) {
  engine::TokenKey key{};
  if (seed) {
    std::memcpy(key.data(), &*seed, sizeof *seed);
  } else if (::getentropy(key.data(), key.size()) != 0) {
    return fail(ErrorKind::io, fmt::format("the system gives no randomness for task tokens: {}", std::strerror(errno)));
  }
  return key;
}

}  // namespace

House::House(const RunFolder& folder, const engine::Limits& limits, integrations::JobsFile jobs, HouseOptions options)
    : folder_(folder),
      options_(std::move(options)),
      clock_(*options_.machine),
      buckets_{std::move(jobs.buckets), std::move(jobs.bucket_root)},
      integrations_(std::move(jobs.jobs)),
      engine_(limits) {}

House::~House() = default;

Result<std::unique_ptr<House>> House::open(const RunFolder& folder, const engine::Limits& limits,
                                           integrations::JobsFile jobs, HouseOptions options,
                                           std::unique_ptr<journal::Lease> lease) {
  std::unique_ptr<House> house(new House(folder, limits, std::move(jobs), std::move(options)));
  const HouseOptions& chosen = house->options_;
  const journal::Owner self = journal::this_process();
  journal::OpenOptions open;
  open.journal.sync = chosen.sync;
  open.journal.origin = {chosen.software, self.host, self.slurm_job};
  open.journal.now = [&clock = house->clock_] { return clock.now().us; };
  open.journal.files = &folder.files();
  open.journal.threads = open.checkpoint.threads = chosen.machine->has_threads();
  open.journal.first_segment = chosen.first_segment;
  open.journal.largest_segment = chosen.largest_segment;
  if (fleet::Waker* waker = chosen.waker; waker != nullptr) {
    open.journal.on_durable = [waker] { waker->wake(); };
  }
  open.folded = &house->catalogue_;
  open.checkpoint.warn = chosen.say;
  open.checkpoint.retain = chosen.retain;
  auto run = journal::open_run(folder.path(), house->engine_, std::move(open), std::move(lease));
  if (!run) {
    return tl::unexpected<Error>(run.error());
  }
  house->run_.emplace(*std::move(run));
  auto mailbox = Mailbox::open(folder.path(), *chosen.machine);
  if (!mailbox) {
    return tl::unexpected<Error>(mailbox.error());
  }
  house->mailbox_ = *std::move(mailbox);
  const journal::Recovered& found = house->run_->recovered;
  for (const std::string& warning : found.warnings) {
    chosen.say(warning);
  }
  if (found.tail.torn_rows > 0) {
    chosen.say(
        fmt::format("the end of the journal was torn: {} events ({} bytes) had been begun but were never durable",
                    found.tail.torn_rows, found.tail.torn_bytes));
  }
  return house;
}

std::optional<engine::EndExecution> House::ended(engine::ExecutionId id) const {
  const engine::Execution* execution = engine_.find(id);
  if (to_redrive_ == id || execution == nullptr || execution->status == engine::Status::running) {
    return std::nullopt;
  }
  const auto& endings = run_->recovered.endings;
  const auto ending =
      std::find_if(endings.begin(), endings.end(), [&](const engine::Event& event) { return event.execution == id; });
  return ending == endings.end() ? std::nullopt : std::optional(engine::end_of(*ending));
}

void House::start(const Plan& plan) {
  if (engine_.find(kOnly) == nullptr) {
    plan_ = plan;
  }
}

Result<void> House::redrive(engine::ExecutionId id, const Plan* with) {
  const engine::Execution* execution = engine_.find(id);
  if (execution != nullptr && execution->origin.type != engine::ExecutionType::standard) {
    return fail(ErrorKind::invalid, "an EXPRESS execution cannot be redriven; run it again with --fresh");
  }
  if (execution == nullptr || execution->status == engine::Status::succeeded) {
    return fail(ErrorKind::invalid,
                fmt::format("{} cannot be redriven: {}", folder_.path(),
                            execution == nullptr ? "its journal holds no execution" : "its execution succeeded"));
  }
  if (execution->status == engine::Status::running) {
    if (with == nullptr || with->machine->text == execution->machine->text) {
      return {};  // it never ended: to go on is all that there is to do
    }
    return fail(
        ErrorKind::invalid,
        fmt::format("{0} has not ended, and goes on with the definition that it has; to give it another one, end "
                    "it first: lockstep stop --dir {0}",
                    folder_.path()));
  }
  if (const auto may =
          engine::may_redrive(*execution, with == nullptr ? nullptr : with->machine.get(), limits(), clock_.now());
      may.verdict != engine::Verdict::accepted) {
    const std::string why = may.verdict == engine::Verdict::definition_does_not_fit
                                ? "with this definition: " + may.cause
                            : may.cause.empty() ? std::get<Refused>(reply_of(may.verdict)).message
                                                : "any more: " + may.cause;
    return fail(ErrorKind::invalid, fmt::format("{} cannot be redriven {}", folder_.path(), why));
  }
  // In this order: a crash in between shows it ended, and the result is kept anew.
  if (const auto opened = folder_.reopen(); !opened) {
    return opened;
  }
  to_redrive_ = id;
  if (with != nullptr) {
    definition_ = with->request.definition;
    definition_from_ = with->request.sources.definition;
  }
  return {};
}

Result<void> House::replay(engine::ExecutionId id, Observer& observer) {
  journal::ReadOptions options;
  options.execution = id;
  return journal::read_events(journal::journal_folder(folder_.path()), options,
                              [&](journal::RecordedEvent& recorded) { observer.on_event(recorded.event, engine_); });
}

/// Brings back an execution that is over.
Result<void> House::revive(const catalogue::ExecutionEntry& entry) {
  journal::ReadOptions options;
  options.execution = entry.id;
  options.from = entry.first;
  options.until = entry.last;
  options.files = &folder_.files();
  return journal::read_events(journal::journal_folder(folder_.path()), options,
                              [&](journal::RecordedEvent& recorded) { engine_.apply(recorded.event); });
}

/// What the spools say of what was out when the last owner ended.
Result<LastWords> House::last_words(const std::vector<engine::DispatchTask>& open) {
  LastWords said;
  std::unordered_set<work::DispatchId, work::DispatchIdHash> wanted;
  for (const engine::DispatchTask& task : open) {
    wanted.insert(task.id);
  }
  const auto take = [&](worker::SpoolRecord record) {
    if (!wanted.contains(record.outcome.id)) {
      return;
    }
    if (record.kind == worker::SpoolKind::begun) {
      said.begun.insert(record.outcome.id);
    } else {
      said.finished.insert_or_assign(record.outcome.id, std::move(record.outcome));
    }
  };
  auto damage = TRY(worker::read_spools(folder_.path(), take, folder_.files()));
  for (const std::string& line : damage) {
    options_.say(line);
  }
  if (!open.empty()) {
    options_.say(describe(open, said, options_.last_workload));
  }
  return said;
}

/// Whether effects may go out. Where the lease could not be confirmed for a while, they wait, and it is asked again.
Result<bool> House::is_owner() {
  if (run_->lease->is_confirmed()) {
    return true;
  }
  constexpr std::chrono::milliseconds kBetweenChecks{100};  // each reads a file
  const auto now = options_.machine->now();
  if (!run_->lease->is_lost() && now < next_check_) {
    return false;
  }
  next_check_ = now + kBetweenChecks;
  return run_->lease->confirm();
}

/// A signal has come.
void House::on_stop() {
  const double grace = std::chrono::duration<double>(options_.grace).count();
  options_.say(
      fmt::format("stops because of a signal ({}): tasks that run have {:g} s to end; a second signal ends it at once",
                  strsignal(options_.stop->signal.load()), grace));
  if (options_.hurried) {
    take_checkpoint();
  }
}

/// A checkpoint of where the run stands, durable, unless nothing has happened since the last.
void House::take_checkpoint() {
  if (checkpointed_ == run_->journal->last()) {
    return;
  }
  const journal::SequenceNumber last = run_->journal->last();
  if (!run_->journal->sync()) {
    return;  // the run ends with that
  }
  if (const auto taken = run_->checkpointer->take(engine_); taken) {
    checkpointed_ = last;
  } else {
    options_.say(fmt::format("no checkpoint at the end, so the next start takes longer: {}", taken.error().message));
  }
}

bool House::has_open() const {
  const auto all = engine::Snapshot::executions(engine_);
  return std::any_of(all.begin(), all.end(),
                     [&](engine::ExecutionId id) { return engine_.find(id)->status == engine::Status::running; });
}

Result<House::End> House::run(fleet::Fleet& fleet, Observer* observer, const Goal& goal) {
  End end;
  FleetPerformer jobs(
      {engine_, fleet, integrations_, clock_, *options_.waker, *options_.stop, options_.machine, observer,
       [&](const auto& dispatch) {
         return own_jobs(dispatch.id.execution, dispatch.machine, dispatch.execution->machine().arn, fleet);
       },
       [this](const auto& open) { return last_words(open); },
       [this] {
         if (const auto removed = worker::remove_spools(folder_.path(), epoch(), folder_.files()); !removed) {
           options_.say(removed.error().message);
         }
       },
       options_.on_workload});
  ActivityPerformer activities(
      {engine_, clock_, *options_.waker,
       [this](const std::string& request, const std::string& asker) { return is_awaited(request, asker); }});
  const engine::ActivityRule served_by = [&](const engine::Execution& execution, const asl::Resource& activity) {
    return server_of(execution, activity, fleet);
  };
  std::random_device device;
  const auto random = [&device] { return (static_cast<std::uint64_t>(device()) << 32) | device(); };
  NestedPerformer nested({engine_, clock_, [this](const std::string& arn) { return description_of(arn); }, random()});
  MapRunPerformer map_runs({{engine_, buckets_, clock_, {}, false, folder_.path() + "/map_runs"},
                            [this](const std::string& arn) { return description_of(arn); }});
  Performers performers(jobs);
  performers.add(engine::is_map_run, map_runs);
  performers.add(
      [](const engine::DispatchTask& dispatch) {
        return engine::resource_of(dispatch).kind == asl::ResourceKind::activity && !dispatch.token.empty();
      },
      activities);
  performers.add(
      [&jobs](const engine::DispatchTask& dispatch) {
        return is_nested_call(engine::resource_of(dispatch)) && !jobs.maps(dispatch);
      },
      nested);
  own_jobs_.clear();
  last_with_jobs_ = {};
  jobs_in_fleet_ = static_cast<std::uint32_t>(integrations_.jobs().size());
  std::optional<engine::ExecutionId> awaited = goal.execution;
  end.end = goal.execution ? this->ended(*goal.execution) : std::nullopt;
  Loop* loop_of_desk = nullptr;
  const FrontDesk* desk_of_loop = nullptr;
  FrontDesk desk({engine_, catalogue_, clock_, run_->recovered.endings,
                  [&](engine::EventBody body) { loop_of_desk->record(std::move(body)); },
                  [this](const catalogue::ExecutionEntry& entry) { return revive(entry); },
                  [&](const std::string& request) { loop_of_desk->answer_when_durable(request); }, activities,
                  [this](const std::string& id) { return mailbox_->take_back(id); }, goal.execution,
                  [&](const std::string& id, const Reply& reply) {
                    if (id != goal.request) {
                      return;
                    }
                    if (const auto* refused = std::get_if<Refused>(&reply)) {
                      end.refused = *refused;
                    } else if (const auto* started = std::get_if<Started>(&reply)) {
                      awaited = started->id;  // its request may be forgotten before it ends
                    } else if (const auto* ended = std::get_if<Ended>(&reply)) {
                      end.end = ended->end;  // it was over before
                    }
                  },
                  [&](const engine::EndExecution& ended) {
                    if (ended.id == awaited || desk_of_loop->has_started(goal.request, ended.id)) {
                      end.end = ended;
                    }
                  },
                  [&map_runs](const std::string& arn) { return map_runs.at_work(arn); }});
  Loop::Parts parts{engine_, *run_->journal, performers, jobs, desk, clock_, *options_.waker, *options_.stop};
  parts.sources = {&*mailbox_, &nested, &map_runs};
  parts.observer = observer;
  parts.folded = &catalogue_;
  parts.activities = &served_by;
  parts.seed = options_.seed.value_or(random());
  parts.token_key = TRY(token_key(options_.seed));
  parts.machine = options_.machine;
  parts.is_owner = [this] { return is_owner(); };
  parts.on_stop = [this] { on_stop(); };
  parts.grace = options_.grace;
  parts.held = goal.execution;
  parts.between_inputs = [this] { run_->checkpointer->step(engine_); };
  run_->lease->on_loss([waker = options_.waker] { waker->wake(); });
  fleet.set_gate([lease = run_->lease.get()] { return lease->is_confirmed(); });
  Loop loop(parts);
  loop_of_desk = &loop;
  desk_of_loop = &desk;
  const auto ended = [&]() -> Result<bool> {
    if (plan_) {
      TRY(begin(desk, loop));
    } else if (auto ready = loop.recover(); !ready) {
      return tl::unexpected<Error>(ready.error());
    }
    forget_endings();
    if (to_redrive_) {
      TRY(redrive(desk, loop));
    }
    if (goal.execution) {
      TRY(keep_definition(*goal.execution));
    }
    loop.forget_what_is_over();
    bool said = false;
    return loop.run([&] {
      const engine::Execution* held = end.end && goal.execution ? engine_.find(*goal.execution) : nullptr;
      if (held == nullptr) {
        return end.end || end.refused;
      }
      const std::size_t others = engine_.execution_count() - 1;
      if (others > 0 && held->status != engine::Status::running && !std::exchange(said, true)) {
        options_.say(fmt::format("the execution is over; {} that it has started {} not: waits for {}", others,
                                 others == 1 ? "is" : "are", others == 1 ? "it" : "them"));
      }
      return others == 0 && held->status != engine::Status::running;
    });
  }();
  if (ended && !*ended) {
    take_checkpoint();  // while there is time
  } else if (!ended && ended.error().kind == ErrorKind::occupied) {
    fleet.kill();  // the new owner runs the same tasks
  }
  fleet.stop();
  if (!ended) {
    return tl::unexpected<Error>(ended.error());
  }
  end.interrupted = !*ended;
  end.dispatched = jobs.dispatched();
  TRY(run_->journal->sync());
  if (end.end) {
    // Whoever took the run over meanwhile tells how it ended.
    TRY(run_->lease->check());
  }
  return end;
}

/// A job that is mapped to it goes before its workers.
engine::ActivityServer House::server_of(const engine::Execution& execution, const asl::Resource& activity,
                                        fleet::Fleet& fleet) {
  const OwnJobs* own = own_jobs(execution.id, execution.machine, execution.identity->machine().arn, fleet);
  if ((own != nullptr ? own->integrations : integrations_).maps(activity)) {
    return engine::ActivityServer::job;
  }
  return catalogue_.activity(catalogue::activity_arn(activity.action)) != nullptr ? engine::ActivityServer::workers
                                                                                  : engine::ActivityServer::nobody;
}

/// Not where its message was withdrawn, or the process that posted it is gone.
bool House::is_awaited(const std::string& request, const std::string& asker) {
  const auto process = journal::parse_owner(asker);
  if (process && journal::is_running(*process) == false) {
    static_cast<void>(mailbox_->take_back(request));
  }
  return mailbox_->is_awaited(request);
}

/// A STANDARD execution, whether it runs or is over.
tl::expected<Description, Refused> House::description_of(const std::string& arn) {
  const auto entry = catalogue_.find_execution(arn);
  if (!entry) {
    return tl::unexpected(Refused{entry.error().error, entry.error().message});
  }
  const engine::Execution* held = engine_.find(entry->id);
  if (held != nullptr && entry->status == engine::Status::running) {
    return describe(*held, std::nullopt);
  }
  Description description;
  description.execution_arn = arn;
  description.machine_arn = entry->machine_arn;
  description.name = entry->name;
  description.status = entry->status;
  description.started = entry->started;
  description.stopped = entry->stopped;
  // Its end may not be in a file yet.
  auto read = entry->last <= run_->journal->durable() ? Result<void>() : run_->journal->sync();
  for (const journal::SequenceNumber seq : {entry->first, entry->last}) {
    journal::ReadOptions options;
    options.from = options.until = seq;
    options.files = &folder_.files();
    read = read ? journal::read_events(
                      journal::journal_folder(folder_.path()), options,
                      [&](journal::RecordedEvent& recorded) {
                        if (const auto* started = std::get_if<engine::ExecutionStarted>(&recorded.event.body)) {
                          description.input = started->input;
                        } else if (engine::is_ending(recorded.event.body)) {
                          description.end = engine::end_of(recorded.event);
                        }
                      })
                : read;
  }
  if (!read || !description.end) {
    return tl::unexpected(Refused{"InternalServerError", read ? "its end cannot be read" : read.error().message});
  }
  return description;
}

/// The fleet learns of a machine's own jobs with the first task of its revision.
const OwnJobs* House::own_jobs(engine::ExecutionId id, const asl::StateMachinePtr& machine,
                               const std::string& machine_arn, fleet::Fleet& fleet) {
  if (id == last_with_jobs_.execution && machine == last_with_jobs_.machine) {
    return last_with_jobs_.own;  // a redrive may have brought others
  }
  const engine::Execution* execution = engine_.find(id);
  const catalogue::Machine* stands =
      catalogue_.machine(machine_arn.substr(0, machine_arn.find('/')));  // of Map Runs, too
  const catalogue::Revision* revision =
      stands == nullptr || execution == nullptr ? nullptr : stands->revision(execution->origin.revision);
  const OwnJobs* own = nullptr;
  if (revision != nullptr && !revision->jobs->empty()) {
    auto& made = own_jobs_[*revision->jobs + '\0' + revision->jobs_folder];
    if (made == nullptr) {
      auto parsed = integrations::parse_jobs(*revision->jobs, "jobs.json", revision->jobs_folder);
      std::vector<integrations::Job> jobs = parsed ? std::move(parsed->jobs) : std::vector<integrations::Job>();
      made = std::make_unique<OwnJobs>(OwnJobs{integrations::Integrations(jobs), jobs_in_fleet_});
      jobs_in_fleet_ += static_cast<std::uint32_t>(jobs.size());
      fleet.add_jobs(std::move(jobs));
    }
    own = made.get();
  }
  last_with_jobs_ = {id, machine, own};
  return own;
}

/// The machine and the execution of a house of one.
Result<void> House::begin(FrontDesk& desk, Loop& loop) {
  const RunRequest& request = plan_->request;
  for (const std::string& name : request.activities) {
    if (const auto made = desk.put_activity(name); !made) {
      return fail(ErrorKind::invalid, fmt::format("{}: {}", made.error().error, made.error().message));
    }
  }
  const auto put = [&](const OtherMachine& machine,
                       const asl::StateMachinePtr& checked) -> Result<const catalogue::Machine*> {
    catalogue::CreateMachine wanted;
    wanted.name = machine.name;
    wanted.type = machine.type == "EXPRESS" ? asl::ExecutionType::express : asl::ExecutionType::standard;
    wanted.role_arn = kRole;
    wanted.definition = machine.definition;
    const auto stands = desk.put(wanted, checked);
    return stands ? Result<const catalogue::Machine*>(*stands)
                  : fail(ErrorKind::invalid, fmt::format("{}: {}", stands.error().error, stands.error().message));
  };
  for (std::size_t i = 0; i < request.machines.size(); ++i) {
    TRY(put(request.machines[i], plan_->machines[i]));
  }
  const auto machine = TRY(put({request.machine_name, request.type, request.definition}, plan_->machine));
  const bool express = machine->type == asl::ExecutionType::express;
  loop.take(desk.start_of(*machine, request.name, plan_->input,
                          express ? engine::ExecutionType::express : engine::ExecutionType::standard));
  return {};
}

/// As if somebody had asked for it.
Result<void> House::redrive(FrontDesk& desk, Loop& loop) {
  Redrive wanted{engine_.find(*to_redrive_)->identity->arn(), definition_};
  const auto reply =
      desk.handle({"", std::move(wanted)}, [&](engine::InputBody body) { return loop.take(std::move(body)); });
  return reply ? fail(ErrorKind::invalid, to_text(*reply)) : Result<void>();
}

/// How executions had ended is of use only while somebody may ask for that once more.
void House::forget_endings() {
  auto& endings = run_->recovered.endings;
  std::erase_if(endings, [this](const engine::Event& event) {
    const engine::Execution* execution = engine_.find(event.execution);
    return execution == nullptr || execution->requests->empty();
  });
  endings.shrink_to_fit();
}

/// The journal knows first with which definition a run goes on; a crash may come before its folder keeps that.
Result<void> House::keep_definition(engine::ExecutionId id) {
  const engine::Execution* execution = engine_.find(id);
  if (execution == nullptr || execution->redrive_count == 0) {
    return {};
  }
  if (definition_) {
    if (const auto durable = run_->journal->sync(); !durable) {
      return durable;
    }
  }
  return folder_.keep_definition(execution->machine->text,
                                 definition_ ? std::optional(definition_from_) : std::nullopt);
}

}  // namespace lockstep::service
