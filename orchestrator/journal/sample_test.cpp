// Journals of every released version of the format are read for ever. With LOCKSTEP_WRITE_SAMPLE=FOLDER set, the first
// test writes the present version's there instead (to be kept under testdata/).
#include <gtest/gtest.h>

#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "asl/parser.hpp"
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

/// Two executions: one naps, one's task is out. An archive, a checkpoint, a segment with what came after.
void write_run(const std::string& folder) {
  fs::create_directories(folder);
  engine::Engine engine(engine::Limits::hpc());
  JournalStart start;
  start.folder = folder;
  auto journal = DurableJournal::create(start, options()).value();
  CheckpointOptions checkpoint;
  checkpoint.threads = false;
  checkpoint.software = "lockstep sample";
  Checkpointer checkpointer(*journal, 0, 0, checkpoint);
  engine::Step step;
  const auto handle = [&](auto body) {
    step.clear();
    engine.handle({Timestamp{1'700'000'000'000'000}, 1, std::move(body)}, step);
    journal->append(step.events);
  };
  const asl::StateMachinePtr machine = asl::parse_definition(kDefinition).machine;
  const auto begin = [&](std::uint64_t id) {
    auto identity = std::make_shared<engine::Identity>();
    identity->name = fmt::format("run-{}", id);
    handle(engine::StartExecution{engine::ExecutionId{id}, identity, machine, Value::from_checked_text("{\"n\":1}")});
  };
  begin(1);
  engine::TaskOutcome outcome;
  outcome.id = std::get<engine::DispatchTask>(step.effects.at(0)).id;
  outcome.result = Value::from_checked_text("{\"done\":true}");
  handle(outcome);
  for (std::uint64_t id = 3; id < 10; ++id) {  // to fill a segment
    begin(id);
    handle(engine::StopExecution{"", engine::ExecutionId{id}, "Stopped", std::nullopt});
    engine.forget(engine::ExecutionId{id});
  }
  ASSERT_TRUE(checkpointer.take(engine));
  begin(2);
  ASSERT_TRUE(journal->sync());
}

TEST(Sample, IsWritten) {
  const char* folder = std::getenv("LOCKSTEP_WRITE_SAMPLE");
  if (folder == nullptr) {
    GTEST_SKIP() << "LOCKSTEP_WRITE_SAMPLE is not set";
  }
  write_events(std::string(folder) + "/events");
  write_run(std::string(folder) + "/run");
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
  ASSERT_EQ(events.size(), std::string_view(GetParam()) == "1.0" ? 25U : 29U);
  EXPECT_EQ(events[0].execution, engine::ExecutionId{std::uint64_t{1} << 40});
  EXPECT_EQ(events[0].time.us, 1'700'000'000'000'000);
  const auto& started = std::get<engine::ExecutionStarted>(events[0].body);
  EXPECT_EQ(started.identity->name, "run-1");
  EXPECT_EQ(started.machine->text, test_definition());
  const auto& exited = std::get<engine::StateExited>(events[6].body);
  EXPECT_EQ(exited.output.to_text(), "[1,2,3,4,5,6]");
  EXPECT_EQ(exited.assigned.at(0).name, "x");
  EXPECT_EQ(exited.assigned.at(0).value.to_text(), "1e400");
  const auto& scheduled = std::get<engine::TaskScheduled>(events[8].body);
  EXPECT_EQ(scheduled.count, 3U);
  EXPECT_EQ(scheduled.heartbeat_seconds, -1);
  EXPECT_EQ(std::get<engine::WaitStarted>(events[14].body).deadline.us, -5'000'000);
  EXPECT_EQ(std::get<engine::ChildrenFailed>(events[24].body).error, "E");
}

TEST_P(SampleOf, ARunIsRecovered) {
  // Recovery writes (it syncs, and removes what is unfinished), so a copy.
  const fs::path copy = fs::temp_directory_path() / fmt::format("lockstep-sample-{}", ::getpid());
  fs::remove_all(copy);
  fs::copy(sample(GetParam()) + "/run", copy, fs::copy_options::recursive);
  for (const auto& entry : fs::recursive_directory_iterator(copy)) {
    fs::permissions(entry.path(), fs::perms::owner_all, fs::perm_options::add);
  }
  engine::Engine engine(engine::Limits::hpc());
  const auto recovered = recover(posix_files(), copy.string(), engine);
  fs::remove_all(copy);
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
}

INSTANTIATE_TEST_SUITE_P(Versions, SampleOf, testing::Values("1.0"));

}  // namespace
}  // namespace lockstep::journal
