#include "catalogue/execution_index.hpp"

#include <gtest/gtest.h>

#include <fmt/format.h>

#include "catalogue/test_house.hpp"

namespace lockstep::catalogue {
namespace {

using engine::ExecutionId;
using engine::Status;

class Index : public testing::Test, public TestHouse {
 protected:
  const ExecutionIndex& index() const { return catalogue.executions(); }
  /// The ids of all pages, a line each.
  std::string pages(PageRequest request) const {
    std::string text;
    do {
      const auto page = index().page(request);
      EXPECT_TRUE(page) << page.error().message;
      for (const ExecutionEntry& entry : page->entries) {
        text += fmt::format("{} ", static_cast<std::uint64_t>(entry.id));
      }
      text += "| ";
      request.token = page->token;
    } while (!request.token.empty());
    return text;
  }
};

TEST_F(Index, AnEntrySaysWhatBecameOfAnExecution) {
  start(5, "a", "arn:m");
  ExecutionEntry entry = index().find("arn:m", "a")->value();
  EXPECT_EQ(entry.id, ExecutionId{5});
  EXPECT_EQ(entry.machine_arn, "arn:m");
  EXPECT_EQ(entry.name, "a");
  EXPECT_EQ(entry.started, now);
  EXPECT_EQ(entry.stopped, std::nullopt);
  EXPECT_EQ(entry.status, Status::running);
  EXPECT_EQ(entry.first, 1U);
  EXPECT_EQ(entry.last, 0U);
  EXPECT_EQ(entry.revision, 3U);
  EXPECT_EQ(index().next(), ExecutionId{6});
  EXPECT_EQ(index().running("arn:m"), 1U);

  now.us += 7;
  end(5, engine::ExecutionTimedOut{});
  entry = index().find(ExecutionId{5})->value();
  EXPECT_EQ(entry.status, Status::timed_out);
  EXPECT_EQ(entry.stopped, now);
  EXPECT_EQ(entry.last, 2U);
  EXPECT_EQ(index().running("arn:m"), 0U);

  redrive(5, 3);
  entry = index().find("arn:m", "a")->value();
  EXPECT_EQ(entry.status, Status::running);
  EXPECT_EQ(entry.stopped, std::nullopt);
  EXPECT_EQ(entry.first, 1U);
  EXPECT_EQ(entry.last, 0U);
  EXPECT_EQ(entry.redrive_count, 3U);
  EXPECT_EQ(index().running("arn:m"), 1U);

  EXPECT_EQ(index().find("arn:m", "b").value(), std::nullopt);
  EXPECT_EQ(index().find("arn:n", "a").value(), std::nullopt);
  EXPECT_EQ(index().find(ExecutionId{6}).value(), std::nullopt);
}

TEST_F(Index, APageHasTheNewestFirst) {
  for (std::uint64_t id = 1; id <= 9; ++id) {
    start(id, fmt::format("e{}", id), id % 3 == 0 ? "arn:n" : "arn:m");
  }
  end(2, engine::ExecutionSucceeded{});
  end(4, engine::ExecutionFailed{});
  end(6, engine::ExecutionFailed{});
  end(8, engine::ExecutionFailed{});
  EXPECT_EQ(pages({}), "9 8 7 6 5 4 3 2 1 | ");
  EXPECT_EQ(pages({"", std::nullopt, 4}), "9 8 7 6 | 5 4 3 2 | 1 | ");
  EXPECT_EQ(pages({"arn:m"}), "8 7 5 4 2 1 | ");
  EXPECT_EQ(pages({"arn:m", std::nullopt, 2}), "8 7 | 5 4 | 2 1 | ");
  EXPECT_EQ(pages({"arn:m", Status::failed, 1}), "8 | 4 | ");
  EXPECT_EQ(pages({"arn:m", Status::running, 3}), "7 5 1 | ");
  EXPECT_EQ(pages({"", Status::failed}), "8 6 4 | ");
  EXPECT_EQ(pages({"arn:m", Status::aborted}), "| ");
  EXPECT_EQ(pages({"arn:x"}), "| ");
}

TEST_F(Index, FindsTheNewestOfANameInAllMachines) {
  start(1, "a", "arn:m");
  start(2, "b", "arn:m");
  start(3, "a", "arn:n");
  EXPECT_EQ(index().find_named("a")->value().id, ExecutionId{3});
  EXPECT_EQ(index().find_named("b")->value().id, ExecutionId{2});
  EXPECT_FALSE(index().find_named("c")->has_value());
  EXPECT_EQ(index().machines(), (std::set<std::string, std::less<>>{"arn:m", "arn:n"}));
}

TEST_F(Index, ATokenGoesWithItsOwnRequest) {
  for (std::uint64_t id = 1; id <= 3; ++id) {
    start(id, fmt::format("e{}", id), "arn:m");
  }
  const std::string token = index().page({"arn:m", std::nullopt, 2})->token;
  EXPECT_EQ(index().page({"arn:m", std::nullopt, 5, token})->entries.size(), 1U);
  for (const PageRequest& other :
       {PageRequest{"arn:n", std::nullopt, 2, token}, PageRequest{"arn:m", Status::running, 2, token},
        PageRequest{"arn:m", std::nullopt, 2, "x"}, PageRequest{"arn:m", std::nullopt, 2, token + "0"}}) {
    const auto page = index().page(other);
    ASSERT_FALSE(page);
    EXPECT_EQ(page.error().error, "InvalidToken");
    EXPECT_EQ(page.error().message, "Invalid Token: 'Invalid token'");
  }
}

TEST_F(Index, WhatStartsOrEndsBetweenPagesComesNeverTwice) {
  for (std::uint64_t id = 1; id <= 4; ++id) {
    start(id, fmt::format("e{}", id), "arn:m");
  }
  const auto first = index().page({"arn:m", std::nullopt, 2});
  start(5, "e5", "arn:m");
  end(4, engine::ExecutionSucceeded{});
  end(2, engine::ExecutionSucceeded{});
  const auto second = index().page({"arn:m", std::nullopt, 2, first->token});
  EXPECT_EQ(second->entries.at(0).id, ExecutionId{2});
  EXPECT_EQ(second->entries.at(1).id, ExecutionId{1});
  EXPECT_EQ(second->token, "");
}

TEST_F(Index, AnExpressExecutionLeavesNoEntryButKeepsItsMachine) {
  start(1, "a", "arn:m", engine::ExecutionType::express);
  EXPECT_EQ(pages({}), "| ");
  EXPECT_FALSE(index().find("arn:m", "a").value());
  EXPECT_FALSE(index().find(ExecutionId{1}).value());
  EXPECT_EQ(index().next(), ExecutionId{2});
  EXPECT_EQ(index().running("arn:m"), 1U);
  end(1, engine::ExecutionSucceeded{});
  EXPECT_EQ(index().running("arn:m"), 0U);
  EXPECT_EQ(pages({}), "| ");
}

TEST_F(Index, WhatIsNotJournalledIsPassedOver) {
  engine::Event event;
  event.execution = ExecutionId{1};
  event.journalled = false;
  engine::ExecutionStarted body;
  body.identity = std::make_shared<engine::Identity>();
  event.body = std::move(body);
  catalogue.apply(event, 0);
  EXPECT_EQ(index().next(), ExecutionId{1});
}

TEST_F(Index, ARedriveMayGoOnWithAnotherRevision) {
  start(1, "a", "arn:m");
  end(1, engine::ExecutionFailed{});
  redrive(1, 1);
  EXPECT_EQ(index().find(ExecutionId{1})->value().revision, 3U);
  end(1, engine::ExecutionFailed{});
  happen_to(1, engine::ExecutionRedriven{2, "", std::make_shared<asl::StateMachine>(), 5});
  EXPECT_EQ(index().find(ExecutionId{1})->value().revision, 5U);
}

TEST_F(Index, AMapRunsChildLeavesNoEntry) {
  start(std::uint64_t{1} << 63, "child", "arn:m");
  EXPECT_EQ(pages({}), "| ");
  EXPECT_EQ(index().next(), ExecutionId{1});
  end(std::uint64_t{1} << 63, engine::ExecutionSucceeded{});
}

TEST_F(Index, WhatIsAppliedAgainUpToTheEndComesToTheSame) {
  const auto all = [&] {
    start(1, "a", "arn:m");
    start(2, "b", "arn:m");
    end(1, engine::ExecutionFailed{});
    redrive(1, 1);
    end(2, engine::ExecutionSucceeded{});
  };
  all();
  seq = 0;
  all();
  EXPECT_EQ(pages({}), "2 1 | ");
  EXPECT_EQ(index().running("arn:m"), 1U);
  EXPECT_EQ(index().find("arn:m", "a")->value().status, Status::running);
  EXPECT_EQ(index().find("arn:m", "b")->value().last, 5U);
}

}  // namespace
}  // namespace lockstep::catalogue
