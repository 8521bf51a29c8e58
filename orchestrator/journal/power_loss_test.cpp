// Power loss at every operation on the disk, with every policy of what then is left of it: all that was acknowledged is
// read again, nothing twice, no gap; also when the power goes again while the next process recovers and goes on. The
// same with a disk that lies about its syncs must fail, or these tests would see nothing.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>

#include "asl/parser.hpp"
#include "engine/test_world.hpp"
#include "journal/test_disk.hpp"
#include "journal/test_events.hpp"

namespace lockstep::journal {
namespace {

/// Executions that pass, choose, wait, retry tasks, branch and map.
constexpr const char* kPickAndWork = R"({"StartAt":"Pick","States":{
  "Pick":{"Type":"Choice","Choices":[{"Variable":"$.n","NumericGreaterThan":2,"Next":"Map"}],"Default":"Branches"},
  "Branches":{"Type":"Parallel","Branches":[
    {"StartAt":"Nap","States":{"Nap":{"Type":"Wait","Seconds":1,"End":true}}},
    {"StartAt":"Work","States":{"Work":{"Type":"Task","Resource":"job:work","End":true,
      "Retry":[{"ErrorEquals":["States.ALL"],"IntervalSeconds":1,"MaxAttempts":2}]}}}],"Next":"Map"},
  "Map":{"Type":"Map","ItemsPath":"$$.Execution.Input.items","ItemProcessor":{"StartAt":"Each","States":{
    "Each":{"Type":"Pass","Assign":{"seen":"yes"},"Next":"Do"},
    "Do":{"Type":"Task","Resource":"job:do","End":true}}},"End":true}}})";

/// What was done by all processes of one run, one after the other.
struct Record {
  std::vector<std::string> events;  // fingerprints of all that was appended, by sequence number from 1
  SequenceNumber acknowledged = 0;
};

/// A process: recovers, then runs executions, until its work is done or its disk fails. Events that the process before
/// appended but that were lost are forgotten.
struct Work {
  std::uint64_t seed = 1;
  int inputs = 0;
  bool long_texts = false;  ///< some results are too long for a segment
};

class RecordedProcess {
 public:
  RecordedProcess(SimulatedDisk& disk, Record& record, const Work& work)
      : disk_(disk), record_(record), random_(work.seed), long_texts_(work.long_texts) {}

  /// False if the disk kept it from running.
  bool start() {
    auto run = start_run(disk_, small_options(disk_));
    if (!run) {
      why_ = run.error().message;
      return false;
    }
    run_ = std::move(*run);
    record_.events.resize(run_->recovered.tail.next_seq - 1);
    for (const engine::ExecutionId id : run_->recovered.running) {
      next_execution_ = std::max(next_execution_, static_cast<std::uint64_t>(id) + 1);
    }
    for (const engine::Event& ending : run_->recovered.endings) {
      next_execution_ = std::max(next_execution_, static_cast<std::uint64_t>(ending.execution) + 1);
    }
    for (const InterruptedTask& task : run_->recovered.tasks) {
      open_.push_back(task.task.id);
    }
    now_.us = 1'000'000 * static_cast<std::int64_t>(1 + record_.events.size());
    return true;
  }

  void work(int inputs) {
    for (int i = 0; i < inputs && !run_->journal->failure(); ++i) {
      one_input();
      if (random_() % 3 == 0) {
        acknowledge();
      }
      if (random_() % 20 == 0) {
        static_cast<void>(run_->checkpointer->take(run_->engine));
        acknowledge();
      }
    }
    acknowledge();
  }

  /// What recovery brought back is there for good: the process may act on it.
  void acknowledge_all() {
    record_.acknowledged = std::max<SequenceNumber>(record_.acknowledged, record_.events.size());
  }

  const engine::Engine& engine() const { return run_->engine; }
  const std::string& why() const { return why_; }

