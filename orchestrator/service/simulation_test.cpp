// Engine, journal, the loop and a fleet through thousands of schedules in virtual time: power goes at any operation on
// the disk, the process is killed, the disk fills up or breaks, slots come and go, signals stop the run, outcomes come
// twice. After every Event the engine's invariants are walked; what was promised is checked at every dispatch and in
// the end. The same seed plays the same schedule:
//
//   LOCKSTEP_SEED=N  plays that one;  LOCKSTEP_LONG  until there were a million restarts
//   LOCKSTEP_SIM_DUMP=FOLDER  plays a few, and leaves each there as a run folder, with effects.log (tests/checker)
//
// In the end it says how many processes were cut off and followed by another, what befell them, and how many states
// were entered, also for each hour of a core.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>

#include "asl/parser.hpp"
#include "engine/history.hpp"
#include "fleet/simulated_fleet.hpp"
#include "journal/test_disk.hpp"
#include "service/run_folder.hpp"
#include "service/simulation_tally.hpp"
#include "service/test_shell.hpp"

namespace lockstep::service {
namespace {

using journal::CrashPolicy;
using journal::SimulatedDisk;
using namespace std::chrono_literals;

constexpr engine::ExecutionId kExecution{1};
/// More turns of the loop than any process needs.
constexpr std::uint64_t kMostWaits = 50'000;
/// Every schedule must be over after so many processes; the later ones are left alone.
constexpr int kMostProcesses = 24;

struct Pipeline {
  const char* name;
  const char* definition;
  const char* input;
  bool express = false;
  bool once = false;  ///< its tasks must never start twice
};
void PrintTo(const Pipeline& pipeline, std::ostream* out) {
  *out << pipeline.name;
}

// A task's "key" and its attempt name what it does; it fails as Flaky in its first "fails" attempts.
constexpr Pipeline kPipelines[] = {
    {"retried in a Map", R"asl({"StartAt":"M","States":{"M":{"Type":"Map","MaxConcurrency":3,"End":true,
      "ItemProcessor":{"StartAt":"One","States":{
        "One":{"Type":"Task","Resource":"job:work","Parameters":{"key.$":"States.Format('one-{}',$.n)","fails.$":"$.fails"},
          "Retry":[{"ErrorEquals":["Flaky"],"IntervalSeconds":1,"MaxAttempts":3}],"ResultPath":null,"Next":"Two"},
        "Two":{"Type":"Task","Resource":"job:work","Parameters":{"key.$":"States.Format('two-{}',$.n)","fails":0},"End":true}}}}}})asl",
     R"([{"n":1,"fails":0},{"n":2,"fails":2},{"n":3,"fails":0},{"n":4,"fails":1},{"n":5,"fails":0}])"},
    {"branches", R"asl({"StartAt":"P","States":{"P":{"Type":"Parallel","Next":"After","Branches":[
      {"StartAt":"A","States":{"A":{"Type":"Task","Resource":"job:work","Parameters":{"key":"a","fails":0},"Next":"B"},
        "B":{"Type":"Task","Resource":"job:work","Parameters":{"key":"b","fails":0},"End":true}}},
      {"StartAt":"Nap","States":{"Nap":{"Type":"Wait","Seconds":2,"Next":"Awake"},
        "Awake":{"Type":"Task","Resource":"job:work","Parameters":{"key":"awake","fails":0},"End":true}}},
      {"StartAt":"M","States":{"M":{"Type":"Map","ItemProcessor":{"StartAt":"Each","States":{"Each":{"Type":"Task",
        "Resource":"job:work","Parameters":{"key.$":"States.Format('each-{}',$)","fails":0},"End":true}}},"End":true}}}]},
      "After":{"Type":"Task","Resource":"job:work","Parameters":{"key":"after","fails":0},"End":true}}})asl",
     "[1,2,3,4]"},
    {"caught",
     R"asl({"StartAt":"M","States":{"M":{"Type":"Map","MaxConcurrency":2,"Next":"P","ItemProcessor":{"StartAt":"Risk","States":{
        "Risk":{"Type":"Task","Resource":"job:work","Parameters":{"key.$":"States.Format('risk-{}',$)","fails":9},
          "Catch":[{"ErrorEquals":["States.ALL"],"ResultPath":null,"Next":"Mend"}],"End":true},
        "Mend":{"Type":"Task","Resource":"job:work","Parameters":{"key.$":"States.Format('mend-{}',$)","fails":0},"End":true}}}},
      "P":{"Type":"Parallel","Branches":[
        {"StartAt":"Break","States":{"Break":{"Type":"Task","Resource":"job:work","Parameters":{"key":"break","fails":9},"End":true}}},
        {"StartAt":"Long","States":{"Long":{"Type":"Wait","Seconds":6000,"End":true}}}],
        "Catch":[{"ErrorEquals":["Flaky"],"ResultPath":null,"Next":"Clear"}],"End":true},
      "Clear":{"Type":"Task","Resource":"job:work","Parameters":{"key":"clear","fails":0},"End":true}}})asl",
     "[1,2,3]"},
    {"a loop", R"asl({"StartAt":"Turn","States":{
      "Turn":{"Type":"Task","Resource":"job:work","Parameters":{"key.$":"States.Format('turn-{}',$.n)","fails":0},"ResultPath":"$.last",
        "Next":"Count"},
      "Count":{"Type":"Pass","Parameters":{"n.$":"States.MathAdd($.n,1)","last.$":"$.last"},"Next":"More"},
      "More":{"Type":"Choice","Choices":[{"Variable":"$.n","NumericLessThan":8,"Next":"Turn"}],"Default":"Done"},
      "Done":{"Type":"Succeed"}}})asl",
     R"({"n":0})"},
    {"never twice",
     R"asl({"StartAt":"M","States":{"M":{"Type":"Map","End":true,"ItemProcessor":{"StartAt":"Once","States":{
      "Once":{"Type":"Task","Resource":"job:once","Parameters":{"key.$":"States.Format('once-{}',$)","fails":0},
        "Retry":[{"ErrorEquals":["Lockstep.TaskInterrupted"],"IntervalSeconds":1,"BackoffRate":1,"MaxAttempts":1000}],
        "ResultSelector":{"key.$":"$.key"},"End":true}}}}}})asl",
     "[1,2,3,4,5,6]", false, true},
    {"Express", R"asl({"StartAt":"M","States":{"M":{"Type":"Map","End":true,"ItemProcessor":{"StartAt":"Each","States":{
      "Each":{"Type":"Task","Resource":"job:work","Parameters":{"key.$":"States.Format('each-{}',$)","fails":0},"End":true}}}}}})asl",
     "[1,2,3]", true},
};

