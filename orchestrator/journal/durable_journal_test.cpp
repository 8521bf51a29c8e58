#include "journal/durable_journal.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <thread>

#include "journal/event_reader.hpp"
#include "journal/journal_folder.hpp"
#include "journal/test_disk.hpp"
#include "journal/test_events.hpp"
#include "journal/texts.hpp"
#include "value/test_folder.hpp"

namespace lockstep::journal {
namespace {

using engine::Event;
using testing::Test;

void append(Journal& journal, std::uint64_t from, std::uint64_t to, std::size_t size = 20) {
  std::vector<Event> events;
  for (std::uint64_t i = from; i <= to; ++i) {
    events.push_back(numbered_event(i, size));
  }
  EXPECT_EQ(journal.append(events), to);
  EXPECT_TRUE(events.empty());
}

/// The Events on the disk are 1 to `count` as append() wrote them.
void expect_events(const SimulatedDisk& disk, std::uint64_t count, std::size_t size = 20) {
  const auto events = read_all(disk);
  ASSERT_TRUE(events) << events.error().message;
  ASSERT_EQ(events->size(), count);
  for (std::uint64_t i = 1; i <= count; ++i) {
    ASSERT_EQ(fingerprint((*events)[i - 1]), fingerprint(numbered_event(i, size))) << "event " << i;
  }
}

/// The file of a segment, by number.
std::string segment_path(std::uint64_t number) {
  return kDiskFolder + "/" + segment_name(number);
}

/// Where byte `byte` of row `row` lies in a segment's file.
std::uint64_t row_offset(const SimulatedDisk& disk, std::uint64_t number, std::uint64_t row, std::uint64_t byte) {
  return read_header(disk, segment_path(number)).value().rows_offset + row * kRowBytes + byte;
}

class OnSimulatedDisk : public Test {
 protected:
  OnSimulatedDisk() : disk_(make_disk()) { start(); }

  void start() {
    run_.reset();
    auto run = start_run(*disk_, small_options(*disk_));
    ASSERT_TRUE(run) << run.error().message;
    run_ = std::move(*run);
  }
  DurableJournal& journal() { return *run_->journal; }
  /// The power goes, and the machine starts again.
  void lose_power(CrashPolicy policy) {
    auto after = disk_->crash(policy, random_);
    run_.reset();
    disk_ = std::move(after);
  }
  std::string why_not() {
    engine::Engine engine{engine::Limits::hpc()};
    const auto recovered = recover(*disk_, kDiskFolder, engine);
    return recovered ? "" : recovered.error().message;
  }

