#include "journal/durable_journal.hpp"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <thread>

#include "journal/event_reader.hpp"
#include "journal/test_disk.hpp"
#include "journal/test_events.hpp"

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

TEST_F(OnSimulatedDisk, ALongTextIsAFileOfItsOwn) {
  append(journal(), 1, 1, kLongestInlineText + 10);
  ASSERT_TRUE(journal().sync());
  lose_power(CrashPolicy::none);
  expect_events(*disk_, 1, kLongestInlineText + 10);
  for (const std::string& path : disk_->paths()) {
    if (path.find("/blobs/") != std::string::npos) {
      disk_->flip(path, 1'000, 1);
    }
  }
  const auto events = read_all(*disk_);
  ASSERT_FALSE(events);
  EXPECT_NE(events.error().message.find("blobs/"), std::string::npos) << events.error().message;
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

/// On the real file system, with threads.
class OnDisk : public Test {
 protected:
  OnDisk() {
    std::string name = (std::filesystem::temp_directory_path() / "lockstep-journal-XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
  }
  ~OnDisk() override { std::filesystem::remove_all(folder_); }

  std::string folder_;
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
  EXPECT_LT(size_now().rows, 20U);
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
