#include "mpi_worker/exec_runner.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "value/builder.hpp"
#include "value/test_folder.hpp"
#include "value/test_json.hpp"

namespace lockstep::worker {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;
using work::Builtin;
using work::Job;
using work::JobId;
using work::JobKind;
using work::StdoutMode;
using work::WorkingDirectory;
using namespace std::chrono_literals;

class RunnerTest : public testing::Test {
 protected:
  RunnerTest() {
    settings_.run_folder = folder_ + "/run";
    settings_.run_id = "run-1";
    settings_.kill_after = 50ms;
    std::filesystem::create_directory(settings_.run_folder);
  }

  JobId add(Job job) {
    job.folder = folder_;
    return settings_.jobs.add(std::move(job));
  }
  JobId exec(std::vector<std::string> argv, StdoutMode mode = StdoutMode::json) {
    return add(Job{.resource = "job:test", .kind = JobKind::exec, .argv = std::move(argv), .stdout_mode = mode});
  }
  JobId shell(const std::string& script, StdoutMode mode = StdoutMode::json) {
    return exec({"/bin/sh", "-c", script}, mode);
  }

  Task task(JobId job, std::string_view input = "{}") {
    Task made;
    made.id = {work::ExecutionId{7}, work::StrandId::top, ++visits_, 1};
    made.job = job;
    made.input = json(input);
    made.execution_name = "night";
    made.state_name = "Measure";
    return made;
  }

  Runner& runner(std::size_t slots = 2) {
    if (!runner_) {
      runner_ = std::make_unique<Runner>(settings_, Place{3, "n1"}, slots, spool_.get(), Fence(), told_);
    }
    return *runner_;
  }

  std::vector<Outcome> wait_for(std::size_t count, std::chrono::milliseconds limit = 10s) {
    std::vector<Outcome> outcomes;
    const auto end = std::chrono::steady_clock::now() + limit;
    while (outcomes.size() < count && std::chrono::steady_clock::now() < end) {
      runner().wait(100ms, -1, outcomes);
    }
    EXPECT_EQ(outcomes.size(), count);
    outcomes.resize(count);
    return outcomes;
  }
  void advance_for(std::chrono::milliseconds time) {
    std::vector<Outcome> outcomes;
    const auto end = std::chrono::steady_clock::now() + time;
    while (std::chrono::steady_clock::now() < end) {
      runner().wait(std::chrono::duration_cast<std::chrono::microseconds>(end - std::chrono::steady_clock::now()), -1,
                    outcomes);
    }
    EXPECT_TRUE(outcomes.empty());
  }
  Outcome run(Task one) {
    runner().submit(std::move(one));
    return wait_for(1).front();
  }
  std::string result(const Outcome& outcome) {
    EXPECT_EQ(outcome.kind, OutcomeKind::succeeded) << outcome.error << ": " << outcome.cause;
    return outcome.result.to_text();
  }

  std::string file(const std::string& name) const {
    std::ifstream in(folder_ + "/" + name);
    std::stringstream text;
    text << in.rdbuf();
    return text.str();
  }
  bool exists(const std::string& name) const { return std::filesystem::exists(folder_ + "/" + name); }
  /// Until the process whose number is in the file is gone.
  bool gone(const std::string& name) const {
    for (int i = 0; i < 200; ++i) {
      const std::string number = file(name);
      if (number.empty()) {
        return true;  // it was ended before it could say who it is
      }
      std::ifstream status("/proc/" + number.substr(0, number.find('\n')) + "/stat");
      std::string line;
      if (!std::getline(status, line) || line.find(") Z ") != std::string::npos) {
        return true;
      }
      usleep(5000);
    }
    return false;
  }

