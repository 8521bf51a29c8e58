#include "catalogue/index_file.hpp"

#include <gtest/gtest.h>

#include <fmt/format.h>

#include "journal/simulated_disk.hpp"

namespace lockstep::catalogue {
namespace {

using engine::ExecutionId;
using engine::Status;

ExecutionEntry over(std::uint64_t id, const std::string& name, Status status = Status::succeeded) {
  ExecutionEntry entry;
  entry.id = ExecutionId{id};
  entry.machine_arn = id % 2 == 0 ? "arn:even" : "arn:odd";
  entry.name = name;
  entry.started = {static_cast<std::int64_t>(id) * 10};
  entry.stopped = Timestamp{static_cast<std::int64_t>(id) * 10 + 5};
  entry.status = status;
  entry.first = id * 2;
  entry.last = id * 2 + 1;
  entry.revision = 4;
  entry.redrive_count = 2;
  return entry;
}

class IndexFiles : public testing::Test {
 protected:
  IndexFiles() { EXPECT_TRUE(disk_.make_folder("i")); }
  std::shared_ptr<const IndexFile> write(std::uint64_t number = 3) {
    const auto done = writer_.write(disk_, "i", number);
    EXPECT_TRUE(done) << done.error().message;
    const auto opened = IndexFile::open(disk_, "i", number);
    EXPECT_TRUE(opened) << opened.error().message;
    return *opened;
  }

  journal::SimulatedDisk disk_;
  IndexWriter writer_;
};

TEST_F(IndexFiles, AnEntryComesBackAsItWas) {
  writer_.add(over(9, "nine", Status::timed_out));
  writer_.add(over(4, "four"));
  const auto file = write();
  EXPECT_EQ(file->number(), 3U);
  EXPECT_EQ(file->newest(), Timestamp{95});
  EXPECT_EQ(file->first(), 8U);
  ASSERT_EQ(file->size(), 2U);
  const ExecutionEntry entry = file->entry(**file->find(ExecutionId{9})).value();
  EXPECT_EQ(entry.id, ExecutionId{9});
  EXPECT_EQ(entry.machine_arn, "arn:odd");
  EXPECT_EQ(entry.name, "nine");
  EXPECT_EQ(entry.started, Timestamp{90});
  EXPECT_EQ(entry.stopped, Timestamp{95});
  EXPECT_EQ(entry.status, Status::timed_out);
  EXPECT_EQ(entry.first, 18U);
  EXPECT_EQ(entry.last, 19U);
  EXPECT_EQ(entry.revision, 4U);
  EXPECT_EQ(entry.redrive_count, 2U);
  EXPECT_FALSE(*file->find(ExecutionId{5}));
  EXPECT_FALSE(*file->find(ExecutionId{10}));
}

TEST_F(IndexFiles, OfOneExecutionTheLastEndStays) {
  ExecutionEntry again = over(4, "four", Status::failed);
  again.last = 100;
  writer_.add(again);
  writer_.add(over(4, "four"));
  const auto file = write();
  EXPECT_EQ(file->size(), 1U);
  EXPECT_EQ(file->find("arn:even", "four")->at(0).status, static_cast<std::uint16_t>(Status::failed));
}

TEST_F(IndexFiles, EveryNameIsFoundAmongThousands) {
  for (std::uint64_t id = 1; id <= 3'000; ++id) {
    writer_.add(over(id, fmt::format("execution-{}", id)));
  }
  const auto file = write();
  for (std::uint64_t id = 1; id <= 3'000; ++id) {
    const auto rows = file->find(id % 2 == 0 ? "arn:even" : "arn:odd", fmt::format("execution-{}", id)).value();
    ASSERT_EQ(rows.size(), 1U) << id;
    EXPECT_EQ(rows[0].execution, id);
    EXPECT_TRUE(file->find(id % 2 == 0 ? "arn:odd" : "arn:even", fmt::format("execution-{}", id))->empty());
  }
}

TEST_F(IndexFiles, AGroupIsInTheOrderOfIds) {
  for (std::uint64_t id = 1; id <= 40; ++id) {
    writer_.add(over(41 - id, "x", id % 5 == 0 ? Status::failed : Status::succeeded));
  }
  const auto file = write();
  ASSERT_EQ(file->groups().size(), 4U);
  for (const IndexFile::Group& group : file->groups()) {
    std::uint64_t before = 0;
    for (std::uint32_t i = 0; i < group.count; ++i) {
      const IndexRow row = file->row(group, i).value();
      EXPECT_GT(row.execution, before);
      EXPECT_EQ(row.status, group.status);
      EXPECT_EQ(row.execution % 2 == 0 ? "arn:even" : "arn:odd", file->machine(group));
      EXPECT_EQ(file->count_before(group, file->rows_before(ExecutionId{row.execution}).value()), i);
      before = row.execution;
    }
    EXPECT_EQ(file->count_before(group, file->size()), group.count);
  }
}

TEST_F(IndexFiles, AFlippedBitIsSeenWhereverItIs) {
  for (std::uint64_t id = 1; id <= 200; ++id) {
    writer_.add(over(id, fmt::format("execution-{}", id)));
  }
  ASSERT_TRUE(journal::BlockFile::open(disk_, (write(), "i/" + journal::index_name(3)))->check());
  const std::string path = "i/" + journal::index_name(3);
  for (std::uint64_t at = 0; at < disk_.contents(path).size(); at += 61) {
    disk_.flip(path, at, 0x10);
    const auto file = journal::BlockFile::open(disk_, path);
    EXPECT_TRUE(!file || !file->check()) << "at " << at;
    disk_.flip(path, at, 0x10);
  }
}

TEST_F(IndexFiles, OneWithoutEntriesIsRead) {
  const auto file = write();
  EXPECT_EQ(file->size(), 0U);
  EXPECT_FALSE(*file->find(ExecutionId{1}));
  EXPECT_TRUE(file->find("arn:odd", "x")->empty());
}

}  // namespace
}  // namespace lockstep::catalogue
