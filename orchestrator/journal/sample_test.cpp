// Journals of every released version of the format are read for ever. With LOCKSTEP_WRITE_SAMPLE=FOLDER set, the first
// test writes the present version's there instead (to be kept under testdata/).
#include <gtest/gtest.h>

#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "asl/parser.hpp"
#include "engine/map_run.hpp"
#include "engine/test_world.hpp"
#include "journal/recovery.hpp"
#include "journal/test_events.hpp"

namespace lockstep::journal {
namespace {

namespace fs = std::filesystem;

constexpr SegmentSize kSize{32, 4'096};
constexpr const char* kDefinition =
    R"({"StartAt":"Work","States":{"Work":{"Type":"Task","Resource":"job:work","Assign":{"kept":"yes"},"Next":"Nap"},)"
    R"("Nap":{"Type":"Wait","Seconds":60,"End":true}}})";

std::string sample(const std::string& name) {
  return std::string(LOCKSTEP_TESTDATA) + "/" + name;
}

JournalOptions options() {
  JournalOptions made;
  made.first_segment = kSize;
  made.largest_segment = kSize;
  made.origin = {"lockstep sample", "a-host", ""};
  made.threads = false;
  return made;
}

void write_events(const std::string& folder) {
  fs::create_directories(folder);
  JournalStart start;
  start.folder = folder;
  auto journal = DurableJournal::create(start, options()).value();
  std::vector<engine::Event> events = one_of_each();
  journal->append(events);
  ASSERT_TRUE(journal->sync());
}

/// The journal of a sample, and its checkpoints.
struct Files {
  explicit Files(const std::string& folder)
      : journal((fs::create_directories(folder), DurableJournal::create(start_in(folder), options()).value())),
        checkpointer(*journal, 0, 0, checkpoints()) {}

  static JournalStart start_in(const std::string& folder) {
    JournalStart start;
    start.folder = folder;
    return start;
  }
  static CheckpointOptions checkpoints() {
    CheckpointOptions options;
    options.threads = false;
    options.software = "lockstep sample";
    return options;
  }

  std::unique_ptr<DurableJournal> journal;
  Checkpointer checkpointer;
};

/// An input that is too long for a segment.
std::string long_input() {
  return "{\"n\":1,\"long\":\"" + std::string(300'000, 'x') + "\"}";
}

/// Two executions: one naps, one's task is out; their input is long. An archive, a checkpoint, a segment with what came
/// after.
void write_run(const std::string& folder) {
  engine::Engine engine(engine::Limits::hpc());
  Files files(folder);
  engine::Step step;
  const auto handle = [&](auto body) {
    step.clear();
    engine.handle({Timestamp{1'700'000'000'000'000}, 1, std::move(body)}, step);
    files.journal->append(step.events);
  };
  const asl::StateMachinePtr machine = asl::parse_definition(kDefinition).machine;
  const auto begin = [&](std::uint64_t id) {
    auto identity = std::make_shared<engine::Identity>(fmt::format("run-{}", id));
    handle(engine::StartExecution{engine::ExecutionId{id}, identity, machine,
                                  Value::from_checked_text(id < 3 ? long_input() : "{\"n\":1}")});
  };
  begin(1);
  work::Outcome outcome;
  outcome.id = std::get<engine::DispatchTask>(step.effects.at(0).body).id;
  outcome.result = Value::from_checked_text("{\"done\":true}");
  handle(outcome);
  for (std::uint64_t id = 3; id < 10; ++id) {  // to fill a segment
    begin(id);
    handle(engine::StopExecution{"", engine::ExecutionId{id}, "Stopped", std::nullopt});
    engine.forget(engine::ExecutionId{id});
  }
  ASSERT_TRUE(files.checkpointer.take(engine));
  begin(2);
  ASSERT_TRUE(files.journal->sync());
}

constexpr std::string_view kOldTokens[] = {"1-0-00112233445566778899aabbccddeeff",
                                           "2-0-ffeeddccbbaa99887766554433221100"};

/// Two executions that wait for their tokens to be answered, as tokens were made before they were a keyed hash: one in
/// a checkpoint, one in a segment.
void write_tokens(const std::string& folder) {
  engine::Engine decides(engine::Limits::hpc());
  engine::Engine engine(engine::Limits::hpc());
  Files files(folder);
  const asl::StateMachinePtr machine =
      asl::parse_definition(
          R"({"StartAt":"Ask","States":{"Ask":{"Type":"Task","Resource":"job:ask.waitForTaskToken","End":true}}})")
          .machine;
  for (std::uint64_t id = 1; id <= 2; ++id) {
    engine::Step step;
    auto identity = std::make_shared<engine::Identity>(fmt::format("run-{}", id));
    decides.handle({Timestamp{1'700'000'000'000'000}, 1,
                    engine::StartExecution{engine::ExecutionId{id}, identity, machine, Value()}},
                   step);
    for (engine::Event& event : step.events) {
      if (auto* scheduled = std::get_if<engine::TaskScheduled>(&event.body)) {
        scheduled->token = kOldTokens[id - 1];
      }
      engine.apply(event);
    }
    files.journal->append(step.events);
    if (id == 1) {
      ASSERT_TRUE(files.checkpointer.take(engine));
    }
  }
  ASSERT_TRUE(files.journal->sync());
}

constexpr std::string_view kPoll = "the poll of worker ";

/// Two executions whose activity's task a worker has taken: one in a checkpoint, one in a segment. In the checkpoint
/// also a third one, whose task waits for a worker.
void write_activities(const std::string& folder) {
  engine::Engine engine(engine::Limits::hpc());
  Files files(folder);
  engine::Step step;
  const auto handle = [&](auto body) {
    step.clear();
    engine.handle({Timestamp{1'700'000'000'000'000}, 1, std::move(body)}, step);
    files.journal->append(step.events);
  };
  const asl::StateMachinePtr machine =
      asl::parse_definition(R"({"StartAt":"Paint","States":{"Paint":{"Type":"Task","HeartbeatSeconds":60,)"
                            R"("Resource":"arn:aws:states:us-east-1:123456789012:activity:paint","End":true}}})")
          .machine;
  for (const std::uint64_t id : {3, 1, 2}) {
    auto identity = std::make_shared<engine::Identity>(fmt::format("run-{}", id));
    handle(engine::StartExecution{engine::ExecutionId{id}, identity, machine, Value::from_checked_text("[1]")});
    if (id < 3) {
      engine::TaskProgress taken;
      taken.id = std::get<engine::DispatchTask>(step.effects.at(0).body).id;
      taken.kind = engine::TaskProgress::Kind::taken;
      taken.worker = fmt::format("worker {}", id);
      taken.request = fmt::format("{}{}", kPoll, id);
      handle(std::move(taken));
    }
    if (id == 1) {
      ASSERT_TRUE(files.checkpointer.take(engine));
    }
  }
  ASSERT_TRUE(files.journal->sync());
}

/// Two executions whose Map Runs are at work, were told of two children, and have other settings than they began with:
/// one in a checkpoint, one in a segment.
void write_map_runs(const std::string& folder) {
  engine::Engine engine(engine::Limits::hpc());
  Files files(folder);
  engine::Step step;
  const auto handle = [&](auto body) {
    step.clear();
    engine.handle({Timestamp{1'700'000'000'000'000}, 1, std::move(body)}, step);
    files.journal->append(step.events);
  };
  const asl::StateMachinePtr machine =
      asl::parse_definition(
          R"({"StartAt":"Each","States":{"Each":{"Type":"Map","Label":"L","MaxConcurrency":2,"End":true,)"
          R"("ItemBatcher":{"MaxItemsPerBatch":2},"ItemProcessor":{)"
          R"("ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},)"
          R"("StartAt":"P","States":{"P":{"Type":"Pass","End":true}}}}}})")
          .machine;
  for (std::uint64_t id = 1; id <= 2; ++id) {
    const auto of = std::make_shared<engine::MachineIdentity>(
        engine::MachineIdentity{"m", "arn:aws:states:us-east-1:123456789012:stateMachine:m", "role"});
    handle(engine::StartExecution{engine::ExecutionId{id},
                                  std::make_shared<engine::Identity>(fmt::format("run-{}", id), of), machine,
                                  Value::from_checked_text("[1,2,3,4,5]")});
    const engine::DispatchId out = std::get<engine::DispatchTask>(step.effects.at(0).body).id;
    engine::MapRunReport report{out, {}};
    report.progress.children = {{1, 2, engine::Status::succeeded, Value::from_checked_text("[3,4]"), 2},
                                {0, 2, engine::Status::failed, Value(), 0}};
    report.progress.note = Value::from_checked_text(R"({"total":5})");
    handle(std::move(report));
    handle(engine::ChangeMapRun{fmt::format("change {}", id), out, 7, 3, std::nullopt});
    if (id == 1) {
      ASSERT_TRUE(files.checkpointer.take(engine));
    }
  }
  ASSERT_TRUE(files.journal->sync());
}

TEST(Sample, IsWritten) {
  const char* folder = std::getenv("LOCKSTEP_WRITE_SAMPLE");
  if (folder == nullptr) {
    GTEST_SKIP() << "LOCKSTEP_WRITE_SAMPLE is not set";
  }
  write_events(std::string(folder) + "/events");
  write_run(std::string(folder) + "/run");
  write_tokens(std::string(folder) + "/tokens");
  write_activities(std::string(folder) + "/activities");
  write_map_runs(std::string(folder) + "/map_runs");
}

class SampleOf : public testing::TestWithParam<const char*> {};

TEST_P(SampleOf, EveryKindOfEventIsRead) {
  EventReader reader = EventReader::open(sample(GetParam()) + "/events").value();
  std::vector<engine::Event> events;
  while (true) {
    auto next = reader.next();
    ASSERT_TRUE(next) << next.error().message;
    if (!*next) {
      break;
    }
    events.push_back(std::move((*next)->event));
  }
  const std::string_view version = GetParam();
  ASSERT_EQ(events.size(), version == "1.0"   ? 25U
                           : version == "1.1" ? 29U
                           : version == "1.2" ? 30U
                           : version != "1.5" ? 36U
                                              : 43U);
  EXPECT_EQ(events[0].execution, engine::ExecutionId{std::uint64_t{1} << 40});
  EXPECT_EQ(events[0].time.us, 1'700'000'000'000'000);
  const auto& started = std::get<engine::ExecutionStarted>(events[0].body);
  EXPECT_EQ(started.identity->name(), "run-1");
  EXPECT_EQ(started.machine->text, test_definition());
  const bool tells_origin = version != "1.0" && version != "1.1" && version != "1.2";
  EXPECT_EQ(started.origin.type, tells_origin ? engine::ExecutionType::express : engine::ExecutionType::standard);
  EXPECT_EQ(started.origin.child != nullptr, tells_origin);
  const auto& exited = std::get<engine::StateExited>(events[6].body);
  EXPECT_EQ(exited.output.to_text(), "[1,2,3,4,5,6]");
  EXPECT_EQ(exited.assigned.at(0).name, "x");
  EXPECT_EQ(exited.assigned.at(0).value.to_text(), "1e400");
  const auto& scheduled = std::get<engine::TaskScheduled>(events[8].body);
  EXPECT_EQ(scheduled.count, 3U);
  EXPECT_EQ(scheduled.heartbeat_seconds, -1);
  const bool tells_worker = tells_origin && version != "1.3";
  const auto& taken = std::get<engine::TaskStarted>(events[9].body);
  EXPECT_EQ(taken.earlier_us, version == "1.0" ? 0 : 2'500'000);
  EXPECT_EQ(taken.worker, tells_worker ? std::optional<std::string>("worker 8") : std::nullopt);
  EXPECT_EQ(taken.request, tells_worker ? "from node 6" : "");
  EXPECT_EQ(std::get<engine::WaitStarted>(events[14].body).deadline.us, -5'000'000);
  EXPECT_EQ(std::get<engine::ChildrenFailed>(events[24].body).error, "E");
}

/// Recovery writes (it syncs, and removes what is unfinished), so of a copy.
Result<Recovered> recover_copy(const std::string& folder, engine::Engine& engine) {
  const fs::path copy = fs::temp_directory_path() / fmt::format("lockstep-sample-{}", ::getpid());
  fs::remove_all(copy);
  fs::copy(folder, copy, fs::copy_options::recursive);
  for (const auto& entry : fs::recursive_directory_iterator(copy)) {
    fs::permissions(entry.path(), fs::perms::owner_all, fs::perm_options::add);
  }
  auto recovered = recover(posix_files(), copy.string(), engine);
  fs::remove_all(copy);
  return recovered;
}

TEST(Sample, TokensOfEveryFormAreAnswered) {
  engine::Engine engine(engine::Limits::hpc());
  const auto recovered = recover_copy(sample("1.3/tokens"), engine);
  ASSERT_TRUE(recovered) << recovered.error().message;
  EXPECT_GT(recovered->checkpoint_seq, 0U);
  EXPECT_GT(recovered->replayed, 0U);
  EXPECT_EQ(engine.check_invariants(), "");
  for (std::uint64_t id = 1; id <= 2; ++id) {
    engine::AnswerTask answer;
    answer.token = kOldTokens[id - 1];
    engine::Step step;
    engine.handle({Timestamp{1'800'000'000'000'000}, 1, answer}, step);
    EXPECT_EQ(engine.find(engine::ExecutionId{id})->status, engine::Status::succeeded) << id;
  }
}

TEST(Sample, WhatAWorkerHasTakenIsStillItsOwn) {
  engine::Engine engine(engine::Limits::hpc());
  const auto recovered = recover_copy(sample("1.4/activities"), engine);
  ASSERT_TRUE(recovered) << recovered.error().message;
  EXPECT_GT(recovered->checkpoint_seq, 0U);
  EXPECT_GT(recovered->replayed, 0U);
  EXPECT_EQ(engine.check_invariants(), "");
  for (std::uint64_t id = 1; id <= 2; ++id) {
    const engine::Execution& execution = *engine.find(engine::ExecutionId{id});
    ASSERT_EQ(execution.requests->size(), 1U) << id;
    EXPECT_EQ(execution.requests->front().request, fmt::format("{}{}", kPoll, id));
    const engine::Strand& strand = *execution.find(engine::StrandId::top);
    EXPECT_EQ(strand.phase, engine::Phase::callback) << id;
    EXPECT_EQ(strand.call->note, Value::string(fmt::format("{}{}", kPoll, id)));
    EXPECT_EQ(strand.call->parameters.to_text(), "[1]");
    engine::AnswerTask answer;
    answer.token = *strand.token;
    engine::Step step;
    engine.handle({Timestamp{1'700'000'001'000'000}, 1, answer}, step);
    EXPECT_EQ(execution.status, engine::Status::succeeded) << id;
  }
  EXPECT_EQ(engine.find(engine::ExecutionId{3})->find(engine::StrandId::top)->phase, engine::Phase::task);
}

TEST(Sample, AMapRunIsWhereItWas) {
  engine::Engine engine(engine::Limits::hpc());
  const auto recovered = recover_copy(sample("1.5/map_runs"), engine);
  ASSERT_TRUE(recovered) << recovered.error().message;
  EXPECT_GT(recovered->checkpoint_seq, 0U);
  EXPECT_GT(recovered->replayed, 0U);
  EXPECT_EQ(engine.check_invariants(), "");
  ASSERT_EQ(recovered->tasks.size(), 2U);
  for (std::uint64_t id = 1; id <= 2; ++id) {
    const engine::Execution& execution = *engine.find(engine::ExecutionId{id});
    const engine::Children& children = *execution.find(engine::StrandId::top)->children;
    EXPECT_EQ(children.run->fate(0), engine::ChildFate::failed) << id;
    EXPECT_EQ(children.run->fate(1), engine::ChildFate::succeeded);
    EXPECT_EQ(children.run->fate(2), engine::ChildFate::open);
    EXPECT_EQ(children.run->items_of(engine::ChildFate::failed), 2U);
    EXPECT_EQ(children.results.at(1).to_text(), "[3,4]");
    EXPECT_EQ(children.run->note.value().to_text(), R"({"total":5})");
    const engine::MapRunPlan plan = engine::plan_of(children.run->parameters);
    EXPECT_EQ(plan.max_concurrency, 7U);
    EXPECT_EQ(plan.tolerated_count, 3);
    EXPECT_EQ(plan.batch_items, 2);
    EXPECT_EQ(execution.requests->size(), 1U) << "so that the change is not made twice";
  }
}

TEST_P(SampleOf, ARunIsRecovered) {
  engine::Engine engine(engine::Limits::hpc());
  const auto recovered = recover_copy(sample(GetParam()) + "/run", engine);
  ASSERT_TRUE(recovered) << recovered.error().message;
  EXPECT_EQ(recovered->warnings, std::vector<std::string>());
  EXPECT_GT(recovered->checkpoint_seq, 0U);
  EXPECT_GT(recovered->replayed, 0U);
  EXPECT_EQ(recovered->running, (std::vector{engine::ExecutionId{1}, engine::ExecutionId{2}}));
  ASSERT_EQ(recovered->tasks.size(), 1U);
  EXPECT_EQ(recovered->tasks[0].execution_name, "run-2");
  EXPECT_EQ(engine.check_invariants(), "");
  const engine::Strand& napping = *engine.find(engine::ExecutionId{1})->find(engine::StrandId::top);
  EXPECT_EQ(napping.phase, engine::Phase::waiting);
  EXPECT_EQ(napping.variables->find("kept")->to_text(), "\"yes\"");
  if (std::string_view(GetParam()) != "1.0") {
    EXPECT_EQ(engine.find(engine::ExecutionId{1})->input.to_text(), long_input()) << "of a checkpoint";
    EXPECT_EQ(engine.find(engine::ExecutionId{2})->input.to_text(), long_input()) << "of an Event";
  }
}

INSTANTIATE_TEST_SUITE_P(Versions, SampleOf, testing::Values("1.0", "1.1", "1.2", "1.3", "1.4", "1.5"));

}  // namespace
}  // namespace lockstep::journal
