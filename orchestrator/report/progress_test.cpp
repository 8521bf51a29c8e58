#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "asl/parser.hpp"
#include "report/format.hpp"
#include "report/progress_frame.hpp"
#include "report/progress_log.hpp"
#include "report/run_summary.hpp"

namespace lockstep::report {
namespace {

using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;
using testing::StartsWith;

constexpr const char* kSurveyWithRetries = R"({"StartAt":"Prepare","States":{
  "Prepare":{"Type":"Pass","Next":"Survey"},
  "Survey":{"Type":"Map","ItemProcessor":{"StartAt":"Measure","States":{
    "Measure":{"Type":"Task","Resource":"job:m","End":true,
      "Retry":[{"ErrorEquals":["Flaky"],"IntervalSeconds":2,"MaxAttempts":1}],
      "Catch":[{"ErrorEquals":["Odd"],"Next":"Skip"}]},
    "Skip":{"Type":"Pass","End":true}}},"End":true}}})";

std::string items(int count) {
  std::string text = "[";
  for (int i = 0; i < count; ++i) {
    text += (i > 0 ? "," : "") + std::to_string(i);
  }
  return text + "]";
}

/// A run whose clock the test cranks.
class ProgressTest : public testing::Test {
 protected:
  ProgressTest() {
    setenv("TZ", "UTC", 1);
    tzset();
  }

  void begin(const std::string& definition, const std::string& input) {
    auto identity = std::make_shared<engine::Identity>("night");
    const asl::ParsedDefinition parsed = asl::parse_definition(definition, {});
    ASSERT_NE(parsed.machine, nullptr);
    handle(engine::StartExecution{engine::ExecutionId{1}, identity, parsed.machine, Value::from_text(input).value()});
  }
  void handle(engine::InputBody body) {
    engine::Step step;
    engine.handle({now, 1, std::move(body)}, step);
    for (bool more = true; more;) {
      for (const engine::Event& event : step.events) {
        counts.on_event(event, engine);
      }
      for (engine::Effect& effect : step.effects) {
        if (auto* dispatch = std::get_if<engine::DispatchTask>(&effect.body)) {
          tasks.push_back(dispatch->id);
        }
      }
      step.clear();
      more = engine.has_ready();
      if (more) {
        engine.handle({now, 1, engine::Proceed{}}, step);
      }
    }
  }
  engine::DispatchId next_task() {
    EXPECT_FALSE(tasks.empty());
    const engine::DispatchId id = tasks.front();
    tasks.pop_front();
    return id;
  }
  void succeed(std::int64_t us = 1'000'000) {
    const engine::DispatchId id = next_task();
    counts.on_task({.id = id, .started = now, .ended = {now.us + us}, .usage = {.rank = 3}}, engine);
    handle(work::Outcome{.id = id, .started = now});
  }
  void fail(const std::string& error, const std::string& cause) {
    work::Outcome outcome{.id = next_task(), .kind = work::OutcomeKind::failed, .started = now};
    outcome.error = error;
    outcome.cause = cause;
    outcome.ended = now;
    counts.on_task(outcome, engine);
    handle(std::move(outcome));
  }
  void advance(double seconds) {
    now.us += static_cast<std::int64_t>(seconds * kMicrosPerSecond);
    while (engine.next_deadline() && *engine.next_deadline() <= now) {
      handle(engine::Proceed{});
    }
  }
  std::vector<std::string> lines() {
    std::vector<std::string> taken;
    pace.look(counts, 4, now);
    log.advance(counts, pace, now, taken);
    return taken;
  }
  std::vector<std::string> frame(std::size_t columns = 80, std::size_t rows = 24, bool colour = false) {
    pace.look(counts, 4, now);
    return progress_frame(counts, pace, now, start, {columns, rows}, colour);
  }