  const TestFolder made_;
  const std::string folder_ = made_.path();
  RunSettings settings_;
  std::unique_ptr<Spool> spool_;
  ToldToEnd told_;
  std::unique_ptr<Runner> runner_;
  std::uint32_t visits_ = 0;
};

TEST_F(RunnerTest, GivesUpWhatWouldBeginLast) {
  const auto visit = [](std::uint32_t number) { return DispatchId{.visit = number}; };
  settings_.jobs.add({.resource = "job:sleep", .builtin = Builtin::sleep});
  Runner runner(settings_, {}, 1);
  for (std::uint32_t n = 1; n <= 4; ++n) {
    Task task;
    task.id.visit = n;
    task.job = JobId{0};
    task.input = json("0");
    runner.submit(std::move(task));
  }
  EXPECT_THAT(runner.take_back(2), ElementsAre(visit(3), visit(4)));
  std::vector<Outcome> outcomes;
  while (runner.running() + runner.waiting() > 0) {
    runner.wait(1s, -1, outcomes);
  }
  ASSERT_EQ(outcomes.size(), 2U) << "what was given up has no outcome";
  EXPECT_EQ(outcomes[0].id, visit(1));
  EXPECT_EQ(outcomes[1].id, visit(2));
  EXPECT_THAT(runner.take_back(5), IsEmpty());
}

TEST_F(RunnerTest, KeepsWhatHasBegun) {
  settings_.jobs.add({.resource = "job:sleep", .builtin = Builtin::sleep});
  Runner runner(settings_, {}, 1);
  Task task;
  task.job = JobId{0};
  task.input = json("60");
  runner.submit(std::move(task));
  std::vector<Outcome> outcomes;
  runner.advance(outcomes);
  EXPECT_THAT(runner.take_back(1), IsEmpty());
  EXPECT_EQ(runner.running(), 1U);
}

TEST_F(RunnerTest, InputGoesInAndOutputComesBack) {
  const Outcome outcome = run(task(exec({"cat"}), R"({"x": [1, 2.50]})"));
  EXPECT_EQ(result(outcome), R"({"x": [1, 2.50]})");
  EXPECT_EQ(outcome.id, (DispatchId{work::ExecutionId{7}, work::StrandId::top, 1, 1}));
  EXPECT_EQ(outcome.usage.rank, 3U);
  EXPECT_GT(outcome.started.us, 0);
  EXPECT_GE(outcome.ended, outcome.started);
}

TEST_F(RunnerTest, TenMegabytesGoThroughBothWays) {
  const std::string text = "\"" + std::string(10 << 20, 'x') + "\"";
  EXPECT_EQ(result(run(task(exec({"cat"}), text))), text);
}

TEST_F(RunnerTest, AJobMayLeaveItsInputUnread) {
  const std::string text = "\"" + std::string(1 << 20, 'x') + "\"";
  EXPECT_EQ(result(run(task(shell("exec <&-; echo 1"), text))), "1");
}

TEST_F(RunnerTest, NoOutputIsNull) {
  EXPECT_EQ(result(run(task(shell("true")))), "null");
  EXPECT_EQ(result(run(task(shell("echo ' '")))), "null");
}

TEST_F(RunnerTest, OutputThatIsNotJsonIsBadOutput) {
  const Outcome outcome = run(task(shell(R"(printf '{"a":1}\n\001garbage\377')")));
  EXPECT_EQ(outcome.kind, OutcomeKind::failed);
  EXPECT_EQ(outcome.error, "Lockstep.BadOutput");
  EXPECT_THAT(outcome.cause, AllOf(HasSubstr("line 2, column"), HasSubstr("\n{\"a\":1}\n?garbage\xEF\xBF\xBD")));
  EXPECT_THAT(outcome.cause, Not(HasSubstr("it begins"))) << "it is shown whole";
}

TEST_F(RunnerTest, LongBadOutputShowsHowItBeginsAndEnds) {
  const Outcome outcome = run(task(shell("echo BEGIN; head -c 100000 /dev/zero | tr '\\0' x; echo END; echo why >&2")));
  EXPECT_EQ(outcome.error, "Lockstep.BadOutput");
  EXPECT_LT(outcome.cause.size(), 5000U);
  EXPECT_THAT(outcome.cause, AllOf(HasSubstr("it begins: BEGIN x"), HasSubstr("\nstdout:\n…x"), HasSubstr("xEND\n")));
  EXPECT_THAT(outcome.cause, testing::EndsWith("\nstderr:\nwhy"));
  EXPECT_GT(file("run/logs/rank-3.log").size(), 100000U) << "the log has all of it";
}

TEST_F(RunnerTest, WhatAFailedJobSaidOnStdoutIsInItsCauseAndItsLog) {
  EXPECT_EQ(run(task(shell("echo ERROR: no such plate; exit 2"))).cause, "exit status 2\nERROR: no such plate");
  EXPECT_EQ(run(task(shell("seq 30; echo careful >&2; exit 2"))).cause.substr(0, 27), "exit status 2\nstdout:\n11\n12");
  EXPECT_EQ(run(task(shell("echo both; echo both >&2; exit 2"))).cause, "exit status 2\nboth");
  EXPECT_EQ(run(task(shell("echo both; exit 2", StdoutMode::log))).cause, "exit status 2\nboth");
  Task one = task(shell("echo before it hangs; exec sleep 600"));
  one.timeout = 100ms;
  run(one);
  EXPECT_THAT(file("run/logs/rank-3.log"),
              AllOf(HasSubstr(" on n1 stdout ---\nERROR: no such plate\n"), HasSubstr(" stdout ---\n1\n2\n"),
                    HasSubstr(" stdout ---\nbefore it hangs\n")));
}

TEST_F(RunnerTest, TextModeMakesAString) {
  EXPECT_EQ(result(run(task(shell(R"(printf 'a"b\nc\377')", StdoutMode::text)))), "\"a\\\"b\\nc\xEF\xBF\xBD\"");
}

TEST_F(RunnerTest, LogModeSendsOutputToTheLog) {
  EXPECT_EQ(result(run(task(shell("echo step 100; echo warning >&2", StdoutMode::log)))), R"({"ExitCode":0})");
  EXPECT_THAT(file("run/logs/rank-3.log"),
              AllOf(HasSubstr(" Measure execution night attempt 0 dispatch 7-1-1 rank 3 on n1"),
                    HasSubstr("step 100\n"), HasSubstr("warning\n")));
}

TEST_F(RunnerTest, TooMuchOutputFails) {
  settings_.output_limit = 1000;
  const Outcome outcome = run(task(shell("yes")));
  EXPECT_EQ(outcome.error, "States.DataLimitExceeded");
  EXPECT_EQ(outcome.cause, "stdout is larger than 1000 bytes");
}

TEST_F(RunnerTest, ExitStatusAndStderrAreTheCause) {
  const Outcome outcome = run(task(shell("seq 30 >&2; exit 3")));
  EXPECT_EQ(outcome.kind, OutcomeKind::failed);
  EXPECT_EQ(outcome.error, "States.TaskFailed");
  EXPECT_THAT(outcome.cause, AllOf(StartsWith("exit status 3\n11\n12\n"), Not(HasSubstr("\n10\n")), HasSubstr("\n30")));
}

TEST_F(RunnerTest, ALongLineOfStderrIsCutToItsEnd) {
  const Outcome outcome = run(task(shell("head -c 100000 /dev/zero | tr '\\0' y >&2; echo end >&2; exit 1")));
  EXPECT_LT(outcome.cause.size(), 9000U);
  EXPECT_EQ(outcome.cause.substr(outcome.cause.size() - 6), "yyyend");
}

TEST_F(RunnerTest, LastLineOfStdoutNamesTheError) {
  const Outcome outcome =
      run(task(shell(R"(echo progress; echo '{"errorMessage":"no","errorType":"CustomException"}'; echo; exit 1)")));
  EXPECT_EQ(outcome.error, "CustomException");
  EXPECT_EQ(outcome.cause, R"({"errorMessage":"no","errorType":"CustomException"})");
  EXPECT_EQ(run(task(shell(R"(echo '{"Error":"E1","Cause":"c"}'; exit 1)", StdoutMode::log))).error, "E1");
  EXPECT_EQ(run(task(shell(R"(echo '{"errorType":3}'; exit 1)"))).error, "States.TaskFailed");
}

TEST_F(RunnerTest, AnErrorObjectOnSuccessIsJustTheOutput) {
  EXPECT_EQ(result(run(task(shell(R"(echo '{"errorType":"E"}')")))), "{\"errorType\":\"E\"}");
}

TEST_F(RunnerTest, ASignalIsNamed) {
  EXPECT_THAT(run(task(shell("kill -SEGV $$"))).cause, StartsWith("killed by signal 11 (Segmentation fault)"));
}

TEST_F(RunnerTest, MissingProgramsAreNamed) {
  EXPECT_EQ(run(task(exec({"no-such-program-anywhere"}))).cause, "no-such-program-anywhere: not found in PATH");
  EXPECT_THAT(file("run/logs/rank-3.log"),
              HasSubstr(" failed States.TaskFailed after 0.000 s ---\nno-such-program-anywhere: not found in PATH\n"));
  EXPECT_EQ(run(task(exec({"./missing.sh"}))).cause, folder_ + "/./missing.sh: not found");
  EXPECT_EQ(run(task(exec({"/bin"}))).error, "States.TaskFailed");
}

TEST_F(RunnerTest, ProgramsThatCannotRunSayWhy) {
  std::ofstream(folder_ + "/plain.sh") << "echo 1\n";
  EXPECT_THAT(run(task(exec({"./plain.sh"}))).cause, HasSubstr("plain.sh: not executable: Permission denied"));
  chmod((folder_ + "/plain.sh").c_str(), 0700);
  EXPECT_THAT(run(task(exec({"./plain.sh"}))).cause, HasSubstr("neither a program nor a script"));
  std::ofstream(folder_ + "/odd.sh") << "#!/no/such/interpreter\n";
  chmod((folder_ + "/odd.sh").c_str(), 0700);
  EXPECT_THAT(run(task(exec({"./odd.sh"}))).cause, HasSubstr("interpreter that its first line names is not found"));
}

TEST_F(RunnerTest, FieldsOfTheInputBecomeArguments) {
  const JobId job = exec({"/bin/echo", "[\"${a}-${n}\",", "${b}]"});
  EXPECT_EQ(result(run(task(job, R"({"a":"x y","n":1.50,"b":true})"))), "[\"x y-1.50\", true]");
}

TEST_F(RunnerTest, MissingFieldsAreBadArguments) {
  const JobId job = exec({"/bin/echo", "--in=${src}"});
  const Outcome outcome = run(task(job, R"({"a":1})"));
  EXPECT_EQ(outcome.error, "Lockstep.BadArguments");
  EXPECT_EQ(outcome.cause, R"(${src} in the argument "--in=${src}": the input has no such field)");
  EXPECT_THAT(run(task(job, R"({"src":[1]})")).cause, HasSubstr("it is an array"));
  EXPECT_THAT(run(task(job, R"({"src":null})")).cause, HasSubstr("it is a null"));
  EXPECT_THAT(run(task(job, R"({"src":"a\u0000b"})")).cause, HasSubstr("NUL"));
  EXPECT_THAT(run(task(job, "[]")).cause, HasSubstr("not an object"));
  EXPECT_EQ(run(task(job, "{\"src\":\"" + std::string(300'000, 'x') + "\"}")).error, "Lockstep.BadArguments");
}

TEST_F(RunnerTest, RelativeProgramsAreFromTheJobsFolderWhateverTheWorkingDirectory) {
  std::ofstream(folder_ + "/where.sh") << "#!/bin/sh\npwd\n";
  chmod((folder_ + "/where.sh").c_str(), 0700);
  Job job{.resource = "job:w", .kind = JobKind::exec, .argv = {"./where.sh"}, .stdout_mode = StdoutMode::text};
  EXPECT_EQ(result(run(task(add(job)))), "\"" + folder_ + "\\n\"");
  job.cwd = WorkingDirectory::task_folder;
  EXPECT_EQ(result(run(task(add(job)))), "\"" + folder_ + "/run/tasks/Measure.7-2\\n\"");
}

TEST_F(RunnerTest, ATaskFolderStaysOnlyWhereItIsUsed) {
  run(task(shell("test -d \"$LOCKSTEP_TASK_DIR\"; echo > \"$LOCKSTEP_TASK_DIR/restart\"")));
  run(task(shell("true")));
  runner_.reset();
  EXPECT_TRUE(exists("run/tasks/Measure.7-1/restart"));
  EXPECT_FALSE(exists("run/tasks/Measure.7-2"));
}

TEST_F(RunnerTest, ATaskFolderIsTheTasksOwn) {
  const JobId job = shell("cd \"$LOCKSTEP_TASK_DIR\"; touch \"${touch}\" 2>/dev/null; ls -A; pwd", StdoutMode::text);
  const std::string tasks = settings_.run_folder + "/tasks/";
  EXPECT_EQ(result(run(task(job, R"({"touch":""})"))), "\"" + tasks + "Measure.7-1\\n\"");
  EXPECT_EQ(result(run(task(job, R"({"touch":".hidden"})"))), "\".hidden\\n" + tasks + "Measure.7-2\\n\"");
  EXPECT_EQ(result(run(task(job, R"({"touch":""})"))), "\"" + tasks + "Measure.7-3\\n\"")
      << "what is used stays where it is";
  --visits_;
  --visits_;
  EXPECT_EQ(result(run(task(job, R"({"touch":""})"))), "\".hidden\\n" + tasks + "Measure.7-2\\n\"")
      << "another dispatch finds what is there";
}

TEST_F(RunnerTest, AJobIsToldWhatItIsAndNotWhoseChild) {
  setenv("OMPI_COMM_WORLD_RANK", "3", 1);
  setenv("OMPI_ALLOW_RUN_AS_ROOT", "1", 1);
  setenv("PMIX_RANK", "3", 1);
  setenv("SLURM_PROCID", "3", 1);
  setenv("SLURM_JOB_ID", "77", 1);
  setenv("LOCKSTEP_TASK_TOKEN", "of somebody else", 1);
  Task one = task(exec({"/usr/bin/env"}, StdoutMode::text));
  one.item_index = 12;
  one.attempt = 2;
  const std::string variables = "\\n" + result(run(std::move(one)));
  for (const char* name : {"OMPI_COMM_WORLD_RANK", "PMIX_RANK", "SLURM_PROCID", "LOCKSTEP_TASK_TOKEN"}) {
    EXPECT_THAT(variables, Not(HasSubstr(std::string(name) + "="))) << name;
    unsetenv(name);
  }
  for (const char* text : {"OMPI_ALLOW_RUN_AS_ROOT=1", "SLURM_JOB_ID=77", "LOCKSTEP_RUN_ID=run-1",
                           "LOCKSTEP_STATE=Measure", "LOCKSTEP_ITEM_INDEX=12", "LOCKSTEP_ATTEMPT=2", "LOCKSTEP_RANK=3",
                           "LOCKSTEP_HOST=n1", "LOCKSTEP_EXECUTION=night", "OMP_NUM_THREADS=", "LOCKSTEP_TASK_DIR="}) {
    EXPECT_THAT(variables, HasSubstr(text));
  }
}

TEST_F(RunnerTest, AJobStartsWithUsualSignalsAndNoneOfOurDescriptors) {
  const std::string status =
      result(run(task(shell("grep -E 'SigBlk|SigIgn' /proc/self/status; ls /proc/self/fd", StdoutMode::text))));
  EXPECT_THAT(status, HasSubstr("SigBlk:\\t0000000000000000\\nSigIgn:\\t0000000000000000"));
  EXPECT_THAT(status, HasSubstr("\\n0\\n1\\n2\\n3\\n\""));  // 3 is ls reading the folder
}

TEST_F(RunnerTest, TimeoutStopsTheWholeGroup) {
  Task one = task(shell("sleep 60 & echo $! > child; trap '' TERM; while :; do sleep 60; done"));
  one.timeout = 100ms;
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(run(std::move(one)).kind, OutcomeKind::timed_out);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 2s);
  EXPECT_TRUE(gone("child"));
}

TEST_F(RunnerTest, ATaskToldToStopMayTidyUp) {
  settings_.kill_after = 5s;
  const JobId job = shell("trap 'echo saved > state; exit 0' TERM; echo > up; sleep 60 & wait");
  for (auto limit = 100ms; !exists("up"); limit *= 2) {  // a busy machine may not get so far
    Task one = task(job);
    one.timeout = limit;
    EXPECT_EQ(run(std::move(one)).kind, OutcomeKind::timed_out);
  }
  EXPECT_EQ(file("state"), "saved\n");
}

TEST_F(RunnerTest, SilenceLongerThanTheHeartbeatTimesOut) {
  Task quiet = task(shell("sleep 60"));
  quiet.heartbeat = 100ms;
  const Outcome outcome = run(std::move(quiet));
  EXPECT_EQ(outcome.kind, OutcomeKind::heartbeat_missed);
  Task lively = task(shell("for i in 1 2 3 4 5 6; do sleep 0.05; echo . >&2; done"));
  lively.heartbeat = 200ms;
  EXPECT_EQ(result(run(std::move(lively))), "null");
}

TEST_F(RunnerTest, ATaskWhoseProgramIsNotLoadedYetCanBeCancelled) {
  const std::string program = folder_ + "/slow";
  std::ofstream(program) << "#!/bin/sh\necho 1\n";
  std::filesystem::permissions(program, std::filesystem::perms::owner_all);
  const JobId job = exec({program});
  // Who opens it now waits until we let go of it, as for a file server that is away; SIGIO says that somebody does.
  const Descriptor file(open(program.c_str(), O_RDONLY | O_CLOEXEC));
  auto* const before = signal(SIGIO, SIG_IGN);
  if (fcntl(file.get(), F_SETLEASE, F_WRLCK) != 0) {
    GTEST_SKIP() << "no leases here";
  }
  Task one = task(job);
  const DispatchId id = one.id;
  runner().submit(std::move(one));
  advance_for(100ms);
  runner().cancel(id);
  const Outcome cancelled = wait_for(1).front();
  fcntl(file.get(), F_SETLEASE, F_UNLCK);
  EXPECT_EQ(cancelled.kind, OutcomeKind::cancelled);
  EXPECT_EQ(result(run(task(job))), "1");
  signal(SIGIO, before);
}

TEST_F(RunnerTest, CancelStopsWhatRunsAndDropsWhatWaits) {
  Task first = task(shell("echo $$ > pid; exec sleep 60"));
  Task second = task(shell("touch ran"));
  const DispatchId running = first.id;
  const DispatchId waiting = second.id;
  runner(1).submit(std::move(first));
  runner().submit(std::move(second));
  advance_for(50ms);
  runner().cancel(waiting);
  runner().cancel(running);
  runner().cancel({work::ExecutionId{9}, work::StrandId{9}, 9, 9});
  const std::vector<Outcome> outcomes = wait_for(2);
  EXPECT_EQ(outcomes[0].kind, OutcomeKind::cancelled);
  EXPECT_EQ(outcomes[0].id, waiting);
  EXPECT_EQ(outcomes[1].kind, OutcomeKind::cancelled);
  EXPECT_TRUE(gone("pid"));
  EXPECT_FALSE(exists("ran"));
}

TEST_F(RunnerTest, ChildrenDoNotOutliveTheirJob) {
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(result(run(task(shell("sleep 60 & echo $! > child; echo 5")))), "5");
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 2s);
  EXPECT_TRUE(gone("child"));
}

TEST_F(RunnerTest, TheLastOutputOfAChildIsWaitedFor) {
  EXPECT_EQ(result(run(task(shell("(sleep 0.02; echo 5) &")))), "5");
}

TEST_F(RunnerTest, NothingOutlivesTheRunner) {
  runner().submit(task(shell("sleep 60 & echo $! > child; echo $$ > pid; wait")));
  advance_for(100ms);
  runner_.reset();
  EXPECT_TRUE(gone("pid"));
  EXPECT_TRUE(gone("child"));
}

TEST_F(RunnerTest, NothingOutlivesAProcessThatIsKilled) {
  const JobId job = shell("sleep 60 & echo $! > child; echo $$ > pid; wait");
  const pid_t rank = fork();
  if (rank == 0) {
    Runner doomed(settings_, Place{1, "n1"}, 2);
    doomed.submit(task(job));
    std::vector<Outcome> outcomes;
    while (!exists("pid")) {
      doomed.wait(5ms, -1, outcomes);
    }
    ::kill(getpid(), SIGKILL);
  }
  int status = 0;
  waitpid(rank, &status, 0);
  EXPECT_TRUE(WIFSIGNALED(status));
  EXPECT_TRUE(gone("pid"));
  EXPECT_TRUE(gone("child"));
}

TEST_F(RunnerTest, WhatTheEndOfTheAllocationKilledIsNoFailureOfTheTask) {
  runner().submit(task(shell("kill -TERM $$")));
  runner().submit(task(shell("exit 143")));
  do {
    advance_for(5ms);
  } while (runner().running() > 0);
  runner().cancel_all();
  for (const Outcome& outcome : wait_for(2)) {
    EXPECT_EQ(outcome.kind, OutcomeKind::cancelled);
  }
}

TEST_F(RunnerTest, AKillThatNobodyExplainsIsAFailure) {
  const Outcome outcome = run(task(shell("kill -KILL $$")));
  EXPECT_EQ(outcome.kind, OutcomeKind::failed);
  EXPECT_THAT(outcome.cause, StartsWith("killed by signal 9"));
}

TEST_F(RunnerTest, ATaskThatFailsAfterWeWereToldToEndWasCutOff) {
  runner().submit(task(shell("echo > begun; until [ -e told ]; do sleep 0.01; done; exit 1")));
  while (!std::filesystem::exists(folder_ + "/begun")) {
    advance_for(5ms);
  }
  told_.note();
  std::ofstream(folder_ + "/told") << "";
  const Outcome outcome = wait_for(1).front();
  EXPECT_EQ(outcome.kind, OutcomeKind::interrupted);
  EXPECT_THAT(outcome.cause, HasSubstr("exit status 1"));
  EXPECT_TRUE(outcome.begun);
}

TEST_F(RunnerTest, TheTaskMayDieBeforeWeAreToldToEnd) {
  runner().submit(task(shell("kill -TERM $$")));
  runner().submit(task(shell("exit 143")));
  do {
    advance_for(5ms);
  } while (runner().running() > 0);
  told_.note();
  for (const Outcome& outcome : wait_for(2)) {
    EXPECT_EQ(outcome.kind, OutcomeKind::interrupted);
  }
}

TEST_F(RunnerTest, NothingBeginsWhileWeAreBeingToldToEnd) {
  told_.note();
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(result(run(task(shell("echo 1")))), "1");
  EXPECT_GE(std::chrono::steady_clock::now() - begin, 1900ms);
}

TEST_F(RunnerTest, TasksThatDieTogetherWereCutOffOnce) {
  for (const OutcomeKind kind : {OutcomeKind::interrupted, OutcomeKind::failed}) {
    for (int i = 0; i < 2; ++i) {
      Task one = task(shell("kill -KILL $$"));
      one.cut_off = kind == OutcomeKind::failed;
      runner().submit(std::move(one));
    }
    for (const Outcome& outcome : wait_for(2)) {
      EXPECT_EQ(outcome.kind, kind);
    }
  }
}

TEST_F(RunnerTest, NoMoreRunThanThereAreSlots) {
  const JobId job = shell("echo x >> begun; while [ ! -e go ]; do sleep 0.01; done; echo 1");
  std::vector<Outcome> none;
  for (int i = 0; i < 3; ++i) {
    runner(2).submit(task(job));
  }
  do {
    runner().advance(none);
  } while (file("begun") != "x\nx\n");
  EXPECT_EQ(runner().running(), 2U);
  EXPECT_EQ(runner().waiting(), 1U);
  std::ofstream(folder_ + "/go") << "now";
  wait_for(3);
  EXPECT_EQ(runner().running(), 0U);
}

TEST_F(RunnerTest, HeldStartsNothing) {
  runner().hold(true);
  runner().submit(task(shell("touch ran")));
  advance_for(20ms);
  EXPECT_EQ(runner().waiting(), 1U);
  EXPECT_FALSE(exists("ran"));
  runner().hold(false);
  wait_for(1);
}

TEST_F(RunnerTest, ManyTasksLeaveNoDescriptors) {
  const auto descriptors = [] {
    const auto entries = std::filesystem::directory_iterator("/proc/self/fd");
    return std::distance(begin(entries), end(entries));
  };
  const JobId job = exec({"true"});
  for (int i = 0; i < 50; ++i) {
    runner().submit(task(job));
  }
  wait_for(50);
  const auto before = descriptors();
  for (int i = 0; i < 50; ++i) {
    runner().submit(task(job));
  }
  wait_for(50);
  EXPECT_EQ(descriptors(), before);
}

TEST_F(RunnerTest, Builtins) {
  const JobId noop = add(Job{.resource = "job:n", .builtin = Builtin::noop});
  const JobId echo = add(Job{.resource = "job:e", .builtin = Builtin::echo});
  const JobId fail = add(Job{.resource = "job:f", .builtin = Builtin::fail});
  EXPECT_EQ(result(run(task(noop, "[1]"))), "null");
  EXPECT_EQ(result(run(task(echo, "[1]"))), "[1]");
  const Outcome failed = run(task(fail, R"({"Error":"E1","Cause":"why"})"));
  EXPECT_EQ(failed.kind, OutcomeKind::failed);
  EXPECT_EQ(failed.error, "E1");
  EXPECT_EQ(failed.cause, "why");
  EXPECT_EQ(run(task(fail, "3")).error, "States.TaskFailed");
}

TEST_F(RunnerTest, SleepTakesItsTimeAndCanBeEnded) {
  const JobId sleep = add(Job{.resource = "job:s", .builtin = Builtin::sleep});
  const Outcome slept = run(task(sleep, R"({"seconds":0.02})"));
  EXPECT_EQ(result(slept), "null");
  EXPECT_GE(slept.ended.us - slept.started.us, 20'000);
  EXPECT_EQ(result(run(task(sleep, "0"))), "null");
  EXPECT_EQ(run(task(sleep, "-1")).error, "Lockstep.BadArguments");
  EXPECT_EQ(run(task(sleep, "{}")).error, "Lockstep.BadArguments");
  Task limited = task(sleep, "60");
  limited.timeout = 10ms;
  EXPECT_EQ(run(std::move(limited)).kind, OutcomeKind::timed_out);
  Task cancelled = task(sleep, "1e300");
  const DispatchId id = cancelled.id;
  runner().submit(std::move(cancelled));
  advance_for(5ms);
  runner().cancel(id);
  EXPECT_EQ(wait_for(1).front().kind, OutcomeKind::cancelled);
}

TEST_F(RunnerTest, AJobThatTheTableLacksFails) {
  EXPECT_EQ(run(task(JobId{99})).error, "States.Runtime");
}

TEST_F(RunnerTest, AJobThatMustNeverStartTwiceIsMarkedBeforeItBegins) {
  settings_.spool = true;
  spool_ = Spool::open(settings_, 3);
  Job once{.resource = "job:once", .kind = JobKind::exec, .argv = {"/bin/sh", "-c", "cp -r $LOCKSTEP_RUN_DIR/spool ."}};
  once.interrupted = work::Interrupted::fail;
  const Task marked = task(add(once));
  const Task other = task(shell("true"));
  runner().submit(marked);
  runner().submit(other);
  wait_for(2);
  std::vector<DispatchId> begun;
  // What stood there when it ran.
  EXPECT_TRUE(read_spools(folder_, [&](const SpoolRecord& record) { begun.push_back(record.outcome.id); }));
  EXPECT_THAT(begun, testing::ElementsAre(marked.id));
}

TEST_F(RunnerTest, WithoutItsMarkerSuchAJobDoesNotStart) {
  settings_.spool = true;
  std::ofstream(settings_.run_folder + "/spool") << "in the way";
  spool_ = Spool::open(settings_, 3);
  Job once{.resource = "job:once", .kind = JobKind::exec, .argv = {"/bin/sh", "-c", "touch ran"}};
  once.interrupted = work::Interrupted::fail;
  const Outcome outcome = run(task(add(once)));
  EXPECT_EQ(outcome.kind, OutcomeKind::interrupted) << "it may begin elsewhere";
  EXPECT_FALSE(outcome.begun);
  EXPECT_THAT(outcome.cause, HasSubstr("must never start twice"));
  EXPECT_FALSE(exists("ran"));
  EXPECT_EQ(result(run(task(shell("echo 1")))), "1") << "other jobs go on";
}

TEST_F(RunnerTest, ATaskThatCannotBeginComesBackWithAllThatWait) {
  const std::string tasks = settings_.run_folder + "/tasks";
  std::ofstream(tasks) << "in the way";
  const JobId job = shell("echo 1");
  const Task first = task(job);
  const Task second = task(job);
  runner().submit(first);
  runner().submit(second);
  const std::vector<Outcome> outcomes = wait_for(2);
  for (const Outcome& outcome : outcomes) {
    EXPECT_EQ(outcome.kind, OutcomeKind::interrupted);
    EXPECT_FALSE(outcome.begun);
  }
  EXPECT_EQ(outcomes[0].id, first.id);
  EXPECT_THAT(outcomes[0].cause, AllOf(HasSubstr(tasks + "/"), HasSubstr("Not a directory")));
  EXPECT_EQ(outcomes[1].id, second.id);
  EXPECT_EQ(outcomes[1].cause, "") << "it was not tried";
  std::filesystem::remove(tasks);
  EXPECT_EQ(result(run(*outcomes[1].unbegun)), "1");
}

TEST_F(RunnerTest, WithoutADescriptorATaskDoesNotBegin) {
  const JobId job = shell("echo 1");
  EXPECT_EQ(result(run(task(job))), "1");
  rlimit before = {};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  const Descriptor lowest(open("/dev/null", O_RDONLY | O_CLOEXEC));
  const rlimit none = {static_cast<rlim_t>(lowest.get()), before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
  const Outcome outcome = run(task(job));
  setrlimit(RLIMIT_NOFILE, &before);
  EXPECT_EQ(outcome.kind, OutcomeKind::interrupted);
  EXPECT_FALSE(outcome.begun);
  EXPECT_THAT(outcome.cause, AllOf(HasSubstr("cannot start a process"), HasSubstr("ulimit -n")));
  EXPECT_TRUE(std::filesystem::is_empty(settings_.run_folder + "/tasks"));
  EXPECT_EQ(result(run(*outcome.unbegun)), "1");
}

TEST_F(RunnerTest, AFullLogFailsNoTaskAndSaysSo) {
  settings_.log_limit = 1000;
  const JobId job = shell("head -c 700 /dev/zero | tr '\\0' x >&2; echo 1");
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(result(run(task(job))), "1");
  }
  const std::string log = file("run/logs/rank-3.log");
  EXPECT_THAT(log.substr(1000), StartsWith("\nlockstep: rank 3: its log has reached its limit of 1000 bytes"));
  EXPECT_LT(log.size(), 1200U) << "that is said once";
}

TEST_F(RunnerTest, AHeartbeatPipeKeepsASilentTaskAlive) {
  EXPECT_EQ(result(run(task(shell("echo 1")))), "1");  // what starts programs may take longer to start than a beat
  Task beating = task(shell("for i in 1 2 3 4 5 6; do sleep 0.05; echo >&$LOCKSTEP_HEARTBEAT_FD; done; echo 1"));
  beating.heartbeat = 150ms;
  EXPECT_EQ(result(run(beating)), "1");
  Task stopped = task(shell("echo >&$LOCKSTEP_HEARTBEAT_FD; exec 3>&-; sleep 5"));
  stopped.heartbeat = 150ms;
  EXPECT_EQ(run(stopped).kind, OutcomeKind::heartbeat_missed);
  EXPECT_EQ(result(run(task(shell("env | grep -c HEARTBEAT_FD; true")))), "0") << "nobody waits for its beats";
}

TEST_F(RunnerTest, AnOutcomeSaysWhatTheTaskUsed) {
  const Outcome outcome = run(task(shell("i=0; while [ $i -lt 50000 ]; do i=$((i+1)); done; echo 1")));
  EXPECT_GT(outcome.usage.cpu_us, 5'000);
  EXPECT_LT(outcome.usage.cpu_us, 10'000'000);
  EXPECT_EQ(outcome.usage.max_rss_kib, 0) << "less than ours";
  EXPECT_GT(run(task(shell("dd if=/dev/zero of=/dev/null bs=700M count=1 2>/dev/null; echo 1"))).usage.max_rss_kib,
            700'000);
}

TEST_F(RunnerTest, TheLogSaysWhoseItIsAndWhoFailed) {
  Task one = task(shell("echo careful >&2; exit 3"));
  one.state_name = "A state rank 1 execution x";
  one.item_index = 12;
  run(one);
  std::istringstream log(file("run/logs/rank-3.log"));
  std::vector<LogHeader> headers;
  std::string text;
  for (std::string line; std::getline(log, line);) {
    if (auto header = parse_log_header(line)) {
      headers.push_back(*header);
    } else {
      text += line;
    }
  }
  EXPECT_EQ(text, "carefulexit status 3");
  ASSERT_EQ(headers.size(), 2U);
  for (const LogHeader& header : headers) {
    EXPECT_EQ(header.state, one.state_name);
    EXPECT_EQ(header.execution, "night");
    EXPECT_EQ(header.item, 12);
    EXPECT_EQ(header.dispatch, "7-1-1");
    EXPECT_EQ(header.place, "3 on n1");
  }
  EXPECT_FALSE(headers[0].is_failure);
  EXPECT_TRUE(headers[1].is_failure);
  EXPECT_THAT(headers[1].failure, AllOf(StartsWith("States.TaskFailed after 0."), testing::EndsWith(" s")));
  EXPECT_FALSE(parse_log_header("--- this is none ---").has_value());
  EXPECT_FALSE(parse_log_header("--- ---").has_value());
}

/// Ways out of a task's process group; the process that has gone is in the file `child`, and then waits for a minute.
struct Escape {
  const char* name;
  const char* script;
  friend void PrintTo(const Escape& escape, std::ostream* out) { *out << escape.name; }
};
const Escape kEscapes[] = {
    {"GnuTimeout", "timeout 60 sh -c 'echo $$ > child; sleep 60' &"},
    {"Session", "setsid sh -c 'echo $$ > child; sleep 60' &"},
    {"JobControl", "bash -c 'set -m; sh -c \"echo \\$\\$ > child; sleep 60\" & wait' &"},
    {"Daemon", "(setsid sh -c 'echo $$ > child; sleep 60' </dev/null >/dev/null 2>&1 &) &"},
    {"DeafDaemon", "(setsid sh -c 'trap \"\" TERM HUP; echo $$ > child; sleep 60' </dev/null >/dev/null 2>&1 &) &"},
    {"Nameless", "(env -i setsid /bin/sh -c 'echo $$ > child; sleep 60' </dev/null >/dev/null 2>&1 &) &"},
};

class EscapeTest : public RunnerTest, public testing::WithParamInterface<Escape> {
 protected:
  /// Goes on with `then` once the process is away.
  JobId escape(const std::string& then) {
    return shell(std::string(GetParam().script) + " while [ ! -s child ]; do sleep 0.01; done; " + then);
  }
  /// Now, not soon.
  bool is_gone() const {
    std::ifstream status("/proc/" + file("child").substr(0, file("child").find('\n')) + "/stat");
    std::string line;
    return !std::getline(status, line);
  }
  void wait_for_child() {
    std::vector<Outcome> outcomes;
    while (!exists("child") || file("child").empty()) {
      runner().wait(5ms, -1, outcomes);
    }
  }
};
INSTANTIATE_TEST_SUITE_P(Ways, EscapeTest, testing::ValuesIn(kEscapes),
                         [](const auto& escape) { return std::string(escape.param.name); });

TEST_P(EscapeTest, ATimeoutEndsIt) {
  const JobId job = escape("sleep 60");
  for (auto limit = 300ms; file("child").empty(); limit *= 2) {  // a busy machine may not get so far
    Task one = task(job);
    one.timeout = limit;
    EXPECT_EQ(run(one).kind, OutcomeKind::timed_out);
  }
  EXPECT_TRUE(is_gone()) << "before the outcome is known";
}

TEST_P(EscapeTest, ACancelEndsIt) {
  const Task one = task(escape("sleep 60"));
  runner().submit(one);
  wait_for_child();
  runner().cancel(one.id);
  EXPECT_EQ(wait_for(1).front().kind, OutcomeKind::cancelled);
  EXPECT_TRUE(is_gone());
}

TEST_P(EscapeTest, SuccessEndsIt) {
  EXPECT_EQ(result(run(task(escape("echo 1")))), "1");
  EXPECT_TRUE(is_gone());
  EXPECT_EQ(result(run(task(shell("echo 2")))), "2") << "the slot goes on";
}

TEST_P(EscapeTest, TheRunnersEndEndsIt) {
  runner().submit(task(escape("sleep 60")));
  wait_for_child();
  runner_.reset();
  EXPECT_TRUE(is_gone());
}

TEST_P(EscapeTest, TheDeathOfTheRankEndsIt) {
  const JobId job = escape("sleep 60");
  const pid_t rank = fork();
  if (rank == 0) {
    runner().submit(task(job));
    wait_for_child();
    ::kill(getpid(), SIGKILL);
  }
  waitpid(rank, nullptr, 0);
  EXPECT_TRUE(gone("child"));
}

TEST_P(EscapeTest, TheDeathOfItsKeeperInterruptsTheTask) {
  runner().submit(task(escape("echo $PPID > keeper; sleep 60")));
  wait_for_child();
  while (file("keeper").empty()) {
    advance_for(5ms);
  }
  ::kill(std::stoi(file("keeper")), SIGKILL);
  const Outcome outcome = wait_for(1).front();
  EXPECT_EQ(outcome.kind, OutcomeKind::interrupted);
  EXPECT_TRUE(outcome.begun);
  EXPECT_TRUE(is_gone());
  EXPECT_EQ(result(run(task(shell("echo 2")))), "2") << "another keeper is there for the next";
}

TEST_P(EscapeTest, TheDeathOfTheGuardInterruptsTheTasks) {
  runner().submit(task(escape("cut -d' ' -f4 /proc/$PPID/stat > guard; sleep 60")));
  wait_for_child();
  while (file("guard").empty()) {
    advance_for(5ms);
  }
  ::kill(std::stoi(file("guard")), SIGKILL);
  EXPECT_EQ(wait_for(1).front().kind, OutcomeKind::interrupted);
  EXPECT_TRUE(is_gone());
  EXPECT_EQ(result(run(task(shell("echo 2")))), "2");
}

TEST_F(RunnerTest, WhoeverBelongsToTheTaskMayTidyUp) {
  settings_.kill_after = 10s;
  Task one = task(
      shell("timeout 60 sh -c 'trap \"echo saved > state; exit 0\" TERM; echo > up; while :; do sleep 0.01; done' & "
            "trap '' TERM; wait; wait"));
  runner().submit(one);
  while (!exists("up")) {
    advance_for(5ms);
  }
  runner().cancel(one.id);
  EXPECT_EQ(wait_for(1).front().kind, OutcomeKind::cancelled);
  EXPECT_EQ(file("state"), "saved\n");
}

TEST_F(RunnerTest, WhatDaemonsLeaveOfTheirOwnIsNobodyElses) {
  // Two tasks side by side: the end of one leaves the other's daemon alone.
  const Task longer =
      task(shell("(setsid sh -c 'echo $$ > child; sleep 60' >/dev/null 2>&1 &); while [ ! -e go ]; do "
                 "sleep 0.01; done; kill -0 $(cat child) && echo 1"));
  runner().submit(longer);
  while (file("child").empty()) {
    advance_for(5ms);
  }
  runner().submit(task(shell("(setsid sleep 60 >/dev/null 2>&1 &); echo 2")));
  EXPECT_EQ(result(wait_for(1).front()), "2");
  std::ofstream(folder_ + "/go") << "now";
  EXPECT_EQ(result(wait_for(1).front()), "1");
  EXPECT_TRUE(gone("child"));
}

TEST_F(RunnerTest, LongArgumentsAndVariablesGoThrough) {
  const std::string text(120'000, 'x');
  EXPECT_EQ(result(run(task(exec({"/bin/sh", "-c", "printf '%s' \"$1$1\" | wc -c", "sh", "${a}"}),
                            "{\"a\":\"" + text + "\"}"))),
            "240000");
}

class StreamTest : public RunnerTest {
 protected:
  JobId stream(const std::string& script) {
    return add(Job{.resource = "job:stream", .kind = JobKind::stream, .argv = {"/bin/sh", "-c", script}});
  }
};

TEST_F(StreamTest, OneProcessTakesManyTasks) {
  runner(1);
  const JobId job = stream("n=0; while read -r line; do n=$((n+1)); echo \"[$$,$n,$line]\"; done");
  const std::string first = result(run(task(job, "{\"a\":\n1}")));
  const std::string pid = first.substr(1, first.find(',') - 1);
  EXPECT_EQ(first, "[" + pid + R"(,1,{"a": 1}])");
  EXPECT_EQ(result(run(task(job, "\"x\""))), "[" + pid + R"(,2,"x"])");
  std::ofstream(folder_ + "/pid") << pid;
  runner_.reset();
  EXPECT_TRUE(gone("pid")) << "nothing of a job survives its runner";
}

TEST_F(StreamTest, AnOutcomeSaysWhatTheTaskUsed) {
  runner(1);
  const JobId job = stream("while read -r line; do i=0; while [ $i -lt $line ]; do i=$((i+1)); done; echo $i; done");
  const Outcome idle = run(task(job, "1"));
  const Outcome busy = run(task(job, "100000"));
  const Outcome again = run(task(job, "1"));
  EXPECT_GT(busy.usage.cpu_us, 1'000);
  EXPECT_LT(again.usage.cpu_us, busy.usage.cpu_us) << "its own, not that of those before";
}

TEST_F(StreamTest, EachSlotHasOneOfItsOwn) {
  const JobId job = stream("while read -r line; do sleep 0.1; echo $$; done");
  for (int i = 0; i < 6; ++i) {
    runner(2).submit(task(job));
  }
  std::set<std::string> pids;
  for (const Outcome& outcome : wait_for(6)) {
    pids.insert(result(outcome));
  }
  EXPECT_EQ(pids.size(), 2U);
}

TEST_F(StreamTest, OneThatDiesFailsItsTaskAndIsStartedAgain) {
  runner(1);
  const JobId job = stream("read -r line; echo \"$line\"; read -r line; echo gone wrong >&2; exit 3");
  EXPECT_EQ(result(run(task(job, "1"))), "1");
  const Outcome failed = run(task(job, "2"));
  EXPECT_EQ(failed.error, "States.TaskFailed");
  EXPECT_EQ(failed.cause, "exit status 3\ngone wrong");
  EXPECT_EQ(result(run(task(job, "3"))), "3");
}

TEST_F(StreamTest, OneThatEndsWhileIdleIsStartedAgain) {
  runner(1);
  const JobId job = stream("read -r line; echo \"$line\"");
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(result(run(task(job, "1"))), "1");
    usleep(20'000);
  }
  const Outcome failed = run(task(stream("read -r line"), "1"));
  EXPECT_EQ(failed.error, "States.TaskFailed");
  EXPECT_THAT(failed.cause, HasSubstr("before it answered"));
}

TEST_F(StreamTest, AnAnswerThatNobodyAskedForIsNotTheNextTasks) {
  runner(1);
  const JobId job = stream("while read -r line; do printf '%s\\n99\\n' \"$line\"; done");
  EXPECT_EQ(result(run(task(job, "1"))), "1");
  EXPECT_EQ(result(run(task(job, "2"))), "2");
}

TEST_F(StreamTest, ATimeoutEndsTheProcessAndItsTaskOnly) {
  runner(1);
  const JobId job = stream("while read -r line; do echo $$ > pid; sleep $line; echo \"$line\"; done");
  Task slow = task(job, "60");
  slow.timeout = 100ms;
  EXPECT_EQ(run(slow).kind, OutcomeKind::timed_out);
  EXPECT_TRUE(gone("pid"));
  EXPECT_EQ(result(run(task(job, "0"))), "0");
  const Task cancelled = task(job, "60");
  runner().submit(cancelled);
  advance_for(50ms);
  runner().cancel(cancelled.id);
  EXPECT_EQ(wait_for(1).front().kind, OutcomeKind::cancelled);
  EXPECT_TRUE(gone("pid"));
}

TEST_F(StreamTest, WhatHasLeftItsGroupEndsWithTheStream) {
  runner(1);
  const JobId job = stream(
      "(setsid sh -c 'echo $$ > child; sleep 60' >/dev/null 2>&1 &); while read -r line; do sleep $line; echo 1; done");
  Task slow = task(job, "60");
  slow.timeout = 300ms;
  EXPECT_EQ(run(slow).kind, OutcomeKind::timed_out);
  EXPECT_TRUE(gone("child"));
  std::filesystem::remove(folder_ + "/child");
  EXPECT_EQ(result(run(task(job, "0.1"))), "1");
  runner_.reset();
  EXPECT_TRUE(gone("child"));
}

TEST_F(StreamTest, AnAnswerMayNameAnError) {
  const Outcome failed =
      run(task(stream("read -r line; echo '{\"errorType\":\"Bad.Luck\",\"errorMessage\":\"why\"}'; read -r line")));
  EXPECT_EQ(failed.error, "Bad.Luck");
  EXPECT_EQ(failed.cause, "{\"errorType\":\"Bad.Luck\",\"errorMessage\":\"why\"}");
  EXPECT_EQ(run(task(stream("read -r line; echo no; read -r line"))).error, "Lockstep.BadOutput");
}

TEST_F(StreamTest, LongLinesPass) {
  runner(1);
  const JobId job = stream("while read -r line; do echo \"$line\"; done");
  const std::string text = "\"" + std::string(300'000, 'x') + "\"";
  EXPECT_EQ(result(run(task(job, text))), text);
  EXPECT_EQ(result(run(task(job, text))), text);
  settings_.output_limit = 1000;
  EXPECT_EQ(run(task(job, text)).error, "States.DataLimitExceeded");
}

}  // namespace
}  // namespace lockstep::worker
