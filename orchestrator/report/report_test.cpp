// Status, history and export of runs whose Events are known.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "asl/parser.hpp"
#include "report/export.hpp"
#include "report/history.hpp"
#include "report/status.hpp"
#include "report/task_story.hpp"
#include "report/test_run.hpp"

namespace lockstep::report {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr const char* kSurvey = R"({"StartAt":"Survey","States":{
  "Survey":{"Type":"Map","MaxConcurrency":2,"Next":"Nap","ItemProcessor":{"StartAt":"Measure","States":{
    "Measure":{"Type":"Task","Resource":"job:measure","End":true,
      "Retry":[{"ErrorEquals":["Flaky"],"IntervalSeconds":30,"MaxAttempts":2}],
      "Catch":[{"ErrorEquals":["Odd"],"Next":"Note"}]},
    "Note":{"Type":"Pass","End":true}}}},
  "Nap":{"Type":"Wait","Seconds":60,"End":true}}})";

class AReport : public testing::Test {
 protected:
  json status(const std::string& execution = "") {
    run.sync();
    const auto read = read_status(open_run_folder(run.folder()).value(), execution, run.now, 10);
    EXPECT_TRUE(read) << read.error().message;
    text = status_text(*read);
    return json::parse(status_json(*read));
  }
  static json state(const json& status, const std::string& name) {
    for (const json& entry : status["states"]) {
      if (entry["name"] == name) {
        return entry;
      }
    }
    ADD_FAILURE() << "no state " << name;
    return {};
  }
  std::string history(HistoryOptions options) {
    run.sync();
    std::ostringstream out;
    const auto done = write_history(open_run_folder(run.folder()).value(), options, out);
    EXPECT_TRUE(done) << done.error().message;
    return out.str();
  }
  static std::vector<std::string> lines(const std::string& text) {
    std::vector<std::string> found;
    std::istringstream in(text);
    std::string line;
    while (std::getline(in, line)) {
      found.push_back(line);
    }
    return found;
  }
  std::vector<json> exported() {
    run.sync();
    std::ostringstream out;
    const auto done = write_export(open_run_folder(run.folder()).value(), ExportFormat::jsonl, out);
    EXPECT_TRUE(done) << done.error().message;
    std::vector<json> rows;
    for (const std::string& line : lines(out.str())) {
      rows.push_back(json::parse(line));
    }
    return rows;
  }

  TestRun run;
  std::string text;
};

TEST_F(AReport, CountsWhatBecameOfTheStates) {
  run.start(kSurvey, "[1,2,3,4]");
  run.succeed();
  run.fail("Odd", "caught");
  run.fail("Flaky", "once more");
  const json now = status();
  EXPECT_EQ(now["status"], "RUNNING");
  EXPECT_EQ(now["stopDate"], nullptr);
  const json measure = state(now, "Measure");
  EXPECT_EQ(measure["entered"], 4);
  EXPECT_EQ(measure["running"], 1);
  EXPECT_EQ(measure["waiting"], 1) << "for its retry";
  EXPECT_EQ(measure["succeeded"], 1);
  EXPECT_EQ(measure["caught"], 1);
  EXPECT_EQ(measure["failed"], 0);
  EXPECT_EQ(measure["retries"], 1);
  EXPECT_EQ(measure["in"], "Survey");
  const json items = state(now, "Survey")["items"];
  EXPECT_EQ(items["total"], 4);
  EXPECT_EQ(items["succeeded"], 2);
  EXPECT_EQ(items["running"], 1);
  EXPECT_THAT(text, HasSubstr("2/4 done, 1 running, 1 waiting"));
}

TEST_F(AReport, NamesWhatIsWaitedFor) {
  run.start(kSurvey, "[1,2]");
  run.fail("Flaky", "once more");
  const json now = status();
  ASSERT_EQ(now["tasks"]["count"], 1);
  EXPECT_EQ(now["tasks"]["first"][0]["state"], "Measure");
  EXPECT_EQ(now["tasks"]["first"][0]["item"], 1);
  ASSERT_EQ(now["retries"]["count"], 1);
  EXPECT_EQ(now["retries"]["first"][0]["until"], "2023-11-14T22:13:50.000Z");
  EXPECT_EQ(now["retries"]["first"][0]["item"], 0);
  EXPECT_THAT(text, HasSubstr("retries pending: 1\n  Measure[0] at "));
  EXPECT_THAT(text, HasSubstr("(in 30.000 s), retry 1"));
  run.pass(30);
  run.succeed();
  run.succeed();
  const json later = status();
  EXPECT_EQ(later["tasks"]["count"], 0);
  ASSERT_EQ(later["waits"]["count"], 1);
  EXPECT_EQ(later["waits"]["first"][0]["until"], "2023-11-14T22:14:50.000Z");
}

