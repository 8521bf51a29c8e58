// Whole runs as they are on a cluster, in virtual time and in one process: rank 0 with its lease, house, journal and
// mailbox, ranks with their real loops and spools, on one file system, with people who answer tokens. Ranks and rank 0
// are killed, also alone, links are held up or cut, files break, power goes at any operation, owners are stopped while
// another one takes the run and then go on. In the end the run must have come to what it comes to undisturbed. The same
// seed plays the same schedule:
//
//   LOCKSTEP_SEED=N  plays that one;  LOCKSTEP_LONG  plays for long
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <set>

#include "engine/history.hpp"
#include "fleet/fake_allocation.hpp"
#include "journal/test_disk.hpp"
#include "mpi_worker/roster.hpp"
#include "mpi_worker/spool.hpp"
#include "service/files.hpp"
#include "service/house.hpp"
#include "service/mailbox.hpp"
#include "service/process_files.hpp"
#include "service/simulation_tally.hpp"

namespace lockstep::service {
namespace {

using fleet::FakeAllocation;
using fleet::VirtualTime;
using journal::CrashPolicy;
using journal::SimulatedDisk;
using namespace std::chrono_literals;

const std::string kFolder = "run";
constexpr std::uint64_t kSchedules = 120;
constexpr std::uint64_t kSchedulesLong = 100'000;
/// Every schedule must be over after so many owners; the last one is left alone.
constexpr int kMostOwners = 16;

// "key" names what a task does; it fails as Flaky in its first "fails" attempts. A task of sqs asks somebody, who
// answers its token.
constexpr const char* kDefinition = R"asl({"StartAt":"P","States":{
  "P":{"Type":"Parallel","ResultPath":"$.p","Next":"Last","Branches":[
    {"StartAt":"M","States":{"M":{"Type":"Map","ItemsPath":"$.list","MaxConcurrency":4,"End":true,
      "ItemProcessor":{"StartAt":"One","States":{
        "One":{"Type":"Task","Resource":"job:work","Parameters":{"key.$":"States.Format('one-{}',$)","fails":1},
          "Retry":[{"ErrorEquals":["Flaky"],"IntervalSeconds":1,"MaxAttempts":2}],"ResultPath":null,"Next":"Two"},
        "Two":{"Type":"Task","Resource":"job:work","Parameters":{"key.$":"States.Format('two-{}',$)","fails":0},"End":true}}}}}},
    {"StartAt":"Once","States":{"Once":{"Type":"Task","Resource":"job:once","Parameters":{"key":"once","fails":0},
      "Retry":[{"ErrorEquals":["Lockstep.TaskInterrupted","Lockstep.WorkerLost","States.TaskFailed"],"IntervalSeconds":1,"BackoffRate":1,"MaxAttempts":1000}],
      "ResultSelector":{"key.$":"$.key"},"End":true}}},
    {"StartAt":"Ask","States":{"Ask":{"Type":"Task","Resource":"arn:aws:states:::sqs:sendMessage.waitForTaskToken",
      "Parameters":{"key":"ask","fails":0,"token.$":"$$.Task.Token"},"End":true}}},
    {"StartAt":"Risk","States":{"Risk":{"Type":"Map","ItemsPath":"$.list","End":true,
      "Catch":[{"ErrorEquals":["Flaky"],"ResultPath":null,"Next":"Mend"}],"ItemProcessor":{"StartAt":"C","States":{
        "C":{"Type":"Choice","Choices":[{"Variable":"$","NumericEquals":2,"Next":"Break"}],"Default":"Long"},
        "Break":{"Type":"Task","Resource":"job:work","Parameters":{"key":"break","fails":9},"End":true},
        "Long":{"Type":"Wait","Seconds":60000,"End":true}}}},
      "Mend":{"Type":"Task","Resource":"job:work","Parameters":{"key":"mend","fails":0},"End":true}}},
    {"StartAt":"Kids","States":{"Kids":{"Type":"Map","ItemsPath":"$.list","End":true,"ItemProcessor":{"StartAt":"Kid","States":{
      "Kid":{"Type":"Task","Resource":"arn:aws:states:::states:startExecution.sync:2","End":true,"Parameters":{
        "StateMachineArn":"arn:aws:states:us-east-1:123456789012:stateMachine:kid","Input":{"key.$":"States.Format('kid-{}',$)"}},
        "ResultSelector":{"came.$":"$.Output"}}}}}}},
    {"StartAt":"Free","States":{"Free":{"Type":"Task","Resource":"arn:aws:states:::states:startExecution","End":true,"Parameters":{
      "StateMachineArn":"arn:aws:states:us-east-1:123456789012:stateMachine:kid","Input":{"key":"free"}},
      "ResultSelector":{"status.$":"$.SdkHttpMetadata.HttpStatusCode"}}}},
    {"StartAt":"Spread","States":{"Spread":{"Type":"Map","ItemsPath":"$.list","MaxConcurrency":2,"End":true,
      "ToleratedFailureCount":0,"ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},
        "StartAt":"Item","States":{"Item":{"Type":"Task","Resource":"job:work","End":true,
          "Parameters":{"key.$":"States.Format('item-{}',$)","fails":0},"ResultSelector":{"came.$":"$.key"}}}}}}}]},
  "Last":{"Type":"Task","Resource":"job:work","Parameters":{"key":"last","fails":0},"End":true}}})asl";
