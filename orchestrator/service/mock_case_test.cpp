// Test cases: what mocks answer, in virtual time, what they reach, and what is recorded of an execution.
#include "service/mock_case.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "service/coverage.hpp"
#include "service/mock_recording.hpp"

namespace lockstep::service {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

struct Played {
  MockedEnd end;
  std::vector<std::string> history;
  std::vector<engine::Event> events;
  std::string reached;  ///< "LOCATION=COUNT", of rules, retriers and catchers
  std::int64_t seconds = 0;

  std::string text() const {
    return end.broken ? "broken: " + *end.broken
           : end.end.status == engine::Status::succeeded
               ? end.end.output.to_text()
               : fmt::format("{} {}: {}", engine::to_string(end.end.status), end.end.error.value_or("-"),
                             end.end.cause.value_or("-"));
  }
};

asl::StateMachinePtr machine_of(const std::string& definition) {
  const asl::ParsedDefinition parsed = asl::parse_definition(definition);
  EXPECT_NE(parsed.machine, nullptr) << asl::invalid_definition_message(parsed.diagnostics);
  return parsed.machine;
}

Played play(const std::string& states, const std::string& responses, const std::string& cases = R"("A":"r")",
            const std::vector<work::Job>& jobs = {}, const std::string& input = "{}") {
  const asl::StateMachinePtr machine = machine_of(R"({"StartAt":"A","States":{)" + states + "}}");
  const integrations::ParsedMocks parsed = integrations::parse_mocks(
      fmt::format(R"({{"StateMachines":{{"m":{{"TestCases":{{"c":{{{}}}}}}}}},"MockedResponses":{{"r":{{{}}}}}}})",
                  cases, responses));
  for (const asl::Diagnostic& problem : parsed.problems) {
    ADD_FAILURE() << asl::format_diagnostic("m", problem);
  }
  const integrations::MockedMachine& mocked = parsed.file.machines.front();
  for (const asl::Diagnostic& problem : integrations::check_mocks(parsed.file, mocked, *machine)) {
    ADD_FAILURE() << asl::format_diagnostic("m", problem);
  }
  const integrations::Integrations integrations(jobs);
  Coverage coverage(machine);
  Played played;
  const integrations::TestCase& test = mocked.cases.front();
  const MockedExecution wanted{machine, "m", "c", Value::from_text(input).value(), test.start_time};
  played.end = run_mocked(wanted, CaseAnswers(parsed.file, test, integrations),
                          [&](const std::vector<engine::Event>& events, const std::vector<engine::RuleTaken>& rules) {
                            coverage.take(events, rules);
                            played.events.insert(played.events.end(), events.begin(), events.end());
                            for (const engine::Event& event : events) {
                              if (std::string type = history_type(event, *machine); !type.empty()) {
                                played.history.push_back(std::move(type));
                              }
                            }
                          });
  for (const CoveragePoint& point : coverage.points()) {
    if (point.kind != CoveragePoint::Kind::state) {
      played.reached += fmt::format("{}{}={}", played.reached.empty() ? "" : " ", point.location, point.reached);
    }
  }
  played.seconds = (played.end.ended.us - test.start_time.us) / kMicrosPerSecond;
  return played;
}

/// Of a task with these fields.
std::string task(const std::string& fields) {
  return R"("A":{"Type":"Task","Resource":"job:a","End":true)" + fields + "}";
}

constexpr const char* kRetry =
    R"(,"Retry":[{"ErrorEquals":["E"],"IntervalSeconds":10,"MaxAttempts":2,"BackoffRate":1}])";
constexpr const char* kToken = R"("A":{"Type":"Task","Resource":"arn:aws:states:::sqs:sendMessage.waitForTaskToken",
    "Parameters":{"QueueUrl":"q","MessageBody.$":"$$.Task.Token"},"End":true,"TimeoutSeconds":60,"HeartbeatSeconds":20})";

