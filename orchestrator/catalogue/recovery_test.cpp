// The catalogue comes back from checkpoints, its own files and the Events since, whatever a crash left of them.
#include <gtest/gtest.h>

#include <fmt/format.h>
#include <malloc.h>

#include <random>

#include "catalogue/catalogue.hpp"
#include "catalogue/names.hpp"
#include "catalogue/test_house.hpp"
#include "catalogue/view.hpp"
#include "journal/fsck.hpp"
#include "journal/journal_folder.hpp"
#include "journal/test_disk.hpp"
#include "journal/test_events.hpp"
#include "value/test_folder.hpp"

namespace lockstep::catalogue {
namespace {

using engine::ExecutionId;
using engine::Status;
using journal::kDiskFolder;
using journal::SimulatedDisk;

constexpr std::uint32_t kSmallIndex = 24;

/// All that can be asked of it.
std::string describe(const Catalogue& catalogue) {
  std::vector<PageRequest> lists;
  for (const std::string& machine : {std::string(), machine_arn("m0"), machine_arn("m1")}) {
    for (const std::optional<Status> status :
         {std::optional<Status>(), std::optional(Status::running), std::optional(Status::succeeded),
          std::optional(Status::failed), std::optional(Status::aborted)}) {
      lists.push_back({machine, status, 7});
    }
  }
  std::map<Status, std::uint64_t> listed;
  PageRequest all;
  do {
    const auto page = catalogue.executions().page(all);
    EXPECT_TRUE(page) << page.error().message;
    for (const ExecutionEntry& entry : page->entries) {
      ++listed[entry.status];
    }
    all.token = page->token;
  } while (!all.token.empty());
  const auto counts = catalogue.executions().counts();
  EXPECT_TRUE(counts && *counts == listed) << "they do not agree with what is listed";
  return catalogue::describe(catalogue, lists);
}

/// Refuses, while it is told to, to give a file of the index or a checkpoint its name.
class Refusing final : public journal::ForwardingFiles {
 public:
  using ForwardingFiles::ForwardingFiles;
  Result<void> rename(const std::string& from, const std::string& to) override {
    if (!refused.empty() && to.find(refused) != std::string::npos) {
      return fail(ErrorKind::io, to + " is refused");
    }
    return ForwardingFiles::rename(from, to);
  }
  std::string refused;
};

/// A house on a disk: an owner that journals what happens and takes checkpoints.
class LiveHouse {
 public:
  explicit LiveHouse(journal::FileLayer& disk, std::chrono::hours retain = std::chrono::hours(24 * 90),
                     const std::string& folder = kDiskFolder, std::uint64_t every_bytes = 4'000) {
    recovered = journal::recover(disk, folder, engine, &catalogue);
    if (!recovered) {
      return;
    }
    for (const ExecutionId id : engine::Snapshot::executions(engine)) {
      if (engine.find(id)->status != Status::running) {
        engine.forget(id);
      }
    }
    journal::JournalOptions options = journal::small_options(disk);
    options.now = [this] { return now.us; };
    if (folder != kDiskFolder) {
      options.first_segment = options.largest_segment = journal::kSmallestSegment;
    }
    auto begun = journal::go_on(folder, *recovered, recovered->last_epoch + 1, options);
    if (!begun) {
      return;
    }
    log = std::move(*begun);
    journal::CheckpointOptions checkpoint;
    checkpoint.files = &disk;
    checkpoint.threads = false;
    checkpoint.every_bytes = every_bytes;
    checkpoint.slice = std::chrono::microseconds(0);  // as many slices as there may be
    checkpoint.retain = retain;
    checkpoint.now = [this] { return now.us; };
    checkpoint.folded = &catalogue;
    checkpoint.warn = [this](const std::string& text) { warnings.push_back(text); };
    checkpointer = std::make_unique<journal::Checkpointer>(*log, recovered->checkpoint_number,
                                                           recovered->replayed_bytes, checkpoint);
  }
  ~LiveHouse() { checkpointer.reset(); }