  Timestamp now{1'700'000'000'000'000};
  const Timestamp start = now;
  engine::Engine engine{engine::Limits::hpc()};
  std::deque<engine::DispatchId> tasks;
  RunCounts counts;
  Pace pace;
  ProgressLog log{start, std::nullopt};
};

TEST_F(ProgressTest, StateChangesOfTheTopMachineAreToldAtOnce) {
  begin(kSurveyWithRetries, items(2));
  EXPECT_THAT(lines(),
              ElementsAre("22:13:20 +00:00:00 ENTERED Prepare (Pass)", "22:13:20 +00:00:00 ENTERED Survey (Map)"));
  advance(3'725);
  succeed();
  succeed();
  EXPECT_THAT(lines(),
              ElementsAre("23:15:25 +01:02:05 LEFT Survey after 01:02:05 2/2 (100.0 %) ok 2 failed 0 running 0"));
}

TEST_F(ProgressTest, AMapGetsALineAfterThirtySecondsAndFivePercentWhicheverIsLater) {
  begin(kSurveyWithRetries, items(100));
  lines();
  for (int i = 0; i < 20; ++i) {
    succeed();
  }
  EXPECT_THAT(lines(), IsEmpty()) << "20 %, but no time has passed";
  advance(29);
  EXPECT_THAT(lines(), IsEmpty());
  advance(1);
  EXPECT_THAT(lines(),
              ElementsAre(StartsWith("22:13:50 +00:00:30 Survey 20/100 (20.0 %) ok 20 failed 0 running 80 | ")));
  advance(31);
  for (int i = 0; i < 4; ++i) {
    succeed();
  }
  EXPECT_THAT(lines(), IsEmpty()) << "31 seconds, but 4 %";
  succeed();
  EXPECT_THAT(lines(),
              ElementsAre(StartsWith("22:14:21 +00:01:01 Survey 25/100 (25.0 %) ok 25 failed 0 running 75 | ")));
  advance(299);
  EXPECT_THAT(lines(), IsEmpty());
  advance(1);
  EXPECT_THAT(lines(), SizeIs(1)) << "nobody should wonder whether it is dead";
}

TEST_F(ProgressTest, WithoutAMapThereIsALineEveryFiveMinutes) {
  begin(R"({"StartAt":"T","States":{"T":{"Type":"Task","Resource":"job:t","End":true}}})", "{}");
  lines();
  for (int i = 0; i < 2; ++i) {
    advance(299);
    EXPECT_THAT(lines(), IsEmpty());
    advance(1);
    EXPECT_THAT(lines(), ElementsAre(HasSubstr(" tasks ok 0 failed 0 running 1")));
  }
}

TEST_F(ProgressTest, RateAndTimeLeftFollowWhatHappensOfLate) {
  begin(kSurveyWithRetries, items(100));
  lines();
  for (int second = 0; second < 40; ++second) {
    advance(1);
    succeed();
    lines();
  }
  EXPECT_THAT(map_text(counts, pace, asl::StateId{1}), HasSubstr("| 1/s | left 1 m"));
  EXPECT_EQ(pace.utilisation(), 1.0);
  advance(600);
  lines();
  EXPECT_LT(pace.per_second(asl::StateId{1}), 0.01);
}

TEST_F(ProgressTest, AFailureSaysWhatFollows) {
  begin(kSurveyWithRetries, items(3));
  lines();
  fail("Flaky", "the net is down");
  fail("Odd", "item 1 is odd\nat line 7\n");
  fail("Broken", "exit status 3\nfirst\nno such file\n");
  EXPECT_THAT(
      lines(),
      ElementsAre("22:13:20 +00:00:00 FAILED Survey/Measure[0] Flaky: the net is down | retried in 2 s",
                  "22:13:20 +00:00:00 FAILED Survey/Measure[1] Odd: item 1 is odd: at line 7 | caught: Survey/Skip",
                  "22:13:20 +00:00:00 FAILED Survey/Measure[2] Broken: exit status 3: no such file",
                  "22:13:20 +00:00:00 FAILED Survey Broken: item 2 failed, 1/3 are done"));
  EXPECT_EQ(counts.status(), engine::Status::failed);
}

TEST_F(ProgressTest, ManyFailuresAtATimeAreCountedInstead) {
  std::string machine = kSurveyWithRetries;
  machine.replace(machine.find("\"MaxAttempts\":1"), 15, "\"MaxAttempts\":9");
  begin(machine, items(1'000));
  lines();
  for (int i = 0; i < 1'000; ++i) {
    fail("Flaky", "x");
  }
  EXPECT_THAT(lines(), SizeIs(12));
  EXPECT_THAT(lines(), IsEmpty());
  advance(3);
  fail("Flaky", "y\x1b[31m\rz");
  EXPECT_THAT(lines(), ElementsAre(HasSubstr("… 988 more failures left out"),
                                   EndsWith("FAILED Survey/Measure[0] Flaky: y [31m z | retried in 4 s")))
      << "no control characters in a log";
}

TEST_F(ProgressTest, ALogTellsOfEachItemThatFails) {
  counts.tell_every_item();
  // The inner Maps' items all fail, and each is an item of the outer one whose failure is caught there.
  begin(R"({"StartAt":"Out","States":{"Out":{"Type":"Map","End":true,"ItemProcessor":{"StartAt":"In","States":{
    "In":{"Type":"Map","End":true,"Catch":[{"ErrorEquals":["States.ALL"],"Next":"Skip"}],"ItemProcessor":{"StartAt":"T",
      "States":{"T":{"Type":"Task","Resource":"job:t","End":true}}}},
    "Skip":{"Type":"Pass","End":true}}}}}})",
        "[" +
            [] {
              std::string all;
              for (int i = 0; i < 100; ++i) {
                all += std::string(i > 0 ? "," : "") + "[1]";
              }
              return all;
            }() +
            "]");
  lines();
  for (int i = 0; i < 100; ++i) {
    fail("Bad", "x");
  }
  std::size_t items = 0;
  for (const std::string& line : lines()) {
    items += line.find(" FAILED Out/In/T[0] Bad: x") != std::string::npos ? 1 : 0;
  }
  EXPECT_EQ(items, 100U);
}