TEST_F(AReport, SaysTheSameFromACheckpoint) {
  run.start(kSurvey, "[1,2,3]");
  run.fail("Flaky", "once more");
  const json before = status();
  run.checkpoint();
  json after = status();
  EXPECT_EQ(after, before);
  run.succeed();
  EXPECT_EQ(status()["tasks"]["first"][0]["item"], 2);
}

TEST_F(AReport, GroupsFailuresAndSaysHowToGoOn) {
  run.start(kSurvey, "[1,2,3]");
  run.fail("Boom", "disk full\non /scratch");
  run.close();
  const auto read = read_status(open_run_folder(run.folder()).value(), "", run.now, 10).value();
  const json now = json::parse(status_json(read));
  EXPECT_EQ(now["status"], "FAILED");
  EXPECT_EQ(now["error"], "Boom");
  ASSERT_EQ(now["failures"].size(), 1U) << "the Map's and the execution's are the same failure";
  EXPECT_EQ(now["failures"][0]["count"], 1);
  EXPECT_EQ(now["failures"][0]["state"], "Measure");
  EXPECT_EQ(now["failures"][0]["item"], 0);
  EXPECT_EQ(now["next"], "lockstep redrive --dir " + run.folder());
  const std::string shown = status_text(read);
  EXPECT_THAT(shown, HasSubstr("FAILED Boom\n")) << "why is said once, below";
  EXPECT_THAT(shown, HasSubstr("not running: go on with lockstep redrive --dir "));
  EXPECT_THAT(shown, HasSubstr("1 x Boom: disk full on /scratch\n      for example Measure[0] at "));
}

TEST_F(AReport, AFailStateIsAFailureToo) {
  run.start(R"({"StartAt":"No","States":{"No":{"Type":"Fail","Error":"Never","Cause":"on principle"}}})", "{}");
  const json now = status();
  ASSERT_EQ(now["failures"].size(), 1U);
  EXPECT_EQ(now["failures"][0]["error"], "Never");
  EXPECT_EQ(state(now, "No")["failed"], 1);
}

TEST_F(AReport, SaysWhoRunsIt) {
  run.start(kSurvey, "[1]");
  EXPECT_EQ(status()["owner"]["state"], "running");
  EXPECT_EQ(status()["next"], nullptr);
  EXPECT_THAT(text, HasSubstr(fmt::format("running on host {}, process {}", journal::this_process().host, ::getpid())));
  run.close();
  const auto read = read_status(open_run_folder(run.folder()).value(), "", run.now, 10).value();
  EXPECT_EQ(read.owner.life, journal::Life::ended);
  EXPECT_EQ(next_command(read), "lockstep resume --dir " + run.folder());
}

TEST_F(AReport, CountsARedrive) {
  run.start(kSurvey, "[1,2]");
  run.fail("Boom", "");
  run.pass(5);
  run.handle(engine::RedriveExecution{"", engine::ExecutionId{1}});
  EXPECT_EQ(status()["redriveCount"], 1);
  EXPECT_EQ(status()["status"], "RUNNING");
  EXPECT_EQ(status()["error"], nullptr);
  EXPECT_EQ(status()["failures"], json::array()) << "it is tried again";
  EXPECT_EQ(state(status(), "Survey")["items"]["failed"], 0);
  while (!run.tasks().empty()) {
    run.succeed();
  }
  run.pass(60);
  EXPECT_EQ(status()["status"], "SUCCEEDED");
  EXPECT_EQ(state(status(), "Survey")["items"]["started"], 2);
  EXPECT_THAT(text, HasSubstr("2/2 done\n"));
  EXPECT_THAT(text, HasSubstr("redriven once"));
}

