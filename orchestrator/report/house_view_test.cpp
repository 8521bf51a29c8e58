// What is told of a house of many executions: lists, descriptions, and one among many.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "catalogue/names.hpp"
#include "journal/header.hpp"
#include "journal/journal_folder.hpp"
#include "report/describe.hpp"
#include "report/execution_list.hpp"
#include "report/history.hpp"
#include "report/house_view.hpp"
#include "report/status.hpp"
#include "report/test_run.hpp"

namespace lockstep::report {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr const char* kPass = R"({"StartAt":"P","States":{"P":{"Type":"Pass","End":true}}})";
constexpr const char* kTask = R"({"StartAt":"T","States":{"T":{"Type":"Task","Resource":"job:t","End":true}}})";

class AHouse : public testing::Test {
 protected:
  RunFiles files() { return open_run_folder(run.folder()).value(); }
  json list(ListOptions options = {}) {
    options.json = true;
    std::ostringstream out;
    const auto token = write_list(files(), options, out);
    EXPECT_TRUE(token) << token.error().message;
    json document = json::parse(out.str());
    EXPECT_EQ(document.value("nextToken", ""), *token);
    return document;
  }
  static std::vector<std::string> names(const json& document) {
    std::vector<std::string> found;
    for (const json& one : document["executions"]) {
      found.push_back(one["name"]);
    }
    return found;
  }
  json describe(const std::string& execution) {
    const auto document = describe_execution(files(), execution);
    EXPECT_TRUE(document) << document.error().message;
    return json::parse(*document);
  }
  std::string history(const std::string& execution, bool reverse) {
    HistoryOptions options;
    options.execution = execution;
    options.reverse = reverse;
    options.json = true;
    std::ostringstream out;
    const auto done = write_history(files(), options, out);
    EXPECT_TRUE(done) << done.error().message;
    return out.str();
  }
  json status(const std::string& execution) {
    const auto read = read_status(files(), execution, run.now, 10);
    EXPECT_TRUE(read) << read.error().message;
    return json::parse(status_json(*read));
  }

