#include "journal/lease.hpp"

#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <thread>

namespace lockstep::journal {
namespace {

using namespace std::chrono_literals;

/// Short times, so that a dead owner is known for dead at once.
LeaseOptions quick() {
  LeaseOptions options;
  options.heartbeat = 20ms;
  options.stale_after = 300ms;
  options.valid_for = 150ms;
  return options;
}

class RunFolder : public testing::Test {
 protected:
  RunFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "lockstep-lease-XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
  }
  ~RunFolder() override { std::filesystem::remove_all(folder_); }

  void leave_behind(const Owner& owner) { std::ofstream(folder_ + "/lease") << to_text(owner); }
  /// A process of its own that takes the lease and holds it until it is killed.
  pid_t other_owner() {
    int ready[2];
    EXPECT_EQ(::pipe(ready), 0);
    const pid_t child = ::fork();
    if (child == 0) {
      const auto lease = Lease::acquire(folder_, 0, quick());
      const char answer = lease ? 'y' : 'n';
      if (::write(ready[1], &answer, 1) == 1) {
        while (true) {
          ::pause();
        }
      }
      ::_exit(1);
    }
    char answer = 0;
    EXPECT_EQ(::read(ready[0], &answer, 1), 1);
    EXPECT_EQ(answer, 'y');
    ::close(ready[0]);
    ::close(ready[1]);
    return child;
  }
  static void end(pid_t child) {
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
  }

  std::string folder_;
};

TEST_F(RunFolder, EveryOwnerHasAGreaterEpoch) {
  for (Epoch epoch = 1; epoch <= 3; ++epoch) {
    const auto lease = Lease::acquire(folder_, 0, quick());
    ASSERT_TRUE(lease) << lease.error().message;
    EXPECT_EQ((*lease)->epoch(), epoch);
    EXPECT_TRUE((*lease)->is_confirmed());
    EXPECT_TRUE((*lease)->check());
  }
  EXPECT_EQ(Lease::acquire(folder_, 41, quick()).value()->epoch(), 42U) << "the journal may know better";
  EXPECT_TRUE(read_owner(folder_)->released);
}

TEST_F(RunFolder, ALiveOwnerKeepsItAndIsNamed) {
  const pid_t other = other_owner();
  const auto lease = Lease::acquire(folder_, 0, quick());
  ASSERT_FALSE(lease);
  EXPECT_EQ(lease.error().kind, ErrorKind::occupied);
  EXPECT_NE(lease.error().message.find(fmt::format("process {}", other)), std::string::npos) << lease.error().message;
  LeaseOptions takeover = quick();
  takeover.takeover = true;
  EXPECT_FALSE(Lease::acquire(folder_, 0, takeover)) << "it moves its counter";
  end(other);
}

TEST_F(RunFolder, AKilledOwnerDoesNotBarTheWay) {
  end(other_owner());
  EXPECT_FALSE(read_owner(folder_)->released);
  const auto begin = std::chrono::steady_clock::now();
  const auto lease = Lease::acquire(folder_, 0, quick());
  ASSERT_TRUE(lease) << lease.error().message;
  EXPECT_EQ((*lease)->epoch(), 2U);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 250ms) << "nothing had to be watched";
}

TEST_F(RunFolder, AKilledOwnerThatNobodyHasReapedIsDead) {
  const pid_t other = other_owner();
  ::kill(other, SIGKILL);
  siginfo_t info;
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(other), &info, WEXITED | WNOWAIT), 0);
  const auto lease = Lease::acquire(folder_, 0, quick());
  EXPECT_TRUE(lease) << lease.error().message;
  end(other);
}

TEST_F(RunFolder, AStoppedOwnerCanBeTakenOverAndChangesNothingWhenItGoesOn) {
  auto first = Lease::acquire(folder_, 0, quick()).value();
  const pid_t child = ::fork();
  if (child == 0) {
    // A second owner that the lock does not keep out, as on a host that is cut off: it writes a greater epoch.
    Owner other = this_process();
    other.epoch = 7;
    std::ofstream(folder_ + "/lease.new") << to_text(other);
    std::filesystem::rename(folder_ + "/lease.new", folder_ + "/lease");
    ::_exit(0);
  }
  ::waitpid(child, nullptr, 0);
  EXPECT_FALSE(first->check());
  EXPECT_FALSE(first->is_confirmed());
  first.reset();
  EXPECT_EQ(read_owner(folder_)->epoch, 7U) << "it did not touch the lease any more";
}