TEST_F(AReport, FollowsARedriveToAnotherDefinition) {
  run.start(R"({"StartAt":"A","States":{"A":{"Type":"Task","Resource":"job:a","Next":"B"},
      "B":{"Type":"Task","Resource":"job:b","End":true}}})",
            "{}");
  run.succeed();
  run.fail("Boom", "");
  const auto machine = asl::parse_definition(R"({"StartAt":"Z","States":{"Z":{"Type":"Pass","Next":"A"},
      "C":{"Type":"Pass","End":true},"A":{"Type":"Task","Resource":"job:a","Next":"B"},
      "B":{"Type":"Task","Resource":"job:b2","Next":"C"}}})")
                           .machine;
  ASSERT_NE(machine, nullptr);
  run.handle(engine::RedriveExecution{"", engine::ExecutionId{1}, machine, 2});
  run.succeed();
  EXPECT_EQ(state(status(), "A")["succeeded"], 1);
  EXPECT_EQ(state(status(), "B")["succeeded"], 1);
  EXPECT_EQ(state(status(), "C")["succeeded"], 1);
  const auto of = [&](const std::string& name) {
    std::vector<std::string> types;
    const json document = json::parse(history({.state = name, .json = true}));
    for (const json& event : document["events"]) {
      types.push_back(event["type"]);
    }
    return types;
  };
  EXPECT_THAT(of("A"),
              ElementsAre("TaskStateEntered", "TaskScheduled", "TaskStarted", "TaskSucceeded", "TaskStateExited"));
  EXPECT_THAT(of("B"), ElementsAre("TaskStateEntered", "TaskScheduled", "TaskStarted", "TaskFailed", "TaskScheduled",
                                   "TaskStarted", "TaskSucceeded", "TaskStateExited"));
  EXPECT_THAT(of("C"), ElementsAre("PassStateEntered", "PassStateExited"));
  std::vector<std::string> forward = lines(history({}));
  std::vector<std::string> backward = lines(history({.reverse = true}));
  std::reverse(backward.begin(), backward.end());
  EXPECT_EQ(forward, backward);
  std::vector<std::string> states;
  for (const json& row : exported()) {
    states.push_back(row["state"]);
  }
  EXPECT_THAT(states, ElementsAre("A", "B", "B"));
  const auto stories = read_stories(open_run_folder(run.folder()).value(), {}, 10).value();
  ASSERT_EQ(stories.told.size(), 2U);
  EXPECT_EQ(stories.machine->state(stories.told[0].state).name, "A");
  EXPECT_EQ(stories.machine->state(stories.told[0].next).name, "B");
  EXPECT_EQ(stories.machine->state(stories.told[1].next).name, "C");
}

TEST_F(AReport, ChoosesTheExecutionThatIsMeant) {
  const std::string machine = R"({"StartAt":"P","States":{"P":{"Type":"Pass","End":true}}})";
  run.start(machine, "{}", "first", 1);
  run.start(machine, "{}", "run", 2);
  run.start(machine, "{}", "last", 3);
  run.start(machine, "{}", "1", 4);
  EXPECT_EQ(status()["name"], "run") << "as run.json names it";
  EXPECT_EQ(status("last")["number"], 3);
  EXPECT_EQ(status("arn:aws:states:us-east-1:123456789012:execution:m:first")["number"], 1);
  EXPECT_EQ(status("2")["name"], "run");
  EXPECT_EQ(status("1")["number"], 4) << "a name goes before a number";
  EXPECT_EQ(status()["executions"]["total"], 4);
  EXPECT_EQ(status()["executions"]["SUCCEEDED"], 4);
  const auto none = read_status(open_run_folder(run.folder()).value(), "nobody", run.now, 10);
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().kind, ErrorKind::usage);
}

TEST_F(AReport, HistoryIsAwssInEitherDirection) {
  run.start(kSurvey, "[1,2,3,4,5,6,7,8]");
  for (int i = 0; i < 8; ++i) {
    run.succeed();
  }
  run.pass(60);
  HistoryOptions options;
  options.json = true;
  const json forward = json::parse(history(options))["events"];
  ASSERT_GT(forward.size(), 60U) << "several segments";
  for (std::size_t i = 0; i < forward.size(); ++i) {
    ASSERT_EQ(forward[i]["id"], i + 1);
  }
  EXPECT_EQ(forward.front()["type"], "ExecutionStarted");
  EXPECT_EQ(forward.back()["type"], "ExecutionSucceeded");
  run.checkpoint();
  options.reverse = true;
  json backward = json::parse(history(options))["events"];
  std::reverse(backward.begin(), backward.end());
  EXPECT_EQ(backward, forward);
}

