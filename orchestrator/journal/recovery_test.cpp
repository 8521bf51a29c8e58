#include "journal/recovery.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <random>
#include <thread>

#include "asl/parser.hpp"
#include "engine/test_world.hpp"
#include "journal/fsck.hpp"
#include "journal/test_disk.hpp"
#include "journal/test_events.hpp"
#include "value/test_folder.hpp"

namespace lockstep::journal {
namespace {

using namespace std::chrono_literals;

constexpr const char* kDefinition = R"({"StartAt":"Work","TimeoutSeconds":3600,"States":{
  "Work":{"Type":"Task","Resource":"job:work","Assign":{"kept":"a variable"},"Next":"Nap"},
  "Nap":{"Type":"Wait","Seconds":60,"Next":"Both"},
  "Both":{"Type":"Parallel","Branches":[
    {"StartAt":"A","States":{"A":{"Type":"Task","Resource":"job:a","End":true}}},
    {"StartAt":"B","States":{"B":{"Type":"Task","Resource":"job:b","End":true}}}],"End":true}}})";

/// The real file system, where nobody can tell what is in a folder, or whether something stands.
class BrokenFiles final : public ForwardingFiles {
 public:
  explicit BrokenFiles(std::string part) : ForwardingFiles(posix_files()), part_(std::move(part)) {}
  Result<Standing> look(const std::string& path) const override {
    return is_broken(path) ? broken(path) : ForwardingFiles::look(path);
  }
  Result<std::vector<std::string>> list(const std::string& path) const override {
    return is_broken(path) ? broken(path) : ForwardingFiles::list(path);
  }

 private:
  bool is_broken(const std::string& path) const { return path.ends_with(part_); }
  static tl::unexpected<Error> broken(const std::string& path) {
    return fail(ErrorKind::io, fmt::format("cannot look at {}: Input/output error", path));
  }
  std::string part_;
};

/// A process that owns a run folder on the real file system.
struct Process {
  engine::Engine engine{engine::Limits::hpc()};
  std::optional<OpenRun> run;
};

class ARun : public testing::Test {
 protected:
  void open() {
    owner_.reset();
    owner_ = std::make_unique<Process>();
    OpenOptions options;
    options.journal.first_segment = {64, 16 << 10};
    options.journal.largest_segment = {64, 16 << 10};
    options.checkpoint.every_bytes = every_bytes_;
    options.checkpoint.idle = 20ms;
    options.checkpoint.slice = slice_;
    auto opened = open_run(folder_, owner_->engine, options);
    ASSERT_TRUE(opened) << opened.error().message;
    owner_->run.emplace(std::move(*opened));
  }
  OpenRun& run() { return *owner_->run; }
  engine::Engine& engine() { return owner_->engine; }

  void handle(engine::InputBody body) {
    bool more = true;
    while (more) {
      engine::Step step;
      engine().handle({now_, 1, std::exchange(body, engine::Proceed{})}, step);
      run().journal->append(step.events);
      for (engine::Effect& effect : step.effects) {
        if (auto* dispatch = std::get_if<engine::DispatchTask>(&effect.body)) {
          dispatched_.push_back(dispatch->id);
        }
      }
      more = engine().has_ready();
    }
    run().checkpointer->step(engine());
  }
  void start(std::uint64_t id, engine::ExecutionType type = engine::ExecutionType::standard) {
    static const asl::StateMachinePtr machine = asl::parse_definition(kDefinition).machine;
    auto identity = std::make_shared<engine::Identity>(fmt::format("run-{}", id));
    auto child = std::make_shared<engine::ChildOrigin>();
    child->variables = {{"given", Value::from_checked_text("1")}};
    handle(engine::StartExecution{
        engine::ExecutionId{id}, identity, machine, Value::from_checked_text("{\"n\":1}"), {type, 3, child}});
  }
  void succeed(const engine::DispatchId& id) {
    work::Outcome outcome;
    outcome.id = id;
    outcome.result = Value::from_checked_text("{\"done\":true}");
    outcome.started = now_;
    handle(std::move(outcome));
  }
  std::string state() {
    std::string text;
    for (const engine::ExecutionId id : engine::Snapshot::executions(engine())) {
      text += engine::describe(engine(), id);
    }
    return text;
  }
  std::size_t count(const std::string& part, const std::string& folder = "journal") const {
    std::size_t found = 0;
    if (!std::filesystem::exists(folder_ + "/" + folder)) {
      return 0;
    }
    for (const auto& entry : std::filesystem::directory_iterator(folder_ + "/" + folder)) {
      found += entry.path().filename().string().starts_with(part) ? 1 : 0;
    }
    return found;
  }