TEST(MockedCases, AReturnIsTheServicesOwnResult) {
  EXPECT_EQ(play(R"("A":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Parameters":{"FunctionName":"f"},
                        "OutputPath":"$.Payload","End":true})",
                 R"("0":{"Return":{"StatusCode":200,"Payload":[1.50]}})")
                .text(),
            "[1.50]");
}

TEST(MockedCases, InvocationsCountWithinTheExecution) {
  const std::string states = task(kRetry);
  const Played played = play(states, R"("0-1":{"Throw":{"Error":"E","Cause":"not yet"}},"2":{"Return":"there"})");
  EXPECT_EQ(played.text(), R"("there")");
  EXPECT_EQ(played.seconds, 20);
  EXPECT_EQ(play(states, R"("0-5":{"Throw":{"Error":"E","Cause":"never"}})").text(), "FAILED E: never");
  EXPECT_EQ(play(R"("A":{"Type":"Map","End":true,"ItemProcessor":{"StartAt":"B","States":{
                      "B":{"Type":"Task","Resource":"job:b","End":true}}}})",
                 R"("0":{"Return":"a"},"1-2":{"Return":"b"})", R"("B":"r")", {}, "[0,0,0]")
                .text(),
            R"(["a","b","b"])");
}

TEST(MockedCases, AnInvocationWithoutAResponseIsARuntimeErrorThatNothingCatches) {
  const Played played =
      play(task(R"(,"Retry":[{"ErrorEquals":["States.ALL"]}],"Catch":[{"ErrorEquals":["States.ALL"],"Next":"A"}])"),
           R"("0":{"Throw":{"Error":"E","Cause":""}})");
  EXPECT_EQ(played.text(), "FAILED States.Runtime: 'r' has no response for invocation 1 of the state 'A'");
  EXPECT_THAT(played.history, ElementsAre("ExecutionStarted", "TaskStateEntered", "TaskScheduled", "TaskStarted",
                                          "TaskFailed", "TaskScheduled", "ExecutionFailed"));
  EXPECT_EQ(played.events.back().id, 7U);
  EXPECT_EQ(played.events.back().previous, 6U);
}

TEST(MockedCases, AStateThatIsNotMockedNeedsABuiltinJob) {
  const Played bare = play(task(""), R"("0":{"Return":1})", "");
  EXPECT_THAT(bare.text(), HasSubstr("broken: the state 'A' is not mocked in the case 'c': name a response for 'A' in "
                                     "its TestCases, or map job:a to a builtin job"));
  const work::Job echo{.resource = "job:a", .builtin = work::Builtin::echo};
  EXPECT_EQ(play(task(""), R"("0":{"Return":1})", "", {echo}, R"({"x":1})").text(), R"({"x":1})");
  const work::Job failing{.resource = "job:a", .builtin = work::Builtin::fail};
  EXPECT_EQ(play(task(""), R"("0":{"Return":1})", "", {failing}, R"({"Error":"E","Cause":"c"})").text(), "FAILED E: c");
  const work::Job sleep{.resource = "job:a", .builtin = work::Builtin::sleep};
  const Played slept = play(task(""), R"("0":{"Return":1})", "", {sleep}, "3600");
  EXPECT_EQ(slept.text() + fmt::format(" {}", slept.seconds), "null 3600");
  const work::Job process{.resource = "job:a", .kind = work::JobKind::exec, .argv = {"/bin/true"}};
  EXPECT_THAT(play(task(""), R"("0":{"Return":1})", "", {process}).text(), HasSubstr("its job needs a process"));
}

