// A house on the real file system, with tasks in this process: what is asked of it through its mailbox.
#include "service/house.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "fleet/local_fleet.hpp"
#include "value/test_folder.hpp"

namespace lockstep::service {
namespace {

namespace fs = std::filesystem;

constexpr const char* kPass = R"({"StartAt":"P","States":{"P":{"Type":"Pass","Result":1,"End":true}}})";
constexpr const char* kOtherPass = R"({"StartAt":"P","States":{"P":{"Type":"Pass","Result":2,"End":true}}})";
constexpr const char* kEcho = R"({"StartAt":"T","States":{"T":{"Type":"Task","Resource":"job:echo","End":true}}})";
constexpr const char* kWait = R"({"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":86400,"End":true}}})";
constexpr const char* kSecond = R"({"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":1,"End":true}}})";
constexpr const char* kFail = R"({"StartAt":"F","States":{"F":{"Type":"Fail","Error":"Broken"}}})";
constexpr const char* kActivity =
    R"({"StartAt":"T","States":{"T":{"Type":"Task","Resource":"arn:aws:states:us-east-1:123456789012:activity:paint",)"
    R"("HeartbeatSeconds":3600,"End":true}}})";
constexpr const char* kEchoJobs = R"({"jobs":[{"resource":"job:echo","builtin":"echo"}]})";

Start start_of(const std::string& machine, const std::optional<std::string>& definition, const std::string& name = {}) {
  Start start;
  start.machine = machine;
  start.definition = definition;
  start.name = name;
  start.input = Value::from_text(R"({"n":1})").value();
  return start;
}

/// A house folder, whose owners come and go.
class AHouse : public testing::Test {
 protected:
  AHouse() {
    RunRequest request;
    request.type = RunRequest::kHouse;
    request.limits = "hpc";
    EXPECT_TRUE(folder().keep(request));
  }

  RunFolder folder() const { return RunFolder::at(path_).value(); }
  std::string ask(const Request& request) { return post(path_, request).value(); }
  std::string answer(const std::string& id) { return await_answer(path_, id, {}).value().value_or("no answer"); }
  std::string request_file(const std::string& id) const { return path_ + "/mailbox/" + id + ".request"; }
  std::string text_of(const std::string& id) const {
    std::ifstream file(request_file(id));
    return {std::istreambuf_iterator<char>(file), {}};
  }

  /// Holds the house open until what `request` starts is over; then looks at it.
  House::End hold_open(const std::string& request, const std::function<void(const House&)>& look = nullptr) {
    fleet::Waker waker;
    StopRequest stop;
    HouseOptions options;
    options.say = [](const std::string& /*line*/) {};
    options.waker = &waker;
    options.stop = &stop;
    options.grace = {};
    auto lease = journal::Lease::acquire(path_, 0, {});
    auto jobs = integrations::parse_jobs(kEchoJobs, "jobs.json", path_).value();
    auto opened = House::open(folder(), engine::Limits::hpc(), jobs, options, std::move(lease.value()));
    House& house = **opened;
    fleet::FleetSettings settings;
    settings.jobs = house.jobs();
    settings.run_folder = path_;
    settings.epoch = house.epoch();
    settings.spool = true;
    fleet::LocalFleet fleet(std::move(settings), 2);
    auto end = house.run(fleet, nullptr, {{}, request});
    EXPECT_TRUE(end.has_value()) << end.error().message;
    if (look) {
      look(house);
    }
    return end ? *end : House::End();
  }
  /// Starts it, waits for its end, and gives what it came to.
  engine::EndExecution carry_out(const Start& start) { return hold_open(ask(start)).end.value(); }