TEST_F(ProgressTest, WhatFailsTheSameWayAgainIsNotRedriven) {
  const auto ends = [&](const std::string& states) {
    counts = RunCounts();
    engine.forget(engine::ExecutionId{1});
    begin(R"({"StartAt":"M","States":{"M":{"Type":"Map","End":true,"ItemProcessor":{"StartAt":"T","States":{)" +
              states + "}}}}}",
          "[1]");
    if (!tasks.empty()) {
      fail("Bad", "x");
    }
    EXPECT_EQ(counts.status(), engine::Status::failed);
    const auto lines = run_summary(counts, {.next = "lockstep redrive", .may_redrive = true});
    EXPECT_EQ(lines.back() == "go on with: lockstep redrive", counts.may_be_redriven());
    return counts.may_be_redriven();
  };
  EXPECT_TRUE(ends(R"("T":{"Type":"Task","Resource":"job:t","End":true})"));
  EXPECT_FALSE(ends(R"("T":{"Type":"Fail","Error":"E"})"));
  EXPECT_FALSE(ends(R"("T":{"Type":"Pass","Parameters":{"a.$":"$.b.c"},"End":true})"));
  EXPECT_FALSE(ends(R"("T":{"Type":"Task","Resource":"job:t","Catch":[{"ErrorEquals":["Bad"],"Next":"F"}],"End":true},
                        "F":{"Type":"Fail","Error":"E"})"));
}

TEST_F(ProgressTest, ATimeoutSaysHowLong) {
  begin(R"({"StartAt":"T","States":{"T":{"Type":"Task","Resource":"job:t","TimeoutSeconds":5,"End":true}}})", "{}");
  lines();
  work::Outcome outcome{.id = next_task(), .kind = work::OutcomeKind::timed_out, .started = now};
  outcome.ended.us = now.us + 5'003'000;
  counts.on_task(outcome, engine);
  handle(std::move(outcome));
  EXPECT_THAT(lines(), ElementsAre(EndsWith("FAILED T States.Timeout: after 5.003 s")));
}

TEST_F(ProgressTest, TheFrameShowsABarForAMapAndALineForOtherStates) {
  begin(R"({"StartAt":"P","States":{"P":{"Type":"Parallel","End":true,"Branches":[
    {"StartAt":"M","States":{"M":{"Type":"Map","End":true,"ItemProcessor":{"StartAt":"T","States":{"T":{"Type":"Task","Resource":"job:t","End":true}}}}}},
    {"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":100,"End":true}}}]}}})",
        items(4));
  succeed();
  advance(5);
  EXPECT_THAT(frame(), ElementsAre(StartsWith("+00:00:05 tasks ok 1 failed 0 running 3 waiting 1"), "P     1 since 5 s",
                                   "  M   [######..................] 1/4 25 %  running 3", "    T 3 running since 5 s",
                                   "  W   1 waiting since 5 s"));
  succeed();
  succeed();
  succeed();
  EXPECT_THAT(frame(), ElementsAre(testing::_, "P   1 since 5 s", "  W 1 waiting since 5 s"));
}

