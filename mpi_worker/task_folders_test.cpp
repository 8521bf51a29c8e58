#include "mpi_worker/task_folders.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "value/test_folder.hpp"

namespace lockstep::worker {
namespace {

class TaskFoldersTest : public testing::Test {
 protected:
  static constexpr std::chrono::milliseconds kSteps{30};

  static Task task(std::uint32_t visit, std::uint32_t count = 1) {
    Task task;
    task.id = {work::ExecutionId{1}, work::StrandId::top, visit, count};
    return task;
  }
  static void give_back_after_success(TaskFolders& folders, TaskFolder folder) {
    folder.may_be_wanted = false;
    folders.give_back(std::move(folder));
  }
  /// A folder that has been empty for so long that its time tells of every change.
  void age(TaskFolders& folders) {
    for (std::uint32_t visit = 1; visit <= 2; ++visit) {
      give_back_after_success(folders, folders.take(task(visit)).value());
      std::this_thread::sleep_for(2 * kSteps);
    }
  }
  static void put_file(const TaskFolder& folder) { std::ofstream(folder.path + "/restart") << "x"; }

  const TestFolder made_;
  const std::string run_ = made_.path();
};

TEST_F(TaskFoldersTest, AnEmptyFolderGetsTheNextTasksName) {
  TaskFolders folders(run_, kSteps);
  age(folders);
  TaskFolder folder = folders.take(task(7)).value();
  EXPECT_TRUE(folder.tells);
  EXPECT_EQ(folder.path, run_ + "/tasks/1-7");
  give_back_after_success(folders, std::move(folder));
  folder = folders.take(task(8)).value();
  EXPECT_TRUE(std::filesystem::is_empty(folder.path));
  EXPECT_FALSE(std::filesystem::exists(run_ + "/tasks/1-7"));
  folders.give_back(std::move(folder));
}

TEST_F(TaskFoldersTest, AFolderThatWasUsedStays) {
  TaskFolders folders(run_, kSteps);
  for (const bool aged : {false, true}) {
    if (aged) {
      age(folders);
    }
    const std::uint32_t visit = aged ? 8 : 7;
    TaskFolder folder = folders.take(task(visit)).value();
    EXPECT_EQ(folder.tells, aged);
    put_file(folder);
    folders.give_back(std::move(folder));
    EXPECT_TRUE(std::filesystem::exists(run_ + "/tasks/1-" + std::to_string(visit) + "/restart"));
    TaskFolder again = folders.take(task(visit)).value();
    EXPECT_TRUE(std::filesystem::exists(again.path + "/restart"));
    folders.give_back(std::move(again));
  }
}

TEST_F(TaskFoldersTest, AFolderThatWasEmptiedAgainIsReadAgain) {
  TaskFolders folders(run_, kSteps);
  age(folders);
  TaskFolder folder = folders.take(task(7)).value();
  put_file(folder);
  std::filesystem::remove(folder.path + "/restart");
  give_back_after_success(folders, std::move(folder));
  folder = folders.take(task(8)).value();
  EXPECT_EQ(folder.path, run_ + "/tasks/1-8");
  EXPECT_FALSE(folder.tells) << "its time has just changed";
  put_file(folder);
  folders.give_back(std::move(folder));
  EXPECT_TRUE(std::filesystem::exists(run_ + "/tasks/1-8/restart"));
}

TEST_F(TaskFoldersTest, OfATaskThatMayComeAgainNoOtherTaskGetsTheFolder) {
  TaskFolders here(run_, kSteps);
  TaskFolders elsewhere(run_, kSteps);
  age(here);
  for (std::uint32_t visit = 7; visit <= 9; ++visit) {
    give_back_after_success(here, here.take(task(visit)).value());
  }
  here.give_back(here.take(task(10)).value());  // it failed, and its next attempt goes to another rank
  TaskFolder next_attempt = elsewhere.take(task(10)).value();
  for (std::uint32_t visit = 11; visit <= 14; ++visit) {
    static_cast<void>(here.take(task(visit)));
  }
  EXPECT_TRUE(std::filesystem::exists(next_attempt.path));
}

TEST_F(TaskFoldersTest, AFolderIsCalledByStateAndItem) {
  Task named = task(7);
  named.state_name = "Measure";
  EXPECT_EQ(task_folder_name(named), "Measure.1-7");
  named.item_index = 17;
  EXPECT_EQ(task_folder_name(named), "Measure-17.1-7");
  named.state_name = "-rf /tmp/\xc3\xa4";
  EXPECT_EQ(task_folder_name(named), "_rf__tmp_\xc3\xa4-17.1-7");
  named.state_name = std::string(39, 'x') + "\xc3\xa4more";
  EXPECT_EQ(task_folder_name(named), std::string(39, 'x') + "\xc3\xa4-17.1-7") << "no character is cut in two";
}

TEST_F(TaskFoldersTest, ATaskThatIsDispatchedAgainFindsTheFolderOfAnEarlierNaming) {
  TaskFolders folders(run_, kSteps);
  std::filesystem::create_directories(run_ + "/tasks/1-7");
  std::ofstream(run_ + "/tasks/1-7/restart") << "x";
  Task again = task(7, 2);
  again.state_name = "Measure";
  TaskFolder folder = folders.take(again).value();
  EXPECT_EQ(folder.path, run_ + "/tasks/Measure.1-7");
  EXPECT_TRUE(std::filesystem::exists(folder.path + "/restart"));
  EXPECT_TRUE(folders.give_back(std::move(folder))) << "it stays";
  EXPECT_FALSE(folders.give_back(folders.take(task(8)).value())) << "nothing is in it";
}

TEST_F(TaskFoldersTest, WhatStandsInTheWayIsNamed) {
  TaskFolders folders(run_, kSteps);
  std::ofstream(run_ + "/tasks") << "x";
  EXPECT_EQ(folders.take(task(7)).error(), "cannot make the task's folder " + run_ + "/tasks/1-7: Not a directory");
  std::filesystem::remove(run_ + "/tasks");
  std::filesystem::create_directory(run_ + "/tasks");
  std::filesystem::create_directory_symlink("/tmp", run_ + "/tasks/1-8");
  EXPECT_EQ(folders.take(task(8)).error(), "cannot make the task's folder " + run_ + "/tasks/1-8: Not a directory");
  EXPECT_TRUE(folders.take(task(7)));
}

}  // namespace
}  // namespace lockstep::worker