/// Restarts that all pipelines together are played for.
constexpr std::uint64_t kRestarts = 10'000;
constexpr std::uint64_t kRestartsLong = 1'000'000;

/// What a control takes away, so that the checks must find it out.
enum class Lie : std::uint8_t { none, file_sync, folder_sync, early_ack, lost_spool };

/// What the world has seen of a run, whatever its processes have forgotten.
struct World {
  std::map<work::DispatchId, work::Outcome> spool;  // finished, not yet known to be durable in the journal
  std::set<work::DispatchId> begun;                 // dispatches
  std::map<std::string, int> begins;                // by KEY#ATTEMPT
  std::set<std::string> finished;                   // in a spool, or durable in the journal, when a process ended
  std::vector<std::string> effects;                 // as tests/checker/effects.py wants them
  std::map<work::DispatchId, std::string> tasks;    // what these say of each dispatch
  int losses = 0;                                   // dispatches that began again within a process
  int excused = 0;                                  // tasks that may begin again
  int reruns = 0;
  std::vector<std::string> wrong;

  void expect(bool good, const std::string& what) {
    if (!good) {
      wrong.push_back(what);
    }
  }
  void note(std::string_view what, const work::DispatchId& id, Timestamp time) {
    effects.push_back(fmt::format("{}\t{}\t{:.6f}\n", what, tasks.at(id), static_cast<double>(time.us) * 1e-6));
  }
};

struct Killed {};

/// "one-3#0" of `… task one-3#0. …`: a result or a cause says whose it is.
std::string task_named_in(const std::string& text) {
  const std::size_t at = text.find("task ");
  return at == std::string::npos ? "" : text.substr(at + 5, text.find('.', at) - at - 5);
}

/// Acknowledges late, and knows which dispatches are really durable.
class WatchedJournal final : public journal::Journal, public Observer {
 public:
  WatchedJournal(World& world, journal::DurableJournal& inner, std::mt19937_64& random, bool lies)
      : world_(world), inner_(inner), random_(random), lies_(lies), durable_(inner.last()) {}