TEST_F(ProgressTest, WhatRunsIsToldFromWhatWaits) {
  begin(kSurveyWithRetries, items(5));
  counts.on_workload(2, {{tasks[0], {}}, {tasks[1], {}}}, engine);
  EXPECT_EQ(counts.tasks_running(), 2U);
  EXPECT_THAT(map_text(counts, pace, asl::StateId{1}), EndsWith("ok 0 failed 0 running 2 queued 3"));
  EXPECT_THAT(frame(),
              ElementsAre(HasSubstr("tasks ok 0 failed 0 running 2 queued 3"), HasSubstr("0/5 0 %  running 2 queued 3"),
                          "  Measure 2 running, 3 queued since 0 s"));
  fail("Flaky", "x");
  EXPECT_THAT(map_text(counts, pace, asl::StateId{1}), EndsWith("running 2 queued 2 waiting 1"))
      << "another has begun instead, or is about to";
  counts.on_workload(1, {{tasks[0], {}}}, engine);
  EXPECT_EQ(counts.all_work().retries, 1U);
  RunCounts again;
  again.resume(engine.find(engine::ExecutionId{1}));
  EXPECT_EQ(again.all_work().retries, 1U);
  advance(2);
  EXPECT_THAT(map_text(counts, pace, asl::StateId{1}), EndsWith("running 1 queued 4"));
  counts.on_workload(3, {}, engine);
  EXPECT_THAT(map_text(counts, pace, asl::StateId{1}), EndsWith("running 3 queued 2"))
      << "which ones need not be known";
}

TEST_F(ProgressTest, ATaskThatWaitsForItsTokenSaysSo) {
  begin(
      R"({"StartAt":"Ask","States":{"Ask":{"Type":"Task","Resource":"arn:aws:states:::sqs:sendMessage.waitForTaskToken",
            "Parameters":{"t.$":"$$.Task.Token"},"End":true}}})",
      "{}");
  lines();
  succeed();
  const engine::Strand* strand = engine.find(engine::ExecutionId{1})->find(engine::StrandId::top);
  EXPECT_THAT(lines(), ElementsAre(HasSubstr("WAITING Ask for the answer to its token " + *strand->token)));
  EXPECT_EQ(counts.all_work().tokens, 1U);
  EXPECT_EQ(counts.tasks_running(), 0U);
  EXPECT_THAT(frame(), testing::Contains("Ask 1 waiting since 0 s"));
  handle(engine::AnswerTask{"r", *strand->token, engine::AnswerTask::Kind::success, Value(), {}, {}});
  EXPECT_EQ(counts.all_work().tokens, 0U);
  EXPECT_EQ(counts.status(), engine::Status::succeeded);
}

TEST_F(ProgressTest, ATaskThatWaitsForAnActivitySaysSo) {
  begin(
      R"({"StartAt":"Paint","States":{"Paint":{"Type":"Task","Resource":"arn:aws:states:us-east-1:123456789012:activity:easel","End":true}}})",
      "{}");
  EXPECT_THAT(lines(), testing::Contains(HasSubstr("WAITING Paint for a worker of activity easel")));
  EXPECT_EQ(counts.all_work().activities, 1U);
  EXPECT_EQ(counts.tasks_running(), 0U);
  const engine::Strand* strand = engine.find(engine::ExecutionId{1})->find(engine::StrandId::top);
  engine::TaskProgress taken;
  taken.id = engine.find(engine::ExecutionId{1})->dispatch_id(*strand);
  taken.kind = engine::TaskProgress::Kind::taken;
  handle(taken);
  EXPECT_EQ(counts.all_work().activities, 1U) << "its answer is to come";
  RunCounts again;
  again.resume(engine.find(engine::ExecutionId{1}));
  EXPECT_EQ(again.all_work().activities, 1U);
  handle(engine::AnswerTask{"r", *strand->token, engine::AnswerTask::Kind::success, Value(), {}, {}});
  EXPECT_EQ(counts.all_work().activities, 0U);
  EXPECT_EQ(counts.status(), engine::Status::succeeded);
}