 private:
  void one_input() {
    now_.us += 700'000;
    engine::Input input{now_, random_(), engine::Proceed{}};
    if (!open_.empty() && random_() % 2 == 0) {
      work::Outcome outcome;
      outcome.id = open_.front();
      outcome.kind = random_() % 4 == 0 ? work::OutcomeKind::failed : work::OutcomeKind::succeeded;
      outcome.error = "Oops";
      outcome.result = Value::from_checked_text(
          fmt::format("{{\"result\":{},\"long\":\"{}\"}}", random_() % 1'000,
                      std::string(long_texts_ && random_() % 2 == 0 ? kLongestInlineText : 1, 'x')));
      outcome.started = now_;
      open_.pop_front();
      input.body = std::move(outcome);
    } else if (random_() % 3 == 0) {
      auto identity = std::make_shared<engine::Identity>(fmt::format("run-{}", next_execution_));
      static const asl::StateMachinePtr machine = asl::parse_definition(kPickAndWork).machine;
      input.body = engine::StartExecution{
          engine::ExecutionId{next_execution_++}, identity, machine,
          Value::from_checked_text(fmt::format("{{\"n\":{},\"items\":[1,\"two\",{}]}}", random_() % 5, random_()))};
    }
    bool more = true;
    while (more) {
      step_.clear();
      run_->engine.handle(input, step_);
      input.body = engine::Proceed{};
      for (const engine::Event& event : step_.events) {
        record_.events.push_back(fingerprint(event));
      }
      const SequenceNumber last = run_->journal->append(step_.events);
      if (!run_->journal->failure()) {
        EXPECT_EQ(last, record_.events.size());
      }
      for (engine::Effect& effect : step_.effects) {
        if (const auto* dispatch = std::get_if<engine::DispatchTask>(&effect.body)) {
          open_.push_back(dispatch->id);
        } else if (const auto* end = std::get_if<engine::EndExecution>(&effect.body)) {
          ended_.push_back({last, end->id});
        }
      }
      more = run_->engine.has_ready();
    }
  }

  void acknowledge() {
    static_cast<void>(run_->journal->sync());
    const SequenceNumber durable = run_->journal->durable_now();
    record_.acknowledged = std::max(record_.acknowledged, durable);
    while (!ended_.empty() && ended_.front().first <= durable) {
      run_->engine.forget(ended_.front().second);
      ended_.pop_front();
    }
  }

  SimulatedDisk& disk_;
  Record& record_;
  std::mt19937_64 random_;
  const bool long_texts_;
  std::unique_ptr<TestRun> run_;
  std::uint64_t next_execution_ = 1;
  Timestamp now_;
  engine::Step step_;
  std::deque<engine::DispatchId> open_;
  std::deque<std::pair<SequenceNumber, engine::ExecutionId>> ended_;
  std::string why_;
};

/// What is wrong with a disk after a crash; empty: nothing.
std::string check(SimulatedDisk& disk, const Record& record) {
  const auto events = read_all(disk);
  if (!events) {
    return "it cannot be read: " + events.error().message;
  }
  if (events->size() < record.acknowledged) {
    return fmt::format("{} events were acknowledged, {} are there", record.acknowledged, events->size());
  }
  if (events->size() > record.events.size()) {
    return "there are more events than were written";
  }
  for (std::size_t i = 0; i < events->size(); ++i) {
    if (fingerprint((*events)[i]) != record.events[i]) {
      return fmt::format("event {} is another one", i + 1);
    }
  }
  // Recovery by checkpoint and replay gives what applying every Event gives.
  engine::Engine recovered(engine::Limits::hpc());
  const auto result = recover(disk, kDiskFolder, recovered);
  if (!result) {
    return "it cannot be recovered: " + result.error().message;
  }
  engine::Engine replayed(engine::Limits::hpc());
  for (const engine::Event& event : *events) {
    replayed.apply(event);
  }
  for (const engine::ExecutionId id : engine::Snapshot::executions(replayed)) {
    const bool over = replayed.find(id)->status != engine::Status::running;
    if (over && recovered.find(id) == nullptr) {
      continue;  // forgotten before a checkpoint
    }
    if (engine::describe(replayed, id) != engine::describe(recovered, id)) {
      return fmt::format("execution {} was recovered as\n{}and is\n{}", static_cast<std::uint64_t>(id),
                         engine::describe(recovered, id), engine::describe(replayed, id));
    }
  }
  // A decision of which not all Events are there is gone on with before anything else.
  engine::Step step;
  while (recovered.has_ready()) {
    step.clear();
    recovered.handle({events->back().time, 1, engine::Proceed{}, 0, true}, step);
  }
  const std::string broken = recovered.check_invariants();
  return broken.empty() ? "" : "the recovered engine is broken: " + broken;
}