  TestRun run;
};

TEST_F(AHouse, ListsItsExecutionsNewestFirst) {
  run.start(kPass, "{}", "a", 1);
  run.start(kTask, "{}", "b", 2, "other");
  run.start(kTask, "{}", "c", 3);
  run.fail("Boom", "");  // b
  run.sync();
  for (const bool from_a_checkpoint : {false, true}) {
    if (from_a_checkpoint) {
      run.checkpoint();
    }
    const json all = list();
    EXPECT_THAT(names(all), ElementsAre("c", "b", "a"));
    const json& b = all["executions"][1];
    EXPECT_EQ(b["executionArn"], engine::execution_arn(catalogue::machine_arn("other"), "b"));
    EXPECT_EQ(b["stateMachineArn"], catalogue::machine_arn("other"));
    EXPECT_EQ(b["status"], "FAILED");
    EXPECT_EQ(b["startDate"], 1'700'000'000);
    EXPECT_EQ(b["stopDate"], 1'700'000'000);
    EXPECT_FALSE(all["executions"][0].contains("stopDate"));
    EXPECT_THAT(names(list({.machine = "m"})), ElementsAre("c", "a"));
    EXPECT_THAT(names(list({.machine = catalogue::machine_arn("other")})), ElementsAre("b"));
    EXPECT_THAT(names(list({.status = engine::Status::succeeded})), ElementsAre("a"));
    const json first = list({.most = 2});
    EXPECT_THAT(names(first), ElementsAre("c", "b"));
    EXPECT_THAT(names(list({.most = 2, .token = first["nextToken"]})), ElementsAre("a"));
  }
  std::ostringstream text;
  ASSERT_TRUE(write_list(files(), {}, text));
  EXPECT_THAT(text.str(),
              testing::MatchesRegex("NAME +MACHINE +STATUS +STARTED +STOPPED\nc +m +RUNNING +[-0-9]+ [:0-9]+\n"
                                    "b +other +FAILED +[-0-9]+ [:0-9]+ +[-0-9]+ [:0-9]+\na +m .*\n"));
}

TEST_F(AHouse, SaysWhyItListsNothing) {
  std::ostringstream out;
  EXPECT_THAT(names(list()), testing::IsEmpty());
  run.happen(run.catalogue().create({.name = "quick", .type = asl::ExecutionType::express, .definition = kPass}));
  run.happen(run.catalogue().create({.name = "idle", .definition = kPass}));
  run.sync();
  EXPECT_THAT(names(list({.machine = "idle"})), testing::IsEmpty());
  const auto express = write_list(files(), {.machine = "quick"}, out);
  ASSERT_FALSE(express);
  EXPECT_THAT(express.error().message, HasSubstr("EXPRESS"));
  const auto unknown = write_list(files(), {.machine = "nobody"}, out);
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().kind, ErrorKind::usage);
  EXPECT_THAT(unknown.error().message, HasSubstr("holds no state machine 'nobody'"));
  const auto token = write_list(files(), {.token = "1-2"}, out);
  ASSERT_FALSE(token);
  EXPECT_EQ(token.error().kind, ErrorKind::usage);
}

TEST_F(AHouse, DescribesAnExecution) {
  run.start(kTask, R"({"n": 1.50})", "a", 1);
  run.sync();
  const json running = describe("a");
  EXPECT_EQ(running["status"], "RUNNING");
  EXPECT_EQ(running["input"], R"({"n": 1.50})");
  EXPECT_EQ(running["startDate"], 1'700'000'000);
  EXPECT_EQ(running["redriveCount"], 0);
  EXPECT_EQ(running["redriveStatusReason"], "Execution is RUNNING and cannot be redriven");
  for (const char* const missing : {"stopDate", "output", "error", "cause", "redriveDate"}) {
    EXPECT_FALSE(running.contains(missing)) << missing;
  }
  run.now.us += 1'500'000;
  run.fail("Boom", "a cause");
  run.sync();
  const json failed = describe(engine::execution_arn(catalogue::machine_arn("m"), "a"));
  EXPECT_EQ(failed["status"], "FAILED");
  EXPECT_EQ(failed["error"], "Boom");
  EXPECT_EQ(failed["cause"], "a cause");
  EXPECT_EQ(failed["stopDate"], 1'700'000'001.5);
  EXPECT_EQ(failed["redriveStatus"], "REDRIVABLE");
  run.now.us += 1'000'000;
  run.handle(engine::RedriveExecution{"", engine::ExecutionId{1}});
  run.succeed(R"({"done":true})");
  run.sync();
  const json succeeded = describe("1");
  EXPECT_EQ(succeeded["status"], "SUCCEEDED");
  EXPECT_EQ(succeeded["output"], R"({"done":true})");
  EXPECT_EQ(succeeded["redriveCount"], 1);
  EXPECT_EQ(succeeded["redriveDate"], 1'700'000'002.5);
  EXPECT_FALSE(succeeded.contains("error"));
  EXPECT_EQ(list()["executions"][0]["redriveCount"], 1);
  const auto unknown = describe_execution(files(), "nobody");
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().kind, ErrorKind::usage);
}

TEST_F(AHouse, IsHeldOpenByServe) {
  std::ofstream(run.folder() + "/run.json") << R"({"format":1,"type":"HOUSE"})";
  run.start(kTask, "{}", "a", 1);
  run.start(kPass, "{}", "b", 2);
  run.close();
  EXPECT_EQ(status("a")["next"], "lockstep serve --dir " + run.folder());
  EXPECT_EQ(status("b")["next"], nullptr) << "it is over";
}

TEST_F(AHouse, HistoryOfWhatRunsStandsInColumns) {
  run.start(R"({"StartAt":"A","States":{"A":{"Type":"Pass","Next":"B"},"B":{"Type":"Pass","Next":"C"},
    "C":{"Type":"Pass","Next":"D"},"D":{"Type":"Pass","Next":"T"},
    "T":{"Type":"Task","Resource":"job:t","End":true}}})",
            "{}", "a", 1);
  run.sync();
  HistoryOptions options;
  options.execution = "a";
  std::ostringstream out;
  ASSERT_TRUE(write_history(files(), options, out));
  EXPECT_THAT(out.str(), testing::StartsWith(" 1  ")) << "there are ten and more";
  EXPECT_THAT(out.str(), HasSubstr("\n10  "));
}

TEST_F(AHouse, DescribesAStateMachineAsItIsNow) {
  const json settings = {{"tags", json::array()}, {"tracingConfiguration", {{"enabled", true}}}};
  run.happen(run.catalogue().create({.name = "m",
                                     .role_arn = "arn:aws:iam::123456789012:role/r",
                                     .definition = kPass,
                                     .settings = Value::from_text(settings.dump()).value()}));
  run.happen(run.catalogue().revise({.arn = catalogue::machine_arn("m"), .definition = kTask}));
  run.sync();
  const auto text = describe_machine(files(), "m");
  ASSERT_TRUE(text) << text.error().message;
  const json document = json::parse(*text);
  EXPECT_EQ(document["stateMachineArn"], catalogue::machine_arn("m"));
  EXPECT_EQ(document["definition"], kTask);
  EXPECT_EQ(document["type"], "STANDARD");
  EXPECT_EQ(document["status"], "ACTIVE");
  EXPECT_EQ(document["roleArn"], "arn:aws:iam::123456789012:role/r");
  EXPECT_EQ(document["creationDate"], 1'700'000'000);
  EXPECT_EQ(document["tracingConfiguration"]["enabled"], true);
  EXPECT_EQ(document["loggingConfiguration"]["level"], "OFF");
  EXPECT_FALSE(document.contains("tags"));
  const auto unknown = describe_machine(files(), "other");
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().kind, ErrorKind::usage);
}

/// Makes what stands behind the header of each segment unreadable, but for those with the Events that are named and the
/// last, where whoever brings the house back goes on from the checkpoint. How many that were.
std::size_t damage_all_but(const std::string& journal, journal::SequenceNumber first, journal::SequenceNumber last) {
  const auto listed = journal::list_journal(journal::posix_files(), journal).value();
  std::size_t damaged = 0;
  for (auto it = listed.segments.begin(); std::next(it) != listed.segments.end(); ++it) {
    const auto from = journal::read_header(journal::posix_files(), it->second.path).value().first_seq;
    const auto next = journal::read_header(journal::posix_files(), std::next(it)->second.path).value().first_seq;
    if (from <= last && first < next) {
      continue;
    }
    std::fstream file(it->second.path, std::ios::in | std::ios::out | std::ios::binary);
    const auto size = std::filesystem::file_size(it->second.path);
    file.seekp(journal::kHeaderBytes);
    file << std::string(size - journal::kHeaderBytes, '\xA5');
    ++damaged;
  }
  return damaged;
}

TEST_F(AHouse, TellsOfOneAmongManyWithoutReadingTheOthers) {
  constexpr std::uint64_t kMany = 300;
  for (std::uint64_t id = 1; id <= kMany; ++id) {
    run.start(kPass, "{}", "run-" + std::to_string(id), id);
    run.forget(id);
  }
  run.start(kTask, "{}", "last", kMany + 1);
  run.checkpoint();
  run.close();
  for (const std::string name : {"run-140", "last"}) {
    const std::string forwards = history(name, false);
    const std::string backwards = history(name, true);
    EXPECT_EQ(json::parse(forwards)["events"].size(), name == "last" ? 3U : 4U) << forwards;
    const json stands = status(name);
    EXPECT_EQ(stands["executions"], json({{"total", kMany + 1}, {"RUNNING", 1}, {"SUCCEEDED", kMany}}));
    EXPECT_EQ(stands["historyEvents"], json::parse(forwards)["events"].size());
    const json described = describe(name);

    const RunFiles whole = files();
    const std::string journal = whole.journal;
    const std::string aside = run.folder() + "/aside";
    std::filesystem::copy(journal, aside, std::filesystem::copy_options::recursive);
    const auto entry = find_entry(*read_catalogue(whole).value(), name);
    ASSERT_TRUE(entry);
    ASSERT_GT(damage_all_but(journal, entry->first, entry->last != 0 ? entry->last : UINT64_MAX), 10U);
    EXPECT_EQ(history(name, false), forwards);
    EXPECT_EQ(history(name, true), backwards);
    EXPECT_EQ(status(name), stands);
    EXPECT_EQ(describe(name), described);
    EXPECT_EQ(names(list({.most = 1})), std::vector<std::string>{"last"});
    EXPECT_FALSE(read_status(whole, "", run.now, 10)) << "it is as if the damage were none";
    std::filesystem::remove_all(journal);
    std::filesystem::rename(aside, journal);
  }
}

TEST_F(AHouse, IsReadWholeWhereTheIndexKnowsNothing) {
  run.start(kPass, "{}", "a", 1);
  // As an EXPRESS execution of a machine that only its Events name: ids of a Map Run's children have no entry.
  run.start(kPass, R"({"n":2})", "child", (std::uint64_t{1} << 63) + 5);
  run.sync();
  EXPECT_THAT(names(list()), ElementsAre("a"));
  EXPECT_EQ(describe("child")["input"], R"({"n":2})");
  EXPECT_EQ(json::parse(history("child", false))["events"].size(), 4U);
  EXPECT_EQ(status("child")["executions"]["total"], 2);
}

}  // namespace
}  // namespace lockstep::report