TEST_F(ProgressTest, FailuresShowInTheBar) {
  begin(
      R"({"StartAt":"M","States":{"M":{"Type":"Map","End":true,"ItemProcessor":{"StartAt":"T","States":{"T":{"Type":"Task","Resource":"job:t","End":true}}}}}})",
      items(4));
  succeed();
  EXPECT_THAT(frame(80, 24, true)[1], HasSubstr("[\x1b[32m######\x1b[0m..................] 1/4"));
  EXPECT_THAT(frame(80, 24, false)[1], Not(HasSubstr("\x1b")));
}

TEST_F(ProgressTest, AFrameFitsTheTerminal) {
  std::string states;
  for (int i = 0; i < 30; ++i) {
    states += fmt::format(
        R"({}{{"StartAt":"State with the long name {}","States":{{"State with the long name {}":{{"Type":"Task","Resource":"job:t","End":true}}}}}})",
        i > 0 ? "," : "", i, i);
  }
  begin(R"({"StartAt":"P","States":{"P":{"Type":"Parallel","End":true,"Branches":[)" + states + "]}}}", "{}");
  for (const std::size_t columns : {20U, 33U, 80U, 200U}) {
    for (const std::size_t rows : {3U, 5U, 10U, 60U}) {
      const auto shown = frame(columns, rows);
      EXPECT_LT(shown.size(), rows);
      for (const std::string& line : shown) {
        EXPECT_LT(width(line), columns) << line;
      }
    }
  }
  EXPECT_THAT(frame(80, 10).back(), "… and 24 more states");
  EXPECT_THAT(frame(10, 10), IsEmpty());
  EXPECT_THAT(frame(80, 2), IsEmpty());
}

TEST_F(ProgressTest, TheSummaryGroupsFailuresByTheirKind) {
  std::string machine = kSurveyWithRetries;
  machine.replace(machine.find("\"Odd\""), 5, "\"Odd\",\"Bad\"");
  begin(machine, items(13));
  for (int i = 0; i < 10; ++i) {
    succeed((i + 1) * 1'000'000);
  }
  fail("Bad", "frame 11 is cut short\nat byte 17");
  fail("Bad", "frame 12 is cut short\nat byte 9");
  fail("Worse", "exit status 4");
  const auto summary =
      run_summary(counts, {.wall = 20'000'000, .slots = 4, .rank_0_apart = true, .next = "lockstep redrive --dir r"});
  EXPECT_THAT(
      summary,
      ElementsAre("FAILED in 20.000 s: Worse",
                  "tasks: ok 10 failed 3 | 0.65/s | util 69 % of 4 slots (55 % with rank 0)",
                  "slowest: Survey/Measure[9] 10.000 s (rank 3), Survey/Measure[8] 9.000 s (rank 3), "
                  "Survey/Measure[7] 8.000 s (rank 3), Survey/Measure[6] 7.000 s (rank 3), Survey/Measure[5] "
                  "6.000 s (rank 3)",
                  "failed 2 x Bad: frame 11 is cut short | caught | first Survey/Measure[10] at 22:13:20: at byte 17",
                  "go on with: lockstep redrive --dir r"));
}

TEST_F(ProgressTest, AResumedRunIsCountedFromWhatIsLive) {
  begin(kSurveyWithRetries, items(10));
  for (int i = 0; i < 4; ++i) {
    succeed();
  }
  RunCounts again;
  again.resume(engine.find(engine::ExecutionId{1}));
  EXPECT_EQ(again.map(asl::StateId{1}).total, 10U);
  EXPECT_EQ(again.map(asl::StateId{1}).ok, 4U);
  EXPECT_EQ(again.map(asl::StateId{1}).open(), 6U);
  EXPECT_EQ(again.tasks_running(), counts.tasks_running());
  EXPECT_EQ(again.in_state(), counts.in_state());
}

