#include "journal/lease.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <latch>
#include <thread>

#include "value/test_folder.hpp"

namespace lockstep::journal {

std::uint64_t process_start_time(std::int64_t pid);  // lease_owner.cpp

namespace {

using namespace std::chrono_literals;

/// Short times, so that a dead owner is known for dead at once.
LeaseOptions quick() {
  LeaseOptions options;
  options.heartbeat = 20ms;
  options.stale_after = 300ms;
  options.valid_for = 150ms;
  options.give_up_after = 300ms;
  return options;
}

/// A file system without locks.
class NoLocks : public ForwardingFiles {
 public:
  NoLocks() : ForwardingFiles(posix_files()) {}
  Result<LockAttempt> try_lock(const std::string& /*path*/, ByteRange /*bytes*/) override {
    return LockAttempt{nullptr, false};
  }
};

/// One whose `lease` cannot be read so many times.
class Unreadable final : public NoLocks {
 public:
  explicit Unreadable(int times) : times_(times) {}
  Result<std::unique_ptr<File>> open_to_read(const std::string& path) const override {
    if (path.ends_with("/lease") && times_-- > 0) {
      return fail(ErrorKind::io, fmt::format("cannot read {}: Stale file handle", path));
    }
    return ForwardingFiles::open_to_read(path);
  }

 private:
  mutable std::atomic<int> times_;
};

class RunFolder : public testing::Test {
 protected:
  RunFolder() {
    away_.epoch = 5;
    away_.host = "another-host";
    away_.boot_id = "another-boot";
    away_.pid = 1;
    away_.slurm_job = "77";
  }

  void leave_behind(const Owner& owner) { ASSERT_TRUE(write_lease(posix_files(), folder_, owner, false)); }
  std::optional<Owner> lease() { return parse_owner(read_lease(posix_files(), folder_).value()); }
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
  /// Waits for it, but not for ever.
  template <class Condition>
  static bool comes_true(Condition condition) {
    for (int i = 0; i < 500 && !condition(); ++i) {
      std::this_thread::sleep_for(10ms);
    }
    return condition();
  }
  static void end(pid_t child) {
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
  }
  /// How long acquire() takes; `taken`: whether it did.
  std::chrono::milliseconds time_to_acquire(const LeaseOptions& options, bool taken) {
    const auto begin = std::chrono::steady_clock::now();
    const auto lease = Lease::acquire(folder_, 0, options);
    EXPECT_EQ(lease.has_value(), taken) << (lease ? "" : lease.error().message);
    return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - begin);
  }