  void on_event(const engine::Event& event, const engine::Engine& engine) override {
    tally().transitions += std::holds_alternative<engine::StateEntered>(event.body) ? 1 : 0;
    const std::string broken = engine.check_invariants();
    world_.expect(broken.empty(), broken);
    const engine::Execution* execution = engine.find(event.execution);
    const engine::Strand* strand = execution == nullptr ? nullptr : execution->find(event.strand);
    if (strand == nullptr || strand->call == nullptr) {
      return;
    }
    const auto* scheduled = std::get_if<engine::TaskScheduled>(&event.body);
    const auto* again = std::get_if<engine::TaskRedispatched>(&event.body);
    if (scheduled != nullptr || again != nullptr) {
      to_number_.push_back(
          {event.execution, strand->id, strand->visits, scheduled != nullptr ? scheduled->count : again->count});
    }
  }
  journal::SequenceNumber append(std::vector<engine::Event>& events) override {
    const journal::SequenceNumber last = inner_.append(events);
    for (const work::DispatchId& id : std::exchange(to_number_, {})) {
      needed_[id] = last;
    }
    return last;
  }
  journal::SequenceNumber durable() override {
    if (lies_) {
      return inner_.last();
    }
    if (random_() % 3 != 0) {
      durable_ = inner_.durable();
    }
    return durable_;
  }
  journal::SequenceNumber durable_now() const override { return lies_ ? inner_.last() : durable_; }
  std::optional<Error> failure() const override { return inner_.failure(); }

  bool is_durable(const work::DispatchId& id) const {
    const auto needed = needed_.find(id);
    return needed != needed_.end() && needed->second <= inner_.durable_now();
  }

 private:
  World& world_;
  journal::DurableJournal& inner_;
  std::mt19937_64& random_;
  bool lies_;
  journal::SequenceNumber durable_;
  std::vector<work::DispatchId> to_number_;
  std::map<work::DispatchId, journal::SequenceNumber> needed_;
};

/// A simulated fleet whose workers keep a spool (without a journal, as in Express runs: none), and in which things go
/// wrong.
class FaultyFleet final : public fleet::Fleet, public Clock {
 public:
  FaultyFleet(World& world, std::mt19937_64& random, const WatchedJournal* journal, Timestamp start)
      : world_(world), random_(random), journal_(journal), inner_(settings(), 1 + random() % 4, random(), start) {
    for (const integrations::Job& job : jobs()) {
      inner_.script(job.resource,
                    [this](const work::Task& task, fleet::DispatchRandom& dice) { return act(task, dice); });
    }
  }

  static std::vector<integrations::Job> jobs() {
    std::vector<integrations::Job> jobs(2);
    jobs[0].resource = "job:work";
    jobs[1].resource = "job:once";
    jobs[1].interrupted = integrations::Interrupted::fail;
    for (integrations::Job& job : jobs) {
      job.kind = integrations::JobKind::exec;
    }
    return jobs;
  }

  /// Calls `happen` in wait number `wait`.
  void at(std::uint64_t wait, std::function<void()> happen) {
    when_ = wait;
    happen_ = std::move(happen);
  }
  void let_slots_change() { slots_change_ = true; }

  /// The workers have lost rank 0: what ends in their last moments still gets into the spool.
  void outlive(std::chrono::microseconds time) {
    inner_.advance(time);
    std::vector<work::Outcome> outcomes;
    inner_.wait(0us, fleet::Waker(), outcomes);
    spool(outcomes);
  }

  Timestamp now() const override { return inner_.now(); }
  std::size_t slots() const override { return inner_.slots(); }
  std::size_t room() const override { return inner_.room(); }
  void add_jobs(std::vector<work::Job> jobs) override { inner_.add_jobs(std::move(jobs)); }
  void dispatch(work::Task task) override {
    world_.expect(journal_ == nullptr || journal_->is_durable(task.id),
                  "a task was dispatched before that was durable");
    inner_.dispatch(std::move(task));
  }
  void cancel(const work::DispatchId& id) override { inner_.cancel(id); }
  void wait(std::chrono::microseconds limit, const fleet::Waker& waker, std::vector<work::Outcome>& outcomes) override {
    if (++waits_ == when_) {
      happen_();
    }
    if (waits_ > kMostWaits) {
      world_.expect(false, "it waits for ever");
      throw Killed();
    }
    if (slots_change_ && random_() % 16 == 0) {
      world_.excused += static_cast<int>(inner_.slots());
      inner_.set_slots(1 + random_() % 4);
      ++tally().lost_ranks;
    }
    inner_.wait(limit, waker, outcomes);
    spool(outcomes);
    if (!outcomes.empty() && random_() % 4 == 0) {
      ++tally().repeated;
      outcomes.push_back(outcomes[random_() % outcomes.size()]);  // told twice: the second must change nothing
    }
  }
  void stop() override { inner_.stop(); }
  std::string describe() const override { return inner_.describe(); }