TEST(MockedCases, AMockIsSilentUntilItAnswers) {
  const std::string timed =
      task(R"(,"TimeoutSeconds":60,"HeartbeatSeconds":20,
    "Catch":[{"ErrorEquals":["States.HeartbeatTimeout"],"Next":"H"},{"ErrorEquals":["States.Timeout"],"Next":"T"}])") +
      R"(,"H":{"Type":"Pass","Result":"heartbeat","End":true},"T":{"Type":"Pass","Result":"timeout","End":true})";
  const auto text = [&](const std::string& response) {
    const Played played = play(timed, "\"0\":" + response);
    return fmt::format("{} after {}", played.text(), played.seconds);
  };
  EXPECT_EQ(text(R"({"Return":"in time","Delay":20})"), R"("in time" after 20)");
  EXPECT_EQ(text(R"({"Return":1,"Delay":20.5})"), R"("heartbeat" after 20)");
  EXPECT_EQ(text(R"({"Heartbeat":true})"), R"("heartbeat" after 20)");
  EXPECT_EQ(text(R"({"Timeout":true})"), R"("timeout" after 60)");
  EXPECT_EQ(text(R"({"Throw":{"Error":"States.Timeout","Cause":""},"Delay":1})"), R"("timeout" after 1)");
  const Played late = play(task(R"(,"TimeoutSeconds":60)"), R"("0":{"Return":1,"Delay":61})");
  EXPECT_EQ(late.text(), "FAILED States.Timeout: -");
  EXPECT_THAT(late.history, ElementsAre("ExecutionStarted", "TaskStateEntered", "TaskScheduled", "TaskStarted",
                                        "TaskTimedOut", "ExecutionFailed"));
}

TEST(MockedCases, ATaskTokenIsAnswered) {
  const auto text = [&](const std::string& response) {
    const Played played = play(kToken, "\"0\":" + response);
    return fmt::format("{} after {}", played.text(), played.seconds);
  };
  EXPECT_EQ(text(R"({"Return":{"ok":1},"Delay":20})"), R"({"ok":1} after 20)");
  EXPECT_EQ(text(R"({"Throw":{"Error":"E"}})"), "FAILED E: - after 0");
  EXPECT_EQ(text(R"({"Return":1,"Delay":21})"), "FAILED States.Timeout: - after 20");
  EXPECT_EQ(text(R"({"Heartbeat":true})"), "FAILED States.Timeout: - after 20");
  EXPECT_EQ(text(R"({"Timeout":true})"), "FAILED States.Timeout: - after 60");
  EXPECT_THAT(play(kToken, R"("0":{"Return":1})").history,
              ElementsAre("ExecutionStarted", "TaskStateEntered", "TaskScheduled", "TaskStarted", "TaskSubmitted",
                          "TaskSucceeded", "TaskStateExited", "ExecutionSucceeded"));
}

TEST(MockedCases, AnActivityIsAnswered) {
  const std::string activity =
      R"("A":{"Type":"Task","Resource":"arn:aws:states:us-east-1:123456789012:activity:look","TimeoutSeconds":9,"End":true})";
  EXPECT_EQ(play(activity, R"("0":{"Return":[1]})").text(), "[1]");
  EXPECT_EQ(play(activity, R"("0":{"Throw":{"Error":"E","Cause":"c"}})").text(), "FAILED E: c");
  const Played late = play(activity, R"("0":{"Timeout":true})");
  EXPECT_EQ(late.text(), "FAILED States.Timeout: -");
  EXPECT_EQ(late.seconds, 9);
}

TEST(MockedCases, AYearCostsAMoment) {
  const Played played = play(R"("A":{"Type":"Wait","Seconds":31536000,"Next":"B"},
      "B":{"Type":"Wait","Timestamp":"2022-01-01T00:00:00Z","Next":"C"},
      "C":{"Type":"Pass","Parameters":{"now.$":"$$.State.EnteredTime"},"End":true})",
                             "", "");
  EXPECT_EQ(played.text(), R"({"now":"2022-01-01T00:00:00.000Z"})");
}

TEST(MockedCases, WhatWaitsForEverIsGivenUp) {
  EXPECT_EQ(play(R"("A":{"Type":"Wait","Seconds":99999999,"Next":"B"},"B":{"Type":"Choice","Default":"A",
                    "Choices":[{"Variable":"$.x","IsPresent":true,"Next":"C"}]},"C":{"Type":"Succeed"})",
                 "", "")
                .text(),
            "broken: it is still running at the end of the year 9999");
}