// Executions of this one are started by tasks of the run.
constexpr const char* kKid = R"asl({"StartAt":"W","States":{
  "W":{"Type":"Task","Resource":"job:work","Parameters":{"key.$":"$.key","fails":0},"End":true}}})asl";
constexpr std::ptrdiff_t kKids = 4 + 3;  // those of its Map Run are executions, too
constexpr const char* kInput = R"({"list":[1,2,3]})";
constexpr const char* kJobs = R"({"jobs":[{"resource":"job:work","exec":["work"]},
  {"resource":"job:once","exec":["work"],"interrupted":"fail"},
  {"resource":"arn:aws:states:::sqs:sendMessage.waitForTaskToken","exec":["ask"]}]})";

/// What the world sees of a run, whatever its processes have forgotten.
class World final : public fleet::TaskWatch {
 public:
  explicit World(std::uint64_t seed) : random(seed) {}

  void begins(const work::Task& task, const worker::Place& place) override {
    const std::string name = name_of(task);
    expect(running_.insert(task.id.of_visit()).second, name + " began while it still ran");
    expect(!finished.contains(name), name + " had finished, and began again");
    const auto [last, is_first] = begun_.try_emplace(name, disturbed);
    expect(is_first || last->second < disturbed || lingers, name + " began again though nothing had happened");
    expect(is_first || task.job != integrations::JobId{1}, name + " began twice");
    last->second = disturbed;
    static_cast<void>(place);
  }
  void is_over(const work::Task& task, const worker::Place& /*place*/) override { running_.erase(task.id.of_visit()); }

  static std::string name_of(const work::Task& task) {
    return fmt::format("{}#{}", task.input.node().find("key")->as_string(), task.attempt);
  }
  void expect(bool good, const std::string& what) {
    if (!good) {
      wrong.push_back(what);
    }
  }

  VirtualTime time;
  fleet::ProcessTable processes;
  std::mt19937_64 random;
  std::unique_ptr<SimulatedDisk> disk = journal::make_disk();
  std::vector<std::unique_ptr<SimulatedDisk>> old_disks;  // before a power loss; dead processes still hold them
  std::uint64_t disturbed = 0;                            // how often something went wrong
  bool lingers = false;                                   // and still does
  std::set<std::string> finished;                         // durable at the start of some owner
  std::map<std::string, std::map<std::string, std::string>> answers;  // by token and message
  std::vector<std::string> wrong;

 private:
  std::set<work::DispatchId> running_;          // visits
  std::map<std::string, std::uint64_t> begun_;  // name → what had gone wrong by then
};

/// One owner's processes.
class Shell final : public journal::Surroundings {
 public:
  /// What befalls it; `only_one`: not while another one is stopped.
  enum class Fate : std::uint8_t { undisturbed, power_loss, all_killed, owner_killed, disk_error, stopped, signalled };
  enum class End : std::uint8_t { over, refused, cut_off, stopped };

