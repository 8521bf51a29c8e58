// Houses of every released version of the format are read for ever. With LOCKSTEP_WRITE_SAMPLE=FOLDER set, the first
// test writes the present version's there instead (to be kept under the journal's testdata/).
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "catalogue/names.hpp"
#include "catalogue/test_house.hpp"
#include "catalogue/view.hpp"
#include "journal/recovery.hpp"
#include "journal/test_events.hpp"

namespace lockstep::catalogue {
namespace {

constexpr journal::SegmentSize kSize{32, 4'096};

/// Two machines, one with a revision; an activity; executions that are over in two files of the index, one of them
/// redriven since; one that runs.
void write_house(const std::string& folder) {
  std::filesystem::create_directories(folder);
  Catalogue catalogue;
  catalogue.start(journal::posix_files(), folder);
  const engine::Engine engine(engine::Limits::hpc());
  journal::JournalOptions options;
  options.first_segment = kSize;
  options.largest_segment = kSize;
  options.origin = {"lockstep sample", "a-host", ""};
  options.threads = false;
  journal::JournalStart start;
  start.folder = folder;
  const auto log = journal::DurableJournal::create(start, options).value();
  journal::CheckpointOptions checkpoint;
  checkpoint.threads = false;
  checkpoint.folded = &catalogue;
  checkpoint.software = "lockstep sample";
  journal::Checkpointer checkpointer(*log, 0, 0, checkpoint);
  Timestamp now{1'700'000'000'000'000};
  const auto happen = [&](engine::Event event) {
    now.us += 1'000'000;
    event.time = now;
    std::vector<engine::Event> events = {event};
    catalogue.apply(event, log->append(events));
  };
  const auto happen_to = [&](std::uint64_t id, engine::EventBody body) {
    engine::Event event;
    event.execution = engine::ExecutionId{id};
    event.id = 1;
    event.body = std::move(body);
    happen(std::move(event));
  };
  const auto begin = [&](std::uint64_t id) {
    auto identity = std::make_shared<engine::Identity>(
        fmt::format("execution-{}", id),
        std::make_shared<engine::MachineIdentity>(engine::MachineIdentity{"", machine_arn("m"), ""}));
    engine::ExecutionStarted body;
    body.identity = identity;
    body.machine = journal::test_machine();
    happen_to(id, std::move(body));
  };
  CreateMachine machine{"m", asl::ExecutionType::standard, "role", journal::test_definition()};
  machine.settings = Value::from_checked_text(R"({"tags":[]})");
  machine.request = "from node 1";
  happen(catalogue.create(machine).value().at(now));
  machine.definition += " ";
  machine.jobs = "{}";
  machine.jobs_folder = "/home/me";
  machine.request = "from node 2";
  happen(catalogue.put(machine).value().at(now));
  happen(catalogue.create({"x", asl::ExecutionType::express, "role", "{}"}).value().at(now));
  happen(catalogue.create_activity({"a"}).value().at(now));
  for (std::uint64_t id = 1; id <= 4; ++id) {
    begin(id);
    happen_to(id, engine::ExecutionFailed{"E", std::nullopt});
  }
  ASSERT_TRUE(checkpointer.take(engine));
  happen_to(2, engine::ExecutionRedriven{1, ""});
  begin(5);
  begin(6);
  happen_to(6, engine::ExecutionSucceeded{});
  ASSERT_TRUE(checkpointer.take(engine));
  begin(7);
  ASSERT_TRUE(log->sync());
}

TEST(Sample, IsWritten) {
  const char* folder = std::getenv("LOCKSTEP_WRITE_SAMPLE");
  if (folder == nullptr) {
    GTEST_SKIP() << "LOCKSTEP_WRITE_SAMPLE is not set";
  }
  write_house(std::string(folder) + "/house");
}

class SampleOf : public testing::TestWithParam<const char*> {};

TEST_P(SampleOf, AHouseIsRead) {
  const auto seen = view(journal::posix_files(), std::string(LOCKSTEP_TESTDATA) + "/" + GetParam() + "/house");
  ASSERT_TRUE(seen) << seen.error().message;
  const Catalogue& catalogue = **seen;
  EXPECT_EQ(catalogue.executions().files(), 2U) << "it was not made anew";
  EXPECT_EQ(describe(catalogue, {PageRequest{machine_arn("m")}}),
            R"(next 8
machine arn:aws:states:us-east-1:123456789012:stateMachine:m 1700000001000000 deleting false running 3
  1 {"StartAt":"A","States":{"A":{"Type":"Pass","Next":"B"},"B":{"Type":"Succeed"}}}   role {"tags":[]} 1700000001000000
  2 {"StartAt":"A","States":{"A":{"Type":"Pass","Next":"B"},"B":{"Type":"Succeed"}}}  {} /home/me role {"tags":[]} 1700000002000000
machine arn:aws:states:us-east-1:123456789012:stateMachine:x 1700000003000000 deleting false running 0
  1 {}   role {} 1700000003000000
activity arn:aws:states:us-east-1:123456789012:activity:a a {} 1700000004000000
arn:aws:states:us-east-1:123456789012:stateMachine:m -1:
7 arn:aws:states:us-east-1:123456789012:stateMachine:m execution-7 1700000017000000 -1 0 17-0 0 0
6 arn:aws:states:us-east-1:123456789012:stateMachine:m execution-6 1700000015000000 1700000016000000 1 15-16 0 0
5 arn:aws:states:us-east-1:123456789012:stateMachine:m execution-5 1700000014000000 -1 0 14-0 0 0
4 arn:aws:states:us-east-1:123456789012:stateMachine:m execution-4 1700000011000000 1700000012000000 2 11-12 0 0
3 arn:aws:states:us-east-1:123456789012:stateMachine:m execution-3 1700000009000000 1700000010000000 2 9-10 0 0
2 arn:aws:states:us-east-1:123456789012:stateMachine:m execution-2 1700000007000000 -1 0 7-0 0 1
1 arn:aws:states:us-east-1:123456789012:stateMachine:m execution-1 1700000005000000 1700000006000000 2 5-6 0 0
)");
  EXPECT_FALSE(
      catalogue.put({"m", asl::ExecutionType::standard, "", "", "", "", Value::empty_object(), "from node 2"})->event)
      << "it was dealt with";
}

INSTANTIATE_TEST_SUITE_P(Versions, SampleOf, testing::Values("1.3", "1.4", "1.5"));

}  // namespace
}  // namespace lockstep::catalogue