TEST(MockedCases, ABranchThatFailsGivesUpTheOther) {
  const Played played = play(
      R"("A":{"Type":"Parallel","End":true,"Branches":[
        {"StartAt":"B","States":{"B":{"Type":"Task","Resource":"job:b","End":true}}},
        {"StartAt":"C","States":{"C":{"Type":"Task","Resource":"job:c","End":true}}}],
        "Retry":[{"ErrorEquals":["E"],"IntervalSeconds":1}]})",
      R"("0":{"Throw":{"Error":"E"},"Delay":5},"1":{"Return":"b","Delay":1}},"s":{"0-1":{"Return":"c","Delay":50})",
      R"("B":"r","C":"s")");
  EXPECT_EQ(played.text(), R"(["b","c"])");
  EXPECT_EQ(played.seconds, 5 + 1 + 50);
}

TEST(Coverage, TellsRulesWithTheSameTargetApart) {
  const std::string states = R"("A":{"Type":"Choice","Choices":[
      {"Variable":"$.x","NumericEquals":1,"Next":"B"},{"Variable":"$.x","NumericEquals":2,"Next":"B"}],"Default":"B"},
    "B":{"Type":"Task","Resource":"job:b","End":true,
      "Retry":[{"ErrorEquals":["E"],"MaxAttempts":0},{"ErrorEquals":["F"],"MaxAttempts":1}],
      "Catch":[{"ErrorEquals":["F"],"Next":"C"},{"ErrorEquals":["States.ALL"],"Next":"C"}]},
    "C":{"Type":"Succeed"})";
  const auto reached = [&](const std::string& input, const std::string& responses) {
    return play(states, responses, R"("B":"r")", {}, input).reached;
  };
  EXPECT_EQ(reached(R"({"x":1})", R"("0":{"Return":1})"),
            "/States/A/Choices[0]=1 /States/A/Choices[1]=0 /States/A/Default=0 /States/B/Retry[0]=0 "
            "/States/B/Retry[1]=0 /States/B/Catch[0]=0 /States/B/Catch[1]=0");
  EXPECT_EQ(reached(R"({"x":2})", R"("0":{"Throw":{"Error":"E"}})"),
            "/States/A/Choices[0]=0 /States/A/Choices[1]=1 /States/A/Default=0 /States/B/Retry[0]=1 "
            "/States/B/Retry[1]=0 /States/B/Catch[0]=0 /States/B/Catch[1]=1");
  EXPECT_EQ(reached(R"({"x":3})", R"("0-1":{"Throw":{"Error":"F"}})"),
            "/States/A/Choices[0]=0 /States/A/Choices[1]=0 /States/A/Default=1 /States/B/Retry[0]=0 "
            "/States/B/Retry[1]=2 /States/B/Catch[0]=1 /States/B/Catch[1]=0");
}

/// Records the execution that `played` was; the case must end as it has, also when its file is read.
std::string record(const Played& played) {
  Recording recording;
  for (const engine::Event& event : played.events) {
    recording.take(event);
  }
  const auto made = recording.make_case("again");
  if (!made) {
    return made.error().message;
  }
  EXPECT_TRUE(same_end(made->end.end, made->real));
  const integrations::ParsedMocks parsed = integrations::parse_mocks(made->mocks);
  for (const asl::Diagnostic& problem : parsed.problems) {
    ADD_FAILURE() << asl::format_diagnostic(made->mocks, problem);
  }
  const auto* started = std::get_if<engine::ExecutionStarted>(&played.events.front().body);
  const integrations::TestCase& test = parsed.file.machines.at(0).cases.at(0);
  EXPECT_TRUE(integrations::check_mocks(parsed.file, parsed.file.machines[0], *started->machine).empty());
  const MockedExecution wanted{started->machine, "m", test.execution_name, test.input, test.start_time};
  const MockedEnd end = run_mocked(wanted, CaseAnswers(parsed.file, test, integrations::Integrations({})),
                                   [](const auto&, const auto&) {});
  EXPECT_TRUE(same_end(end.end, made->real)) << end.broken.value_or(end.end.output.to_text());
  EXPECT_EQ(test.expect.status, engine::to_string(end.end.status));
  return made->mocks;
}