/// The long run of these tests: every operation, and more seeds.
bool is_long() {
  return std::getenv("LOCKSTEP_LONG") != nullptr;
}

struct Trial {
  int states = 0;
  std::vector<std::string> failures;
};

/// Runs a process on a copy of `before` once for every operation, losing power there.
void lose_power_everywhere(const SimulatedDisk& before, const Record& record_before, const Work& work,
                           std::uint64_t stride, Trial& trial) {
  std::mt19937_64 random(work.seed);
  std::uint64_t operations = 0;
  {
    auto disk = before.crash(CrashPolicy::all, random);
    Record record = record_before;
    RecordedProcess process(*disk, record, work);
    ASSERT_TRUE(process.start()) << process.why();
    process.work(work.inputs);
    operations = disk->operations();
  }
  for (std::uint64_t at = random() % stride; at < operations; at += stride) {
    auto disk = before.crash(CrashPolicy::all, random);
    disk->fail_at(at, SimulatedDisk::Fault::power_off);
    Record record = record_before;
    RecordedProcess process(*disk, record, work);
    if (process.start()) {
      process.work(work.inputs);
    }
    for (const CrashPolicy policy : kCrashPolicies) {
      const auto after = disk->crash(policy, random);
      ++trial.states;
      if (std::string wrong = check(*after, record); !wrong.empty()) {
        trial.failures.push_back(
            fmt::format("seed {}, operation {}, policy {}: {}", work.seed, at, static_cast<int>(policy), wrong));
      }
    }
  }
}

TEST(PowerLoss, NothingAcknowledgedIsLostWhereverThePowerGoes) {
  Trial trial;
  for (std::uint64_t seed = 1; seed <= (is_long() ? 5 : 2); ++seed) {
    const auto disk = make_disk();
    lose_power_everywhere(*disk, {}, {.seed = seed, .inputs = is_long() ? 60 : 40}, is_long() ? 1 : 5, trial);
  }
  RecordProperty("states", trial.states);
  EXPECT_GT(trial.states, 150);
  EXPECT_TRUE(trial.failures.empty()) << trial.failures.size() << " of " << trial.states
                                      << " states, the first: " << trial.failures.front();
}

TEST(PowerLoss, NorIsItInTheRecoveryAfterAnother) {
  Trial trial;
  for (std::uint64_t seed = 11; seed <= (is_long() ? 15 : 12); ++seed) {
    std::mt19937_64 random(seed);
    auto disk = make_disk();
    Record record;
    // Some processes in a row, each ended by a crash.
    for (int round = 0; round < 4; ++round) {
      RecordedProcess process(*disk, record, {.seed = seed * 100 + static_cast<std::uint64_t>(round)});
      ASSERT_TRUE(process.start()) << process.why();
      process.work(10);
      disk = disk->crash(kCrashPolicies[random() % std::size(kCrashPolicies)], random);
      ASSERT_EQ(check(*disk, record), "");
    }
    lose_power_everywhere(*disk, record, {.seed = seed, .inputs = 8}, is_long() ? 1 : 4, trial);
  }
  RecordProperty("states", trial.states);
  EXPECT_GT(trial.states, 150);
  EXPECT_TRUE(trial.failures.empty()) << trial.failures.size() << " of " << trial.states
                                      << " states, the first: " << trial.failures.front();
}

TEST(PowerLoss, ADiskThatDoesNotSyncIsFoundOut) {
  Trial trial;
  lose_power_everywhere(*make_disk({true, false}), {}, {.seed = 1, .inputs = 30}, 5, trial);
  EXPECT_GT(trial.failures.size(), static_cast<std::size_t>(trial.states) / 10);
}

TEST(PowerLoss, ADiskThatDoesNotSyncFoldersIsFoundOut) {
  Trial trial;
  lose_power_everywhere(*make_disk({false, true}), {}, {.seed = 1, .inputs = 30}, 5, trial);
  EXPECT_GT(trial.failures.size(), static_cast<std::size_t>(trial.states) / 10);
}