TEST_F(AReport, HistoryShowsALineForEachEvent) {
  run.start(kSurvey, "[1,2]");
  run.succeed("\"a\\nb\"");
  run.fail("Boom", "bad");
  const std::vector<std::string> shown = lines(history({}));
  EXPECT_THAT(shown[0], HasSubstr("ExecutionStarted"));
  EXPECT_THAT(shown[2], HasSubstr("MapStateStarted"));
  EXPECT_THAT(shown[2], HasSubstr("2 items"));
  EXPECT_THAT(shown[3], HasSubstr("Survey[0]"));
  EXPECT_THAT(shown, testing::Contains(testing::ContainsRegex("TaskSucceeded .* Measure\\[0\\] +\"a\\\\nb\"$")));
  EXPECT_THAT(shown, testing::Contains(testing::ContainsRegex("TaskFailed .* Measure\\[1\\] +Boom: bad$")));
  EXPECT_THAT(shown, testing::Contains(testing::ContainsRegex("MapIterationFailed .* Survey\\[1\\] +Boom: bad$")));
  HistoryOptions narrow;
  narrow.columns = 50;
  for (const std::string& line : lines(history(narrow))) {
    EXPECT_LE(line.size(), 52U) << line;
    EXPECT_EQ(line.find('\033'), std::string::npos);
  }
  narrow.color = true;
  EXPECT_THAT(history(narrow), HasSubstr("\033[31mTaskFailed\033[0m"));
}

TEST_F(AReport, HistoryOfAStateHoldsWhatIsInsideIt) {
  run.start(kSurvey, "[1]");
  run.succeed();
  run.pass(60);
  const auto types = [&](const std::string& name) {
    HistoryOptions options;
    options.json = true;
    options.state = name;
    std::vector<std::string> found;
    const json document = json::parse(history(options));
    for (const json& event : document["events"]) {
      found.push_back(event["type"]);
    }
    return found;
  };
  EXPECT_THAT(types("Nap"), ElementsAre("WaitStateEntered", "WaitStateExited"));
  EXPECT_THAT(types("Measure"), testing::Contains("TaskSucceeded"));
  EXPECT_THAT(types("Measure"), testing::Not(testing::Contains("MapStateEntered")));
  EXPECT_THAT(types("Survey"), testing::IsSupersetOf({"MapStateEntered", "TaskSucceeded", "MapIterationSucceeded"}));
  EXPECT_THAT(types("Survey"), testing::Not(testing::Contains("ExecutionStarted")));
  HistoryOptions wrong;
  wrong.state = "Nowhere";
  std::ostringstream out;
  const auto none = write_history(open_run_folder(run.folder()).value(), wrong, out);
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().kind, ErrorKind::usage);
}

TEST_F(AReport, ExportsARowForEachAttempt) {
  run.start(kSurvey, "[1,2,3]");
  run.fail("Flaky", "a \"cause\",\nin two lines");
  run.pass(30);
  run.succeed("{\"n\":2}");  // item 1
  run.succeed("[1]");        // item 0 again
  run.fail("Boom", "");      // item 2, and all is over
  const std::vector<json> rows = exported();
  ASSERT_EQ(rows.size(), 4U);
  EXPECT_EQ(rows[0]["state"], "Measure");
  EXPECT_EQ(rows[0]["item"], 0);
  EXPECT_EQ(rows[0]["attempt"], 0);
  EXPECT_EQ(rows[0]["status"], "FAILED");
  EXPECT_EQ(rows[0]["error"], "Flaky");
  EXPECT_EQ(rows[1]["item"], 1);
  EXPECT_EQ(rows[1]["result_bytes"], 7);
  EXPECT_EQ(rows[2]["item"], 0);
  EXPECT_EQ(rows[2]["attempt"], 1);
  EXPECT_EQ(rows[2]["status"], "SUCCEEDED");
  EXPECT_EQ(rows[3]["error"], "Boom");
}

