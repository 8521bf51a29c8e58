#include "mpi_worker/roster.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <map>

#include "mpi_worker/heart.hpp"
#include "value/test_folder.hpp"

namespace lockstep::worker {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr const char* kHere = "n1/boot/pid";
constexpr const char* kThere = "n2/boot/pid";

/// Real files, but locks as the test says.
class Locks final : public journal::ForwardingFiles {
 public:
  Locks() : ForwardingFiles(journal::posix_files()) {}
  Result<bool> is_locked(const std::string& /*path*/, journal::ByteRange bytes) const override {
    if (!has_locks) {
      return fail(ErrorKind::io, "no locks");
    }
    return std::any_of(locked.begin(), locked.end(), [&](std::uint64_t byte) {
      return byte >= bytes.first && (bytes.count == 0 || byte < bytes.first + bytes.count);
    });
  }

  bool has_locks = true;
  std::vector<std::uint64_t> locked;
};

/// Processes and time of its own.
class World final : public Machine {
 public:
  journal::FileLayer& files() override { return locks; }
  Clock::time_point now() const override { return time; }
  bool sleep(std::chrono::nanoseconds limit, int /*descriptor*/) override {
    time += std::chrono::duration_cast<Clock::duration>(limit);
    if (on_sleep) {
      on_sleep();
    }
    return false;
  }
  std::string place() const override { return here; }
  std::uint64_t start_time_of(std::uint32_t pid) const override {
    const auto found = running.find(pid);
    return found == running.end() ? 0 : found->second;
  }
  bool end_process(std::uint32_t pid, std::uint64_t started) override {
    if (start_time_of(pid) != started) {
      return false;
    }
    running.erase(pid);
    killed.push_back(pid);
    return true;
  }

  Clock::time_point time{};
  std::string here = kHere;
  Locks locks;
  std::map<std::uint32_t, std::uint64_t> running;  // pid → start time
  std::vector<std::uint32_t> killed;
  std::function<void()> on_sleep;
};

class RosterTest : public testing::Test {
 protected:
  /// An owner of epoch 1, at kHere, whose workers are these.
  void work(std::vector<RosterEntry> entries) {
    auto roster = Roster::create(folder_, 1, 30s, world_);
    ASSERT_TRUE(roster) << roster.error().message;
    ASSERT_TRUE((*roster)->add(std::move(entries)));
  }
  /// How long the owner of epoch 2 waits.
  std::chrono::milliseconds outlive(std::chrono::milliseconds silence = 0ms) {
    const Machine::Clock::time_point begin = world_.time;
    const auto done = outlive_workers(
        folder_, 2, silence, [this](const std::string& line) { said_.push_back(line); }, world_);
    EXPECT_TRUE(done) << done.error().message;
    EXPECT_THAT(rosters(), IsEmpty());
    return std::chrono::duration_cast<std::chrono::milliseconds>(world_.time - begin);
  }
  std::vector<std::string> rosters() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(folder_ + "/spool")) {
      names.push_back(entry.path().filename().string());
    }
    return names;
  }

  const TestFolder made_;
  const std::string folder_ = made_.path();
  World world_;
  std::vector<std::string> said_;
};

TEST_F(RosterTest, WithoutAnyNobodyIsWaitedFor) {
  EXPECT_EQ(outlive(), 0ms);
  EXPECT_THAT(said_, IsEmpty());
}

TEST_F(RosterTest, WorkersThatAreGoneAreNotWaitedFor) {
  world_.locks.locked = {1, 2};
  work({{1, 11, 5, false, kHere}, {2, 12, 5, false, kThere}});
  world_.locks.locked.clear();
  EXPECT_EQ(outlive(), 0ms);
  EXPECT_THAT(said_, IsEmpty());
}

TEST_F(RosterTest, WorkersHereAreEndedAndWhatEndsTheirTasksIsWaitedFor) {
  world_.locks.locked = {1};
  world_.running[11] = 5;
  work({{1, 11, 5, false, kHere}});
  const Machine::Clock::time_point begin = world_.time;
  world_.on_sleep = [&] {
    if (world_.time - begin > 300ms) {
      world_.locks.locked.clear();
    }
  };
  const auto waited = outlive();
  EXPECT_GT(waited, 300ms);
  EXPECT_LT(waited, 500ms);
  EXPECT_THAT(world_.killed, ElementsAre(11));
  EXPECT_THAT(said_, ElementsAre(HasSubstr("1 worker that the run's last owner left behind here was ended")));
}

TEST_F(RosterTest, AnotherProcessWithTheSameNumberIsLeftAlone) {
  world_.locks.locked = {1};
  work({{1, 11, 5, false, kHere}});
  world_.locks.locked.clear();
  world_.running[11] = 6;
  EXPECT_EQ(outlive(), 0ms);
  EXPECT_THAT(world_.killed, IsEmpty());
}