  const TestFolder made_;
  const std::string folder_ = made_.path();
  Owner away_;  // on another host
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
  EXPECT_TRUE(lease()->released);
}

TEST_F(RunFolder, ALiveOwnerKeepsItAndIsNamed) {
  const pid_t other = other_owner();
  const auto lease = Lease::acquire(folder_, 0, quick());
  ASSERT_FALSE(lease);
  EXPECT_EQ(lease.error().kind, ErrorKind::occupied);
  EXPECT_NE(lease.error().message.find(fmt::format("process {}", other)), std::string::npos) << lease.error().message;
  EXPECT_EQ(lease.error().message.find("takeover"), std::string::npos) << "not from one that lives";
  LeaseOptions takeover = quick();
  takeover.takeover = true;
  EXPECT_FALSE(Lease::acquire(folder_, 0, takeover)) << "it moves its counter";
  end(other);
}

TEST_F(RunFolder, AKilledOwnerDoesNotBarTheWay) {
  end(other_owner());
  EXPECT_FALSE(lease()->released);
  LeaseOptions options = quick();
  options.stale_after = 1h;  // nothing has to be watched
  const auto lease = Lease::acquire(folder_, 0, options);
  ASSERT_TRUE(lease) << lease.error().message;
  EXPECT_EQ((*lease)->epoch(), 2U);
}

TEST_F(RunFolder, AnOwnerThatIsAboutToEndIsWaitedFor) {
  const pid_t other = other_owner();
  LeaseOptions options = quick();
  options.dying = 20s;
  options.stale_after = 1h;
  std::vector<std::string> said;
  options.say = [&](const std::string& line) { said.push_back(line); };
  std::thread killer([&] {
    std::this_thread::sleep_for(300ms);
    end(other);
  });
  const auto lease = Lease::acquire(folder_, 0, options);
  killer.join();
  ASSERT_TRUE(lease) << lease.error().message;
  ASSERT_FALSE(said.empty());
  EXPECT_NE(said[0].find(fmt::format("process {}", other)), std::string::npos) << said[0];
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
  LeaseOptions stopped = quick();
  stopped.heartbeat = 1h;
  auto first = Lease::acquire(folder_, 0, stopped).value();
  // A second owner that the lock does not keep out, as on a host that is cut off.
  away_.epoch = 7;
  leave_behind(away_);
  EXPECT_FALSE(first->check());
  EXPECT_FALSE(first->is_confirmed());
  EXPECT_FALSE(first->confirm());
  first.reset();
  EXPECT_EQ(lease()->epoch, 7U) << "it did not touch the lease any more";
}

TEST_F(RunFolder, TheWholeIdentityCounts) {
  LeaseOptions stopped = quick();
  stopped.heartbeat = 1h;
  auto first = Lease::acquire(folder_, 0, stopped).value();
  Owner twin = *lease();
  twin.token = "another";
  leave_behind(twin);
  const auto checked = first->check();
  ASSERT_FALSE(checked) << "the epoch is the same, but it is not us";
  EXPECT_EQ(checked.error().kind, ErrorKind::occupied);
}

TEST_F(RunFolder, ALeaseThatAFormerOwnerPutOverOursIsPutRight) {
  auto second = Lease::acquire(folder_, 7, quick()).value();
  leave_behind(away_);  // epoch 5: it was stopped between looking and writing
  const auto end = std::chrono::steady_clock::now() + 20s;
  while (lease()->epoch != 8 && std::chrono::steady_clock::now() < end) {
    std::this_thread::sleep_for(10ms);
  }
  EXPECT_EQ(lease()->epoch, 8U);
  EXPECT_TRUE(second->check());
}

TEST_F(RunFolder, AnOwnerOnAnotherHostIsWatched) {
  leave_behind(away_);
  LeaseOptions options = quick();
  std::vector<std::string> said;
  options.say = [&](const std::string& line) { said.push_back(line); };
  EXPECT_GE(time_to_acquire(options, true), 300ms) << "its counter stood still for that long";
  EXPECT_EQ(lease()->epoch, 6U);
  ASSERT_EQ(said.size(), 1U);
  EXPECT_NE(said[0].find("host another-host, process 1, Slurm job 77 (restart 0)"), std::string::npos) << said[0];
  leave_behind(away_);
  const auto unconfirmed = Lease::acquire(folder_, 0, options).value()->last_unconfirmed();
  EXPECT_GE(unconfirmed, 150ms) << "for the rest it could have been sure";
  EXPECT_LT(unconfirmed, 20s);
  // While it moves its counter, it lives.
  leave_behind(away_);
  std::atomic<bool> stop{false};
  std::thread beating([&] {
    while (!stop) {
      ++away_.counter;
      leave_behind(away_);
      std::this_thread::sleep_for(5ms);
    }
  });
  options.stale_after = 1h;
  const auto refused = Lease::acquire(folder_, 0, options);
  stop = true;
  beating.join();
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("host another-host, process 1, Slurm job 77 (restart 0)"), std::string::npos)
      << refused.error().message;
}

TEST_F(RunFolder, AHostOfTheSameNameIsAnotherHostAfterARestart) {
  Owner before = this_process();
  before.boot_id = "the boot before, or another machine";
  before.pid = ::getppid();
  leave_behind(before);
  EXPECT_GE(time_to_acquire(quick(), true), 300ms);
}

TEST_F(RunFolder, AProcessOfAnotherContainerCannotBeLookedUp) {
  Owner there = this_process();
  there.pid_namespace = "pid:[1]";
  there.pid = 99'999'999;  // no such process here
  leave_behind(there);
  EXPECT_EQ(is_running(there), std::nullopt);
  EXPECT_GE(time_to_acquire(quick(), true), 300ms);
}

/// Its job has come back while another kernel, or nobody, still holds the lock.
class ARequeuedJob : public RunFolder {
 protected:
  ARequeuedJob() {
    ::setenv("SLURM_JOB_ID", "77", 1);
    ::setenv("SLURM_RESTART_COUNT", "1", 1);
    held_ = posix_files().try_lock(folder_ + "/LOCK").value().lock;
  }
  ~ARequeuedJob() override {
    ::unsetenv("SLURM_JOB_ID");
    ::unsetenv("SLURM_RESTART_COUNT");
  }
  std::unique_ptr<FileLock> held_;
};

TEST_F(ARequeuedJob, OutwaitsTheLockOfADeadOwner) {
  leave_behind(away_);
  LeaseOptions options = quick();
  std::vector<std::string> said;
  options.say = [&](const std::string& line) { said.push_back(line); };
  EXPECT_GE(time_to_acquire(options, true), 300ms);
  ASSERT_EQ(said.size(), 1U);
  EXPECT_NE(said[0].find("another-host"), std::string::npos) << said[0];
  EXPECT_NE(said[0].find("lock is still held"), std::string::npos) << said[0];
}

