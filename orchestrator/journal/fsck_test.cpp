#include "journal/fsck.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "journal/journal_folder.hpp"
#include "journal/test_disk.hpp"
#include "journal/test_events.hpp"

namespace lockstep::journal {
namespace {

using testing::HasSubstr;

constexpr const char* kSoftware = "lockstep test";

/// A journal of numbered events on a simulated disk; each test damages it in its own way.
class ADamagedJournal : public testing::Test {
 protected:
  ADamagedJournal() : disk_(make_disk()) {}

  static engine::Event make(std::uint64_t number) { return numbered_event(number, number % 10 == 0 ? 300 : 40); }

  /// Appends events up to number `last`, in commits of three. `checkpoint`: takes one then.
  void write(std::uint64_t last, bool checkpoint = false) {
    auto run = start_run(*disk_, small_options(*disk_)).value();
    while (written_ < last) {
      std::vector<engine::Event> events;
      while (events.size() < 3 && written_ < last) {
        events.push_back(make(++written_));
      }
      run->journal->append(events);
      ASSERT_TRUE(run->journal->sync());
    }
    if (checkpoint) {
      ASSERT_TRUE(run->checkpointer->take(run->engine));
    }
  }

  static JournalCheck check(const SimulatedDisk& disk) { return check_journal(disk, kDiskFolder).value(); }
  JournalCheck check() const { return check(*disk_); }

  /// What the next owner finds: the last Event, or the refusal.
  static Result<SequenceNumber> recover_copy(const SimulatedDisk& disk) {
    std::mt19937_64 random(1);
    const auto copy = disk.crash(CrashPolicy::all, random);
    engine::Engine engine(engine::Limits::hpc());
    const auto recovered = TRY(recover(*copy, kDiskFolder, engine));
    return recovered.tail.next_seq - 1;
  }
  Result<SequenceNumber> recovered() const { return recover_copy(*disk_); }

  /// Salvages, and sees to it that what was promised is what is there: recovery ends with the last Event that is kept,
  /// a new owner can go on, and every Event that is left is as it was written.
  static void expect_salvaged(SimulatedDisk& disk, SequenceNumber last) {
    const auto salvaged = salvage_journal(disk, kDiskFolder, check(disk), kSoftware);
    ASSERT_TRUE(salvaged) << salvaged.error().message;
    EXPECT_EQ(salvaged->last, last) << testing::PrintToString(salvaged->lines);
    EXPECT_FALSE(check(disk).is_damaged()) << testing::PrintToString(problems(check(disk)));
    expect_whole(disk, last);
  }
  static void expect_whole(SimulatedDisk& disk, SequenceNumber last) {
    EXPECT_EQ(recover_copy(disk).value_or(0), last);
    ReadOptions options;
    options.files = &disk;
    options.from = 0;
    auto reader = EventReader::open(kDiskFolder, options).value();
    SequenceNumber seen = 0;
    while (true) {
      auto next = reader.next();
      ASSERT_TRUE(next) << next.error().message;
      if (!*next) {
        break;
      }
      seen = (*next)->seq;
      ASSERT_EQ(fingerprint((*next)->event), fingerprint(make(seen)));
    }
    EXPECT_EQ(seen, last);
    auto run = start_run(disk, small_options(disk));
    ASSERT_TRUE(run) << run.error().message;
    std::vector<engine::Event> events;
    events.push_back(numbered_event(last + 1));
    EXPECT_EQ((*run)->journal->append(events), last + 1);
    EXPECT_TRUE((*run)->journal->sync());
  }

  static std::vector<std::string> problems(const JournalCheck& checked) {
    std::vector<std::string> texts;
    for (const Finding& finding : checked.findings) {
      if (!finding.harmless) {
        texts.push_back(finding.file + ": " + finding.problem + "; " + finding.consequence);
      }
    }
    return texts;
  }

  std::string path_of(std::uint64_t segment) const {
    return list_journal(*disk_, kDiskFolder)->segments.at(segment).path;
  }
  /// Damages the body of an Event in its live segment, and returns that one's path.
  std::string damage_body(SequenceNumber seq) {
    const auto listed = list_journal(*disk_, kDiskFolder).value();
    for (const auto& [number, place] : listed.segments) {
      const auto contents = read_segment(*disk_, place.path).value();
      if (seq >= contents.header.first_seq && seq < contents.next_seq()) {
        disk_->flip(place.path,
                    contents.header.payload_offset + contents.rows[seq - contents.header.first_seq].offset + 3, 0x10);
        return place.path;
      }
    }
    ADD_FAILURE() << "no event " << seq;
    return "";
  }
  void truncate(const std::string& path, std::size_t length) {
    auto bytes = disk_->contents(path);
    bytes.resize(std::min(length, bytes.size()));
    ASSERT_TRUE(disk_->remove(path));
    const auto file = disk_->create(path).value();
    ASSERT_TRUE(file->write(bytes, 0));
    ASSERT_TRUE(file->sync());
  }