TEST_F(AReport, ExportsWhenTasksBeganThatRanAtTheSameTime) {
  run.start(kSurvey, "[1,2]");
  const Timestamp began = run.now;
  for (const double seconds : {10.0, 2.0}) {
    run.pass(static_cast<std::int64_t>(seconds));
    work::Outcome outcome;
    outcome.id = run.tasks().front().id;
    outcome.result = Value::from_text("1").value();
    outcome.started = began;
    run.tasks().pop_front();
    run.handle(std::move(outcome));
  }
  const std::vector<json> rows = exported();
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows[0]["seconds"], 10);
  EXPECT_EQ(rows[1]["started"], rows[0]["started"]);
  EXPECT_EQ(rows[1]["seconds"], 12) << "not since the other one's end, though history says so";
}

TEST_F(AReport, ExportsWhatWasGivenUpInterruptedOrIsStillOut) {
  run.start(kSurvey, "[1,2,3]");
  const engine::DispatchId first = run.tasks().front().id;
  run.handle(engine::RedispatchTask{first});  // now the last in line
  run.tasks().pop_front();
  const std::vector<json> open = exported();
  ASSERT_EQ(open.size(), 3U);
  EXPECT_EQ(open[0]["status"], "INTERRUPTED");
  EXPECT_EQ(open[0]["dispatch"], 1);
  EXPECT_EQ(open[1]["status"], "RUNNING");
  EXPECT_EQ(open[1]["dispatch"], 2);
  EXPECT_EQ(open[1]["ended"], nullptr);
  run.fail("Boom", "");  // item 1
  const std::vector<json> ended = exported();
  ASSERT_EQ(ended.size(), 3U);
  EXPECT_EQ(ended[1]["status"], "FAILED");
  EXPECT_EQ(ended[2]["status"], "ABORTED");
  EXPECT_EQ(ended[2]["item"], 0);
}

TEST_F(AReport, KnowsTheItemsAlsoAfterARedrive) {
  run.start(kSurvey, "[1,2]");
  run.fail("Boom", "");
  run.handle(engine::RedriveExecution{"", engine::ExecutionId{1}});
  std::set<int> items;
  while (!run.tasks().empty()) {
    run.succeed();
  }
  for (const json& row : exported()) {
    if (row["status"] == "SUCCEEDED") {
      items.insert(row["item"].get<int>());
    }
  }
  EXPECT_THAT(items, ElementsAre(0, 1));
}

TEST_F(AReport, QuotesCsvAsTheRfcSays) {
  run.start(kSurvey, "[1]");
  run.fail("Boom", "a \"cause\",\nin two lines");
  run.sync();
  std::ostringstream out;
  ASSERT_TRUE(write_export(open_run_folder(run.folder()).value(), ExportFormat::csv, out));
  EXPECT_THAT(out.str(), testing::StartsWith("execution,state,item,"));
  EXPECT_THAT(out.str(), HasSubstr("FAILED,Boom,\"a \"\"cause\"\",\nin two lines\",,,,,\r\n"));
}

TEST(ARunFolder, IsToldFromOtherFolders) {
  TestRun run;
  EXPECT_TRUE(open_run_folder(run.folder()));
  const auto missing = open_run_folder(run.folder() + "/nowhere");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().kind, ErrorKind::occupied);
  const auto file = open_run_folder(run.folder() + "/run.json");
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().kind, ErrorKind::occupied);
  const auto other = open_run_folder(run.folder() + "/journal");
  ASSERT_FALSE(other);
  EXPECT_THAT(other.error().message, HasSubstr("is not a run folder"));
  std::ofstream(run.folder() + "/run.json") << "{";
  const auto damaged = open_run_folder(run.folder());
  ASSERT_FALSE(damaged);
  EXPECT_EQ(damaged.error().kind, ErrorKind::io);
}

TEST(ARunFolder, MayHaveNothingToTellYet) {
  TestRun run;
  const auto status = read_status(open_run_folder(run.folder()).value(), "", run.now, 10);
  ASSERT_TRUE(status) << status.error().message;
  EXPECT_THAT(status_text(*status), HasSubstr("nothing has started yet"));
  std::ostringstream out;
  EXPECT_TRUE(write_export(open_run_folder(run.folder()).value(), ExportFormat::csv, out));
  std::ostringstream history;
  HistoryOptions options;
  options.json = true;
  EXPECT_TRUE(write_history(open_run_folder(run.folder()).value(), options, history));
  EXPECT_EQ(json::parse(history.str())["events"], json::array());
}

}  // namespace
}  // namespace lockstep::report