TEST_F(ProgressTest, ARedrivenMapIsCountedFromWhatIsTriedAgain) {
  begin(kSurveyWithRetries, items(5));
  succeed();
  fail("Broken", "x");
  ASSERT_EQ(counts.status(), engine::Status::failed);
  tasks.clear();
  handle(engine::RedriveExecution{"", engine::ExecutionId{1}});
  EXPECT_EQ(counts.status(), engine::Status::running);
  const MapCounts& map = counts.map(asl::StateId{1});
  EXPECT_EQ(map.live, 1U);
  EXPECT_EQ(map.total, 5U);
  EXPECT_EQ(map.ok, 1U);
  EXPECT_EQ(map.open(), 4U);
  EXPECT_THAT(frame(), testing::Contains(HasSubstr("1/5 20 %  running 4")));
  for (int i = 0; i < 4; ++i) {
    succeed();
  }
  EXPECT_EQ(counts.map(asl::StateId{1}).ok, 5U);
  EXPECT_EQ(counts.status(), engine::Status::succeeded);
}

TEST_F(ProgressTest, ARedriveToAnotherDefinitionIsCountedByThat) {
  begin(R"({"StartAt":"A","States":{"A":{"Type":"Task","Resource":"job:a","End":true}}})", "{}");
  fail("Broken", "x");
  const auto machine = asl::parse_definition(R"({"StartAt":"Z","States":{"Z":{"Type":"Pass","Next":"A"},
      "A":{"Type":"Task","Resource":"job:a","End":true}}})")
                           .machine;
  handle(engine::RedriveExecution{"", engine::ExecutionId{1}, machine, 2});
  EXPECT_EQ(counts.machine(), machine.get());
  EXPECT_EQ(counts.in_state(), (std::vector<std::uint64_t>{0, 1}));
  succeed();
  EXPECT_EQ(counts.status(), engine::Status::succeeded);
}

TEST_F(ProgressTest, ARedriveThatFailsAtOnceHasFailed) {
  for (const char* definition :
       {R"({"StartAt":"P","States":{"P":{"Type":"Pass","Parameters":{"a.$":"$.b.c"},"End":true}}})",
        R"({"StartAt":"M","States":{"M":{"Type":"Map","ItemsPath":"$.items","End":true,"ItemProcessor":{"StartAt":"F",
            "States":{"F":{"Type":"Fail","Error":"E"}}}}}})"}) {
    counts = RunCounts();
    engine.forget(engine::ExecutionId{1});
    begin(definition, R"({"items":[1]})");
    ASSERT_EQ(counts.status(), engine::Status::failed);
    const std::size_t failures = counts.failures().front().count;
    lines();
    handle(engine::RedriveExecution{"", engine::ExecutionId{1}});
    EXPECT_EQ(counts.status(), engine::Status::failed);
    EXPECT_EQ(counts.failures().front().count, failures + 1);
    EXPECT_THAT(lines(), testing::Contains(HasSubstr("FAILED ")));
    EXPECT_FALSE(counts.may_be_redriven());
  }
}

TEST_F(ProgressTest, AMapThatIsEnteredAgainBeginsAnew) {
  begin(R"({"StartAt":"M","States":{
    "M":{"Type":"Map","Next":"C","ResultPath":null,
      "ItemProcessor":{"StartAt":"T","States":{"T":{"Type":"Task","Resource":"job:t","End":true}}}},
    "C":{"Type":"Choice","Choices":[{"Variable":"$[2]","IsPresent":true,"Next":"S"}],"Default":"M"},
    "S":{"Type":"Succeed"}}})",
        items(2));
  succeed();
  succeed();
  EXPECT_EQ(counts.map(asl::StateId{0}).live, 1U);
  EXPECT_EQ(counts.map(asl::StateId{0}).total, 2U);
  EXPECT_EQ(counts.map(asl::StateId{0}).done(), 0U);
}

}  // namespace
}  // namespace lockstep::report
