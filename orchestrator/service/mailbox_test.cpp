// The owner's side of the mailbox, on the real file system.
#include "service/mailbox.hpp"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "value/test_folder.hpp"

namespace lockstep::service {
namespace {

namespace fs = std::filesystem;

class AMailbox : public testing::Test {
 protected:
  AMailbox() {
    made_.write("run.json", "{}");
    mailbox_ = Mailbox::open(run_).value();
  }
  std::string path(const std::string& name) const { return run_ + "/mailbox/" + name; }
  std::string answer(const std::string& id) const {
    std::ifstream file(path(id + ".answer"));
    return {std::istreambuf_iterator<char>(file), {}};
  }

  const TestFolder made_;
  const std::string run_ = made_.path();
  fleet::Waker waker_;  // outlives the mailbox, whose thread wakes it
  std::optional<Mailbox> mailbox_;
};

TEST_F(AMailbox, AMessageIsTakenOnceAndAnswered) {
  const std::string id = post(run_, Stop{}).value();
  EXPECT_EQ(mailbox_->take().size(), 1U);
  EXPECT_EQ(mailbox_->take().size(), 0U);
  mailbox_->reply(id, Accepted{});
  EXPECT_EQ(mailbox_->settle(), std::vector<std::string>{id});
  EXPECT_EQ(await_answer(run_, id, {}).value(), std::string(kAccepted));
  EXPECT_TRUE(fs::is_empty(path("")));
}

TEST_F(AMailbox, AMessageThatCannotBeDeletedIsNotTakenAgain) {
  const std::string id = post(run_, Stop{}).value();
  ASSERT_EQ(mailbox_->take().size(), 1U);
  fs::remove(path(id + ".request"));
  fs::create_directory(path(id + ".request"));  // which unlink() does not remove
  mailbox_->reply(id, Accepted{});
  EXPECT_TRUE(mailbox_->settle().empty()) << "it may come again";
  EXPECT_TRUE(mailbox_->take().empty());
  fs::remove(path(id + ".request"));
  EXPECT_EQ(mailbox_->settle(), std::vector<std::string>{id});
}

TEST_F(AMailbox, WhatIsNoRegularFileIsRefusedUnread) {
  ASSERT_EQ(::mkfifo(path("1.request").c_str(), 0600), 0);
  fs::create_symlink("/dev/zero", path("2.request"));
  std::ofstream(path("3.request")) << "{";
  fs::resize_file(path("3.request"), std::uintmax_t{301} << 20);
  const auto taken = mailbox_->take();
  ASSERT_EQ(taken.size(), 3U);
  EXPECT_FALSE(mailbox_->failed());
  for (const Incoming& incoming : taken) {
    ASSERT_FALSE(incoming.request);
    mailbox_->reply(incoming.id, refused_by(incoming.request.error()));
  }
  mailbox_->settle();
  EXPECT_NE(answer("1").find("no regular file"), std::string::npos);
  EXPECT_NE(answer("2").find("no regular file"), std::string::npos);
  EXPECT_NE(answer("3").find("too long"), std::string::npos);
  for (const char* name : {"1.request", "2.request", "3.request"}) {
    EXPECT_FALSE(fs::exists(fs::symlink_status(path(name)))) << name;
  }
}

TEST_F(AMailbox, SaysWhenItCannotBeRead) {
  EXPECT_TRUE(mailbox_->take().empty());
  EXPECT_FALSE(mailbox_->failed());
  fs::rename(run_ + "/mailbox", run_ + "/elsewhere");
  EXPECT_TRUE(mailbox_->take().empty());
  EXPECT_TRUE(mailbox_->failed()) << "that is not the same as empty";
}

TEST_F(AMailbox, OneThatOthersMayWriteToIsRefused) {
  fs::permissions(run_ + "/mailbox", fs::perms(0770));
  EXPECT_FALSE(Mailbox::open(run_));
  EXPECT_FALSE(post(run_, Stop{}));
}

bool is_woken(const fleet::Waker& waker, std::chrono::milliseconds limit = std::chrono::minutes(1)) {
  pollfd fd = {waker.descriptor(), POLLIN, 0};
  return ::poll(&fd, 1, static_cast<int>(limit.count())) > 0;
}

TEST_F(AMailbox, WakesForMessagesAndNothingElse) {
  mailbox_->announce_to(waker_);
  EXPECT_EQ(mailbox_->longest_rest(), std::chrono::seconds(1));
  const std::string id = post(run_, Stop{}).value();
  ASSERT_TRUE(is_woken(waker_));
  waker_.clear();
  EXPECT_TRUE(mailbox_->has_news());
  ASSERT_EQ(mailbox_->take().size(), 1U);
  EXPECT_FALSE(mailbox_->has_news());
  mailbox_->reply(id, Accepted{});  // is renamed in, too
  mailbox_->settle();
  std::ofstream(path("x.tmp")) << "x";
  fs::rename(path("x.tmp"), path("x.answer"));
  EXPECT_FALSE(is_woken(waker_, std::chrono::milliseconds(100)));
  EXPECT_TRUE(post(run_, Stop{}));
  EXPECT_TRUE(is_woken(waker_));
}

TEST_F(AMailbox, LooksMoreOftenWhereItCannotBeWoken) {
  EXPECT_EQ(mailbox_->longest_rest(), std::chrono::milliseconds(250));
  mailbox_->announce_to(waker_);
  fs::remove(path(""));
  const auto end = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  while (mailbox_->longest_rest() != std::chrono::milliseconds(250) && std::chrono::steady_clock::now() < end) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  EXPECT_EQ(mailbox_->longest_rest(), std::chrono::milliseconds(250)) << "the folder has gone";
}

}  // namespace
}  // namespace lockstep::service
