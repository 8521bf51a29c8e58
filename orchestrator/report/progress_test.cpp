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

constexpr const char* kSurvey = R"({"StartAt":"Prepare","States":{
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
    auto identity = std::make_shared<engine::Identity>();
    identity->name = "night";
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
        if (auto* dispatch = std::get_if<engine::DispatchTask>(&effect)) {
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
    counts.on_task({.id = id, .started = now, .ended = {now.us + us}, .rank = 3}, engine);
    handle(engine::TaskOutcome{.id = id, .started = now});
  }
  void fail(const std::string& error, const std::string& cause) {
    engine::TaskOutcome outcome{.id = next_task(), .kind = engine::TaskOutcome::Kind::failed, .started = now};
    outcome.error = error;
    outcome.cause = cause;
    counts.on_task({.id = outcome.id, .started = now, .ended = now, .failed = true}, engine);
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
  begin(kSurvey, items(2));
  EXPECT_THAT(lines(),
              ElementsAre("22:13:20 +00:00:00 ENTERED Prepare (Pass)", "22:13:20 +00:00:00 ENTERED Survey (Map)"));
  advance(3'725);
  succeed();
  succeed();
  EXPECT_THAT(lines(),
              ElementsAre("23:15:25 +01:02:05 LEFT Survey after 01:02:05 2/2 (100.0 %) ok 2 failed 0 running 0"));
}

TEST_F(ProgressTest, AMapGetsALineAfterThirtySecondsAndFivePercentWhicheverIsLater) {
  begin(kSurvey, items(100));
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
  advance(599);
  EXPECT_THAT(lines(), IsEmpty());
  advance(1);
  EXPECT_THAT(lines(), SizeIs(1)) << "nobody should wonder whether it is dead";
}

TEST_F(ProgressTest, RateAndTimeLeftFollowWhatHappensOfLate) {
  begin(kSurvey, items(100));
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
  begin(kSurvey, items(3));
  lines();
  fail("Flaky", "the net is down");
  fail("Odd", "item 1 is odd\nat line 7\n");
  fail("Broken", "exit status 3\nfirst\nno such file\n");
  EXPECT_THAT(
      lines(),
      ElementsAre("22:13:20 +00:00:00 FAILED Survey/Measure[0] Flaky: the net is down | retried in 2 s",
                  "22:13:20 +00:00:00 FAILED Survey/Measure[1] Odd: item 1 is odd: at line 7 | caught: Survey/Skip",
                  "22:13:20 +00:00:00 FAILED Survey/Measure[2] Broken: exit status 3: no such file"));
  EXPECT_EQ(counts.status(), engine::Status::failed);
}

TEST_F(ProgressTest, ManyFailuresAtATimeAreCountedInstead) {
  std::string machine = kSurvey;
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

TEST_F(ProgressTest, TheFrameShowsABarForAMapAndALineForOtherStates) {
  begin(R"({"StartAt":"P","States":{"P":{"Type":"Parallel","End":true,"Branches":[
    {"StartAt":"M","States":{"M":{"Type":"Map","End":true,"ItemProcessor":{"StartAt":"T","States":{"T":{"Type":"Task","Resource":"job:t","End":true}}}}}},
    {"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":100,"End":true}}}]}}})",
        items(4));
  succeed();
  advance(5);
  EXPECT_THAT(frame(), ElementsAre(StartsWith("+00:00:05 tasks ok 1 failed 0 open 3"), "P     1 since 5 s",
                                   "  M   [######..................] 1/4 25 %  running 3", "    T 3 since 5 s",
                                   "  W   1 since 5 s"));
  succeed();
  succeed();
  succeed();
  EXPECT_THAT(frame(), ElementsAre(testing::_, "P   1 since 5 s", "  W 1 since 5 s"));
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
  std::string machine = kSurvey;
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
      ElementsAre("FAILED in 20.000 s: Worse: exit status 4",
                  "tasks: ok 10 failed 3 | 0.65/s | util 69 % of 4 slots (55 % with rank 0)",
                  "slowest: Survey/Measure[9] 10.000 s (rank 3), Survey/Measure[8] 9.000 s (rank 3), "
                  "Survey/Measure[7] 8.000 s (rank 3), Survey/Measure[6] 7.000 s (rank 3), Survey/Measure[5] "
                  "6.000 s (rank 3)",
                  "failed 2 x Bad: frame 11 is cut short | caught | first Survey/Measure[10] at 22:13:20: at byte 17",
                  "failed 1 x Worse: exit status 4 | first Survey/Measure[12] at 22:13:20",
                  "go on with: lockstep redrive --dir r"));
}

TEST_F(ProgressTest, AResumedRunIsCountedFromWhatIsLive) {
  begin(kSurvey, items(10));
  for (int i = 0; i < 4; ++i) {
    succeed();
  }
  RunCounts again;
  again.resume(engine.find(engine::ExecutionId{1}));
  EXPECT_EQ(again.map(asl::StateId{1}).total, 10U);
  EXPECT_EQ(again.map(asl::StateId{1}).ok, 4U);
  EXPECT_EQ(again.map(asl::StateId{1}).running(), 6U);
  EXPECT_EQ(again.in_tasks(), counts.in_tasks());
  EXPECT_EQ(again.in_state(), counts.in_state());
}

TEST_F(ProgressTest, ARedrivenMapIsCountedFromWhatIsTriedAgain) {
  begin(kSurvey, items(5));
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
  EXPECT_EQ(map.running(), 4U);
  EXPECT_THAT(frame(), testing::Contains(HasSubstr("1/5 20 %  running 4")));
  for (int i = 0; i < 4; ++i) {
    succeed();
  }
  EXPECT_EQ(counts.map(asl::StateId{1}).ok, 5U);
  EXPECT_EQ(counts.status(), engine::Status::succeeded);
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