TEST_F(RunFolder, TakeoverFromAStoppedProcess) {
  const pid_t other = other_owner();
  ::kill(other, SIGSTOP);
  LeaseOptions takeover = quick();
  takeover.takeover = true;
  {
    const auto lease = Lease::acquire(folder_, 0, takeover);
    ASSERT_TRUE(lease) << lease.error().message;
    EXPECT_EQ((*lease)->epoch(), 2U);
    ::kill(other, SIGCONT);
    std::this_thread::sleep_for(100ms);
    EXPECT_TRUE((*lease)->check());
    EXPECT_EQ(read_owner(folder_)->epoch, 2U);
  }
  end(other);
}

TEST_F(RunFolder, AnOwnerOnAnotherHostIsWatched) {
  Owner away;
  away.epoch = 5;
  away.host = "another-host";
  away.boot_id = "another-boot";
  away.pid = 1;
  away.slurm_job = "77";
  leave_behind(away);
  const auto begin = std::chrono::steady_clock::now();
  {
    const auto lease = Lease::acquire(folder_, 0, quick());
    ASSERT_TRUE(lease) << lease.error().message;
    EXPECT_EQ((*lease)->epoch(), 6U);
    EXPECT_GE(std::chrono::steady_clock::now() - begin, 300ms) << "its counter stood still for that long";
  }
  // While it moves its counter, it lives.
  leave_behind(away);
  std::atomic<bool> stop{false};
  std::thread beating([&] {
    while (!stop) {
      ++away.counter;
      std::ofstream(folder_ + "/lease.new") << to_text(away);
      std::filesystem::rename(folder_ + "/lease.new", folder_ + "/lease");
      std::this_thread::sleep_for(20ms);
    }
  });
  const auto refused = Lease::acquire(folder_, 0, quick());
  stop = true;
  beating.join();
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("host another-host, process 1, Slurm job 77 (restart 0)"), std::string::npos)
      << refused.error().message;
}

TEST_F(RunFolder, SlurmKnowsThatAJobIsGone) {
  Owner away;
  away.epoch = 5;
  away.host = "another-host";
  away.boot_id = "another-boot";
  away.slurm_job = "77";
  leave_behind(away);
  LeaseOptions options = quick();
  options.stale_after = 1h;
  options.slurm_job_runs = [](const std::string& job) { return std::optional(job != "77"); };
  EXPECT_TRUE(Lease::acquire(folder_, 0, options));
}

TEST_F(RunFolder, AnOwnerWhoseHostRestartedIsDead) {
  Owner before = this_process();
  before.boot_id = "the boot before";
  before.pid = ::getppid();
  leave_behind(before);
  LeaseOptions options = quick();
  options.stale_after = 1h;
  EXPECT_TRUE(Lease::acquire(folder_, 0, options));
}

TEST_F(RunFolder, ALeaseThatIsNotConfirmedForTooLongIsNotHeld) {
  LeaseOptions options = quick();
  options.heartbeat = 1h;
  const auto lease = Lease::acquire(folder_, 0, options).value();
  EXPECT_TRUE(lease->is_confirmed());
  std::this_thread::sleep_for(200ms);
  EXPECT_FALSE(lease->is_confirmed());
}

TEST(OwnerText, ComesBackOrIsRefused) {
  Owner owner{7, "n1", "boot", 4711, 99, "12", 1, 5, true};
  const auto read = parse_owner(to_text(owner));
  ASSERT_TRUE(read);
  EXPECT_EQ(to_text(*read), to_text(owner));
  EXPECT_FALSE(parse_owner(""));
  EXPECT_FALSE(parse_owner("epoch 7\nhost n1\n")) << "cut off";
  EXPECT_FALSE(parse_owner("epoch seven\nend\n"));
}

}  // namespace
}  // namespace lockstep::journal