  Shell(World& world, std::string host)
      : world_(world), host_(std::move(host)), files_(*world.disk), shared_(*world.disk) {
    FakeAllocation::Options options;
    options.slots.resize(1 + world.random() % 3);
    for (std::size_t& slots : options.slots) {
      slots = 1 + world.random() % 3;
    }
    options.one_host = world.random() % 3 == 0;
    options.files = &shared_;
    options.rank_0_files = &files_;
    options.host = host_;
    options.seed = world.random();
    options.script = [this](const work::Task& task, fleet::DispatchRandom& dice) { return act(task, dice); };
    allocation_ = std::make_unique<FakeAllocation>(world.time, world.processes, world, options);
  }
  ~Shell() override { die(); }

  /// `nested`: calls what comes while the owner is stopped.
  void prepare(Fate fate, std::function<void()> nested) {
    fate_ = fate;
    const auto at = std::chrono::milliseconds(world_.random() % 12'000);
    const auto when = [&](auto happen) { world_.time.after(at, guarded(happen)); };
    switch (fate) {
      case Fate::undisturbed:
        return;
      case Fate::power_loss:
        (world_.random() % 2 == 0 ? files_ : shared_).before(world_.random() % 120, guarded([this] { lose_power(); }));
        break;
      case Fate::all_killed:
        when([this] {
          count(tally().kills);
          die();
        });
        break;
      case Fate::owner_killed:
        when([this] {
          count(tally().kills);
          kill_owner();
        });
        break;
      case Fate::disk_error: {
        ProcessFiles& files = world_.random() % 2 == 0 ? files_ : shared_;
        const auto fault = world_.random() % 2 == 0 ? SimulatedDisk::Fault::io_error : SimulatedDisk::Fault::no_space;
        files.before(world_.random() % 120, guarded([this, &files, fault] {
                       count(tally().disk_errors, true);
                       files.break_next(fault);
                     }));
        break;
      }
      case Fate::stopped:
        when([this, nested] {
          count(tally().stopped_owners);
          stopped_ = true;
          allocation_->network().freeze(0);
          nested();
          stopped_ = false;
          if (!dead_) {
            allocation_->network().thaw(0);
          }
        });
        break;
      case Fate::signalled:
        when([this] {
          count(tally().signals);
          stop_.signal = 15;
          allocation_->rank_0().wake();
        });
        break;
    }
    for (std::uint64_t i = world_.random() % 3; i > 0; --i) {
      world_.time.after(std::chrono::milliseconds(world_.random() % 12'000), guarded([this] { befall_a_rank(); }));
    }
  }

  /// Owns the run to its end, or to the owner's. `line`: what it came to.
  End own(std::string& line, bool takes_over) {
    try {
      journal::LeaseOptions lease;
      lease.takeover = takes_over;
      lease.heartbeat = patience_.beat;
      lease.valid_for = patience_.start_nothing;
      lease.stale_after = patience_.end;
      lease.files = &files_;
      lease.surroundings = this;
      auto held = journal::Lease::acquire(kFolder, 0, lease);
      if (!held) {
        return refused(held.error(), true);
      }
      const auto gone = worker::outlive_workers(kFolder, (*held)->epoch(), (*held)->last_unconfirmed(), nullptr,
                                                allocation_->rank_0());
      if (!gone) {
        return refused(gone.error(), false);
      }
      const RunFolder folder = RunFolder::on(files_, kFolder);
      if (const auto finished = folder.finished(); finished && *finished) {
        line = (*finished)->line;
        return End::over;
      }
      auto request = folder.load();
      auto plan = request ? make_plan(*std::move(request), {"definition.json", "", "jobs.json"})
                          : tl::unexpected<Error>(request.error());
      if (!plan) {
        return refused(plan.error(), false);
      }
      remember_finished();
      HouseOptions options;
      options.grace = std::chrono::milliseconds(world_.random() % 3'000);
      options.say = [](const std::string& /*line*/) {};
      options.waker = &waker_;
      options.stop = &stop_;
      options.machine = &allocation_->rank_0();
      options.seed = world_.random();
      options.first_segment = {8, 2'048};
      options.largest_segment = {32, 8'192};
      auto opened = House::open(folder, limits_of(plan->request), plan->jobs, options, *std::move(held));
      if (!opened) {
        return refused(opened.error(), false);
      }
      House& house = **opened;
      const auto tell = [&](const engine::EndExecution& ended) {
        const Finished finished = result_of(ended);
        static_cast<void>(folder.finish(finished));
        line = finished.line;
        return End::over;
      };
      if (const auto ended = house.ended(House::kOnly); ended && !house.has_open()) {
        return tell(*ended);
      }
      house.start(*plan);
      fleet::FleetSettings settings;
      settings.jobs = house.jobs();
      settings.run_folder = kFolder;
      settings.run_id = "night";
      settings.epoch = house.epoch();
      settings.grace = options.grace;
      settings.spool = true;
      const auto ranks = allocation_->make_fleet(std::move(settings));
      Watcher watcher(world_);
      const auto end = house.run(*ranks, &watcher, {House::kOnly});
      if (!end) {
        return refused(end.error(), true);
      }
      return end->interrupted ? End::stopped : tell(*end->end);
    } catch (const fleet::Killed&) {
      return End::cut_off;
    }
  }

  /// All its processes end at once.
  void die() {
    dead_ = true;
    files_.die();
    shared_.die();
    allocation_->kill();
  }
  bool is_dead() const { return dead_; }
  const std::string& host() const { return host_; }
  std::int64_t pid() const { return allocation_->rank_0().own_pid(); }
  void kill_owner() {
    files_.die();
    allocation_->kill_rank_0();
  }
  bool is_over() const { return allocation_->is_over(); }

  BootClock::time_point now() const override {
    return BootClock::time_point(allocation_->rank_0().now().time_since_epoch());
  }
  void sleep(std::chrono::milliseconds time) override {
    try {
      allocation_->rank_0().sleep(time, -1);
    } catch (const fleet::Killed&) {
      // The lease may be on its way out; whatever it does next fails.
    }
  }
  journal::Owner self() const override {
    journal::Owner owner;
    owner.host = host_;
    owner.boot_id = owner.pid_namespace = "it";
    owner.pid = pid();
    owner.start_time = static_cast<std::uint64_t>(owner.pid);
    return owner;
  }
  std::optional<bool> is_running(const journal::Owner& owner) const override {
    return owner.host == host_ ? std::optional(world_.processes.started.contains(static_cast<std::uint32_t>(owner.pid)))
                               : std::nullopt;
  }
  bool end_owner(const journal::Owner& owner, std::chrono::milliseconds /*limit*/) override {
    if (owner.host != host_ || before_ == nullptr || before_->pid() != owner.pid) {
      return false;
    }
    before_->kill_owner();
    return true;
  }
  bool keep(journal::Lease* lease) override {
    lease_ = lease;
    const std::uint64_t generation = ++leases_;
    if (lease != nullptr) {
      beat(generation);
    }
    return true;
  }
  /// The owner that may be stopped while this one begins.
  void follow(Shell* before) { before_ = before; }

 private:
  class Watcher final : public Observer {
   public:
    explicit Watcher(World& world) : world_(world) {}
    void on_event(const engine::Event& event, const engine::Engine& engine) override {
      tally().transitions += std::holds_alternative<engine::StateEntered>(event.body) ? 1 : 0;
      const std::string broken = engine.check_invariants();
      world_.expect(broken.empty(), broken);
    }

   private:
    World& world_;
  };

  template <class What>
  std::function<void()> guarded(What what) {
    return [what, alive = std::weak_ptr<int>(alive_), this] {
      if (!alive.expired() && !dead_) {
        what();
      }
    };
  }
  void count(std::uint64_t& what, bool lingers = false) {
    ++what;
    ++world_.disturbed;
    world_.lingers = world_.lingers || lingers;
  }

  void beat(std::uint64_t generation) {
    world_.time.after(patience_.beat, guarded([this, generation] {
                        if (generation != leases_ || lease_ == nullptr || allocation_->rank_0().is_dead()) {
                          return;
                        }
                        if (stopped_ || lease_->renew()) {
                          beat(generation);
                        }
                      }));
  }

  End refused(const Error& error, bool may_be_occupied) {
    const bool by_another = error.kind == ErrorKind::occupied || error.kind == ErrorKind::interrupted;
    world_.expect((may_be_occupied && by_another) || fate_ != Fate::undisturbed, "it cannot go on: " + error.message);
    return by_another ? End::refused : End::cut_off;
  }

  void lose_power() {
    count(tally().power_losses);
    const CrashPolicy policy = journal::kCrashPolicies[world_.random() % std::size(journal::kCrashPolicies)];
    auto after = world_.disk->crash(policy, world_.random);
    files_.die();
    shared_.die();
    world_.old_disks.push_back(std::exchange(world_.disk, std::move(after)));
    // Whoever is in the midst of something ends when it has come out of that.
    world_.time.after(0s, guarded([this] { die(); }));
  }

  void befall_a_rank() {
    const int rank = 1 + static_cast<int>(world_.random() % static_cast<unsigned>(allocation_->size() - 1));
    fleet::FakeNetwork& network = allocation_->network();
    switch (world_.random() % 6) {
      case 0:
        if (allocation_->size() > 2 && rank != 1) {  // one is left
          count(tally().lost_ranks, true);
          allocation_->worker(rank).kill();
        }
        break;
      case 1:
        if (rank != 1) {
          count(tally().bad_links, true);
          network.cut_off(rank);
        }
        break;
      case 2:
        count(tally().bad_links, true);
        network.hold(0, rank);
        world_.time.after(std::chrono::milliseconds(world_.random() % 9'000),
                          guarded([&network, rank] { network.release(0, rank); }));
        break;
      case 3:
        count(tally().bad_links, true);
        network.hold(rank, 0);
        world_.time.after(std::chrono::milliseconds(world_.random() % 9'000),
                          guarded([&network, rank] { network.release(rank, 0); }));
        break;
      default:
        count(tally().lost_ranks, true);
        allocation_->worker(rank).freeze();
        world_.time.after(std::chrono::milliseconds(world_.random() % 9'000),
                          guarded([this, rank] { allocation_->worker(rank).thaw(); }));
    }
  }

  fleet::Act act(const work::Task& task, fleet::DispatchRandom& dice) {
    const Node& input = task.input.node();
    fleet::Act done;
    done.duration = dice.between(0us, 4s);
    const std::string name = World::name_of(task);
    if (static_cast<std::int64_t>(task.attempt) < input.find("fails")->as_integer()) {
      done.kind = work::OutcomeKind::failed;
      done.error = "Flaky";
      done.cause = fmt::format("task {}.", name);
    } else {
      done.result = Value::from_checked_text(
          fmt::format(R"({{"key":"{}","done":"task {}."}})", input.find("key")->as_string(), name));
    }
    if (!task.task_token.empty()) {
      answer_later(world_, task.task_token, dice.between(0us, 9s));
    }
    return done;
  }

  /// Somebody on another machine, who tries again until it is done.
  static void answer_later(World& world, const std::string& token, std::chrono::microseconds time) {
    world.time.after(time, [&world, token] {
      const auto posted =
          post(kFolder, AnswerToken{AnswerToken::Kind::success, token, Value::from_checked_text(R"("yes")"), {}, {}},
               *world.disk);
      if (!posted) {
        answer_later(world, token, 1s);
      } else {
        look_for_answer(world, token, *posted);
      }
    });
  }
  static void look_for_answer(World& world, const std::string& token, const std::string& id) {
    world.time.after(500ms, [&world, token, id] {
      const std::string at = fmt::format("{}/mailbox/{}", kFolder, id);
      if (const auto answer = read_run_file(at + ".answer", 1'000, *world.disk); answer && !answer->empty()) {
        world.answers[token][id] = *answer;
      } else if (*world.disk->exists(at + ".request")) {
        look_for_answer(world, token, id);
      }
    });
  }

  /// What is durable now may never begin again.
  void remember_finished() {
    std::mt19937_64 random(1);
    const auto durable = world_.disk->crash(CrashPolicy::none, random);
    const auto note = [&](const std::string& text) {
      if (const std::size_t at = text.find("task "); at != std::string::npos) {
        world_.finished.insert(text.substr(at + 5, text.find('.', at) - at - 5));
      }
    };
    const auto events = journal::read_all(*durable);
    for (const engine::Event& event : events ? *events : std::vector<engine::Event>()) {
      if (const auto* succeeded = std::get_if<engine::TaskSucceeded>(&event.body)) {
        note(succeeded->result.to_text());
      } else if (const auto* failed = std::get_if<engine::TaskFailed>(&event.body);
                 failed != nullptr && failed->cause) {
        note(*failed->cause);
      }
    }
    const auto read = [&](const worker::SpoolRecord& record) {
      if (record.kind == worker::SpoolKind::ended) {
        note(record.outcome.kind == work::OutcomeKind::succeeded ? record.outcome.result.to_text()
                                                                 : record.outcome.cause);
      }
    };
    static_cast<void>(worker::read_spools(kFolder, read, *durable));
  }

  World& world_;
  const std::string host_;
  const worker::Patience patience_;
  ProcessFiles files_;   // of rank 0
  ProcessFiles shared_;  // of the others
  fleet::Waker waker_;
  StopRequest stop_;
  std::unique_ptr<FakeAllocation> allocation_;
  journal::Lease* lease_ = nullptr;
  std::uint64_t leases_ = 0;
  Shell* before_ = nullptr;
  Fate fate_ = Fate::undisturbed;
  bool stopped_ = false;
  bool dead_ = false;
  std::shared_ptr<int> alive_ = std::make_shared<int>();
};

struct Came {
  std::string line;
  std::multiset<std::string> history;
};

/// One run and its owners.
class WholeRun {
 public:
  explicit WholeRun(std::uint64_t seed, const SimulatedDisk::Flaws& flaws = {}) : world_(seed) {
    world_.disk->set_flaws(flaws);
    RunRequest request;
    request.definition = kDefinition;
    request.input = kInput;
    request.jobs = kJobs;
    request.jobs_folder = "/";
    request.name = "night";
    request.type = "STANDARD";
    request.limits = "hpc";
    request.machine_name = "machine";
    request.machines = {{"kid", "STANDARD", kKid}};
    world_.expect(RunFolder::on(*world_.disk, kFolder).keep(request).has_value(), "the request cannot be kept");
  }

  /// What is wrong; empty: nothing. `expected` null: it is not disturbed.
  std::string play(const Came* expected) {
    for (int owner = 0; !over_ && owner < kMostOwners && world_.wrong.empty(); ++owner) {
      own(expected == nullptr || owner == kMostOwners - 1, nullptr);
    }
    ++tally().schedules;
    world_.expect(over_ || !world_.wrong.empty(), "it never came to its end");
    if (world_.wrong.empty()) {
      look_at_end(expected);
    }
    return world_.wrong.empty() ? "" : world_.wrong.front();
  }
  const Came& came() const { return came_; }

 private:
  void own(bool undisturbed, Shell* before) {
    using Fate = Shell::Fate;
    constexpr Fate kFates[] = {Fate::power_loss, Fate::power_loss,   Fate::all_killed, Fate::owner_killed,
                               Fate::disk_error, Fate::owner_killed, Fate::stopped,    Fate::signalled};
    Fate fate = undisturbed ? Fate::undisturbed : kFates[world_.random() % std::size(kFates)];
    if (before != nullptr && fate == Fate::stopped) {
      fate = Fate::owner_killed;
    }
    tally().restarts += cut_off_ ? 1 : 0;
    cut_off_ = false;
    ++world_.disturbed;
    world_.lingers = before != nullptr;
    const bool same_host = before != nullptr && world_.random() % 2 == 0;
    Shell& shell = *shells_.emplace_back(
        std::make_unique<Shell>(world_, same_host ? before->host() : fmt::format("host-{}", ++hosts_)));
    shell.follow(before);
    shell.prepare(fate, [this, &shell] {
      for (int tries = 0; tries < 2 && !over_ && !shell.is_dead(); ++tries) {
        own(false, &shell);
      }
    });
    std::string line;
    const auto end = shell.own(line, before != nullptr && world_.random() % 2 == 0);
    if (end == Shell::End::over) {
      world_.expect(!over_ || came_.line == line, "two results were told");
      over_ = true;
      came_.line = line;
    }
    cut_off_ = end == Shell::End::cut_off;
    shell.kill_owner();  // it has ended by itself, or is dead; its ranks may live on
  }

  void look_at_end(const Came* expected) {
    world_.time.run_for(120s);
    for (const auto& shell : shells_) {
      world_.expect(shell->is_over(), "ranks live on without an owner");
    }
    const auto events = journal::read_all(*world_.disk);
    if (!events || events->empty()) {
      world_.expect(false, "a result was told, but the journal has none");
      return;
    }
    world_.expect(std::holds_alternative<engine::ExecutionSucceeded>(events->back().body),
                  "it has not succeeded: " + came_.line);
    const auto is_start = [](const engine::Event& event) {
      return std::holds_alternative<engine::ExecutionStarted>(event.body);
    };
    world_.expect(std::count_if(events->begin(), events->end(), is_start) == 1 + kKids,
                  "an execution was started twice, or not at all");
    const auto start = std::find_if(events->begin(), events->end(), is_start);
    if (start == events->end()) {
      world_.expect(false, "it has succeeded, but never started");
      return;
    }
    const asl::StateMachine& machine = *std::get<engine::ExecutionStarted>(start->body).machine;
    for (engine::Event event : *events) {
      if (event.execution != House::kOnly) {
        continue;
      }
      const std::string state = event.state != asl::StateId::none ? machine.state(event.state).name : "";
      // How often a task that must not start twice was interrupted, whether an answer was faster than the job that
      // asked for it, and when a child was started, is the schedule's affair.
      if (event.id == 0 || state == "Once" || state == "Ask" || state == "Kid" || state == "Free") {
        continue;
      }
      event.id = 1;
      event.previous = 0;
      event.time = {};
      if (auto* map_run = std::get_if<engine::MapRunStarted>(&event.body)) {
        map_run->arn.clear();  // it has a UUID
      }
      std::string entry;
      engine::append_history(entry, event, machine);
      came_.history.insert(std::move(entry));
    }
    for (const auto& [token, answers] : world_.answers) {
      const auto accepted =
          std::count_if(answers.begin(), answers.end(), [](const auto& one) { return one.second == kAccepted; });
      world_.expect(accepted <= 1, "a token was answered twice");
    }
    if (expected == nullptr) {
      return;
    }
    world_.expect(came_.line == expected->line, "it came to " + came_.line);
    std::vector<std::string> more;
    std::vector<std::string> less;
    std::set_difference(came_.history.begin(), came_.history.end(), expected->history.begin(), expected->history.end(),
                        std::back_inserter(more));
    std::set_difference(expected->history.begin(), expected->history.end(), came_.history.begin(), came_.history.end(),
                        std::back_inserter(less));
    world_.expect(more.empty() && less.empty(), fmt::format("the history is another; more: {}; less: {}",
                                                            fmt::join(more, " "), fmt::join(less, " ")));
  }

  World world_;
  std::vector<std::unique_ptr<Shell>> shells_;  // they must outlive what happens in the world's time
  int hosts_ = 0;
  bool over_ = false;
  bool cut_off_ = false;
  Came came_;
};

const Came& undisturbed() {
  static const Came came = [] {
    WholeRun run(1);
    EXPECT_EQ(run.play(nullptr), "");
    return run.came();
  }();
  return came;
}

TEST(ShellSimulation, EveryRunEndsAsIfNothingHadHappened) {
  const char* chosen = std::getenv("LOCKSTEP_SEED");
  const std::uint64_t first = chosen != nullptr ? std::strtoull(chosen, nullptr, 10) : 1;
  const std::uint64_t count = chosen != nullptr                         ? 1
                              : std::getenv("LOCKSTEP_LONG") != nullptr ? kSchedulesLong
                                                                        : kSchedules;
  for (std::uint64_t seed = first; seed < first + count; ++seed) {
    ASSERT_EQ(WholeRun(seed).play(&undisturbed()), "") << "with LOCKSTEP_SEED=" << seed;
  }
}

/// Without what a disk takes away, the schedules would not matter.
TEST(ShellSimulation, FindsOutADiskThatLies) {
  for (const SimulatedDisk::Flaws& flaws : {SimulatedDisk::Flaws{true, false}, SimulatedDisk::Flaws{false, true}}) {
    int wrong = 0;
    for (std::uint64_t seed = 1; seed <= 40; ++seed) {
      wrong += WholeRun(seed, flaws).play(&undisturbed()).empty() ? 0 : 1;
    }
    EXPECT_GT(wrong, 0);
  }
}

}  // namespace
}  // namespace lockstep::service
