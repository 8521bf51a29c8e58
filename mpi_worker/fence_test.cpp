#include "mpi_worker/fence.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <thread>

#include "journal/lease.hpp"
#include "mpi_worker/exec_runner.hpp"
#include "value/test_folder.hpp"

namespace lockstep::worker {
namespace {

using namespace std::chrono_literals;

class FenceTest : public testing::Test {
 protected:
  FenceTest() {
    settings_.run_folder = folder_ + "/run";
    std::filesystem::create_directory(settings_.run_folder);
  }

  void make_runner(Fence fence) {
    runner_ = std::make_unique<Runner>(settings_, Place{3, "n1"}, 1, nullptr, std::move(fence));
  }
  void submit(const std::string& script) {
    work::Job job;
    job.kind = work::JobKind::exec;
    job.argv = {"/bin/sh", "-c", script};
    job.folder = folder_;
    Task task;
    task.id = work::DispatchId::at(work::ExecutionId{7}, settings_.jobs.size(), 1);
    task.job = settings_.jobs.add(std::move(job));
    runner_->submit(std::move(task));
  }
  Outcome outcome() {
    std::vector<Outcome> outcomes;
    for (const auto end = BootClock::now() + 20s; outcomes.empty() && BootClock::now() < end;) {
      runner_->wait(10ms, -1, outcomes);
    }
    EXPECT_EQ(outcomes.size(), 1U);
    return outcomes.empty() ? Outcome() : outcomes.front();
  }
  void expect_not_begun(const Outcome& outcome) {
    EXPECT_EQ(outcome.kind, OutcomeKind::interrupted) << outcome.error;
    EXPECT_FALSE(outcome.begun);
    EXPECT_FALSE(std::filesystem::exists(folder_ + "/began"));
  }

  /// The number in a file, once it is there.
  pid_t number(const std::string& name) {
    std::vector<Outcome> outcomes;
    for (const auto end = BootClock::now() + 20s; BootClock::now() < end;) {
      pid_t pid = 0;
      if (std::ifstream(folder_ + "/" + name) >> pid) {
        return pid;
      }
      if (runner_) {
        runner_->wait(5ms, -1, outcomes);
      } else {
        std::this_thread::sleep_for(5ms);
      }
    }
    ADD_FAILURE() << name;
    return 0;
  }
  static bool lives(pid_t pid) { return journal::process_start_time(pid) != 0; }