  void happen(engine::Event event) {
    now.us += 1'000'000;
    event.time = now;
    engine.apply(event);
    const engine::Event kept = event;
    std::vector<engine::Event> events = {std::move(event)};
    const SequenceNumber seq = log->append(events);
    catalogue.apply(kept, seq);
    if (journal_is_over(kept)) {
      engine.forget(kept.execution);
    }
    checkpointer->step(engine);
  }
  void happen_to(std::uint64_t id, engine::EventBody body) {
    engine::Event event;
    event.execution = ExecutionId{id};
    event.id = 1;
    event.body = std::move(body);
    happen(std::move(event));
  }
  std::uint64_t start(const std::string& machine) {
    const auto id = static_cast<std::uint64_t>(catalogue.executions().next());
    auto identity = std::make_shared<engine::Identity>(
        fmt::format("execution-{}", id),
        std::make_shared<engine::MachineIdentity>(engine::MachineIdentity{"", machine_arn(machine), ""}));
    engine::ExecutionStarted body;
    body.identity = identity;
    body.machine = journal::test_machine();
    happen_to(id, std::move(body));
    return id;
  }
  void take(const Decision<Change>& decision) {
    if (decision && decision->event) {
      happen(Change(*decision).at(now));
    }
  }
  /// Something or other.
  void live(std::mt19937_64& random) {
    const auto running = catalogue.executions().page({"", Status::running, 40});
    const auto failed = catalogue.executions().page({"", Status::failed, 50});
    const auto any = [&](const ExecutionPage& page) {
      return static_cast<std::uint64_t>(page.entries[random() % page.entries.size()].id);
    };
    const std::string machine = random() % 3 == 0 ? "m1" : "m0";
    switch (random() % 16) {
      case 0: {
        CreateMachine wanted{machine, asl::ExecutionType::standard, "role", fmt::format("{{\"v\":{}}}", random() % 9)};
        wanted.jobs = "{}";
        wanted.request = fmt::format("request {}", now.us);
        take(catalogue.put(wanted));
        break;
      }
      case 1:
        take(random() % 8 == 0 ? catalogue.remove_machine(machine_arn(machine))
                               : catalogue.create_activity({fmt::format("a{}", random() % 3)}));
        break;
      case 2:
        if (failed && !failed->entries.empty()) {
          happen_to(any(*failed), engine::ExecutionRedriven{static_cast<std::uint32_t>(1 + random() % 9), ""});
        }
        break;
      case 3:
      case 4:
      case 5:
      case 6:
      case 7:
      case 8:
      case 9:
        start(machine);
        break;
      default:
        if (running && !running->entries.empty()) {
          const std::uint64_t id = any(*running);
          random() % 2 == 0   ? happen_to(id, engine::ExecutionSucceeded{})
          : random() % 2 == 0 ? happen_to(id, engine::ExecutionFailed{"E", std::nullopt})
                              : happen_to(id, engine::ExecutionAborted{});
        }
    }
  }