TEST(Recordings, AnExecutionIsATestCase) {
  const std::string text = record(
      play(task(kRetry), R"("0-1":{"Throw":{"Error":"E","Cause":"not yet"},"Delay":3},"2":{"Return":{"x": 1.0}})"));
  EXPECT_THAT(text, HasSubstr("\"0-1\": {\"Throw\": {\"Error\": \"E\", \"Cause\": \"not yet\"}},\n      \"2\": "
                              "{\"Return\": {\"x\":1.0}}"));
  EXPECT_THAT(text, HasSubstr(R"("Expect": {"Status": "SUCCEEDED", "Output": {"x":1.0}})"));
  record(play(kToken, R"("0":{"Return":{"ok":1},"Delay":5})"));
  record(play(kToken, R"("0":{"Heartbeat":true})"));
  record(play(task(R"(,"TimeoutSeconds":3)"), R"("0":{"Timeout":true})"));
  record(play(R"("A":{"Type":"Fail","Error":"E"})", "", ""));
}

TEST(Recordings, TheOrderInWhichTasksEndedDoesNotMatter) {
  // The second task of the item that was the quickest was the first to go out.
  const Played played = play(R"("A":{"Type":"Map","End":true,"ItemProcessor":{"StartAt":"B","States":{
      "B":{"Type":"Task","Resource":"job:b","Next":"C","ResultPath":null},
      "C":{"Type":"Task","Resource":"job:c","End":true}}}})",
                             R"("0":{"Return":1,"Delay":9},"1":{"Return":1,"Delay":1},"2":{"Return":1,"Delay":5}},
                                "s":{"0":{"Return":"first"},"1":{"Return":"second"},"2":{"Return":"third"})",
                             R"("B":"r","C":"s")", {}, "[0,1,2]");
  ASSERT_EQ(played.text(), R"(["third","first","second"])");
  EXPECT_THAT(record(played), Not(HasSubstr("Delay")));
}

TEST(Recordings, TimeIsKeptWhereItMatters) {
  const Played played = play(R"("A":{"Type":"Task","Resource":"job:a","Next":"B"},
      "B":{"Type":"Pass","Parameters":{"at.$":"$$.State.EnteredTime"},"End":true})",
                             R"("0":{"Return":1,"Delay":5.25})");
  ASSERT_EQ(played.text(), R"({"at":"2020-01-01T00:00:05.250Z"})");
  EXPECT_THAT(record(played), HasSubstr(R"("0": {"Return": 1, "Delay": 5.250000})"));
}

TEST(Recordings, WhatWasGivenUpNeverAnswers) {
  const Played played =
      play(R"("A":{"Type":"Parallel","End":true,"Branches":[
      {"StartAt":"B","States":{"B":{"Type":"Task","Resource":"job:b","End":true}}},
      {"StartAt":"C","States":{"C":{"Type":"Task","Resource":"job:c","End":true}}}]})",
           R"("0":{"Throw":{"Error":"Late"},"Delay":9}},"s":{"0":{"Throw":{"Error":"Early"},"Delay":1})",
           R"("B":"r","C":"s")");
  ASSERT_EQ(played.text(), "FAILED Early: ");
  record(played);
}

TEST(Recordings, WhatNoCaseCanBeIsRefused) {
  Played played = play(task(""), R"("0":{"Return":1})");
  played.events.pop_back();
  EXPECT_THAT(record(played), HasSubstr("'c' has not ended yet"));
  engine::Event aborted = played.events.back();
  aborted.body = engine::ExecutionAborted{};
  played.events.push_back(aborted);
  EXPECT_THAT(record(played), HasSubstr("was stopped from outside"));
  played.events.back().body = engine::ExecutionRedriven{};
  EXPECT_THAT(record(played), HasSubstr("was redriven"));
  std::get<engine::ExecutionStarted>(played.events.front().body).origin.type = engine::ExecutionType::express;
  EXPECT_THAT(record(played), HasSubstr("is an EXPRESS one"));
}

}  // namespace
}  // namespace lockstep::service
