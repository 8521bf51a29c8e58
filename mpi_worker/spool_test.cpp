#include "mpi_worker/spool.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "journal/simulated_disk.hpp"
#include "mpi_worker/spool_record.hpp"
#include "value/test_folder.hpp"

namespace lockstep::worker {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr journal::Epoch kEpoch = 12;
constexpr std::uint32_t kRank = 7;

class SpoolTest : public testing::Test {
 protected:
  std::unique_ptr<Spool> make(journal::Epoch epoch = kEpoch, std::uint32_t rank = kRank) {
    return std::make_unique<Spool>(folder_, epoch, rank, journal::Sync::group, nullptr);
  }
  static DispatchId id(std::uint64_t number) {
    return {work::ExecutionId{1}, static_cast<work::StrandId>(number), 3, 2};
  }
  static Outcome succeeded(std::uint64_t number, std::string text = "{\"ok\":true}") {
    Outcome outcome;
    outcome.id = id(number);
    outcome.result = Value::from_text(std::move(text)).value();
    outcome.started = {5'000'000};
    outcome.ended = {7'250'000};
    return outcome;
  }
  struct Read {
    std::vector<SpoolRecord> records;
    std::vector<std::string> warnings;
  };
  Read read() const {
    Read all;
    all.warnings = read_spools(folder_, [&](SpoolRecord record) { all.records.push_back(std::move(record)); }).value();
    return all;
  }
  std::string spool_folder(journal::Epoch epoch = kEpoch) const {
    return spools_folder(folder_) + "/" + spool_name(kRank, epoch);
  }
  std::vector<std::string> segments() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(spool_folder())) {
      const std::string name = entry.path().filename().string();
      if (name.starts_with("seg-") && name.ends_with(".h5")) {
        names.push_back(name);
      }
    }
    std::sort(names.begin(), names.end());
    return names;
  }
  /// Records outcomes, in commits of a hundred, from `from` on until a new segment has begun; the next number.
  std::uint64_t fill_segment(Spool& spool, std::uint64_t from) const {
    const std::size_t before = segments().size();
    while (segments().size() == before) {
      for (int i = 0; i < 100; ++i) {
        spool.ended(succeeded(from++));
      }
      EXPECT_TRUE(spool.commit());
    }
    return from;
  }

  const TestFolder made_;
  const std::string folder_ = made_.path();
};

TEST_F(SpoolTest, WhatWasCommittedIsRead) {
  const auto spool = make();
  spool->started(id(1), {4'000'000});
  spool->ended(succeeded(1));
  Outcome failed;
  failed.id = id(2);
  failed.kind = OutcomeKind::failed;
  failed.error = "States.TaskFailed";
  failed.cause = "exit status 3";
  spool->ended(failed);
  Outcome silent;
  silent.id = {work::ExecutionId{UINT64_MAX}, work::StrandId::none, UINT32_MAX, UINT32_MAX};
  silent.kind = OutcomeKind::heartbeat_missed;
  spool->ended(silent);
  ASSERT_TRUE(spool->commit());
  EXPECT_EQ(spool->durable(), spool->last());

  const Read all = read();  // while it is being written
  EXPECT_THAT(all.warnings, IsEmpty());
  ASSERT_THAT(all.records, SizeIs(4));
  EXPECT_EQ(all.records[0].kind, SpoolKind::ended);
  EXPECT_EQ(all.records[0].outcome.id, id(1));
  EXPECT_EQ(all.records[0].rank, kRank);
  EXPECT_EQ(all.records[0].epoch, kEpoch);
  EXPECT_EQ(all.records[0].outcome.kind, OutcomeKind::succeeded);
  EXPECT_EQ(all.records[0].outcome.result.to_text(), "{\"ok\":true}");
  EXPECT_EQ(all.records[0].outcome.started.us, 5'000'000);
  EXPECT_EQ(all.records[0].outcome.ended.us, 7'250'000);
  EXPECT_EQ(all.records[0].outcome.usage.rank, kRank);
  EXPECT_EQ(all.records[1].outcome.kind, OutcomeKind::failed);
  EXPECT_EQ(all.records[1].outcome.error, "States.TaskFailed");
  EXPECT_EQ(all.records[1].outcome.cause, "exit status 3");
  EXPECT_EQ(all.records[2].outcome.id, silent.id);
  EXPECT_EQ(all.records[2].outcome.kind, OutcomeKind::heartbeat_missed);
  EXPECT_EQ(all.records[3].kind, SpoolKind::begun) << "markers come last: they may be withdrawn";
  EXPECT_EQ(all.records[3].outcome.id, id(1));
  EXPECT_EQ(all.records[3].outcome.started.us, 4'000'000);
}