  engine::Engine engine{engine::Limits::hpc()};
  Catalogue catalogue{kSmallIndex};
  Result<journal::Recovered> recovered;
  std::unique_ptr<journal::DurableJournal> log;
  std::unique_ptr<journal::Checkpointer> checkpointer;
  Timestamp now{1'700'000'000'000'000};
  std::vector<std::string> warnings;

 private:
  static bool journal_is_over(const engine::Event& event) {
    return std::holds_alternative<engine::ExecutionSucceeded>(event.body) ||
           std::holds_alternative<engine::ExecutionFailed>(event.body) ||
           std::holds_alternative<engine::ExecutionAborted>(event.body);
  }
};

/// As it is where all Events are applied, and no file was ever written.
std::string from_events(const SimulatedDisk& disk) {
  Catalogue shadow;
  SequenceNumber seq = 0;
  const auto events = journal::read_all(disk);
  EXPECT_TRUE(events) << events.error().message;
  for (const engine::Event& event : *events) {
    shadow.apply(event, ++seq);
  }
  return describe(shadow);
}

std::size_t index_files(const SimulatedDisk& disk) {
  return journal::list_journal(disk, kDiskFolder)->indexes.size();
}

TEST(Recovery, WhatIsOverLiesInFewFiles) {
  auto disk = journal::make_disk();
  LiveHouse house(*disk);
  for (int i = 0; i < 400; ++i) {
    house.happen_to(house.start("m0"), engine::ExecutionSucceeded{});
  }
  ASSERT_TRUE(house.checkpointer->take(house.engine));
  EXPECT_EQ(house.warnings, std::vector<std::string>());
  // Of 24 entries each, but for the last ones; besides, those that only the checkpoint before names.
  EXPECT_GE(house.catalogue.executions().files(), 400 / kSmallIndex);
  EXPECT_LE(house.catalogue.executions().files(), 400 / kSmallIndex * 2 + 3);
  EXPECT_LE(index_files(*disk), house.catalogue.executions().files() + 6);
  EXPECT_EQ(describe(house.catalogue), from_events(*disk));

  const LiveHouse next(*disk);
  ASSERT_TRUE(next.recovered) << next.recovered.error().message;
  EXPECT_EQ(next.recovered->folded_anew, "");
  EXPECT_EQ(next.recovered->replayed, 0U);
  EXPECT_EQ(next.catalogue.executions().files(), house.catalogue.executions().files());
  EXPECT_EQ(describe(next.catalogue), describe(house.catalogue));
}

TEST(Recovery, TheCatalogueComesBackAfterAnyCrash) {
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    std::mt19937_64 random(seed);
    auto disk = journal::make_disk();
    for (int owner = 0; owner < 4; ++owner) {
      std::unique_ptr<SimulatedDisk> left;
      {
        LiveHouse house(*disk);
        ASSERT_TRUE(house.recovered) << house.recovered.error().message;
        ASSERT_NE(house.log, nullptr);
        EXPECT_EQ(house.recovered->folded_anew, "");
        EXPECT_EQ(describe(house.catalogue), from_events(*disk));
        house.now.us += owner * 1'000'000'000LL;
        if (random() % 2 == 0) {
          disk->fail_at(disk->operations() + random() % 400, SimulatedDisk::Fault::power_off);
        }
        for (std::uint64_t i = random() % 250; i > 0 && !house.log->failure(); --i) {
          house.live(random);
        }
        left = disk->crash(journal::kCrashPolicies[random() % std::size(journal::kCrashPolicies)], random);
      }
      disk = std::move(left);
    }
  }
}

TEST(Recovery, ACheckpointThatFailsLosesNothing) {
  auto disk = journal::make_disk();
  Refusing files(*disk);
  std::mt19937_64 random(7);
  {
    LiveHouse house(files);
    for (int i = 0; i < 600; ++i) {
      files.refused = i % 50 < 25 ? "" : i % 100 < 50 ? "/index-" : "/checkpoint-";
      house.live(random);
    }
    EXPECT_GE(house.warnings.size(), 4U);
    files.refused = "";
    ASSERT_TRUE(house.log->sync());
    EXPECT_EQ(describe(house.catalogue), from_events(*disk));
    files.refused = "/checkpoint-";
    EXPECT_FALSE(house.checkpointer->take(house.engine));
    files.refused = "";
    EXPECT_EQ(describe(house.catalogue), from_events(*disk));
  }
  const LiveHouse next(*disk);
  ASSERT_TRUE(next.recovered) << next.recovered.error().message;
  EXPECT_EQ(next.recovered->folded_anew, "");
  EXPECT_EQ(describe(next.catalogue), from_events(*disk));
}

TEST(Recovery, ADamagedFileKeepsNoCheckpointFromBeingTaken) {
  auto disk = journal::make_disk();
  LiveHouse house(*disk);
  for (int i = 0; i < 3; ++i) {
    house.happen_to(house.start("m0"), engine::ExecutionSucceeded{});
  }
  ASSERT_TRUE(house.checkpointer->take(house.engine));
  const auto listed = journal::list_journal(*disk, kDiskFolder);
  ASSERT_EQ(listed->indexes.size(), 1U);
  const std::string path = listed->indexes.begin()->second;
  disk->flip(path, journal::read_header(*disk, path)->sections[1].offset, 1);
  for (int i = 0; i < 3; ++i) {
    house.happen_to(house.start("m0"), engine::ExecutionSucceeded{});
  }
  EXPECT_FALSE(house.checkpointer->take(house.engine)) << "the file was to be merged";
  ASSERT_TRUE(house.checkpointer->take(house.engine)) << "but not a second time";
  EXPECT_EQ(house.catalogue.executions().files(), 2U);
  EXPECT_TRUE(house.catalogue.executions().find(ExecutionId{6}).value());
}

TEST(Recovery, TheCheckpointBeforeTheLastHasItsFiles) {
  auto disk = journal::make_disk();
  Refusing files(*disk);
  std::string lived;
  {
    LiveHouse house(files);
    std::mt19937_64 random(5);
    const auto live_on = [&] {
      for (int i = 0; i < 60; ++i) {
        house.live(random);
      }
      return house.checkpointer->take(house.engine);
    };
    for (int i = 0; i < 5; ++i) {
      ASSERT_TRUE(live_on());
    }
    files.refused = "/checkpoint-";  // what no checkpoint needs is removed before it gets its name
    EXPECT_FALSE(live_on());
    EXPECT_FALSE(live_on());
    lived = describe(house.catalogue);
  }
  const auto listed = journal::list_journal(*disk, kDiskFolder);
  disk->flip(listed->checkpoints.rbegin()->second, 1'000, 1);
  const LiveHouse next(*disk);
  ASSERT_TRUE(next.recovered) << next.recovered.error().message;
  EXPECT_EQ(next.recovered->warnings.size(), 1U);
  EXPECT_EQ(next.recovered->folded_anew, "");
  EXPECT_EQ(describe(next.catalogue), lived);
}

TEST(Recovery, WhatIsOverExpires) {
  auto disk = journal::make_disk();
  LiveHouse house(*disk, std::chrono::hours(1));
  const auto begin_and_end = [&](int count) {
    for (int i = 0; i < count; ++i) {
      house.happen_to(house.start("m0"), engine::ExecutionSucceeded{});
    }
  };
  begin_and_end(100);
  house.start("m0");
  ASSERT_TRUE(house.checkpointer->take(house.engine));
  EXPECT_TRUE(house.catalogue.may_start(machine_arn("m0"), "execution-1").error().error == "StateMachineDoesNotExist");
  EXPECT_TRUE(house.catalogue.executions().find(ExecutionId{1}).value());
  house.now.us += 3'600'000'000;
  begin_and_end(10);
  ASSERT_TRUE(house.checkpointer->take(house.engine));
  EXPECT_FALSE(house.catalogue.executions().find(ExecutionId{1}).value());
  EXPECT_FALSE(house.catalogue.executions().find(machine_arn("m0"), "execution-1").value());
  EXPECT_TRUE(house.catalogue.executions().find(ExecutionId{101}).value()) << "it runs";
  EXPECT_EQ(house.catalogue.executions().page({"", std::nullopt, 1'000})->entries.size(), 11U);
  ASSERT_TRUE(house.checkpointer->take(house.engine));
  ASSERT_TRUE(house.checkpointer->take(house.engine));
  EXPECT_EQ(index_files(*disk), house.catalogue.executions().files()) << "what no checkpoint names is gone";
}

TEST(Recovery, WhatIsOverTakesLittleMemory) {
  const TestFolder folder;
  LiveHouse house(journal::posix_files(), std::chrono::hours(24), folder.path(), 256U << 10);
  const auto begin_and_end = [&](int count) {
    for (int i = 0; i < count; ++i) {
      house.happen_to(house.start("m0"), engine::ExecutionSucceeded{});
    }
    ASSERT_TRUE(house.checkpointer->take(house.engine));
  };
  const auto allocated = [] {
    const struct mallinfo2 info = ::mallinfo2();
    return info.uordblks + info.hblkhd;
  };
  begin_and_end(1'000);
  const std::size_t before = allocated();
  begin_and_end(8'000);
  EXPECT_LE(allocated(), before + 8'000 * 150);
  EXPECT_TRUE(house.catalogue.executions().find(ExecutionId{4'321}).value());
}

TEST(Recovery, WhoOnlyReadsSeesTheSame) {
  auto disk = journal::make_disk();
  LiveHouse house(*disk);
  std::mt19937_64 random(6);
  for (int i = 0; i < 300; ++i) {
    house.live(random);
    if (i % 30 == 0) {
      ASSERT_TRUE(house.log->sync());
      const auto seen = view(*disk, kDiskFolder);
      ASSERT_TRUE(seen) << seen.error().message;
      EXPECT_EQ(describe(**seen), describe(house.catalogue));
    }
  }
}

TEST(Recovery, WithoutAFileTheIndexIsMadeAnew) {
  auto disk = journal::make_disk();
  std::string lived;
  {
    LiveHouse house(*disk);
    std::mt19937_64 random(3);
    for (int i = 0; i < 300; ++i) {
      house.live(random);
    }
    ASSERT_TRUE(house.checkpointer->take(house.engine));
    lived = describe(house.catalogue);
  }
  const auto listed = journal::list_journal(*disk, kDiskFolder);
  ASSERT_FALSE(listed->indexes.empty());
  disk->flip(listed->indexes.rbegin()->second, 700, 1);
  auto checked = journal::check_journal(*disk, kDiskFolder).value();
  ASSERT_EQ(checked.findings.size(), 1U);
  EXPECT_EQ(checked.findings[0].problem, "the checksum of its bytes from 0 on does not hold");
  EXPECT_TRUE(checked.is_damaged());
  EXPECT_FALSE(checked.refusal);
  const auto salvaged = journal::salvage_journal(*disk, kDiskFolder, checked, "test");
  ASSERT_TRUE(salvaged) << salvaged.error().message;
  Catalogue fresh;
  checked = journal::check_journal(*disk, kDiskFolder, &fresh).value();
  ASSERT_EQ(checked.findings.size(), 1U);
  EXPECT_EQ(checked.findings[0].consequence, "resume makes the catalogue anew from the events that there are");
  EXPECT_FALSE(checked.is_damaged());
  LiveHouse next(*disk);
  ASSERT_TRUE(next.recovered) << next.recovered.error().message;
  EXPECT_NE(next.recovered->folded_anew, "");
  EXPECT_EQ(describe(next.catalogue), lived);
  ASSERT_TRUE(next.checkpointer->take(next.engine));
  const LiveHouse again(*disk);
  EXPECT_EQ(again.recovered->folded_anew, "");
  EXPECT_EQ(describe(again.catalogue), lived);
}

TEST(Recovery, AJournalWithoutACatalogueGetsOne) {
  auto disk = journal::make_disk();
  std::string lived;
  {
    LiveHouse house(*disk);
    std::mt19937_64 random(4);
    for (int i = 0; i < 200; ++i) {
      house.live(random);
    }
    journal::CheckpointOptions options;  // as who knows of none
    options.files = disk.get();
    options.threads = false;
    journal::Checkpointer without(*house.log, 1'000, 0, options);
    ASSERT_TRUE(without.take(house.engine));
    lived = describe(house.catalogue);
  }
  const LiveHouse next(*disk);
  ASSERT_TRUE(next.recovered) << next.recovered.error().message;
  EXPECT_EQ(next.recovered->folded_anew, "the checkpoint holds no catalogue");
  EXPECT_EQ(next.recovered->warnings, std::vector<std::string>());
  EXPECT_EQ(describe(next.catalogue), lived);
}

}  // namespace
}  // namespace lockstep::catalogue