TEST(PowerLoss, AcknowledgingBeforeTheCommitIsFoundOut) {
  std::mt19937_64 random(1);
  auto disk = make_disk();
  Record record;
  auto run = start_run(*disk, small_options(*disk)).value();
  std::vector<engine::Event> events = {numbered_event(1)};
  record.events.push_back(fingerprint(events[0]));
  record.acknowledged = run->journal->append(events);
  EXPECT_EQ(check(*disk->crash(CrashPolicy::all, random), record), "1 events were acknowledged, 0 are there");
}

TEST(PowerLoss, LongTextsAreThereToo) {
  Trial trial;
  const auto disk = make_disk();
  lose_power_everywhere(*disk, {}, {.seed = 21, .inputs = 20, .long_texts = true}, is_long() ? 1 : 7, trial);
  EXPECT_GT(trial.states, 50);
  EXPECT_TRUE(trial.failures.empty()) << trial.failures.size() << " of " << trial.states
                                      << " states, the first: " << trial.failures.front();
}

TEST(PowerLoss, ADiskThatDoesNotSyncLosesLongTexts) {
  Trial trial;
  lose_power_everywhere(*make_disk({true, false}), {}, {.seed = 21, .inputs = 20, .long_texts = true}, 17, trial);
  EXPECT_GT(trial.failures.size(), static_cast<std::size_t>(trial.states) / 10);
}

/// What a sync could not save stays in the system's memory, and looks as if it were on the disk.
TEST(PowerLoss, NorIsAnythingLostAfterASyncThatFailed) {
  int stopped = 0;
  for (const bool long_texts : {false, true}) {
    const Work work{.seed = 31, .inputs = long_texts ? 10 : 25, .long_texts = long_texts};
    std::mt19937_64 random(7);
    std::uint64_t operations = 100;
    for (std::uint64_t at = 0; at < operations; at += is_long() ? 1 : 1 + random() % (long_texts ? 12 : 4)) {
      auto disk = make_disk();
      disk->fail_at(at, SimulatedDisk::Fault::io_error);
      Record record;
      {
        RecordedProcess process(*disk, record, work);
        if (process.start()) {
          process.work(work.inputs);
        }
        operations = std::max(operations, disk->operations());
      }
      RecordedProcess next(*disk, record, {.seed = 32, .long_texts = long_texts});
      ASSERT_TRUE(next.start()) << next.why();
      next.acknowledge_all();
      stopped += 1;
      for (const CrashPolicy policy : kCrashPolicies) {
        EXPECT_EQ(check(*disk->crash(policy, random), record), "")
            << "operation " << at << ", policy " << static_cast<int>(policy);
      }
      next.work(4);
      EXPECT_EQ(check(*disk->crash(CrashPolicy::none, random), record), "") << "operation " << at;
    }
  }
  EXPECT_GT(stopped, 40);
}

TEST(PowerLoss, AFullOrBrokenDiskStopsTheRunWhichGoesOnWhenItIsWell) {
  int stopped = 0;
  for (const auto fault : {SimulatedDisk::Fault::no_space, SimulatedDisk::Fault::io_error}) {
    std::mt19937_64 random(5);
    std::uint64_t operations = 100;
    for (std::uint64_t at = 0; at < operations; ++at) {
      auto disk = make_disk();
      disk->fail_at(at, fault);
      Record record;
      RecordedProcess process(*disk, record, {.seed = 5});
      if (process.start()) {
        process.work(40);
      }
      operations = std::max(operations, disk->operations());
      stopped += process.why().empty() ? 0 : 1;
      const auto healed = disk->crash(CrashPolicy::none, random);
      EXPECT_EQ(check(*healed, record), "") << "operation " << at;
      RecordedProcess next(*healed, record, {.seed = 6});
      ASSERT_TRUE(next.start()) << next.why();
      next.work(5);
      EXPECT_EQ(check(*healed, record), "") << "operation " << at;
    }
  }
  EXPECT_GT(stopped, 0);
}

}  // namespace
}  // namespace lockstep::journal