  std::mt19937_64 random_{1};
  std::unique_ptr<SimulatedDisk> disk_;
  std::unique_ptr<TestRun> run_;
};

TEST_F(OnSimulatedDisk, NothingIsDurableBeforeTheSync) {
  append(journal(), 1, 3);
  EXPECT_EQ(journal().durable_now(), 0U);
  ASSERT_TRUE(journal().sync());
  EXPECT_EQ(journal().durable(), 3U);
  expect_events(*disk_, 3);
}

TEST_F(OnSimulatedDisk, EventsFillSegmentAfterSegment) {
  for (std::uint64_t i = 1; i <= 100; i += 5) {
    append(journal(), i, i + 4);
    ASSERT_TRUE(journal().sync());
  }
  EXPECT_GT(journal().current_segment(), 5U);
  expect_events(*disk_, 100);
}

TEST_F(OnSimulatedDisk, MoreThanTheMemoryHoldsIsWrittenAsItComes) {
  append(journal(), 1, 500);
  ASSERT_TRUE(journal().sync());
  expect_events(*disk_, 500);
}

TEST_F(OnSimulatedDisk, AnEventLargerThanASegmentGetsOneOfItsOwn) {
  append(journal(), 1, 2);
  append(journal(), 3, 3, 100'000);
  append(journal(), 4, 5);
  ASSERT_TRUE(journal().sync());
  const auto events = read_all(*disk_).value();
  ASSERT_EQ(events.size(), 5U);
  EXPECT_EQ(fingerprint(events[2]), fingerprint(numbered_event(3, 100'000)));
}

TEST_F(OnSimulatedDisk, LongTextsStandInOneFileBesideTheirSegment) {
  append(journal(), 1, 3, kLongestInlineText + 10);
  ASSERT_TRUE(journal().sync());
  lose_power(CrashPolicy::none);
  expect_events(*disk_, 3, kLongestInlineText + 10);
  EXPECT_EQ(disk_->list(kDiskFolder + "/texts").value(), std::vector<std::string>{"text-0000000001"});
  disk_->flip(text_path(kDiskFolder, 1), kLongestInlineText + 1'000, 1);
  const auto events = read_all(*disk_);
  ASSERT_FALSE(events);
  EXPECT_NE(events.error().message.find("texts/text-0000000001 is damaged: the text at"), std::string::npos)
      << events.error().message;
}

/// Long texts in segment 1, then short ones in many more.
class NeedlessTexts : public OnSimulatedDisk {
 protected:
  NeedlessTexts() {
    append(journal(), 1, 3, kLongestInlineText + 10);
    for (std::uint64_t i = 4; i <= 60; i += 3) {
      append(journal(), i, i + 2);
      EXPECT_TRUE(journal().sync());
    }
  }
  bool stands(const std::string& name) { return disk_->exists(kDiskFolder + "/" + name).value(); }
  void remove(std::uint64_t segment) {
    EXPECT_TRUE(disk_->remove(fmt::format("{}/{}", kDiskFolder, segment_name(segment))));
  }
  void write_blob() {
    EXPECT_TRUE(disk_->make_folder(kDiskFolder + "/blobs"));
    EXPECT_TRUE(disk_->create(kDiskFolder + "/" + kBlob));
  }

  const std::string kText = "texts/text-0000000001";
  const std::string kBlob = "blobs/" + std::string(64, 'a');
};

TEST_F(NeedlessTexts, StayWhileASegmentMayNameThem) {
  remove_needless_texts(*disk_, kDiskFolder);
  EXPECT_TRUE(stands(kText));
  remove(2);  // not the one
  remove_needless_texts(*disk_, kDiskFolder);
  EXPECT_TRUE(stands(kText));
  remove(1);
  write_blob();
  remove_needless_texts(*disk_, kDiskFolder);
  EXPECT_FALSE(stands(kText));
  EXPECT_FALSE(stands(kBlob));
}

TEST_F(NeedlessTexts, StayForTheNextOwnerWhoseSegmentNamesThem) {
  append(journal(), 61, 62, kLongestInlineText + 10);
  ASSERT_TRUE(journal().sync());
  const std::uint64_t last = journal().current_segment();
  start();  // it takes the rows of the last segment over
  for (std::uint64_t number = 1; number <= last; ++number) {
    remove(number);
  }
  remove_needless_texts(*disk_, kDiskFolder);
  EXPECT_FALSE(stands(kText));
  EXPECT_TRUE(stands("texts/" + text_name(last)));
}

TEST_F(NeedlessTexts, StayWhereNobodyCanTell) {
  remove(1);
  write_blob();
  disk_->flip(fmt::format("{}/{}", kDiskFolder, segment_name(2)), 20, 1);
  remove_needless_texts(*disk_, kDiskFolder);
  EXPECT_TRUE(stands(kText));
  EXPECT_TRUE(stands(kBlob));
}

TEST_F(NeedlessTexts, GoOnlyAfterWhatNamedThem) {
  remove(1);
  remove_needless_texts(*disk_, kDiskFolder);
  EXPECT_FALSE(stands(kText));
  lose_power(CrashPolicy::no_folders);
  EXPECT_FALSE(stands(segment_name(1)));
}

TEST_F(NeedlessTexts, GoWithTheArchivesAndTheirCheckpoints) {
  ASSERT_TRUE(run_->checkpointer->take(run_->engine));
  ASSERT_TRUE(stands("archive/" + archive_name(1)));
  remove_needless_texts(*disk_, kDiskFolder);
  EXPECT_TRUE(stands(kText));
  ASSERT_TRUE(disk_->remove(kDiskFolder + "/archive/" + archive_name(1)));
  ASSERT_TRUE(run_->checkpointer->take(run_->engine));  // which looks after it
  EXPECT_FALSE(stands(kText));
}

TEST_F(OnSimulatedDisk, TextsOfAnEventThatDidNotFitGoWithItToTheNextSegment) {
  append(journal(), 1, 7);
  append(journal(), 8, 12, kLongestInlineText + 10);  // the segment has room for eight
  ASSERT_TRUE(journal().sync());
  EXPECT_EQ(disk_->list(kDiskFolder + "/texts").value().size(), 2U);
  const auto events = read_all(*disk_).value();
  ASSERT_EQ(events.size(), 12U);
  EXPECT_EQ(fingerprint(events[11]), fingerprint(numbered_event(12, kLongestInlineText + 10)));
}

TEST_F(OnSimulatedDisk, WhatASyncThatFailedHasLostTheNextOwnerSavesFromMemory) {
  append(journal(), 1, 3);
  ASSERT_TRUE(journal().sync());
  append(journal(), 4, 5);
  disk_->fail_at(disk_->operations() + 2, SimulatedDisk::Fault::io_error);  // payload, rows, sync
  ASSERT_FALSE(journal().sync());
  start();
  ASSERT_EQ(run_->recovered.tail.next_seq, 6U) << "the system's memory still shows them";
  EXPECT_EQ(journal().durable(), 5U);
  lose_power(CrashPolicy::none);
  expect_events(*disk_, 5);
}

TEST_F(OnSimulatedDisk, WhatIsKnownToBeDurableIsNotTakenOver) {
  append(journal(), 1, 3);
  ASSERT_TRUE(journal().sync());
  start();
  EXPECT_EQ(read_header(*disk_, segment_path(2)).value().first_seq, 1U) << "nobody knows";
  ASSERT_TRUE(run_->checkpointer->take(run_->engine));
  start();
  EXPECT_EQ(read_header(*disk_, segment_path(3)).value().first_seq, 4U) << "the checkpoint says so";
  append(journal(), 4, 5);
  ASSERT_TRUE(journal().sync());
  expect_events(*disk_, 5);
}

TEST_F(OnSimulatedDisk, OwnersThatFollowEachOtherFastDoNotMakeSegmentsGrow) {
  for (std::uint64_t i = 1; i <= 60; i += 3) {
    append(journal(), i, i + 2);
    ASSERT_TRUE(journal().sync());
    start();
  }
  expect_events(*disk_, 60);
  const auto listed = list_journal(*disk_, kDiskFolder).value();
  for (const auto& [number, place] : listed.segments) {
    EXPECT_LE(read_header(*disk_, place.path).value().size.rows, 16U) << number;
  }
}

TEST_F(OnSimulatedDisk, AfterPowerLossTheNextOwnerGoesOnWhereItEnded) {
  append(journal(), 1, 10);
  ASSERT_TRUE(journal().sync());
  append(journal(), 11, 12);
  lose_power(CrashPolicy::none);
  start();
  EXPECT_EQ(run_->recovered.tail.next_seq, 11U);
  EXPECT_EQ(journal().epoch(), 2U);
  append(journal(), 11, 30);
  ASSERT_TRUE(journal().sync());
  expect_events(*disk_, 30);
}

TEST_F(OnSimulatedDisk, ATornTailIsCutAndCounted) {
  append(journal(), 1, 3);
  ASSERT_TRUE(journal().sync());
  append(journal(), 4, 6);
  ASSERT_TRUE(journal().sync());
  disk_->flip(segment_path(1), row_offset(*disk_, 1, 4, 9), 0x10);  // of event 5, in the last commit
  lose_power(CrashPolicy::all);
  start();
  EXPECT_EQ(run_->recovered.tail.next_seq, 5U);
  EXPECT_EQ(run_->recovered.tail.torn_rows, 2U);
  EXPECT_GT(run_->recovered.tail.torn_bytes, 2 * kRowBytes);
  append(journal(), 5, 20);
  ASSERT_TRUE(journal().sync());
  expect_events(*disk_, 20);
}

TEST_F(OnSimulatedDisk, AHoleBeforeALaterCommitIsRefused) {
  append(journal(), 1, 3);
  ASSERT_TRUE(journal().sync());
  append(journal(), 4, 6);
  ASSERT_TRUE(journal().sync());
  disk_->flip(segment_path(1), row_offset(*disk_, 1, 1, 0), 0xff);  // event 2 was durable before 4 was written
  EXPECT_NE(why_not().find("event 2 cannot be read"), std::string::npos) << why_not();
}

TEST_F(OnSimulatedDisk, AHoleBeforeALaterSegmentIsRefused) {
  append(journal(), 1, 30);
  ASSERT_TRUE(journal().sync());
  ASSERT_GT(journal().current_segment(), 1U);
  disk_->flip(segment_path(1), row_offset(*disk_, 1, 7, 0), 0xff);  // the last row of its segment
  EXPECT_NE(why_not().find("has a hole: segment 1 ends with event 7"), std::string::npos) << why_not();
  ASSERT_TRUE(disk_->remove(segment_path(1)));
  EXPECT_NE(why_not().find("has a hole"), std::string::npos) << why_not();
}

TEST_F(OnSimulatedDisk, WhatAnOwnerThatLostTheRunWritesLaterIsNoPartOfIt) {
  append(journal(), 1, 4);
  ASSERT_TRUE(journal().sync());
  auto second = start_run(*disk_, small_options(*disk_));  // takes over; the first is not told
  ASSERT_TRUE(second) << second.error().message;
  std::vector<Event> stray = {numbered_event(900)};
  journal().append(stray);
  ASSERT_TRUE(journal().sync());
  append(*(*second)->journal, 5, 9);
  ASSERT_TRUE((*second)->journal->sync());
  expect_events(*disk_, 9);
  // Its next segment is taken; there it stops.
  for (std::uint64_t i = 901; i < 930; ++i) {
    stray = {numbered_event(i)};
    journal().append(stray);
    static_cast<void>(journal().sync());
  }
  ASSERT_TRUE(journal().failure());
  EXPECT_LE(journal().durable(), 8U) << "the end of its own first segment";
  expect_events(*disk_, 9);
}

TEST_F(OnSimulatedDisk, AfterAnErrorNothingIsAcknowledgedAnyMore) {
  append(journal(), 1, 2);
  ASSERT_TRUE(journal().sync());
  for (const auto fault : {SimulatedDisk::Fault::io_error, SimulatedDisk::Fault::no_space}) {
    for (std::uint64_t operation = 0; operation < 3; ++operation) {  // payload, rows, sync
      auto disk = disk_->crash(CrashPolicy::all, random_);
      auto run = start_run(*disk, small_options(*disk)).value();
      disk->fail_at(disk->operations() + operation, fault);
      append(*run->journal, 3, 4);
      EXPECT_FALSE(run->journal->sync());
      append(*run->journal, 5, 5);
      EXPECT_FALSE(run->journal->sync());
      EXPECT_EQ(run->journal->durable(), 2U);
      const std::string message = run->journal->failure().value().message;
      EXPECT_NE(message.find(fault == SimulatedDisk::Fault::no_space ? "No space left" : "Input/output error"),
                std::string::npos)
          << message;
      // What was acknowledged is there; the run can go on when the disk is well again.
      auto healed = disk->crash(CrashPolicy::none, random_);
      EXPECT_GE(read_all(*healed).value().size(), 2U);
      EXPECT_TRUE(start_run(*healed, small_options(*healed)));
    }
  }
}

TEST_F(OnSimulatedDisk, AnyFlippedByteIsNoticed) {
  append(journal(), 1, 5);
  ASSERT_TRUE(journal().sync());
  append(journal(), 6, 12);
  ASSERT_TRUE(journal().sync());
  ASSERT_GE(journal().current_segment(), 2U);
  std::vector<std::string> before;
  const std::vector<Event> events = read_all(*disk_).value();
  for (const Event& event : events) {
    before.push_back(fingerprint(event));
  }
  std::uint64_t refused = 0;
  std::uint64_t torn = 0;
  std::uint64_t free = 0;
  for (std::uint64_t number = 1; number <= 2; ++number) {
    const std::string path = segment_path(number);
    const Header header = read_header(*disk_, path).value();
    const std::size_t size = disk_->contents(path).size();
    // Steps that share no factor with the size of a row meet every byte of one.
    for (std::size_t offset = number; offset < size; offset += offset < kHeaderBytes ? 3 : 7) {
      disk_->flip(path, offset, 0x40);
      ReadOptions options;
      options.files = disk_.get();
      auto reader = EventReader::open(kDiskFolder, options);
      std::size_t count = 0;
      bool good = reader.has_value();
      while (good) {
        const auto next = reader->next();
        good = next && *next;
        if (!next) {
          break;
        }
        if (good) {
          ASSERT_EQ(fingerprint((*next)->event), before.at(count)) << "byte " << offset << " went unnoticed";
          ++count;
        } else if (reader->tail().torn_rows > 0) {
          ++torn;
          ASSERT_EQ(number, 2U) << "an event of a segment that is complete was dropped as torn, byte " << offset;
        } else {
          // Bytes that no row has used: nothing is lost by them.
          ++free;
          ASSERT_EQ(count, before.size());
          ASSERT_GT(offset, header.rows_offset);
        }
      }
      refused += count < before.size() ? 1 : 0;
      disk_->flip(path, offset, 0x40);
    }
  }
  EXPECT_GT(refused, 500U);
  EXPECT_GT(torn, 0U);
  EXPECT_GT(free, 0U);
}

TEST_F(OnSimulatedDisk, EverySyncsEachAppend) {
  run_.reset();
  JournalOptions options = small_options(*disk_);
  options.sync = Sync::every;
  run_ = start_run(*disk_, options).value();
  append(journal(), 1, 2);
  EXPECT_EQ(journal().durable_now(), 2U);
  lose_power(CrashPolicy::none);
  expect_events(*disk_, 2);
}

TEST_F(OnSimulatedDisk, NoneSurvivesAKillOnly) {
  run_.reset();
  JournalOptions options = small_options(*disk_);
  options.sync = Sync::none;
  run_ = start_run(*disk_, options).value();
  append(journal(), 1, 2);
  ASSERT_TRUE(journal().sync());
  EXPECT_EQ(journal().durable(), 2U);
  const auto killed = disk_->crash(CrashPolicy::all, random_);
  expect_events(*killed, 2);
  const auto unplugged = disk_->crash(CrashPolicy::none, random_);
  expect_events(*unplugged, 0);
}

TEST_F(OnSimulatedDisk, TheNextOwnerSavesWhatOneThatDidNotSyncHasLeft) {
  run_.reset();
  JournalOptions options = small_options(*disk_);
  options.sync = Sync::none;
  run_ = start_run(*disk_, options).value();
  append(journal(), 1, 3, kLongestInlineText + 10);
  ASSERT_TRUE(journal().sync());
  start();
  EXPECT_EQ(journal().durable(), 3U);
  lose_power(CrashPolicy::none);
  expect_events(*disk_, 3, kLongestInlineText + 10);
}

TEST_F(OnSimulatedDisk, AReaderSeesWhatWasWrittenMeanwhile) {
  append(journal(), 1, 3);
  ASSERT_TRUE(journal().sync());
  ReadOptions options;
  options.files = disk_.get();
  options.execution = engine::ExecutionId{1};  // events 1, 4, 7, …
  EventReader reader = EventReader::open(kDiskFolder, options).value();
  EXPECT_EQ(reader.next().value()->seq, 1U);
  EXPECT_FALSE(reader.next().value());
  append(journal(), 4, 40);
  ASSERT_TRUE(journal().sync());
  for (std::uint64_t seq = 4; seq <= 40; seq += 3) {
    EXPECT_EQ(reader.next().value()->seq, seq);
  }
  EXPECT_FALSE(reader.next().value());
}

TEST_F(OnSimulatedDisk, AReaderMayBeginLater) {
  append(journal(), 1, 40);
  ASSERT_TRUE(journal().sync());
  ReadOptions options;
  options.files = disk_.get();
  options.from = 33;
  EventReader reader = EventReader::open(kDiskFolder, options).value();
  EXPECT_EQ(reader.next().value()->seq, 33U);
}

/// Counts the bytes that are read of each file.
class CountedReads final : public ForwardingFiles {
 public:
  using ForwardingFiles::ForwardingFiles;
  Result<std::unique_ptr<File>> open_to_read(const std::string& path) const override {
    auto file = ForwardingFiles::open_to_read(path);
    return file ? std::unique_ptr<File>(new Counted(std::move(*file), read[path])) : std::move(file);
  }
  mutable std::map<std::string, std::uint64_t> read;

 private:
  class Counted final : public File {
   public:
    Counted(std::unique_ptr<File> file, std::uint64_t& read) : file_(std::move(file)), read_(read) {}
    Result<void> write(std::span<const std::byte> bytes, std::uint64_t offset) override {
      return file_->write(bytes, offset);
    }
    Result<std::size_t> read(std::span<std::byte> bytes, std::uint64_t offset) const override {
      read_ += bytes.size();
      return file_->read(bytes, offset);
    }
    Result<std::uint64_t> size() const override { return file_->size(); }
    Result<void> sync() override { return file_->sync(); }

   private:
    std::unique_ptr<File> file_;
    std::uint64_t& read_;
  };
};

TEST_F(OnSimulatedDisk, AReaderOfAStretchReadsNoOtherSegments) {
  append(journal(), 1, 900);
  ASSERT_TRUE(journal().sync());
  const std::size_t segments = list_journal(*disk_, kDiskFolder)->segments.size();
  ASSERT_GT(segments, 50U);
  for (const SequenceNumber first : {1, 13, 300, 450, 611, 890}) {
    CountedReads files(*disk_);
    ReadOptions options;
    options.files = &files;
    options.from = first;
    options.until = first + 7;
    options.execution = engine::ExecutionId{1};  // events 1, 4, 7, …
    EventReader reader = EventReader::open(kDiskFolder, options).value();
    std::vector<SequenceNumber> seen;
    for (auto next = reader.next().value(); next; next = reader.next().value()) {
      seen.push_back(next->seq);
    }
    const SequenceNumber least = first + (3 - (first - 1) % 3) % 3;
    EXPECT_EQ(seen.front(), least);
    EXPECT_EQ(seen.back(), least + (first + 7 - least) / 3 * 3);
    EXPECT_FALSE(reader.next().value());
    const auto whole = std::count_if(files.read.begin(), files.read.end(),
                                     [](const auto& file) { return file.second > 10 * kHeaderBytes; });
    EXPECT_LE(whole, 2) << "it lies in one segment, or in two";
    EXPECT_LE(files.read.size(), 16U) << "and headers are not read one by one";
  }
}

/// On the real file system, with threads.
class OnDisk : public Test {
 protected:
  const TestFolder made_;
  const std::string folder_ = made_.path();
};

TEST(Shape, GivesAsMuchPayloadAsEventsNeed) {
  EXPECT_EQ(shaped({1'000, 64'000}, 0), (SegmentSize{1'000, 64'000}));
  EXPECT_EQ(shaped({1'000, 64'000}, 1), (SegmentSize{1'000, 16'000}));
  EXPECT_EQ(shaped({1'000, 64'000}, 40), (SegmentSize{1'000, 64'000}));
  // Never more bytes in all: many bytes to a row leave fewer rows.
  const SegmentSize wide = shaped({1'000, 64'000}, 200);
  EXPECT_EQ(wide.payload, wide.rows * 256);
  EXPECT_LE(wide.rows * kRowBytes + wide.payload, 128'000U);
  EXPECT_EQ(shaped({1, 64}, 100'000), (SegmentSize{1, 1'024}));
  // But for large rows segments grow, to four times the size.
  const SegmentSize large = shaped({1'000, 64'000}, 2'000);
  EXPECT_EQ(large.payload, large.rows * 1'024);
  EXPECT_GT(large.rows * kRowBytes + large.payload, 500'000U);
  EXPECT_LE(large.rows * kRowBytes + large.payload, 512'000U);
}

TEST_F(OnDisk, SegmentsTakeTheShapeOfWhatIsAppended) {
  JournalOptions options;
  options.first_segment = options.largest_segment = {64, 64 * 64};
  JournalStart start;
  start.folder = folder_;
  auto journal = DurableJournal::create(start, options).value();
  std::uint64_t next = 1;
  const auto fill = [&](std::size_t size) {  // some segments
    const std::uint64_t until = journal->current_segment() + 4;
    while (journal->current_segment() < until) {
      append(*journal, next, next, size);
      ++next;
      ASSERT_TRUE(journal->sync());
    }
  };
  const auto size_now = [&] {
    return read_header(posix_files(), folder_ + "/" + segment_name(journal->current_segment())).value().size;
  };
  fill(1);
  EXPECT_EQ(size_now().rows, 64U);
  const std::uint32_t small = size_now().payload;
  EXPECT_LT(small, 64U * 64U);
  fill(700);
  EXPECT_LT(size_now().rows, 40U);
  EXPECT_GT(size_now().payload, 64U * 64U);
  fill(1);
  EXPECT_EQ(size_now(), (SegmentSize{64, small}));
}

TEST_F(OnDisk, ManyEventsBecomeDurableInTheBackground) {
  constexpr std::uint64_t kEvents = 50'000;
  JournalOptions options;
  options.first_segment = {512, 64 << 10};
  options.largest_segment = {4'096, 512 << 10};
  {
    JournalStart start;
    start.folder = folder_;
    auto journal = DurableJournal::create(start, options).value();
    for (std::uint64_t i = 1; i <= kEvents; i += 10) {
      append(*journal, i, i + 9);
    }
    SequenceNumber last = 0;
    const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (journal->durable() < kEvents && std::chrono::steady_clock::now() < give_up) {
      EXPECT_GE(journal->durable(), last);
      last = journal->durable();
      std::this_thread::sleep_for(std::chrono::microseconds(200));
    }
    EXPECT_EQ(journal->durable(), kEvents);
    EXPECT_FALSE(journal->failure());
    // What is appended last is durable when the journal is gone.
    append(*journal, kEvents + 1, kEvents + 3);
  }
  EventReader reader = EventReader::open(folder_).value();
  for (std::uint64_t i = 1; i <= kEvents + 3; ++i) {
    const auto next = reader.next();
    ASSERT_TRUE(next) << next.error().message;
    ASSERT_TRUE(*next) << "event " << i << " is missing";
    ASSERT_EQ((*next)->event.id, i);
  }
  EXPECT_FALSE(reader.next().value());
  for (const auto& entry : std::filesystem::directory_iterator(folder_)) {
    EXPECT_NE(entry.path().extension(), ".tmp");
  }
}

TEST_F(OnDisk, ASleepingJournalWakesForOneEvent) {
  JournalStart start;
  start.folder = folder_;
  auto journal = DurableJournal::create(start, {}).value();
  std::this_thread::sleep_for(std::chrono::milliseconds(80));  // long enough to fall asleep
  append(*journal, 1, 1);
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (journal->durable() < 1 && std::chrono::steady_clock::now() < give_up) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  EXPECT_EQ(journal->durable(), 1U);
}

TEST_F(OnDisk, WhoWaitsIsAlwaysWoken) {
  std::mutex mutex;
  std::condition_variable woken;
  bool wake = false;
  JournalOptions options;
  options.on_durable = [&] {
    const std::lock_guard lock(mutex);
    wake = true;
    woken.notify_one();
  };
  JournalStart start;
  start.folder = folder_;
  auto journal = DurableJournal::create(start, options).value();
  for (std::uint64_t i = 1; i <= 500; ++i) {
    append(*journal, i, i);
    while (journal->durable() < i) {
      std::unique_lock lock(mutex);
      ASSERT_TRUE(woken.wait_for(lock, std::chrono::seconds(20), [&] { return wake; })) << "event " << i;
      wake = false;
    }
  }
}

TEST_F(OnDisk, AFolderThatIsNotThereIsAnError) {
  JournalStart start;
  start.folder = folder_ + "/none";
  const auto journal = DurableJournal::create(start, {});
  ASSERT_FALSE(journal);
  EXPECT_NE(journal.error().message.find("none"), std::string::npos);
}

}  // namespace
}  // namespace lockstep::journal