TEST_F(SpoolTest, AnIdleRankCostsNothing) {
  const auto spool = make();
  EXPECT_TRUE(spool->commit());
  spool->acknowledged(5);
  EXPECT_TRUE(fs::is_empty(folder_));
  EXPECT_THAT(read().records, IsEmpty());
}

TEST_F(SpoolTest, ATaskThatCameToNothingLeavesOnlyItsMarker) {
  const auto spool = make();
  spool->started(id(1), {});
  Outcome outcome;
  outcome.id = id(1);
  outcome.kind = OutcomeKind::cancelled;
  spool->ended(outcome);
  outcome.id = id(2);
  outcome.kind = OutcomeKind::interrupted;
  spool->ended(outcome);
  ASSERT_TRUE(spool->commit());
  ASSERT_THAT(read().records, SizeIs(1));
  EXPECT_EQ(read().records[0].kind, SpoolKind::begun);
}

TEST_F(SpoolTest, TheMarkerOfATaskThatDidNotBeginIsWithdrawn) {
  const auto spool = make();
  Outcome refused;
  refused.kind = OutcomeKind::interrupted;
  refused.begun = false;
  for (std::uint64_t task = 1; task <= 3; ++task) {
    spool->started(id(task), {});
    refused.id = id(task);
    spool->ended(refused);
  }
  spool->started(id(2), {});  // it was tried again
  refused.id = id(4);         // had no marker
  spool->ended(refused);
  ASSERT_TRUE(spool->commit());
  EXPECT_EQ(spool->last(), 7U);
  ASSERT_THAT(read().records, SizeIs(1));
  EXPECT_EQ(read().records[0].outcome.id, id(2));
}