 private:
  static fleet::FleetSettings settings() {
    fleet::FleetSettings settings;
    settings.jobs = jobs();
    return settings;
  }

  /// A worker begins a task.
  fleet::Act act(const work::Task& task, fleet::DispatchRandom& dice) {
    const Node& input = task.input.node();
    const std::string key(input.find("key")->as_string());
    const std::string name = fmt::format("{}#{}", key, task.attempt);
    world_.expect(!world_.finished.contains(name), name + " had finished, and began again");
    world_.reruns += ++world_.begins[name] > 1 ? 1 : 0;
    world_.losses += world_.begun.insert(task.id).second ? 0 : 1;
    world_.tasks[task.id] =
        fmt::format("{}\t{}\t{}\t{}\t{:x}", task.execution_name, task.state_name,
                    task.item_index < 0 ? "-" : std::to_string(task.item_index), task.attempt, task.id.place());
    world_.note("start", task.id, inner_.now());
    fleet::Act done;
    done.duration = dice.between(0us, 1500ms);
    if (static_cast<std::int64_t>(task.attempt) < input.find("fails")->as_integer()) {
      done.kind = work::OutcomeKind::failed;
      done.error = "Flaky";
      done.cause = fmt::format("task {}.", name);
    } else {
      done.result = Value::from_checked_text(fmt::format(R"({{"key":"{}","done":"task {}."}})", key, name));
    }
    return done;
  }

  void spool(const std::vector<work::Outcome>& outcomes) {
    for (const work::Outcome& outcome : outcomes) {
      if (journal_ != nullptr && outcome.kind != work::OutcomeKind::cancelled) {
        world_.spool.insert_or_assign(outcome.id, outcome);
      }
      if (outcome.kind == work::OutcomeKind::succeeded) {
        world_.note("end", outcome.id, outcome.ended);
      }
    }
  }

  World& world_;
  std::mt19937_64& random_;
  const WatchedJournal* journal_;
  fleet::SimulatedFleet inner_;
  std::uint64_t waits_ = 0;
  std::uint64_t when_ = 0;
  std::function<void()> happen_;
  bool slots_change_ = false;
};

/// What a run came to: its output, and its history up to numbers, times and the order of what is concurrent.
struct Came {
  std::string output;
  std::multiset<std::string> history;
};

std::multiset<std::string> shape(const std::vector<engine::Event>& events, const asl::StateMachine& machine) {
  std::multiset<std::string> shape;
  for (engine::Event event : events) {
    if (event.id != 0) {
      event.id = 1;
      event.previous = 0;
      event.time = {};
      std::string entry;
      engine::append_history(entry, event, machine);
      shape.insert(std::move(entry));
    }
  }
  return shape;
}

class Schedule {
 public:
  Schedule(const Pipeline& pipeline, std::uint64_t seed, Lie lie = Lie::none)
      : pipeline_(pipeline),
        lie_(lie),
        machine_(asl::parse_definition(pipeline.definition).machine),
        random_(seed),
        integrations_(FaultyFleet::jobs()),
        disk_(journal::make_disk({lie == Lie::file_sync, lie == Lie::folder_sync})) {}

