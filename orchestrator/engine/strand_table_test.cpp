#include "engine/strand_table.hpp"

#include <gtest/gtest.h>

#include "engine/snapshot.hpp"
#include "engine/test_world.hpp"

#include <deque>
#include <random>
#include <vector>

namespace lockstep::engine {
namespace {

Strand strand_of(std::uint32_t id) {
  Strand strand;
  strand.id = StrandId{id};
  strand.index = id * 7;
  return strand;
}

std::vector<std::uint32_t> ids(const StrandTable& table) {
  std::vector<std::uint32_t> found;
  for (const Strand& strand : table) {
    found.push_back(static_cast<std::uint32_t>(strand.id));
  }
  return found;
}

TEST(StrandTable, FindsWhatIsThereAndNothingElse) {
  StrandTable table;
  EXPECT_EQ(table.find(StrandId{0}), nullptr);
  table.add(strand_of(0));
  table.add(strand_of(5));
  ASSERT_NE(table.find(StrandId{5}), nullptr);
  EXPECT_EQ(table.find(StrandId{5})->index, 35U);
  EXPECT_EQ(table.find(StrandId{4}), nullptr);
  table.erase(StrandId{5});
  table.erase(StrandId{4});
  EXPECT_EQ(table.find(StrandId{5}), nullptr);
  EXPECT_EQ(table.size(), 1U);
}

TEST(StrandTable, GoesThroughStrandsInTheOrderInWhichTheyCame) {
  StrandTable table;
  for (std::uint32_t id = 0; id < 100; ++id) {
    table.add(strand_of(id));
  }
  for (std::uint32_t id = 0; id < 100; id += 2) {
    table.erase(StrandId{id});
  }
  table.add(strand_of(4));
  std::vector<std::uint32_t> expected;
  for (std::uint32_t id = 1; id < 100; id += 2) {
    expected.push_back(id);
  }
  expected.push_back(4);
  EXPECT_EQ(ids(table), expected);
}

TEST(StrandTable, AStrandStaysWhereItIsWhileOthersComeAndGo) {
  StrandTable table;
  Strand& top = table.add(strand_of(0));
  for (std::uint32_t id = 1; id < 10'000; ++id) {
    table.add(strand_of(id));
  }
  for (std::uint32_t id = 1; id < 10'000; ++id) {
    table.erase(StrandId{id});
  }
  EXPECT_EQ(table.find(StrandId::top), &top);
  EXPECT_EQ(table.size(), 1U);
}

TEST(StrandTable, HoldsWhatAWindowOverManyIdsHolds) {
  std::mt19937 random(7);
  StrandTable table;
  std::deque<std::uint32_t> live;
  std::uint32_t next = 1;
  for (int step = 0; step < 20'000; ++step) {
    const bool grows = step / 2'000 % 2 == 0;
    if (live.empty() || random() % 4 < (grows ? 3U : 1U)) {
      table.add(strand_of(next));
      live.push_back(next++);
    } else {
      const std::size_t which = random() % live.size();
      table.erase(StrandId{live[which]});
      live.erase(live.begin() + static_cast<std::ptrdiff_t>(which));
    }
  }
  EXPECT_EQ(ids(table), std::vector<std::uint32_t>(live.begin(), live.end()));
  for (const std::uint32_t id : live) {
    ASSERT_NE(table.find(StrandId{id}), nullptr);
    EXPECT_EQ(table.find(StrandId{id})->index, id * 7);
  }
  table.clear();
  EXPECT_TRUE(table.empty());
  EXPECT_EQ(table.find(StrandId{next - 1}), nullptr);
}

TEST(Snapshot, OfAParentWithoutChildrenIsFoundOutAndNoCrash) {
  auto execution = std::make_unique<Execution>();
  execution->id = ExecutionId{7};
  execution->machine = asl::parse_definition(machine_of(R"("A":{"Type":"Pass","End":true})")).machine;
  execution->next_strand = 2;
  execution->strands.add(strand_of(0));
  Strand task = strand_of(1);
  task.parent = StrandId::top;
  task.phase = Phase::task;
  task.dispatches = 1;
  task.call = std::make_unique<Call>();
  execution->strands.add(std::move(task));
  Engine engine(Limits::hpc());
  Snapshot::restore(engine, std::move(execution));
  EXPECT_NE(engine.check_invariants(), "");
}

}  // namespace
}  // namespace lockstep::engine