TEST_F(RosterTest, AWorkerElsewhereThatHoldsItsLockIsWaitedForUntilItMustHaveEnded) {
  world_.locks.locked = {3};
  work({{3, 11, 5, false, kThere}});
  EXPECT_EQ(std::chrono::ceil<std::chrono::seconds>(outlive()), 31s) << "30 s, and no more than a look";
  EXPECT_THAT(said_, ElementsAre(HasSubstr("rank 3, process 11 on n2")));
}

TEST_F(RosterTest, TheSilenceOfTheLastOwnerCounts) {
  world_.locks.locked = {3};
  work({{3, 11, 5, false, kThere}});
  EXPECT_LT(outlive(29s), 1200ms);
}

TEST_F(RosterTest, AFreeLockElsewhereSaysNothingWhereItWasNeverSeenFromAfar) {
  world_.locks.has_locks = false;
  work({{1, 11, 5, false, kThere}});
  world_.locks.has_locks = true;
  EXPECT_GE(outlive(), 30s);
}

TEST_F(RosterTest, AFreeLockOnTheOwnersOwnMachineSaysNothingToAnotherMachine) {
  world_.locks.locked = {1};
  work({{1, 11, 5, false, kHere}});
  world_.locks.locked.clear();
  world_.here = "n3/boot/pid";
  EXPECT_GE(outlive(), 30s);
}

TEST_F(RosterTest, WithoutLocksAWorkerHereIsEndedAndItsTasksGetAMoment) {
  world_.locks.has_locks = false;
  world_.running[11] = 5;
  work({{1, 11, 5, false, kHere}});
  const auto waited = outlive();
  EXPECT_THAT(world_.killed, ElementsAre(11));
  EXPECT_GE(waited, 2s);
  EXPECT_LT(waited, 3s);
}

TEST_F(RosterTest, ALineThatWasCutOffStandsForAWorkerThatWasGivenNothing) {
  world_.locks.locked = {1};
  work({{1, 11, 5, false, kThere}});
  std::ofstream(folder_ + "/spool/workers.e1", std::ios::app) << "rank 2 pid 12 started 5 lock unseen place n2";
  world_.locks.locked.clear();
  EXPECT_EQ(outlive(), 0ms);
}

TEST_F(RosterTest, OneThatAPowerLossHasMadeUnreadableIsWaitedFor) {
  std::filesystem::create_directory(folder_ + "/spool");
  std::ofstream(folder_ + "/spool/workers.e1") << "\x17\x03...\n";
  EXPECT_GE(outlive(), Patience::from_environment().lost);
  EXPECT_FALSE(std::filesystem::exists(folder_ + "/spool/workers.e1"));
}

/// The kernel tells of locks in no order.
TEST_F(RosterTest, EveryLockOfManyIsSeen) {
  Machine& machine = real_machine();
  auto roster = Roster::create(folder_, 1, 30s, machine);
  ASSERT_TRUE(roster) << roster.error().message;
  std::vector<std::unique_ptr<journal::FileLock>> locks;
  for (const std::uint32_t rank : {9, 1, 5}) {
    locks.push_back(take_rank_lock(folder_, 1, rank, machine));
    ASSERT_TRUE(locks.back());
  }
  EXPECT_FALSE(take_rank_lock(folder_, 1, 5, machine)) << "it has an owner";
  ASSERT_TRUE((*roster)->add({{1, 1, 1, false, kThere}, {5, 1, 1, false, kThere}, {9, 1, 1, false, kThere}}));
  for (const std::uint32_t rank : {1, 5, 9}) {
    EXPECT_TRUE((*roster)->is_held(rank)) << rank;
  }
  EXPECT_FALSE((*roster)->is_held(4));
}

/// Locks and processes of the real machine.
TEST_F(RosterTest, ALockLivesAsLongAsItsLastHolder) {
  Machine& machine = real_machine();
  auto roster = Roster::create(folder_, 1, 30s, machine);
  ASSERT_TRUE(roster) << roster.error().message;
  int ready[2];
  ASSERT_EQ(pipe(ready), 0);
  const pid_t worker = fork();
  if (worker == 0) {
    const auto lock = take_rank_lock(folder_, 1, 7, machine);
    if (fork() == 0) {  // what ends its tasks
      usleep(300'000);
      _exit(0);
    }
    [[maybe_unused]] const ssize_t written = write(ready[1], "x", 1);
    pause();
    _exit(0);
  }
  char byte = 0;
  ASSERT_EQ(read(ready[0], &byte, 1), 1);
  const auto pid = static_cast<std::uint32_t>(worker);
  ASSERT_TRUE((*roster)->add({{7, pid, machine.start_time_of(pid), false, machine.place()}}));
  EXPECT_TRUE((*roster)->is_held(7));
  EXPECT_FALSE((*roster)->is_held(6));
  const auto begin = std::chrono::steady_clock::now();
  ASSERT_TRUE(outlive_workers(folder_, 2, 0ms, nullptr, machine));
  EXPECT_GT(std::chrono::steady_clock::now() - begin, 100ms);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 20s);
  EXPECT_FALSE((*roster)->is_held(7));
  int status = 0;
  waitpid(worker, &status, 0);
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
  close(ready[0]);
  close(ready[1]);
}

}  // namespace
}  // namespace lockstep::worker