  std::unique_ptr<SimulatedDisk> disk_;
  std::uint64_t written_ = 0;
};

TEST_F(ADamagedJournal, IsCleanAsLongAsItIsNot) {
  write(30, true);
  write(60);
  const JournalCheck checked = check();
  EXPECT_FALSE(checked.is_damaged()) << testing::PrintToString(problems(checked));
  EXPECT_EQ(checked.good_events, 60U);
  EXPECT_EQ(checked.first, 1U);
  EXPECT_EQ(checked.last, 60U);
  EXPECT_EQ(checked.recovered, 60U);
  EXPECT_EQ(checked.recovered_checkpoint, 30U);
}

TEST_F(ADamagedJournal, CheckingChangesNothing) {
  write(30, true);
  ASSERT_TRUE(disk_->create(kDiskFolder + "/seg-0000000099.h5.tmp"));
  const std::uint64_t before = disk_->operations();
  const JournalCheck checked = check();
  EXPECT_EQ(disk_->operations(), before);
  EXPECT_FALSE(checked.is_damaged());
  ASSERT_EQ(checked.findings.size(), 1U);
  EXPECT_EQ(checked.findings[0].file, "seg-0000000099.h5.tmp");
  EXPECT_TRUE(checked.findings[0].harmless);
}

TEST_F(ADamagedJournal, WithADamagedEventEndsBeforeIt) {
  write(60);
  damage_body(20);
  const JournalCheck checked = check();
  EXPECT_TRUE(checked.refusal);
  EXPECT_EQ(checked.last, 19U);
  ASSERT_EQ(problems(checked).size(), 1U);
  EXPECT_THAT(problems(checked)[0], HasSubstr("event 20"));
  EXPECT_FALSE(recovered());
  expect_salvaged(*disk_, 19);
}

TEST_F(ADamagedJournal, KeepsWhatItGivesUp) {
  write(60);
  const std::string path = damage_body(20);
  const auto salvaged = salvage_journal(*disk_, kDiskFolder, check(), kSoftware).value();
  EXPECT_EQ(salvaged.folder, kDiskFolder + "/salvage-1");
  EXPECT_THAT(salvaged.lines, testing::Contains("given up: events 20 to 60"));
  const std::vector<std::string> list = disk_->list(salvaged.folder).value();
  const std::set<std::string> names(list.begin(), list.end());
  EXPECT_TRUE(names.contains("what-was-given-up.txt"));
  EXPECT_TRUE(names.contains(path.substr(path.rfind('/') + 1))) << "the damaged one as it was";
  EXPECT_GT(names.size(), 2U) << "and those after it";
}

TEST_F(ADamagedJournal, WithoutASegmentEndsBeforeIt) {
  write(60);
  const auto header = read_header(*disk_, path_of(3)).value();
  ASSERT_TRUE(disk_->remove(path_of(3)));
  const JournalCheck checked = check();
  EXPECT_TRUE(checked.refusal);
  ASSERT_EQ(problems(checked).size(), 1U);
  EXPECT_THAT(problems(checked)[0], HasSubstr("is missing"));
  expect_salvaged(*disk_, header.first_seq - 1);
}

TEST_F(ADamagedJournal, LongTextsAreMovedWithTheirSegment) {
  write(20);
  {
    auto run = start_run(*disk_, small_options(*disk_)).value();
    for (std::uint64_t number = 21; number <= 60; ++number) {
      std::vector<engine::Event> events = {numbered_event(number, number == 21 || number == 60 ? 300'000 : 40)};
      run->journal->append(events);
      ASSERT_TRUE(run->journal->sync());
    }
  }
  const std::vector<std::string> texts = disk_->list(kDiskFolder + "/texts").value();
  ASSERT_EQ(texts.size(), 2U);
  const auto listed = list_journal(*disk_, kDiskFolder).value();
  ASSERT_TRUE(disk_->remove(std::prev(listed.segments.end(), 2)->second.path));
  const auto salvaged = salvage_journal(*disk_, kDiskFolder, check(), kSoftware).value();
  EXPECT_EQ(disk_->list(kDiskFolder + "/texts").value(), std::vector<std::string>{texts[0]});
  EXPECT_THAT(disk_->list(salvaged.folder).value(), testing::Contains(texts[1]));
  EXPECT_THAT(salvaged.lines, testing::Contains("moved: texts/" + texts[1]));
}

TEST_F(ADamagedJournal, GoesOnFromACheckpointWithoutTheHistoryBefore) {
  write(30, true);
  write(60);
  ASSERT_GT(list_journal(*disk_, kDiskFolder)->segments.at(2).path.find("archive"), 0U);
  ASSERT_TRUE(disk_->remove(path_of(2)));
  const JournalCheck checked = check();
  EXPECT_FALSE(checked.refusal) << "the run itself is whole";
  EXPECT_TRUE(checked.is_damaged());
  expect_salvaged(*disk_, 60);
}

TEST_F(ADamagedJournal, PassesADamagedCheckpointOver) {
  write(30, true);
  write(45, true);
  write(60);
  disk_->flip(kDiskFolder + "/" + checkpoint_name(2), 2'000, 1);
  const JournalCheck checked = check();
  EXPECT_FALSE(checked.refusal);
  EXPECT_EQ(checked.recovered_checkpoint, 30U);
  EXPECT_TRUE(checked.is_damaged());
  expect_salvaged(*disk_, 60);
}

TEST_F(ADamagedJournal, TakesNoCheckpointThatKnowsMoreThanIsKept) {
  write(30, true);
  write(45, true);
  write(60);
  // Both the segment of event 40 and the newest checkpoint: back to the one before, and on to event 39.
  const auto listed = list_journal(*disk_, kDiskFolder).value();
  for (const auto& [number, place] : listed.segments) {
    const auto header = read_header(*disk_, place.path).value();
    if (header.first_seq > 35 && header.first_seq <= 45) {
      ASSERT_TRUE(disk_->remove(place.path));
    }
  }
  disk_->flip(kDiskFolder + "/" + checkpoint_name(2), 2'000, 1);
  const JournalCheck checked = check();
  ASSERT_TRUE(checked.refusal);
  ASSERT_GE(checked.last, 30U);
  ASSERT_LT(checked.last, 45U);
  expect_salvaged(*disk_, checked.last);
}

TEST_F(ADamagedJournal, LosesNothingWhereOnlyHdf5sBytesAreDamaged) {
  write(60);
  const auto header = read_header(*disk_, path_of(2)).value();
  disk_->flip(path_of(2), header.rows_offset - 8, 0x40);
  const JournalCheck checked = check();
  EXPECT_TRUE(checked.refusal);
  EXPECT_EQ(checked.good_events, 60U);
  expect_salvaged(*disk_, 60);
}

TEST_F(ADamagedJournal, WithATruncatedSegmentEndsBeforeIt) {
  write(60);
  const auto header = read_header(*disk_, path_of(2)).value();
  truncate(path_of(2), header.rows_offset + 100);
  EXPECT_TRUE(check().refusal);
  expect_salvaged(*disk_, header.first_seq - 1);
}

TEST_F(ADamagedJournal, WithADamagedLongTextEndsBeforeTheEventThatNamesIt) {
  auto run = start_run(*disk_, small_options(*disk_)).value();
  for (std::uint64_t number = 1; number <= 5; ++number) {
    std::vector<engine::Event> events;
    events.push_back(numbered_event(number, number == 3 ? kLongestInlineText + 10 : 40));
    run->journal->append(events);
    ASSERT_TRUE(run->journal->sync());
  }
  run.reset();
  disk_->flip(text_path(kDiskFolder, 1), 1'000, 1);
  const JournalCheck checked = check();
  EXPECT_TRUE(checked.refusal);
  EXPECT_EQ(problems(checked).size(), 1U);
  const auto salvaged = salvage_journal(*disk_, kDiskFolder, checked, kSoftware).value();
  EXPECT_EQ(salvaged.last, 2U);
  EXPECT_EQ(recovered().value_or(0), 2U);
}

TEST_F(ADamagedJournal, ThatHoldsNothingFromTheStartOnCannotBeSaved) {
  write(60);
  ASSERT_TRUE(disk_->remove(path_of(1)));
  const std::uint64_t before = disk_->operations();
  const auto salvaged = salvage_journal(*disk_, kDiskFolder, check(), kSoftware);
  ASSERT_FALSE(salvaged);
  EXPECT_THAT(salvaged.error().message, HasSubstr("nothing"));
  EXPECT_EQ(disk_->operations(), before);
}

TEST_F(ADamagedJournal, ATornTailIsNoDamage) {
  write(60);
  // The very last event: whether its commit ever ended, nobody can tell.
  damage_body(60);
  const JournalCheck checked = check();
  EXPECT_FALSE(checked.is_damaged()) << testing::PrintToString(problems(checked));
  ASSERT_EQ(checked.findings.size(), 1U);
  EXPECT_THAT(checked.findings[0].problem, HasSubstr("torn tail"));
  EXPECT_EQ(checked.recovered, 59U);
}

TEST_F(ADamagedJournal, IsSalvagedWhereTheFirstEventAfterACheckpointIsDamaged) {
  write(60, true);
  write(80);
  damage_body(61);
  EXPECT_TRUE(check().is_damaged());
  expect_salvaged(*disk_, 60);
}

TEST_F(ADamagedJournal, IsSalvagedWhereOnlyItsCheckpointIsLeft) {
  write(60, true);
  write(80);
  const auto listed = list_journal(*disk_, kDiskFolder).value();
  for (const auto& [number, place] : listed.segments) {
    const Header header = read_header(*disk_, place.path).value();
    if (header.first_seq < 61) {
      ASSERT_TRUE(disk_->remove(place.path));
    }
  }
  damage_body(61);
  EXPECT_TRUE(check().is_damaged());
  const SequenceNumber last = salvage_journal(*disk_, kDiskFolder, check(), kSoftware).value().last;
  EXPECT_EQ(last, 60U);
  EXPECT_FALSE(check().is_damaged()) << testing::PrintToString(problems(check()));
  EXPECT_EQ(recovered().value_or(0), 60U);
}

TEST_F(ADamagedJournal, WhateverByteIsFlippedIsSalvagedOrWhole) {
  write(40, true);
  write(60, true);
  write(80);
  std::mt19937_64 random(7);
  int refused = 0;
  int noticed = 0;
  constexpr int kRounds = 400;
  const auto paths = disk_->paths();
  for (int round = 0; round < kRounds; ++round) {
    const auto disk = disk_->crash(CrashPolicy::all, random);
    const std::string& path = paths[random() % paths.size()];
    const std::size_t size = disk->contents(path).size();
    // Half of the flips near the front, where headers and rows are.
    const std::uint64_t offset = random() % (round % 2 == 0 ? size : std::min<std::size_t>(size, 6'000));
    disk->flip(path, offset, static_cast<std::uint8_t>(1U << (random() % 8)));
    SCOPED_TRACE(fmt::format("{} at {}", path, offset));
    const JournalCheck checked = check(*disk);
    const auto recovered = recover_copy(*disk);
    EXPECT_EQ(checked.refusal.has_value(), !recovered.has_value());
    if (recovered) {
      EXPECT_EQ(checked.recovered, *recovered);
      EXPECT_GE(*recovered, 78U) << "at most the last commit";
    }
    refused += checked.refusal ? 1 : 0;
    if (checked.is_damaged()) {
      ++noticed;
      const SequenceNumber last = salvage_journal(*disk, kDiskFolder, checked, kSoftware)->last;
      EXPECT_GE(last, checked.refusal ? checked.last : *recovered);
      EXPECT_FALSE(check(*disk).is_damaged()) << testing::PrintToString(problems(check(*disk)));
      expect_whole(*disk, last);
    }
    if (HasFailure()) {
      return;
    }
  }
  EXPECT_GT(noticed, kRounds / 4);
  EXPECT_GT(refused, 10);
}

TEST_F(ADamagedJournal, IsSalvagedAlsoWhereThePowerFailsMeanwhile) {
  write(30, true);
  write(45, true);
  write(70);
  damage_body(55);
  std::mt19937_64 random(3);
  const std::uint64_t start = disk_->operations();
  const auto all = disk_->crash(CrashPolicy::all, random);
  const SequenceNumber last = salvage_journal(*all, kDiskFolder, check(), kSoftware)->last;
  EXPECT_EQ(last, 54U);
  const std::uint64_t operations = all->operations();
  ASSERT_GT(operations, 10U);
  for (std::uint64_t at = 0; at < operations; ++at) {
    for (const CrashPolicy policy : kCrashPolicies) {
      const auto disk = disk_->crash(CrashPolicy::all, random);
      disk->fail_at(at, SimulatedDisk::Fault::power_off);
      static_cast<void>(salvage_journal(*disk, kDiskFolder, check(*disk), kSoftware));
      const auto after = disk->crash(policy, random);
      SCOPED_TRACE(fmt::format("operation {} of {}, policy {}", at, operations, static_cast<int>(policy)));
      const auto recovered = recover_copy(*after);
      if (recovered) {
        EXPECT_EQ(*recovered, last) << "neither more nor less than was promised";
      } else {
        expect_salvaged(*after, last);
      }
      if (HasFailure()) {
        return;
      }
    }
  }
  EXPECT_EQ(disk_->operations(), start);
}

}  // namespace
}  // namespace lockstep::journal
