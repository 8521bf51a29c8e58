// The real file system: what is absent, what is ours, what is not opened.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "journal/files.hpp"
#include "value/test_folder.hpp"

namespace lockstep::journal {
namespace {

namespace fs = std::filesystem;

class PosixFiles : public testing::Test {
 protected:
  std::string path(const std::string& name) const { return folder_ + "/" + name; }

  const TestFolder made_;
  const std::string folder_ = made_.path();
  FileLayer& files_ = posix_files();
};

TEST_F(PosixFiles, OnlyWhatIsKnownToBeAbsentIsNothing) {
  std::ofstream(path("file")) << "x";
  fs::create_directory(path("folder"));
  fs::create_symlink("file", path("link"));
  EXPECT_EQ(files_.look(path("file")), Standing::file);
  EXPECT_EQ(files_.look(path("folder")), Standing::folder);
  EXPECT_EQ(files_.look(path("link")), Standing::other);
  EXPECT_EQ(files_.look(path("none")), Standing::nothing);
  EXPECT_EQ(files_.look(path("file/none")), Standing::nothing) << "a file has nothing below it";
  EXPECT_FALSE(files_.look(path(std::string(5'000, 'x')))) << "nobody knows";
  EXPECT_FALSE(files_.exists(path(std::string(5'000, 'x'))));
  EXPECT_TRUE(files_.list(path("none")).value().empty());
  EXPECT_FALSE(files_.list(path(std::string(5'000, 'x'))));
  EXPECT_EQ(files_.list(folder_).value(), (std::vector<std::string>{"file", "link"}));
}

TEST_F(PosixFiles, OpensRegularFilesOnlyAndFollowsNoLink) {
  std::ofstream(path("file")) << "x";
  fs::create_symlink("file", path("link"));
  ASSERT_EQ(::mkfifo(path("pipe").c_str(), 0600), 0);
  for (const char* name : {"link", "pipe"}) {
    for (const auto& opened : {files_.open_to_read(path(name)), files_.open_to_write(path(name))}) {
      ASSERT_FALSE(opened) << name;
      EXPECT_NE(opened.error().message.find(path(name)), std::string::npos) << opened.error().message;
    }
    EXPECT_FALSE(files_.create(path(name)));
    EXPECT_FALSE(files_.try_lock(path(name)));
  }
  EXPECT_TRUE(files_.open_to_read(path("file")));
}

TEST_F(PosixFiles, MakesWhatNobodyElseMayReadOrWrite) {
  const mode_t before = ::umask(0);
  const auto file = files_.create(path("file"));
  const auto made = files_.make_folder(path("folder"));
  const auto lock = files_.try_lock(path("LOCK"));
  ::umask(before);
  ASSERT_TRUE(file && made && lock);
  EXPECT_EQ(fs::status(path("file")).permissions(), fs::perms(0600));
  EXPECT_EQ(fs::status(path("LOCK")).permissions(), fs::perms(0600));
  EXPECT_EQ(fs::status(path("folder")).permissions(), fs::perms(0700));
}

TEST_F(PosixFiles, AFolderThatOthersMayWriteToIsRefused) {
  fs::create_directory(path("folder"));
  for (const auto mode : {fs::perms(0770), fs::perms(0707)}) {
    fs::permissions(path("folder"), mode);
    const auto refused = files_.make_folder(path("folder"));
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().message.find(path("folder")), std::string::npos);
    EXPECT_NE(refused.error().message.find("chmod go-w"), std::string::npos);
  }
  fs::permissions(path("folder"), fs::perms(0755));
  EXPECT_TRUE(files_.make_folder(path("folder")));
  fs::create_symlink("folder", path("link"));
  EXPECT_FALSE(files_.make_folder(path("link")));
  EXPECT_TRUE(check_private(path("link"), true));
  std::ofstream(path("file")) << "x";
  EXPECT_FALSE(files_.make_folder(path("file")));
  if (::geteuid() == 0) {
    ASSERT_EQ(::chown(path("folder").c_str(), 12'345, 12'345), 0);
    const auto refused = files_.make_folder(path("folder"));
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().message.find("user 12345"), std::string::npos) << refused.error().message;
  }
}

TEST_F(PosixFiles, ALockIsHeldOnce) {
  auto first = files_.try_lock(path("LOCK")).value();
  EXPECT_NE(first.lock, nullptr);
  const auto second = files_.try_lock(path("LOCK")).value();
  EXPECT_EQ(second.lock, nullptr);
  EXPECT_TRUE(second.has_locks);
  first.lock.reset();
  EXPECT_NE(files_.try_lock(path("LOCK")).value().lock, nullptr);
}

TEST_F(PosixFiles, TemporaryNamesAreTheirWritersOwn) {
  EXPECT_NE(temporary_for("a"), temporary_for("a"));
  EXPECT_TRUE(temporary_for("a/b").starts_with("a/b."));
  EXPECT_TRUE(temporary_for("a/b").ends_with(".tmp"));
}

}  // namespace
}  // namespace lockstep::journal