  /// `expected`: what it comes to undisturbed; null: this is that run.
  void play(const Came* expected) {
    int processes = 0;
    while (!over_ && world_.wrong.empty() && processes < kMostProcesses) {
      const bool undisturbed = expected == nullptr || processes == kMostProcesses - 1;
      tally().restarts += processes > 0 && !stopped_ ? 1 : 0;
      run_process(undisturbed ? Fate::undisturbed : draw_fate());
      ++processes;
    }
    ++tally().schedules;
    world_.expect(over_ || !world_.wrong.empty(), "it never came to its end");
    if (!world_.wrong.empty() || expected == nullptr) {
      return;
    }
    world_.expect(result_.output == expected->output, "the output is " + result_.output);
    if (!pipeline_.express) {
      world_.expect(world_.reruns <= world_.excused,
                    fmt::format("{} tasks began again, but only {} had been in flight", world_.reruns, world_.excused));
    }
    if (pipeline_.once) {
      for (const auto& [name, begins] : world_.begins) {
        world_.expect(begins == 1, name + " began twice");
      }
    } else {
      if (result_.history != expected->history) {
        std::vector<std::string> more;
        std::vector<std::string> less;
        std::set_difference(result_.history.begin(), result_.history.end(), expected->history.begin(),
                            expected->history.end(), std::back_inserter(more));
        std::set_difference(expected->history.begin(), expected->history.end(), result_.history.begin(),
                            result_.history.end(), std::back_inserter(less));
        world_.expect(false, fmt::format("the history is another; more: {}; less: {}", fmt::join(more, " "),
                                         fmt::join(less, " ")));
      }
    }
  }