  const TestFolder made_;
  const std::string folder_ = made_.path();
  RunSettings settings_;
  std::unique_ptr<Runner> runner_;
};

TEST_F(FenceTest, TasksBeginOnlyBeforeItsTime) {
  auto until = BootClock::now() - 1ms;
  make_runner({.begin_until = [&] { return until; }});
  submit("echo 1");
  std::vector<Outcome> outcomes;
  runner_->advance(outcomes);
  EXPECT_EQ(runner_->running(), 0U);
  EXPECT_EQ(runner_->waiting(), 1U);
  until = BootClock::now() + 1h;
  EXPECT_EQ(outcome().kind, OutcomeKind::succeeded) << "rank 0 was heard of again";
}

/// As where this process is stopped between the last look and the order to its keeper.
TEST_F(FenceTest, ATaskOnItsWayToTheKeeperDoesNotBegin) {
  int asked = 0;
  make_runner({.begin_until = [&] { return BootClock::now() + (++asked == 1 ? 1h : -1ms); }});
  submit(": > began");
  expect_not_begun(outcome());
  EXPECT_EQ(asked, 2);
}

TEST_F(FenceTest, ATaskWithAKeeperThatWasStoppedDoesNotBegin) {
  auto until = BootClock::now() + 1h;
  make_runner({.begin_until = [&] { return until; }});
  submit("echo $PPID > keeper; echo 1");
  EXPECT_EQ(outcome().kind, OutcomeKind::succeeded);
  const pid_t keeper = number("keeper");
  ASSERT_GT(keeper, 0);
  kill(keeper, SIGSTOP);
  until = BootClock::now() + 200ms;
  submit(": > began");
  std::vector<Outcome> outcomes;
  runner_->advance(outcomes);
  EXPECT_EQ(runner_->running(), 1U) << "it was ordered in time";
  std::this_thread::sleep_until(std::chrono::steady_clock::now() + 300ms);
  kill(keeper, SIGCONT);
  expect_not_begun(outcome());
}

TEST_F(FenceTest, ItsTasksEndInTimeThoughItHangs) {
  make_runner({});
  submit("setsid sh -c 'echo $$ > child; sleep 60' & echo $$ > task; sleep 60");
  const pid_t task = number("task");
  const pid_t child = number("child");
  runner_->end_at(BootClock::now() + 2s);
  runner_->end_at(BootClock::now() + 1h);
  std::this_thread::sleep_for(2500ms);
  EXPECT_TRUE(lives(task)) << "it was put off";
  std::thread([&] { runner_->end_at(BootClock::now()); }).join();
  for (int i = 0; i < 2000 && (lives(task) || lives(child)); ++i) {
    std::this_thread::sleep_for(5ms);
  }
  EXPECT_FALSE(lives(task));
  EXPECT_FALSE(lives(child));
  EXPECT_EQ(outcome().kind, OutcomeKind::interrupted);
  runner_->end_at(BootClock::now() + 1h);
  submit("echo 1");
  EXPECT_EQ(outcome().kind, OutcomeKind::succeeded) << "rank 0 was heard of again";
  runner_->end_at(BootClock::time_point::max());
}

TEST_F(FenceTest, ItsTasksEndInTimeThoughItIsStopped) {
  const pid_t rank = fork();
  if (rank == 0) {
    make_runner({});
    runner_->end_at(BootClock::now() + 2s);
    submit("echo $$ > task; sleep 60");
    number("task");
    raise(SIGSTOP);
    _exit(0);
  }
  int status = 0;
  ASSERT_EQ(waitpid(rank, &status, WUNTRACED), rank);
  ASSERT_TRUE(WIFSTOPPED(status));
  const pid_t task = number("task");
  const auto begin = BootClock::now();
  while (lives(task) && BootClock::now() < begin + 20s) {
    usleep(5000);
  }
  EXPECT_FALSE(lives(task));
  kill(rank, SIGKILL);
  waitpid(rank, nullptr, 0);
}

TEST_F(FenceTest, ItsLockIsHeldUntilNothingIsLeftOfTheTasksOfARankThatWasKilled) {
  const std::string path = folder_ + "/lock";
  const pid_t rank = fork();
  if (rank == 0) {
    auto lock = journal::posix_files().try_lock(path, {3, 1});
    make_runner({.lock = lock->lock->descriptor()});
    submit("setsid sh -c 'echo $$ > child; sleep 60' & sleep 60");
    number("child");
    lock->lock.reset();  // what keeps the tasks has it, too
    std::ofstream(folder_ + "/ready") << 1 << std::endl;
    pause();
    _exit(0);
  }
  number("ready");
  const pid_t child = number("child");
  const auto is_locked = [&] { return journal::posix_files().is_locked(path, {3, 1}).value(); };
  EXPECT_TRUE(is_locked());
  kill(rank, SIGKILL);
  waitpid(rank, nullptr, 0);
  const auto end = BootClock::now() + 20s;
  while (is_locked() && BootClock::now() < end) {
    usleep(1000);
  }
  EXPECT_FALSE(lives(child));
  EXPECT_FALSE(is_locked());
}

/// A program that does not become the guard when it is started as one would start another, and that another.
TEST_F(FenceTest, AGuardStartsNoGuard) {
  char name[] = "task-guard";
  char* const own = std::exchange(program_invocation_name, name);
  EXPECT_EQ(Guard::of_this_process()->hire(STDIN_FILENO, STDIN_FILENO), ELOOP);
  program_invocation_name = own;
}

}  // namespace
}  // namespace lockstep::worker
