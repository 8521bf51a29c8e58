#include "mpi_worker/program_check.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "value/test_folder.hpp"

namespace lockstep::worker {
namespace {

class ProgramCheck : public testing::Test {
 protected:
  ProgramCheck() { job_.folder = folder_.path(); }

  void write(const std::string& name, const std::string& text, mode_t mode = 0755) {
    chmod(folder_.write(name, text).c_str(), mode);
  }

  /// The problem without the folder; "" where there is none.
  std::string check(const std::vector<std::string>& argv) {
    std::string problem = why_not_runnable(job_, argv, "/nonexistent:/usr/bin:/bin").value_or("");
    for (std::size_t at = 0; (at = problem.find(job_.folder)) != std::string::npos;) {
      problem.replace(at, job_.folder.size(), "HERE");
    }
    return problem;
  }

  const TestFolder folder_;
  work::Job job_;
};

TEST_F(ProgramCheck, LooksInPathAndInTheFilesFolder) {
  EXPECT_EQ(check({"cat"}), "");
  EXPECT_EQ(check({"no-such-program", "x"}), "no-such-program: not found in PATH");
  write("tool", "#!/bin/sh\n");
  EXPECT_EQ(check({"tool"}), "tool: not found in PATH; the one beside jobs.json is called ./tool");
  EXPECT_EQ(check({"./tool"}), "");
  EXPECT_EQ(check({"bin/tool"}), "HERE/bin/tool: not found");
  EXPECT_EQ(check({"./."}), "HERE/: a folder, and no program");
  EXPECT_EQ(check({"./${JobName}.sh"}), "") << "not known before";
}

TEST_F(ProgramCheck, LooksAtTheBitAndAtTheFirstLine) {
  write("plain", "#!/bin/sh\n", 0644);
  EXPECT_EQ(check({"./plain"}), "HERE/plain: not executable; mend it with: chmod +x HERE/plain");
  write("gone", "#!/opt/no/python\n");
  EXPECT_EQ(check({"./gone"}), "HERE/gone: the interpreter that its first line names, /opt/no/python, is not found");
  write("env", "#!/usr/bin/env -S A=1 no-such-python -u\n");
  EXPECT_EQ(check({"./env"}),
            "HERE/env: the interpreter that its first line names, no-such-python, is not found in PATH");
  write("dos", "#!/bin/sh\r\necho\r\n");
  EXPECT_NE(check({"./dos"}).find("carriage return"), std::string::npos);
  write("text", "echo hello\n");
  EXPECT_EQ(check({"./text"}), "HERE/text: neither a program nor a script with a first line #!…");
  write("good", "#! /usr/bin/env sh\n");
  EXPECT_EQ(check({"./good"}), "");
}

TEST_F(ProgramCheck, LooksAtWhatAnInterpreterIsToRun) {
  EXPECT_EQ(check({"sh", "-c", "no-such-program | sort"}), "no-such-program: not found in PATH");
  EXPECT_EQ(check({"bash", "-euc", "./no.sh 1"}), "HERE/no.sh: not found");
  for (const char* command :
       {"read x; echo $x", "x=1 foo", "(foo)", "f() { :; }; f", "\"$0\"", "$PROGRAM x", "", "module load x"}) {
    EXPECT_EQ(check({"sh", "-c", command}), "") << command;
  }
  EXPECT_EQ(check({"sh", "-lc", "no-such-program"}), "") << "a login shell may have learned of it";
  EXPECT_EQ(check({"sh", "no.sh"}), "sh: its script HERE/no.sh is not found");
  EXPECT_EQ(check({"sh", "${script}"}), "");
  job_.cwd = work::WorkingDirectory::task_folder;
  EXPECT_EQ(check({"sh", "no.sh"}), "") << "it may be made there";
}

}  // namespace
}  // namespace lockstep::worker