  /// Leaves the run in a folder, as a real one would have left it.
  void dump(const std::string& path) const {
    RunRequest request;
    request.definition = pipeline_.definition;
    request.input = pipeline_.input;
    request.jobs = R"({"jobs":[{"resource":"job:work","exec":["work"]},
      {"resource":"job:once","exec":["work"],"interrupted":"fail"}]})";
    request.name = "night";
    request.type = "STANDARD";
    request.limits = "hpc";
    const auto folder = RunFolder::at(path);
    ASSERT_TRUE(folder && folder->keep(request));
    for (const std::string& file : disk_->paths()) {
      const std::filesystem::path copy = path + file.substr(file.find('/'));
      std::filesystem::create_directories(copy.parent_path());
      const std::vector<std::byte> bytes = disk_->contents(file);
      std::ofstream(copy, std::ios::binary)
          .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    }
    std::ofstream effects(path + "/effects.log");
    for (const std::string& line : world_.effects) {
      effects << line;
    }
    std::ofstream(path + "/losses") << world_.losses << '\n';
  }

  const std::vector<std::string>& wrong() const { return world_.wrong; }
  const Came& result() const { return result_; }

 private:
  enum class Fate : std::uint8_t { undisturbed, power_loss, killed, disk_error, signalled };

  /// Most are cut off.
  Fate draw_fate() {
    constexpr Fate kFates[] = {Fate::undisturbed, Fate::power_loss, Fate::power_loss, Fate::power_loss,
                               Fate::killed,      Fate::killed,     Fate::killed,     Fate::disk_error,
                               Fate::disk_error,  Fate::signalled};
    return kFates[random_() % std::size(kFates)];
  }

  void run_process(Fate fate) {
    stopped_ = false;
    std::uint64_t fault_at = UINT64_MAX;
    if (fate == Fate::power_loss || fate == Fate::disk_error) {
      const auto fault = fate == Fate::power_loss ? SimulatedDisk::Fault::power_off
                         : random_() % 2 == 0     ? SimulatedDisk::Fault::io_error
                                                  : SimulatedDisk::Fault::no_space;
      fault_at = disk_->operations() + random_() % 40;
      disk_->fail_at(fault_at, fault);
    }
    std::unique_ptr<SimulatedDisk> after;
    bool failed = false;
    {
      auto run = journal::start_run(*disk_, journal::small_options(*disk_));
      failed = !run;
      if (run) {
        failed = !had_ended(**run) && !go_on(**run, fate, after);
      } else if (fate != Fate::power_loss && fate != Fate::disk_error) {
        world_.expect(false, "it cannot be recovered: " + run.error().message);
      }
    }
    if (disk_->operations() > fault_at) {
      ++(fate == Fate::power_loss ? tally().power_losses : tally().disk_errors);
    }
    if (after == nullptr) {
      constexpr CrashPolicy kExits[] = {CrashPolicy::all, CrashPolicy::none};
      const CrashPolicy policy = fate == Fate::power_loss
                                     ? journal::kCrashPolicies[random_() % std::size(journal::kCrashPolicies)]
                                     : kExits[failed ? random_() % 2 : 1];
      after = disk_->crash(policy, random_);
    }
    disk_ = std::move(after);
    if (over_) {
      look_at_end();
    }
  }

  /// The execution was over, but perhaps nobody had been told.
  bool had_ended(const journal::TestRun& run) {
    for (const engine::Event& ending : run.recovered.endings) {
      if (const auto* succeeded = std::get_if<engine::ExecutionSucceeded>(&ending.body)) {
        over_ = true;
        result_.output = succeeded->output.to_text();
      }
    }
    return over_;
  }

  /// False: the disk kept it from going on. Leaves in `after` what a kill leaves of the disk.
  bool go_on(journal::TestRun& run, Fate fate, std::unique_ptr<SimulatedDisk>& after) {
    WatchedJournal journal(world_, *run.journal, random_, lie_ == Lie::early_ack);
    FaultyFleet fleet(world_, random_, pipeline_.express ? nullptr : &journal, now_);
    StopRequest stop;
    fleet::Waker waker;
    if (fate == Fate::killed) {
      fleet.at(1 + random_() % 16, [&] {
        ++tally().kills;
        after = disk_->crash(CrashPolicy::all, random_);
        throw Killed();
      });
    } else if (fate == Fate::signalled) {
      fleet.at(1 + random_() % 30, [&] {
        ++tally().signals;
        stop.signal = 15;
      });
    }
    if (!pipeline_.once && random_() % 2 == 0) {
      fleet.let_slots_change();
    }
    journal::SequenceNumber next_checkpoint = run.journal->last() + random_() % 50;
    FleetPerformer::Parts jobs{run.engine, fleet, integrations_, fleet, waker, stop};
    jobs.observer = &journal;
    jobs.last_words = [this](const auto& open) { return last_words(open); };
    jobs.taken_in = [this] { world_.spool.clear(); };
    TestShell shell({jobs, journal, [&](Loop::Parts& loop) {
                       loop.seed = random_();
                       if (!pipeline_.express) {
                         loop.between_inputs = [&] {
                           if (run.journal->last() >= next_checkpoint) {
                             next_checkpoint = run.journal->last() + 5 + random_() % 100;
                             static_cast<void>(run.checkpointer->take(run.engine));
                           }
                         };
                       }
                     }});
    bool good = false;
    try {
      const Result<RunEnd> end = run.engine.find(kExecution) == nullptr ? shell.run(start()) : shell.resume();
      good = end.has_value();
      if (good && end->interrupted) {
        stopped_ = true;
        world_.expect(fate == Fate::signalled, "it stopped though nobody asked for that");
        good = run.journal->sync().has_value() && (pipeline_.express || run.checkpointer->take(run.engine).has_value());
      } else if (good) {
        over_ = true;
        result_.output = end->end.output.to_text();
      } else {
        world_.expect(fate == Fate::power_loss || fate == Fate::disk_error, end.error().message);
      }
    } catch (const Killed&) {
    }
    fleet.outlive(std::chrono::microseconds(random_() % 2'000'000));
    fleet.stop();
    now_ = {fleet.now().us + static_cast<std::int64_t>(random_() % 5'000'000)};
    return good;
  }

  engine::StartExecution start() const {
    auto identity = std::make_shared<engine::Identity>("night");
    engine::Origin origin;
    origin.type = pipeline_.express ? engine::ExecutionType::express : engine::ExecutionType::standard;
    return {kExecution, identity, machine_, Value::from_text(pipeline_.input).value(), origin};
  }

  /// What the spool says of what was out when the last process ended.
  Result<LastWords> last_words(const std::vector<engine::DispatchTask>& open) {
    LastWords said;
    if (!pipeline_.express) {
      remember_finished();
    }
    for (const engine::DispatchTask& task : open) {
      const work::DispatchId id = task.id;
      if (world_.begun.contains(id)) {
        said.begun.insert(id);
      }
      if (const auto outcome = world_.spool.find(id); outcome != world_.spool.end() && lie_ != Lie::lost_spool) {
        said.finished.emplace(id, outcome->second);
      } else {
        ++world_.excused;
      }
    }
    return said;
  }

  /// What now may never begin again: it is in the spool, or the journal has its end.
  void remember_finished() {
    for (const auto& [id, outcome] : world_.spool) {
      world_.finished.insert(
          task_named_in(outcome.kind == work::OutcomeKind::succeeded ? outcome.result.to_text() : outcome.cause));
    }
    const auto events = journal::read_all(*disk_);
    world_.expect(events.has_value(), "the journal cannot be read");
    for (const engine::Event& event : events ? *events : std::vector<engine::Event>()) {
      if (const auto* succeeded = std::get_if<engine::TaskSucceeded>(&event.body)) {
        world_.finished.insert(task_named_in(succeeded->result.to_text()));
      } else if (const auto* failed = std::get_if<engine::TaskFailed>(&event.body);
                 failed != nullptr && failed->cause) {
        world_.finished.insert(task_named_in(*failed->cause));
      }
    }
  }

  /// A result was told: it must be durable.
  void look_at_end() {
    const auto events = journal::read_all(*disk_);
    if (!events || events->empty()) {
      world_.expect(false, "a result was told, but the journal has none");
      return;
    }
    const auto* succeeded = std::get_if<engine::ExecutionSucceeded>(&events->back().body);
    world_.expect(succeeded != nullptr && succeeded->output.to_text() == result_.output,
                  "another result was told than is durable");
    result_.history = shape(*events, *machine_);
  }

  const Pipeline& pipeline_;
  const Lie lie_;
  const asl::StateMachinePtr machine_;
  std::mt19937_64 random_;
  const integrations::Integrations integrations_;
  std::unique_ptr<SimulatedDisk> disk_;
  World world_;
  Timestamp now_{1'700'000'000'000'000};
  bool over_ = false;
  bool stopped_ = false;  // the last process, by a signal
  Came result_;
};