TEST_F(SpoolTest, ALongResultIsKeptBesideTheSegment) {
  const auto spool = make();
  const std::string text = "\"" + std::string(300'000, 'x') + "\"";
  spool->ended(succeeded(1, text));
  ASSERT_TRUE(spool->commit());
  EXPECT_FALSE(fs::is_empty(spool_folder() + "/texts"));
  ASSERT_THAT(read().records, SizeIs(1));
  EXPECT_EQ(read().records[0].outcome.result.to_text(), text);
}

TEST_F(SpoolTest, AcknowledgedSegmentsAreDeleted) {
  const auto spool = make();
  spool->ended(succeeded(0));
  ASSERT_TRUE(spool->commit());
  const std::uint64_t next = fill_segment(*spool, 1);
  ASSERT_THAT(segments(), SizeIs(2));
  spool->acknowledged(next - 500);
  EXPECT_THAT(segments(), SizeIs(2)) << "the last outcomes of the first segment may not be durable elsewhere";
  spool->acknowledged(next);
  EXPECT_THAT(segments(), ElementsAre("seg-0000000002.h5"));
  EXPECT_THAT(read().warnings, IsEmpty());
}

TEST_F(SpoolTest, LongResultsGoWithTheirSegment) {
  const auto spool = make();
  spool->ended(succeeded(0, "\"" + std::string(300'000, 'x') + "\""));
  ASSERT_TRUE(spool->commit());
  const std::uint64_t next = fill_segment(*spool, 1);
  spool->acknowledged(next - 500);
  EXPECT_FALSE(fs::is_empty(spool_folder() + "/texts"));
  spool->acknowledged(next);
  EXPECT_TRUE(fs::is_empty(spool_folder() + "/texts"));
}

TEST_F(SpoolTest, TheMarkerOfARunningTaskIsKept) {
  const auto spool = make();
  spool->started(id(1'000'000), {});
  ASSERT_TRUE(spool->commit());
  std::uint64_t next = fill_segment(*spool, 1);
  next = fill_segment(*spool, next);
  spool->acknowledged(next);
  EXPECT_THAT(segments(), ElementsAre("seg-0000000001.h5", "seg-0000000003.h5"));
  EXPECT_EQ(read().records.back().outcome.id, id(1'000'000));

  spool->ended(succeeded(1'000'000));
  ASSERT_TRUE(spool->commit());
  spool->acknowledged(next + 1);
  EXPECT_THAT(segments(), ElementsAre("seg-0000000003.h5"));
}

TEST_F(SpoolTest, DamageCostsOnlyWhatItTouches) {
  {
    const auto spool = make();
    for (std::uint64_t i = 1; i <= 3; ++i) {
      spool->ended(succeeded(i, fmt::format("\"result number {}\"", i)));
      ASSERT_TRUE(spool->commit());
    }
    const auto other = make(kEpoch, kRank + 1);
    other->ended(succeeded(9));
  }
  const std::string path = spool_folder() + "/seg-0000000001.h5";
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  std::string bytes{std::istreambuf_iterator<char>(file), {}};
  const std::size_t at = bytes.find("result number 2");
  ASSERT_NE(at, std::string::npos);
  file.clear();
  file.seekp(static_cast<std::streamoff>(at));
  file.put('R');
  file.close();

  const Read all = read();
  EXPECT_THAT(all.warnings, ElementsAre(HasSubstr(path + " is damaged")));
  ASSERT_THAT(all.records, SizeIs(2));
  EXPECT_EQ(all.records[0].outcome.id, id(1));
  EXPECT_EQ(all.records[1].outcome.id, id(9));
}

TEST_F(SpoolTest, WhatIsNoSpoolIsLeftAlone) {
  fs::create_directories(spools_folder(folder_) + "/rank-x.e1");
  fs::create_directories(spools_folder(folder_) + "/rank-00001");
  fs::create_directories(spool_folder());
  std::ofstream(spool_folder() + "/seg-0000000001.h5.tmp") << "half";
  EXPECT_THAT(read().records, IsEmpty());
  EXPECT_THAT(read().warnings, IsEmpty());
  EXPECT_TRUE(remove_spools(folder_, kEpoch + 1));
  EXPECT_FALSE(fs::exists(spool_folder()));
  EXPECT_TRUE(fs::exists(spools_folder(folder_) + "/rank-00001"));
}

TEST_F(SpoolTest, OnlyEarlierEpochsAreRemoved) {
  for (const journal::Epoch epoch : {kEpoch, kEpoch + 1}) {
    const auto spool = make(epoch);
    spool->ended(succeeded(epoch));
  }
  ASSERT_TRUE(remove_spools(folder_, kEpoch + 1));
  ASSERT_THAT(read().records, SizeIs(1));
  EXPECT_EQ(read().records[0].epoch, kEpoch + 1);
  ASSERT_TRUE(remove_spools(folder_, kEpoch + 2));
  EXPECT_FALSE(fs::exists(spools_folder(folder_)));
  EXPECT_TRUE(remove_spools(folder_, kEpoch + 2)) << "there is nothing to remove";
}

TEST_F(SpoolTest, OneRankOfOneEpochIsReadAlone) {
  for (const std::uint32_t rank : {kRank, kRank + 1}) {
    const auto spool = make(kEpoch, rank);
    spool->ended(succeeded(rank));
  }
  std::vector<std::uint32_t> ranks;
  const auto done =
      read_spool(folder_, kEpoch, kRank, [&](const SpoolRecord& record) { ranks.push_back(record.rank); });
  EXPECT_TRUE(done);
  EXPECT_THAT(ranks, ElementsAre(kRank));
  EXPECT_THAT(read_spool(folder_, kEpoch, 99, [](const SpoolRecord&) { FAIL(); }).value(), IsEmpty());
}

TEST_F(SpoolTest, WhatCannotBeReadNowIsNotEmpty) {
  class Broken final : public journal::ForwardingFiles {
   public:
    explicit Broken(std::string part) : ForwardingFiles(journal::posix_files()), part_(std::move(part)) {}
    Result<std::unique_ptr<journal::File>> open_to_read(const std::string& path) const override {
      return path.find(part_) != std::string::npos ? fail(ErrorKind::io, path + ": Input/output error")
                                                   : ForwardingFiles::open_to_read(path);
    }
    Result<std::vector<std::string>> list(const std::string& path) const override {
      return path.ends_with(part_) ? fail(ErrorKind::io, path + ": Input/output error") : ForwardingFiles::list(path);
    }

   private:
    std::string part_;
  };
  make()->ended(succeeded(1));
  for (const std::string& part : {spool_name(kRank, kEpoch), std::string("/seg-")}) {
    Broken broken(part);
    EXPECT_FALSE(read_spool(
        folder_, kEpoch, kRank, [](const SpoolRecord&) {}, broken))
        << part;
  }
}

TEST_F(SpoolTest, NothingIsDurableOnADiskThatFails) {
  journal::SimulatedDisk measure;
  ASSERT_TRUE(measure.make_folder("/run"));
  Spool whole("/run", kEpoch, kRank, journal::Sync::group, nullptr, measure);
  whole.ended(succeeded(1));
  ASSERT_TRUE(whole.commit());
  const std::uint64_t operations = measure.operations();
  for (std::uint64_t at = 1; at < operations; ++at) {
    for (const auto fault : {journal::SimulatedDisk::Fault::io_error, journal::SimulatedDisk::Fault::no_space}) {
      journal::SimulatedDisk disk;
      ASSERT_TRUE(disk.make_folder("/run"));
      disk.fail_at(at, fault);
      Spool spool("/run", kEpoch, kRank, journal::Sync::group, nullptr, disk);
      spool.ended(succeeded(1));
      const auto done = spool.commit();
      EXPECT_EQ(done.has_value(), spool.durable() == spool.last()) << at;
      EXPECT_EQ(done.has_value(), !spool.failure().has_value()) << at;
      spool.ended(succeeded(2));
      if (!done) {
        EXPECT_FALSE(spool.commit()) << at;
        EXPECT_LT(spool.durable(), spool.last()) << at;
      }
    }
  }
}

TEST_F(SpoolTest, WhoWaitsIsTold) {
  std::atomic<int> told{0};
  RunSettings settings;
  settings.run_folder = folder_;
  settings.epoch = kEpoch;
  settings.spool = true;
  const auto spool = Spool::open(settings, kRank, [&] { ++told; });
  ASSERT_NE(spool, nullptr);
  spool->ended(succeeded(1));
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (spool->durable() < spool->last() && std::chrono::steady_clock::now() < end) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  EXPECT_EQ(spool->durable(), 1U);
  EXPECT_THAT(read().records, SizeIs(1));
  settings.spool = false;
  EXPECT_EQ(Spool::open(settings, kRank), nullptr);
}

// Spools of every released version of the format are read for ever. With LOCKSTEP_WRITE_SAMPLE=FOLDER set, the first
// test writes the present version's there instead (to be kept under testdata/).

void write_sample(Spool& spool) {
  const auto id = [](std::uint32_t number) {
    return DispatchId{work::ExecutionId{std::uint64_t{1} << 40U}, work::StrandId{number}, 3, 2};
  };
  spool.started(id(1), {4'000'000});
  spool.started(id(2), {4'500'000});
  spool.not_begun(id(2), {4'600'000});
  Outcome outcome;
  outcome.started = {5'000'000};
  outcome.ended = {7'250'000};
  outcome.usage = {12'000, 3'400, kRank};
  outcome.id = id(3);
  outcome.result = Value::from_checked_text(R"({"ok":true})");
  spool.ended(outcome);
  outcome.id = id(4);
  outcome.kind = OutcomeKind::failed;
  outcome.result = Value();
  outcome.error = "States.TaskFailed";
  outcome.cause = "exit status 3";
  spool.ended(outcome);
  for (const OutcomeKind kind : {OutcomeKind::timed_out, OutcomeKind::heartbeat_missed}) {
    outcome = Outcome();
    outcome.id = id(5 + static_cast<std::uint32_t>(kind == OutcomeKind::heartbeat_missed));
    outcome.kind = kind;
    spool.ended(outcome);
  }
  ASSERT_TRUE(spool.commit());
}

TEST(SpoolSample, IsWritten) {
  const char* folder = std::getenv("LOCKSTEP_WRITE_SAMPLE");
  if (folder == nullptr) {
    GTEST_SKIP() << "LOCKSTEP_WRITE_SAMPLE is not set";
  }
  fs::create_directories(folder);
  Spool spool(folder, kEpoch, kRank, journal::Sync::group, nullptr);
  write_sample(spool);
}

class SpoolSampleOf : public testing::TestWithParam<const char*> {};

TEST_P(SpoolSampleOf, IsRead) {
  std::vector<std::string> read;
  const auto warnings = read_spools(LOCKSTEP_TESTDATA + std::string("/") + GetParam(), [&](const SpoolRecord& record) {
    const Outcome& outcome = record.outcome;
    EXPECT_EQ(record.rank, kRank);
    read.push_back(record.kind == SpoolKind::begun
                       ? fmt::format("{} began {}", work::dispatch_text(record.outcome.id), outcome.started.us)
                       : fmt::format("{} kind {} {}{}{} from {} to {} cpu {} rss {} rank {}",
                                     work::dispatch_text(outcome.id), static_cast<int>(outcome.kind),
                                     outcome.result.to_text(), outcome.error, outcome.cause, outcome.started.us,
                                     outcome.ended.us, outcome.usage.cpu_us, outcome.usage.max_rss_kib,
                                     outcome.usage.rank));
  });
  EXPECT_THAT(warnings.value(), IsEmpty());
  EXPECT_THAT(
      read,
      ElementsAre("1099511627776-12884901891-2 kind 0 {\"ok\":true} from 5000000 to 7250000 cpu 12000 rss 3400 rank 7",
                  "1099511627776-17179869187-2 kind 1 nullStates.TaskFailedexit status 3 from 5000000 to 7250000 cpu "
                  "12000 rss 3400 "
                  "rank 7",
                  "1099511627776-21474836483-2 kind 2 null from 0 to 0 cpu 0 rss 0 rank 7",
                  "1099511627776-25769803779-2 kind 3 null from 0 to 0 cpu 0 rss 0 rank 7",
                  "1099511627776-4294967299-2 began 4000000"));
}

INSTANTIATE_TEST_SUITE_P(Versions, SpoolSampleOf, testing::Values("1.2", "1.3"));

}  // namespace
}  // namespace lockstep::worker