  const TestFolder made_;
  const std::string path_ = made_.path();
};

TEST_F(AHouse, StartsWhatIsAskedForAndAnswersWithItsName) {
  const std::string id = ask(start_of("greet", kEcho, "first"));
  const auto end = hold_open(id).end;
  ASSERT_TRUE(end);
  EXPECT_EQ(end->output.to_text(), R"({"n":1})");
  EXPECT_NE(answer(id).find("arn:aws:states:us-east-1:123456789012:execution:greet:first"), std::string::npos);
}

TEST_F(AHouse, WhoWaitsIsAnsweredWithTheEnd) {
  Start start = start_of("fail", kFail);
  start.wait = true;
  const std::string id = ask(start);
  EXPECT_EQ(hold_open(id).end->status, engine::Status::failed);
  const std::string said = answer(id);
  EXPECT_NE(said.find(R"("status":"FAILED","error":"Broken")"), std::string::npos) << said;
}

TEST_F(AHouse, AChangedTextIsANewRevisionAndAnotherTypeIsRefused) {
  EXPECT_EQ(carry_out(start_of("m", kPass)).output.to_text(), "1");
  EXPECT_EQ(carry_out(start_of("m", kOtherPass)).output.to_text(), "2");
  EXPECT_EQ(carry_out(start_of("m", std::nullopt)).output.to_text(), "2") << "without a text it is the last one";
  Start express = start_of("m", kOtherPass);
  express.type = "EXPRESS";
  const auto end = hold_open(ask(express), [](const House& house) {
    EXPECT_EQ(house.catalogue().machines().size(), 1U);
    EXPECT_EQ(house.catalogue().machines().begin()->second.revisions.size(), 2U);
  });
  ASSERT_TRUE(end.refused);
  EXPECT_NE(end.refused->message.find("type"), std::string::npos) << end.refused->message;
}

TEST_F(AHouse, ANameIsUsedOnce) {
  carry_out(start_of("m", kPass, "night"));
  EXPECT_EQ(hold_open(ask(start_of("m", kPass, "night"))).refused->error, "ExecutionAlreadyExists");
  carry_out(start_of("other", kPass, "night"));  // of another machine
}

TEST_F(AHouse, ARequestThatComesAgainAfterACrashStartsNothing) {
  Start start = start_of("m", kPass);
  start.wait = true;
  const std::string id = ask(start);
  const std::string text = text_of(id);
  hold_open(id);
  const std::string said = answer(id);
  std::ofstream(request_file(id)) << text;  // its deletion was not durable
  hold_open(id,
            [](const House& house) { EXPECT_EQ(house.catalogue().executions().page({}).value().entries.size(), 1U); });
  EXPECT_EQ(answer(id), said);
}

TEST_F(AHouse, WhatRunsGoesOnWhileOthersEnd) {
  const std::string waits = ask(start_of("long", kWait, "long"));
  carry_out(start_of("m", kPass));
  carry_out(start_of("m", kPass));
  hold_open(ask(start_of("m", kPass)), [](const House& house) {
    const auto page = house.catalogue().executions().page({"", engine::Status::running, 10, ""}).value();
    ASSERT_EQ(page.entries.size(), 1U);
    EXPECT_EQ(page.entries[0].name, "long");
  });
  EXPECT_NE(answer(waits).find(":long:long"), std::string::npos);
}

TEST_F(AHouse, StopNeedsANameWhereSeveralAreOpen) {
  ask(start_of("long", kWait, "a"));
  ask(start_of("long", kWait, "b"));
  const std::string unclear = ask(Stop{});
  const std::string clear = ask(Stop{"a", "Operator", {}});
  hold_open(ask(start_of("m", kPass)), [](const House& house) {
    const auto page = house.catalogue().executions().page({"", engine::Status::aborted, 10, ""}).value();
    ASSERT_EQ(page.entries.size(), 1U);
    EXPECT_EQ(page.entries[0].name, "a");
  });
  EXPECT_NE(answer(unclear).find("several executions are open"), std::string::npos);
  EXPECT_EQ(answer(clear), kAccepted);
}

TEST_F(AHouse, RedrivesWhatIsOverForLong) {
  carry_out(start_of("f", kFail, "broken"));
  carry_out(start_of("m", kPass));
  const std::string redrive = ask(Redrive{"broken"});
  const std::string succeeded = ask(start_of("m", kPass, "good"));
  hold_open(succeeded, [](const House& house) {
    const auto found = house.catalogue().find_execution("arn:aws:states:us-east-1:123456789012:execution:f:broken");
    ASSERT_TRUE(found);
    EXPECT_EQ(found->redrive_count, 1U);
  });
  EXPECT_EQ(answer(redrive), kAccepted);
}

TEST_F(AHouse, ARedriveWithAnotherDefinitionThatComesAgainAfterACrashMakesOneRevision) {
  const auto work = [](const std::string& job) {
    return R"({"StartAt":"T","States":{"T":{"Type":"Task","Resource":")" + job + R"(","End":true}}})";
  };
  carry_out(start_of("m", work("job:nobody"), "one"));
  Redrive wanted{"one"};
  wanted.definition = R"({"StartAt":"T","States":{"T":{"Type":"Pass","End":true}}})";
  const std::string refused = ask(wanted);
  wanted.definition = work("job:echo");
  const std::string redrive = ask(wanted);
  const std::string text = text_of(redrive);
  const auto look = [](const House& house) {
    const auto found = house.catalogue().find_execution("arn:aws:states:us-east-1:123456789012:execution:m:one");
    ASSERT_TRUE(found);
    EXPECT_EQ(found->redrive_count, 1U);
    EXPECT_EQ(house.catalogue().machine(found->machine_arn)->revisions.size(), 2U) << "none for what was refused";
  };
  hold_open(ask(start_of("second", kSecond)), look);
  EXPECT_EQ(answer(refused), "DefinitionDoesNotFit: the state 'T' was a Task and is a Pass");
  EXPECT_EQ(answer(redrive), kAccepted);
  std::ofstream(request_file(redrive)) << text;  // its deletion was not durable
  hold_open(ask(start_of("second", kSecond)), look);
  EXPECT_EQ(answer(redrive), kAccepted);
}

TEST_F(AHouse, AStandardExecutionRunsBesideManyExpressOnes) {
  Start express = start_of("quick", kEcho);
  express.type = "EXPRESS";
  for (int i = 0; i < 100; ++i) {
    ask(express);
  }
  const std::string last = ask(start_of("m", kEcho, "standard"));
  hold_open(last, [](const House& house) {
    EXPECT_EQ(house.catalogue().executions().page({}).value().entries.size(), 1U) << "EXPRESS leaves no entry";
  });
}

TEST_F(AHouse, AMachineMayHaveJobsOfItsOwn) {
  Start start = start_of("m", R"({"StartAt":"T","States":{"T":{"Type":"Task","Resource":"job:own","End":true}}})");
  start.jobs = R"({"jobs":[{"resource":"job:own","builtin":"noop"}]})";
  start.jobs_folder = path_;
  EXPECT_EQ(carry_out(start).output.to_text(), "null");
  start.jobs = R"({"jobs":[{"resource":"job:other","builtin":"noop"},{"resource":"job:own","builtin":"echo"}]})";
  EXPECT_EQ(carry_out(start).output.to_text(), R"({"n":1})") << "with the jobs of the new revision";
}

TEST_F(AHouse, SynchronousExecutionsRunBesideEachOtherAndOthers) {
  Start sync = start_of("quick", kEcho);
  sync.type = "EXPRESS";
  sync.sync = true;
  std::vector<std::string> asked;
  for (int i = 0; i < 5; ++i) {
    asked.push_back(ask(sync));
  }
  const auto end = hold_open(ask(start_of("m", kSecond, "standard"))).end;
  ASSERT_TRUE(end);
  EXPECT_EQ(end->output.to_text(), R"({"n":1})");
  for (const std::string& id : asked) {
    EXPECT_NE(answer(id).find("SUCCEEDED"), std::string::npos) << answer(id);
  }
}

TEST_F(AHouse, ASynchronousExecutionThatIsOverAtOnceIsAnsweredByWhoFindsItThere) {
  Start sync = start_of("quick", kPass);
  sync.type = "EXPRESS";
  sync.sync = true;
  const std::string id = ask(sync);  // before anybody owns the house
  hold_open(ask(start_of("m", kSecond)));
  EXPECT_NE(answer(id).find("SUCCEEDED"), std::string::npos) << answer(id);
}

TEST_F(AHouse, AllWhoWaitForAnExecutionAreAnsweredWithItsEnd) {
  Start start = start_of("m", kEcho, "one");
  start.wait = true;
  const std::string first = ask(start);
  const std::string second = ask(start);  // the same name and input, while it runs: the same request
  hold_open(first);
  for (const std::string& id : {first, second}) {
    EXPECT_NE(answer(id).find("SUCCEEDED"), std::string::npos);
  }
}

TEST_F(AHouse, AStopThatComesAgainAfterACrashStopsNoOther) {
  ask(start_of("long", kWait, "a"));
  const std::string stop = ask(Stop{});
  const std::string text = text_of(stop);
  hold_open(ask(start_of("m", kPass)));
  EXPECT_EQ(answer(stop), kAccepted);
  ask(start_of("long", kWait, "b"));
  hold_open(ask(start_of("m", kPass)));
  std::ofstream(request_file(stop)) << text;  // its deletion was not durable
  hold_open(ask(start_of("m", kPass)), [](const House& house) {
    const auto page = house.catalogue().executions().page({"", engine::Status::running, 10, ""}).value();
    ASSERT_EQ(page.entries.size(), 1U);
    EXPECT_EQ(page.entries[0].name, "b");
  });
}

TEST_F(AHouse, WhatTheLastOwnerStartedIsNotHeldOnceItIsOver) {
  ask(start_of("second", kSecond, "a"));
  hold_open(ask(start_of("m", kPass)));
  hold_open(ask(start_of("second", kSecond, "b")), [](const House& house) {
    const auto found = house.catalogue().find_execution("arn:aws:states:us-east-1:123456789012:execution:second:a");
    ASSERT_TRUE(found);
    EXPECT_EQ(found->status, engine::Status::succeeded);
    EXPECT_EQ(house.execution(found->id), nullptr) << "as if the request might come again";
  });
}

TEST_F(AHouse, JobsOfAMachineThatMakeNoSenseAreRefused) {
  Start start = start_of("m", kEcho);
  start.jobs = R"({"jobs":[{"resource":"job:own"}]})";
  EXPECT_EQ(hold_open(ask(start)).refused->error, "ValidationException");
}

TEST_F(AHouse, ASynchronousExecutionIsBegunOnceAtMost) {
  Start sync = start_of("quick", kEcho);
  sync.type = "EXPRESS";
  sync.sync = true;
  const std::string id = ask(sync);
  hold_open(
      id, [&](const House& /*house*/) { EXPECT_FALSE(fs::exists(request_file(id))) << "it was gone before it began"; });
  EXPECT_NE(answer(id).find(R"("status":"SUCCEEDED","output":"{\"n\":1}")"), std::string::npos);
}

TEST_F(AHouse, AnActivitysTaskIsGivenOnceAndAgainToWhoAsksAgain) {
  const std::string made = ask(CreateActivity{"paint"});
  ask(start_of("m", kActivity, "a"));
  const std::string poll = ask(GetActivityTask{"paint", "w"});
  const std::string text = text_of(poll);
  hold_open(ask(start_of("s", kSecond)));
  EXPECT_NE(answer(made).find(R"({"activityArn":"arn:aws:states:us-east-1:123456789012:activity:paint",)"),
            std::string::npos);
  const std::string said = answer(poll);
  EXPECT_NE(said.find(R"("input":"{\"n\":1}","heartbeatSeconds":3600})"), std::string::npos) << said;
  std::ofstream(request_file(poll)) << text;  // its deletion was not durable
  const std::string other = ask(GetActivityTask{"paint", "x"});
  hold_open(ask(start_of("s", kSecond)));
  EXPECT_EQ(answer(poll), said);
  EXPECT_EQ(answer(other), "no answer") << "there is no other task";
  AnswerToken done;
  done.token = Value::from_text(said).value().node().find("taskToken")->as_string();
  done.output = Value::integer(7);
  const std::string ended = ask(done);
  hold_open(ask(start_of("s", kSecond)), [](const House& house) {
    EXPECT_EQ(house.catalogue().find_execution("arn:aws:states:us-east-1:123456789012:execution:m:a")->status,
              engine::Status::succeeded);
  });
  EXPECT_EQ(answer(ended), kAccepted);
}

TEST_F(AHouse, AnActivityIsMadeAndRemovedOnceHoweverOftenItIsAskedFor) {
  const std::string made = ask(CreateActivity{"paint"});
  const std::string text = text_of(made);
  const std::string removed = ask(DeleteActivity{"paint"});
  const std::string poll = ask(GetActivityTask{"paint"});
  hold_open(ask(start_of("m", kPass)));
  EXPECT_EQ(answer(removed), kAccepted);
  EXPECT_EQ(answer(poll),
            "ActivityDoesNotExist: Activity Does Not Exist: 'arn:aws:states:us-east-1:123456789012:activity:paint'");
  std::ofstream(request_file(made)) << text;
  hold_open(ask(start_of("m", kPass)), [](const House& house) { EXPECT_TRUE(house.catalogue().activities().empty()); });
}

TEST_F(AHouse, WhoAsksForATaskAndGoesAwayGetsNone) {
  ask(CreateActivity{"paint"});
  ask(start_of("m", kActivity, "a"));
  GetActivityTask gone{"paint", "gone"};
  journal::Owner process = journal::this_process();
  process.start_time += 1;  // another one that had its number
  gone.asker = journal::to_text(process);
  const std::string first = ask(gone);
  const std::string second = ask(GetActivityTask{"paint", "there", journal::to_text(journal::this_process())});
  hold_open(ask(start_of("s", kSecond)));
  EXPECT_EQ(answer(first), "no answer");
  EXPECT_FALSE(fs::exists(request_file(first)));
  EXPECT_NE(answer(second).find("taskToken"), std::string::npos);
}

}  // namespace
}  // namespace lockstep::service