  const TestFolder made_;
  const std::string folder_ = made_.path();
  std::unique_ptr<Process> owner_;
  Timestamp now_{1'700'000'000'000'000};
  std::deque<engine::DispatchId> dispatched_;
  std::uint64_t every_bytes_ = 64U << 20;
  std::chrono::microseconds slice_{2'000};
};

TEST_F(ARun, ANewFolderIsEmpty) {
  open();
  EXPECT_TRUE(run().recovered.is_new);
  EXPECT_EQ(run().journal->epoch(), 1U);
  EXPECT_EQ(run().journal->durable(), 0U);
}

TEST_F(ARun, GoesOnWhereItWas) {
  open();
  start(1);
  succeed(dispatched_.front());  // now it naps
  start(2);                      // its task is out
  handle(engine::TaskProgress{dispatched_.back(), engine::TaskProgress::Kind::noted, now_,
                              Value::from_checked_text("{\"slurm\":7}")});
  const std::string before = state();
  open();
  EXPECT_EQ(state(), before);
  EXPECT_EQ(engine().check_invariants(), "");
  EXPECT_FALSE(run().recovered.is_new);
  EXPECT_EQ(run().journal->epoch(), 2U);
  ASSERT_EQ(run().recovered.tasks.size(), 1U);
  EXPECT_EQ(run().recovered.tasks[0].execution_name, "run-2");
  EXPECT_EQ(run().recovered.tasks[0].state_name, "Work");
  EXPECT_EQ(run().recovered.tasks[0].task.id, dispatched_.back());
  EXPECT_EQ(run().recovered.running.size(), 2U);
  // The nap ends when it was to end.
  ASSERT_TRUE(engine().next_deadline());
  EXPECT_EQ(engine().next_deadline()->us, now_.us + 60 * kMicrosPerSecond);
  now_.us += 60 * kMicrosPerSecond;
  dispatched_.clear();
  handle(engine::Proceed{});
  EXPECT_EQ(dispatched_.size(), 2U) << "both branches";
}

TEST_F(ARun, ACheckpointAloneBringsEverythingBack) {
  open();
  for (std::uint64_t id = 1; id <= 20; ++id) {
    start(id);
    if (id % 3 != 0) {
      succeed(dispatched_.back());
    } else {
      handle(engine::TaskProgress{dispatched_.back(), engine::TaskProgress::Kind::noted, now_,
                                  Value::from_checked_text("7")});
    }
  }
  now_.us += 60 * kMicrosPerSecond;
  handle(engine::Proceed{});
  ASSERT_TRUE(run().checkpointer->take(engine()));
  const std::string before = state();
  open();
  EXPECT_EQ(run().recovered.replayed, 0U);
  EXPECT_GT(run().recovered.checkpoint_seq, 100U);
  EXPECT_EQ(state(), before);
  EXPECT_EQ(engine().check_invariants(), "");
}

TEST_F(ARun, AnExpressExecutionComesBackAsItWasAtItsStartAndASynchronousOneNotAtAll) {
  open();
  start(1, engine::ExecutionType::express);
  const std::string begun = state();
  const std::size_t first = dispatched_.size();
  ASSERT_EQ(first, 1U);
  succeed(dispatched_.front());
  start(2, engine::ExecutionType::express_sync);
  ASSERT_NE(state(), begun);
  for (const bool with_checkpoint : {false, true}) {
    if (with_checkpoint) {
      handle(engine::Proceed{});
      ASSERT_TRUE(run().checkpointer->take(engine()));
    }
    open();
    EXPECT_EQ(run().recovered.checkpoint_seq != 0, with_checkpoint);
    EXPECT_EQ(run().recovered.running, std::vector{engine::ExecutionId{1}});
    EXPECT_EQ(run().recovered.tasks.size(), 0U);
    dispatched_.clear();
    handle(engine::Proceed{});
    EXPECT_EQ(state(), begun);
    ASSERT_EQ(dispatched_.size(), 1U);
    succeed(dispatched_.front());
  }
}

TEST_F(ARun, EndsThatNobodyMayHaveHeardOfAreToldAgain) {
  open();
  start(1);
  start(2);
  handle(engine::StopExecution{"", engine::ExecutionId{1}, "Stopped", "by hand"});
  open();
  ASSERT_EQ(run().recovered.endings.size(), 1U);
  EXPECT_EQ(run().recovered.endings[0].execution, engine::ExecutionId{1});
  EXPECT_EQ(std::get<engine::ExecutionAborted>(run().recovered.endings[0].body).error, "Stopped");
  // Also where it is folded into a checkpoint.
  ASSERT_TRUE(run().checkpointer->take(engine()));
  open();
  EXPECT_EQ(run().recovered.replayed, 0U);
  ASSERT_EQ(run().recovered.endings.size(), 1U);
  EXPECT_EQ(std::get<engine::ExecutionAborted>(run().recovered.endings[0].body).cause, "by hand");
}

TEST_F(ARun, WhatHappensWhileACheckpointIsTakenIsInItOrBehindIt) {
  every_bytes_ = 4'000;
  slice_ = 0us;  // as few executions at a time as can be
  open();
  for (std::uint64_t id = 1; id <= 400; ++id) {
    start(id);
  }
  std::shuffle(dispatched_.begin(), dispatched_.end(), std::mt19937_64(1));
  for (const engine::DispatchId& id : std::deque(dispatched_)) {
    succeed(id);
  }
  ASSERT_TRUE(run().journal->sync());
  const auto deadline = std::chrono::steady_clock::now() + 60s;
  while (count("checkpoint-") == 0 && std::chrono::steady_clock::now() < deadline) {
    run().checkpointer->step(engine());
    std::this_thread::sleep_for(1ms);
  }
  const std::string before = state();
  open();
  EXPECT_GT(run().recovered.checkpoint_seq, 0U);
  EXPECT_GT(run().recovered.replayed, 0U);
  EXPECT_EQ(state(), before);
}

TEST_F(ARun, CheckpointsComeByThemselvesAndSegmentsGoToTheArchive) {
  every_bytes_ = 20'000;
  open();
  for (std::uint64_t id = 1; id <= 200; ++id) {
    start(id);
    succeed(dispatched_.back());
  }
  const auto give_up = std::chrono::steady_clock::now() + 20s;
  while ((count("hist-", "journal/archive") < 5 || count("checkpoint-") < 2) &&
         std::chrono::steady_clock::now() < give_up) {
    handle(engine::Proceed{});
    std::this_thread::sleep_for(5ms);
  }
  EXPECT_GE(count("hist-", "journal/archive"), 5U);
  EXPECT_EQ(count("checkpoint-"), 2U);
  const std::string before = state();
  open();
  EXPECT_GT(run().recovered.checkpoint_seq, 0U);
  EXPECT_EQ(state(), before);
  EventReader reader = EventReader::open(journal_folder(folder_)).value();
  std::uint64_t read = 0;
  while (true) {
    const auto next = reader.next();
    ASSERT_TRUE(next) << next.error().message;
    if (!*next) {
      break;
    }
    ++read;
    ASSERT_EQ((*next)->seq, read) << "history is whole, archived or not";
  }
  EXPECT_EQ(read + 1, run().recovered.tail.next_seq);
}

TEST_F(ARun, AFolderThatCannotBeReadIsNotEmpty) {
  open();
  start(1);
  ASSERT_TRUE(run().checkpointer->take(engine()));
  owner_.reset();
  std::filesystem::create_directory(folder_ + "/journal/archive");
  std::filesystem::create_directory(folder_ + "/journal/blobs");
  const std::size_t before = count("", "journal");
  for (const char* part : {"/journal", "/archive", "/blobs"}) {
    BrokenFiles broken(part);
    OpenOptions options;
    options.journal.files = &broken;
    engine::Engine other(engine::Limits::hpc());
    const auto refused = open_run(folder_, other, options);
    ASSERT_FALSE(refused) << part;
    EXPECT_NE(refused.error().message.find(part), std::string::npos) << refused.error().message;
    EXPECT_EQ(count("", "journal"), before) << "nothing was begun anew";
  }
  open();
  EXPECT_FALSE(run().recovered.is_new);
}

TEST_F(ARun, AnEmptyJournalIsRefusedWhereOneWasBegun) {
  open();
  start(1);
  owner_.reset();
  std::filesystem::rename(folder_ + "/journal", folder_ + "/elsewhere");
  engine::Engine other(engine::Limits::hpc());
  const auto refused = open_run(folder_, other, {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::io);
  EXPECT_NE(refused.error().message.find("--fresh"), std::string::npos) << refused.error().message;
  std::filesystem::remove(folder_ + "/journal");
  std::filesystem::rename(folder_ + "/elsewhere", folder_ + "/journal");
  open();
  EXPECT_FALSE(run().recovered.is_new);
}

TEST_F(ARun, TwoHistoriesInOneFolderAreRefused) {
  open();
  start(1);
  owner_.reset();
  const std::string journal = journal_folder(folder_);
  EventReader reader = EventReader::open(journal).value();
  while (reader.next_row().value()) {
  }
  ASSERT_TRUE(archive_segment(posix_files(), journal, 1, reader.tail().next_seq - 1, "test"));
  // An owner that did not see the archive begins anew.
  std::filesystem::rename(journal + "/archive", folder_ + "/hidden");
  ASSERT_TRUE(Lease::acquire(folder_, 0).value()->forget_journal());
  open();
  EXPECT_TRUE(run().recovered.is_new);
  start(1);
  owner_.reset();
  std::filesystem::rename(folder_ + "/hidden", journal + "/archive");
  engine::Engine other(engine::Limits::hpc());
  const auto refused = open_run(folder_, other, {});
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("two histories"), std::string::npos) << refused.error().message;
  EXPECT_TRUE(check_journal(posix_files(), journal).value().refusal) << "fsck sees it, too";
}

TEST_F(ARun, ADamagedCheckpointIsPassedOver) {
  open();
  start(1);
  ASSERT_TRUE(run().checkpointer->take(engine()));
  start(2);
  ASSERT_TRUE(run().checkpointer->take(engine()));
  const std::string before = state();
  owner_.reset();
  for (int damaged = 0; damaged < 2; ++damaged) {
    const std::string path = folder_ + "/journal/" + checkpoint_name(damaged == 0 ? 2 : 1);
    {
      const auto file = posix_files().open_to_write(path).value();
      const std::byte wrong{0x5a};
      ASSERT_TRUE(file->write(std::span(&wrong, 1), 3'000));
    }
    open();
    EXPECT_EQ(state(), before);
    ASSERT_EQ(run().recovered.warnings.size(), static_cast<std::size_t>(damaged) + 1);
    EXPECT_NE(run().recovered.warnings[0].find("checksum"), std::string::npos);
    owner_.reset();
  }
}

TEST_F(ARun, ASecondOwnerIsRefused) {
  open();
  engine::Engine other(engine::Limits::hpc());
  const auto refused = open_run(folder_, other, {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::occupied);
  EXPECT_TRUE(run().lease->check());
}

TEST_F(ARun, AFolderThatCannotBeMadeIsOccupied) {
  engine::Engine engine(engine::Limits::hpc());
  const auto refused = open_run(folder_ + "/no/such", engine, {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::occupied);
}

TEST(OpenItems, TakeFewFilesAndComeBack) {
  constexpr std::size_t kItems = 6'000;
  constexpr std::size_t kMostFiles = 20;
  const auto disk = make_disk();
  JournalOptions options;
  options.files = disk.get();
  options.threads = false;
  auto run = start_run(*disk, options).value();
  const asl::StateMachinePtr machine =
      asl::parse_definition(R"({"StartAt":"M","States":{"M":{"Type":"Map","End":true,"ItemProcessor":{"StartAt":"W",)"
                            R"("States":{"W":{"Type":"Wait","Seconds":1000,"End":true}}}}}})")
          .machine;
  std::string items = "[";
  for (std::size_t i = 0; i < kItems; ++i) {
    items += fmt::format("{}{{\"id\":{},\"pad\":\"{:02000}\"}}", i == 0 ? "" : ",", i, i);
  }
  engine::Step step;
  const auto handle = [&](auto body) {
    step.clear();
    run->engine.handle({Timestamp{1'700'000'000'000'000}, 1, std::move(body)}, step);
    run->journal->append(step.events);
  };
  handle(engine::StartExecution{engine::ExecutionId{1}, std::make_shared<engine::Identity>(), machine,
                                Value::from_checked_text(items + "]")});
  while (run->engine.has_ready()) {
    handle(engine::Proceed{});
  }
  ASSERT_TRUE(run->checkpointer->take(run->engine));
  std::size_t files = 0;
  for (const char* folder : {"", "/archive", "/texts", "/blobs"}) {
    files += disk->list(kDiskFolder + folder).value().size();
  }
  EXPECT_LE(files, kMostFiles);
  engine::Engine again(engine::Limits::hpc());
  ASSERT_TRUE(recover(*disk, kDiskFolder, again));
  EXPECT_EQ(again.check_invariants(), "");
  const engine::Execution& execution = *again.find(engine::ExecutionId{1});
  EXPECT_EQ(execution.strands.size(), kItems + 1);
  EXPECT_EQ(execution.input.to_text(), items + "]");
}

}  // namespace
}  // namespace lockstep::journal