TEST_F(ARequeuedJob, DoesNotTakeTheRunFromItsFirstCopyThatLives) {
  for (const bool locked : {true, false}) {
    if (!locked) {
      held_.reset();
    }
    leave_behind(away_);
    std::atomic<bool> stop{false};
    std::thread beating([&] {
      while (!stop) {
        ++away_.counter;
        leave_behind(away_);
        std::this_thread::sleep_for(5ms);
      }
    });
    LeaseOptions options = quick();
    options.stale_after = 1h;
    const auto refused = Lease::acquire(folder_, 0, options);
    stop = true;
    beating.join();
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind, ErrorKind::interrupted) << "to be tried again: the result will be there";
    EXPECT_EQ(refused.error().message.find("takeover"), std::string::npos) << refused.error().message;
    EXPECT_EQ(lease()->epoch, 5U);
  }
}

TEST_F(ARequeuedJob, AnotherJobsLockIsRespected) {
  away_.slurm_job = "78";
  leave_behind(away_);
  const auto refused = Lease::acquire(folder_, 0, quick());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::interrupted) << "nobody knows whether it lives: to be tried again";
  EXPECT_NE(refused.error().message.find("--takeover"), std::string::npos) << refused.error().message;
  LeaseOptions options = quick();
  options.slurm_job_runs = [](const std::string& job) { return std::optional(job != "78"); };
  EXPECT_TRUE(Lease::acquire(folder_, 0, options)) << "Slurm knows that the job is over";
}

TEST_F(RunFolder, SlurmAndTheCounterBothSayWhetherAnOwnerLives) {
  leave_behind(away_);
  LeaseOptions options = quick();
  options.stale_after = 1h;
  options.slurm_job_runs = [](const std::string& job) { return std::optional(job != "77"); };
  EXPECT_GE(time_to_acquire(options, true), options.valid_for) << "it could have been confirmed for that long";
  leave_behind(away_);
  options = quick();
  options.slurm_job_runs = [](const std::string&) { return std::optional(true); };
  const auto refused = Lease::acquire(folder_, 0, options);
  ASSERT_FALSE(refused) << "it hangs, but Slurm says that it runs";
  EXPECT_NE(refused.error().message.find("--takeover"), std::string::npos) << refused.error().message;
  options.takeover = true;
  EXPECT_TRUE(Lease::acquire(folder_, 0, options));
}

TEST_F(RunFolder, ALeaseThatCannotBeReadIsNotAbsent) {
  leave_behind(away_);
  Unreadable files(1'000'000);
  LeaseOptions options = quick();
  options.files = &files;
  const auto refused = Lease::acquire(folder_, 0, options);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::io);
  EXPECT_EQ(lease()->epoch, 5U);
}

TEST_F(RunFolder, WhereNothingCanBeLookedAtALeaseIsNotTakenForAbsent) {
  class Blind final : public ForwardingFiles {
   public:
    using ForwardingFiles::ForwardingFiles;
    Result<std::unique_ptr<File>> open_to_read(const std::string& path) const override {
      return fail(ErrorKind::io, path + ": Input/output error");
    }
    Result<Standing> look(const std::string& path) const override {
      return fail(ErrorKind::io, path + ": Input/output error");
    }
  };
  const Blind files(posix_files());
  EXPECT_FALSE(read_lease(files, folder_));
}

TEST_F(RunFolder, AFailureThatPassesDoesNotCostTheLease) {
  leave_behind(away_);
  Unreadable files(1);
  LeaseOptions options = quick();
  options.files = &files;
  const auto lease = Lease::acquire(folder_, 0, options);
  ASSERT_TRUE(lease) << lease.error().message;
  EXPECT_EQ((*lease)->epoch(), 6U);
}

TEST_F(RunFolder, ADamagedLeaseIsWatchedLikeAnyOther) {
  std::ofstream(folder_ + "/lease") << "epoch 7\nhost n1\n";
  EXPECT_GE(time_to_acquire(quick(), true), 300ms);
}

TEST_F(RunFolder, OfTwoStartsAtOnceWithoutLocksOneWins) {
  /// Nobody writes the lease before both have seen that there is none.
  class Together final : public NoLocks {
   public:
    Result<std::unique_ptr<File>> create(const std::string& path) override {
      if (count_++ < 2) {
        both_.arrive_and_wait();
      }
      return NoLocks::create(path);
    }

   private:
    std::atomic<int> count_{0};
    std::latch both_{2};
  };
  Together files;
  LeaseOptions options = quick();
  options.heartbeat = 500ms;
  options.files = &files;
  Result<std::unique_ptr<Lease>> second;
  std::thread other([&] { second = Lease::acquire(folder_, 0, options); });
  auto first = Lease::acquire(folder_, 0, options);
  other.join();
  ASSERT_NE(first.has_value(), second.has_value());
  const auto& winner = first ? *first : *second;
  EXPECT_TRUE(winner->check());
  EXPECT_EQ(winner->epoch(), 1U);
  for (const auto& entry : std::filesystem::directory_iterator(folder_)) {
    EXPECT_NE(entry.path().extension(), ".tmp");
  }
}

