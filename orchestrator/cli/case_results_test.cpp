#include "cli/case_results.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace lockstep::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

service::MockedEnd ended(engine::Status status, const std::string& output, std::optional<std::string> error = {},
                         std::optional<std::string> cause = {}) {
  return {
      {engine::ExecutionId{1}, status, Value::from_text(output).value(), std::move(error), std::move(cause)}, {}, {}};
}

std::vector<std::string> messages(const std::vector<Mismatch>& mismatches) {
  std::vector<std::string> all;
  for (const Mismatch& one : mismatches) {
    all.push_back(one.message);
  }
  return all;
}

TEST(CaseResults, ACaseThatExpectsNothingPassesWhereItSucceeds) {
  EXPECT_TRUE(judge({}, ended(engine::Status::succeeded, "1"), {}).empty());
  EXPECT_THAT(messages(judge({}, ended(engine::Status::failed, "null", "E", "a\nb"), {})),
              ElementsAre("Status: expected SUCCEEDED, was FAILED: E: a b"));
  EXPECT_THAT(messages(judge({}, {{}, "it turns", {}}, {})), ElementsAre("it turns"));
}

TEST(CaseResults, EveryExpectationIsLookedAt) {
  integrations::Expectation expect;
  expect.output = Value::from_text(R"({"a":[1,2]})").value();
  expect.history = {"A", "B"};
  const auto wrong = judge(expect, ended(engine::Status::succeeded, R"({"a":[1,3]})"), {"A", "C", "D"});
  EXPECT_THAT(messages(wrong), ElementsAre("Output differs at /a/1: expected 2, was 3",
                                           "History differs at event 2: expected B, was C"));
  EXPECT_THAT(wrong[0].detail, ElementsAre("…", "    \"a\": [", "      1,", "-     2", "+     3", "    ]", "  }"));
  EXPECT_THAT(wrong[1].detail, ElementsAre("  A", "- B", "+ C", "+ D"));
  EXPECT_TRUE(judge(expect, ended(engine::Status::succeeded, R"({"a":[1.0,2]})"), {"A", "B"}).empty());
  integrations::Expectation fails;
  fails.status = "FAILED";
  fails.error = "E";
  fails.cause = "c";
  EXPECT_TRUE(judge(fails, ended(engine::Status::failed, "null", "E", "c"), {}).empty());
  EXPECT_THAT(messages(judge(fails, ended(engine::Status::failed, "null", "F"), {})),
              ElementsAre("Error: expected 'E', was 'F'", "Cause: expected 'c', was none"));
  EXPECT_THAT(messages(judge(fails, ended(engine::Status::timed_out, "null"), {})),
              ElementsAre("Status: expected FAILED, was TIMED_OUT"));
}

TEST(CaseResults, AreToldInThreeForms) {
  CaseResult good{.machine = "m", .name = "good", .end = ended(engine::Status::succeeded, "[1]")};
  good.event_count = 5;
  good.virtual_us = 61'500'000;
  CaseResult bad{.machine = "m", .name = "b<a>d", .end = ended(engine::Status::failed, "null", "E", "\x01")};
  bad.mismatches = judge({}, bad.end, {});
  EXPECT_EQ(text_of(good), "PASS  good  (5 events, 00:01:01 of virtual time)\n");
  EXPECT_THAT(text_of(bad), HasSubstr("FAIL  b<a>d  (0 events, "));
  EXPECT_THAT(text_of(bad), HasSubstr("\n      Status: expected SUCCEEDED, was FAILED: E"));
  EXPECT_EQ(summary_of({good, bad}), "2 cases: 1 passed, 1 failed");
  EXPECT_EQ(json_line(good),
            R"({"machine":"m","case":"good","passed":true,"events":5,"virtualSeconds":61.500000,"status":"SUCCEEDED",)"
            R"("output":[1],"mismatches":[]})");
  EXPECT_TRUE(Value::from_text(json_line(bad)).has_value());
  const std::string junit = junit_of({good, bad});
  EXPECT_THAT(junit, HasSubstr(R"(<testsuite name="m" tests="2" failures="1")"));
  EXPECT_THAT(junit, HasSubstr(R"(name="b&lt;a&gt;d")"));
  EXPECT_THAT(junit, HasSubstr(R"(<failure message="Status: expected SUCCEEDED, was FAILED: E)"));
  EXPECT_EQ(junit.find('\x01'), std::string::npos);
}

}  // namespace
}  // namespace lockstep::cli