class Simulation : public testing::TestWithParam<Pipeline> {
 protected:
  /// What is wrong with the schedule of a seed; empty: nothing.
  std::string play(std::uint64_t seed, Lie lie = Lie::none) {
    if (!expected_) {
      Schedule undisturbed(GetParam(), 1);
      undisturbed.play(nullptr);
      EXPECT_TRUE(undisturbed.wrong().empty()) << undisturbed.wrong().front();
      expected_ = undisturbed.result();
    }
    Schedule schedule(GetParam(), seed, lie);
    schedule.play(&*expected_);
    if (const char* dumps = std::getenv("LOCKSTEP_SIM_DUMP"); dumps != nullptr && !GetParam().express) {
      schedule.dump(fmt::format("{}/{}, seed {}", dumps, GetParam().name, seed));
    }
    return schedule.wrong().empty() ? "" : schedule.wrong().front();
  }
  int count_wrong(Lie lie) {
    int wrong = 0;
    for (std::uint64_t seed = 1; seed <= 60; ++seed) {
      wrong += play(seed, lie).empty() ? 0 : 1;
    }
    return wrong;
  }

 private:
  std::optional<Came> expected_;
};

TEST_P(Simulation, EveryScheduleEndsAsIfNothingHadHappened) {
  const char* chosen = std::getenv("LOCKSTEP_SEED");
  const std::uint64_t first = chosen != nullptr ? std::strtoull(chosen, nullptr, 10) : 1;
  const std::uint64_t all = std::getenv("LOCKSTEP_LONG") != nullptr ? kRestartsLong : kRestarts;
  constexpr std::uint64_t kDumped = 100;
  const std::uint64_t most = std::getenv("LOCKSTEP_SIM_DUMP") != nullptr ? kDumped : all;
  const std::uint64_t enough = tally().restarts + most / std::size(kPipelines) + 1;
  for (std::uint64_t seed = first; seed == first || (chosen == nullptr && tally().restarts < enough); ++seed) {
    const std::string wrong = play(seed);
    ASSERT_EQ(wrong, "") << "with LOCKSTEP_SEED=" << seed;
  }
}

INSTANTIATE_TEST_SUITE_P(Pipelines, Simulation, testing::ValuesIn(kPipelines), [](const auto& pipeline) {
  std::string name = pipeline.param.name;
  std::replace(name.begin(), name.end(), ' ', '_');
  return name;
});

/// Without what each of these takes away, the checks above would see nothing.
class Controls : public Simulation {};

TEST_P(Controls, AreFoundOut) {
  EXPECT_GT(count_wrong(Lie::file_sync), 5);
  EXPECT_GT(count_wrong(Lie::folder_sync), 5);
  EXPECT_GT(count_wrong(Lie::early_ack), 30);
  EXPECT_GT(count_wrong(Lie::lost_spool), 5);
}

INSTANTIATE_TEST_SUITE_P(Pipelines, Controls, testing::Values(kPipelines[0]));

}  // namespace
}  // namespace lockstep::service