TEST_F(RunFolder, ALeaseThatIsNotConfirmedForTooLongIsNotHeld) {
  LeaseOptions options = quick();
  options.heartbeat = 1h;
  const auto lease = Lease::acquire(folder_, 0, options).value();
  EXPECT_TRUE(lease->is_confirmed());
  EXPECT_TRUE(lease->confirm().value());
  std::this_thread::sleep_for(200ms);
  EXPECT_FALSE(lease->is_confirmed());
  EXPECT_FALSE(lease->confirm().value()) << "wait";
  std::this_thread::sleep_for(400ms);
  const auto given_up = lease->confirm();
  ASSERT_FALSE(given_up) << "others may have taken it long since";
  EXPECT_EQ(given_up.error().kind, ErrorKind::io);
}

TEST_F(RunFolder, TheNextOwnerKnowsThatAJournalWasBegun) {
  Lease::acquire(folder_, 0, quick()).value()->set_has_journal();
  auto lease = Lease::acquire(folder_, 0, quick()).value();
  EXPECT_TRUE(lease->has_journal());
  ASSERT_TRUE(lease->forget_journal());
  EXPECT_FALSE(this->lease()->has_journal);
  lease.reset();
  EXPECT_FALSE(Lease::acquire(folder_, 0, quick()).value()->has_journal());
}

TEST(OwnerText, ComesBackOrIsRefused) {
  const Owner owner{7, "n1", "boot", "pid:[4]", 4711, 99, "f00d", "12", 1, 5, true, true};
  const auto read = parse_owner(to_text(owner));
  ASSERT_TRUE(read);
  EXPECT_EQ(to_text(*read), to_text(owner));
  EXPECT_TRUE(read->is_same(owner));
  EXPECT_FALSE(parse_owner(""));
  EXPECT_FALSE(parse_owner("epoch 7\nhost n1\n")) << "cut off";
  EXPECT_FALSE(parse_owner("epoch seven\nend\n"));
}

TEST_F(RunFolder, TheLossOfTheLeaseIsTold) {
  const auto lease = Lease::acquire(folder_, 0, quick());
  ASSERT_TRUE(lease);
  std::atomic<int> told = 0;
  (*lease)->on_loss([&] { ++told; });
  std::this_thread::sleep_for(60ms);
  EXPECT_EQ(told, 0);
  Owner other = this_process();
  other.epoch = (*lease)->epoch() + 1;
  const std::string temporary = folder_ + "/new";
  std::ofstream(temporary) << to_text(other);
  std::filesystem::rename(temporary, folder_ + "/lease");
  EXPECT_TRUE(comes_true([&] { return told == 1; }));
  EXPECT_TRUE((*lease)->is_lost());
  EXPECT_FALSE((*lease)->is_confirmed());
  (*lease)->on_loss([&] { ++told; });
  EXPECT_EQ(told, 2) << "who asks too late hears of it at once";
}

TEST_F(RunFolder, AnOwnerThatWasStoppedIsEndedByWhoTakesOver) {
  const pid_t other = other_owner();
  ::kill(other, SIGSTOP);
  LeaseOptions options = quick();
  options.takeover = true;
  const auto lease = Lease::acquire(folder_, 0, options);
  ASSERT_TRUE(lease) << lease.error().message;
  int status = 0;
  EXPECT_EQ(::waitpid(other, &status, 0), other);
  EXPECT_TRUE(WIFSIGNALED(status));
  EXPECT_FALSE(Lease::acquire(folder_, 0, quick())) << "and the lock is the new owner's";
}

TEST(EndOwner, LeavesAloneWhoeverHasItsNumberNow) {
  const pid_t other = ::fork();
  if (other == 0) {
    while (true) {
      ::pause();
    }
  }
  Owner owner = this_process();
  owner.pid = other;  // but our own start time, perhaps the same: a tick is long
  owner.start_time += 1000;
  EXPECT_FALSE(end_owner(owner, 1s));
  owner.start_time = process_start_time(other);
  Owner elsewhere = owner;
  elsewhere.boot_id = "another";
  EXPECT_FALSE(end_owner(elsewhere, 1s));
  EXPECT_EQ(::waitpid(other, nullptr, WNOHANG), 0);
  EXPECT_TRUE(end_owner(owner, 5s));
  EXPECT_EQ(::waitpid(other, nullptr, 0), other);
}

}  // namespace
}  // namespace lockstep::journal
