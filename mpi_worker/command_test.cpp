#include "mpi_worker/command.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

namespace lockstep::worker {
namespace {

using testing::ElementsAre;
using testing::IsSupersetOf;
using work::Job;
using work::Runtime;
using work::WorkingDirectory;

Job job_of(std::vector<std::string> argv) {
  Job job;
  job.kind = work::JobKind::exec;
  job.argv = std::move(argv);
  job.folder = "/home/me";
  return job;
}

Command command(const Job& job, const char* input = R"({"a":"x y","n":3})") {
  const auto made = command_of(job, Value::from_checked_text(input), {}, "/scratch/run", "/scratch/run/tasks/7");
  EXPECT_TRUE(made.has_value()) << (made ? "" : made.error());
  return made ? *made : Command();
}

TEST(Command, FillsArgumentsVariablesAndTheFolder) {
  Job job = job_of({"./tool", "${a}"});
  job.environment = {"A=${n}/${a}", "B=plain"};
  EXPECT_THAT(command(job).argv, ElementsAre("./tool", "x y"));
  EXPECT_THAT(command(job).environment, ElementsAre("A=3/x y", "B=plain"));
  EXPECT_EQ(command(job).folder, "/home/me");
  job.cwd = WorkingDirectory::task_folder;
  EXPECT_EQ(command(job).folder, "/scratch/run/tasks/7");
  job.cwd = WorkingDirectory::named;
  job.directory = "/data/${n}";
  EXPECT_EQ(command(job).folder, "/data/3");
  job.directory = "${a}";
  EXPECT_EQ(command(job, R"({"a":"sub","n":1})").folder, "/home/me/sub")
      << "from the folder of jobs.json, as all paths";
  job.environment = {"A=${missing}"};
  EXPECT_FALSE(command_of(job, Value::from_checked_text("{}"), {}, "", "").has_value());
}

TEST(Command, FillsInFieldsWithinFieldsAndAllElementsOfAList) {
  const Job job = job_of({"./tool", "${o.args...}", "-n", "${o.n}", "${o.none...}", "${a.b}"});
  EXPECT_THAT(command(job, R"({"o":{"args":["x y","",3,true],"n":1},"a.b":"dots","a":{"b":"within"}})").argv,
              ElementsAre("./tool", "x y", "", "3", "true", "-n", "1", "dots"));
  const auto wrong = [](std::vector<std::string> argv, const char* input) {
    const auto made = command_of(job_of(std::move(argv)), Value::from_checked_text(input), {}, "", "");
    return made ? "" : made.error();
  };
  EXPECT_EQ(wrong({"./tool", "${a...}"}, R"({"a":"text"})"),
            "${a...} in the argument \"${a...}\": it is a string, not an array");
  EXPECT_EQ(wrong({"./tool", "${a...}"}, R"({"a":[[1]]})"),
            "${a...} in the argument \"${a...}\": it is an array, not a string, number or boolean");
  EXPECT_EQ(wrong({"./tool", "${o.n}"}, R"({"o":1})"),
            "${o.n} in the argument \"${o.n}\": the input has no such field");
  EXPECT_EQ(wrong({"${a...}"}, R"({"a":[]})"), "no argument is left to name a program");
}

TEST(Command, HasTheVariablesOfTheTaskLast) {
  Job job = job_of({"./tool"});
  job.environment = {"A=1"};
  const auto made = command_of(job, Value::from_checked_text("{}"), {"A=2", "B=${no}"}, "", "");
  EXPECT_THAT(made->environment, ElementsAre("A=1", "A=2", "B=${no}"));
}

TEST(Command, AShellsCommandIsItsOwn) {
  Job job = job_of({"/bin/sh", "-c", "echo ${a:-none}"});
  job.shell = true;
  job.environment = {"a=${a}"};
  const Command made = command(job, R"json({"a":"$(rm -rf /)"})json");
  EXPECT_THAT(made.argv, ElementsAre("/bin/sh", "-c", "echo ${a:-none}"));
  EXPECT_THAT(made.environment, ElementsAre("a=$(rm -rf /)"));
}

TEST(Command, ApptainerSeesTheFoldersOfTheJobAndOfTheRun) {
  Job job = job_of({"./tool", "${n}"});
  job.container = Runtime::apptainer;
  job.image = "/home/me/tool.sif";
  job.options = {"--nv"};
  EXPECT_THAT(command(job).argv, ElementsAre("apptainer", "exec", "--bind", "/home/me", "--bind", "/scratch/run",
                                             "--pwd", "/home/me", "--nv", "/home/me/tool.sif", "/home/me/./tool", "3"));
  job.cwd = WorkingDirectory::task_folder;
  EXPECT_EQ(command(job).argv[7], "/scratch/run/tasks/7") << "which is in the run's";
  job.argv.front() = "python3";
  EXPECT_EQ(command(job).argv[10], "python3") << "the image's own";
}

TEST(Command, DockerIsToldEachVariable) {
  Job job = job_of({"tool"});
  job.container = Runtime::docker;
  job.image = "tool:1";
  job.environment = {"THREADS=${n}"};
  const std::vector<std::string> argv = command(job).argv;
  EXPECT_THAT(std::vector<std::string>(argv.begin(), argv.begin() + 7),
              ElementsAre("docker", "run", "--rm", "-i", "--init", "--user", fmt::format("{}:{}", getuid(), getgid())));
  EXPECT_THAT(argv, IsSupersetOf({"/home/me:/home/me", "/scratch/run:/scratch/run", "LOCKSTEP_TASK_DIR", "THREADS"}));
  EXPECT_THAT(std::vector<std::string>(argv.end() - 2, argv.end()), ElementsAre("tool:1", "tool"));
  job.container = Runtime::podman;
  EXPECT_THAT(command(job).argv, testing::Not(testing::Contains("--user")));
  EXPECT_EQ(command(job).argv[0], "podman");
}

TEST(Command, ModulesAreLoadedAroundAll) {
  Job job = job_of({"./tool"});
  job.modules = {"gcc/12", "lammps"};
  const std::vector<std::string> argv = command(job).argv;
  ASSERT_EQ(argv.size(), 8U);
  EXPECT_THAT(argv, ElementsAre("bash", "-c", argv[2], "bash", "2", "gcc/12", "lammps", "/home/me/./tool"));
}

}  // namespace
}  // namespace lockstep::worker
