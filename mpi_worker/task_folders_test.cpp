#include "mpi_worker/task_folders.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <thread>

namespace lockstep::worker {
namespace {

class TaskFoldersTest : public testing::Test {
 protected:
  static constexpr std::chrono::milliseconds kSteps{30};

  TaskFoldersTest() {
    std::string name = (std::filesystem::temp_directory_path() / "lockstep-folders-XXXXXX").string();
    run_ = ::mkdtemp(name.data());
  }
  ~TaskFoldersTest() override { std::filesystem::remove_all(run_); }

  static DispatchId id(std::uint64_t visit) { return {1, visit, 1}; }
  /// A folder that has been empty for so long that its time tells of every change.
  void age(TaskFolders& folders) {
    for (std::uint64_t visit = 1; visit <= 2; ++visit) {
      folders.give_back(folders.take(id(visit)));
      std::this_thread::sleep_for(2 * kSteps);
    }
  }
  static void put_file(const TaskFolder& folder) { std::ofstream(folder.path + "/restart") << "x"; }

  std::string run_;
};

TEST_F(TaskFoldersTest, AnEmptyFolderGetsTheNextTasksName) {
  TaskFolders folders(run_, kSteps);
  age(folders);
  TaskFolder folder = folders.take(id(7));
  EXPECT_TRUE(folder.tells);
  EXPECT_EQ(folder.path, run_ + "/tasks/1-7");
  folders.give_back(std::move(folder));
  folder = folders.take(id(8));
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
    const std::uint64_t visit = aged ? 8 : 7;
    TaskFolder folder = folders.take(id(visit));
    EXPECT_EQ(folder.tells, aged);
    put_file(folder);
    folders.give_back(std::move(folder));
    EXPECT_TRUE(std::filesystem::exists(run_ + "/tasks/1-" + std::to_string(visit) + "/restart"));
    TaskFolder again = folders.take(id(visit));
    EXPECT_TRUE(std::filesystem::exists(again.path + "/restart"));
    folders.give_back(std::move(again));
  }
}

TEST_F(TaskFoldersTest, AFolderThatWasEmptiedAgainIsReadAgain) {
  TaskFolders folders(run_, kSteps);
  age(folders);
  TaskFolder folder = folders.take(id(7));
  put_file(folder);
  std::filesystem::remove(folder.path + "/restart");
  folders.give_back(std::move(folder));
  folder = folders.take(id(8));
  EXPECT_EQ(folder.path, run_ + "/tasks/1-8");
  EXPECT_FALSE(folder.tells) << "its time has just changed";
  put_file(folder);
  folders.give_back(std::move(folder));
  EXPECT_TRUE(std::filesystem::exists(run_ + "/tasks/1-8/restart"));
}

}  // namespace
}  // namespace lockstep::worker
