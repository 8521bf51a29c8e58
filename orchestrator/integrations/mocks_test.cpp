#include "integrations/mocks.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace lockstep::integrations {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::UnorderedElementsAre;

MockFile accepted_mocks(const std::string& text) {
  ParsedMocks parsed = parse_mocks(text);
  for (const asl::Diagnostic& problem : parsed.problems) {
    ADD_FAILURE() << asl::format_diagnostic("m", problem);
  }
  return std::move(parsed.file);
}

std::vector<std::string> lines(const std::vector<asl::Diagnostic>& problems) {
  std::vector<std::string> all;
  for (const asl::Diagnostic& one : problems) {
    EXPECT_EQ(one.severity, asl::Severity::error);
    all.push_back(fmt::format("{}: {}", one.location, one.message));
  }
  return all;
}

std::vector<std::string> problems(const std::string& text) {
  return lines(parse_mocks(text).problems);
}

/// Of the response "r", whose invocations these are.
std::vector<std::string> response_problems(const std::string& invocations) {
  return problems(R"({"StateMachines":{},"MockedResponses":{"r":{)" + invocations + "}}}");
}

/// Of what we say of the case "c".
std::vector<std::string> case_problems(const std::string& members) {
  return problems(R"({"StateMachines":{"m":{"TestCases":{"c":{}},"Lockstep":{"c":{)" + members + "}}}}}");
}

TEST(Mocks, ReadsAFileOfStepFunctionsLocal) {
  const MockFile file = accepted_mocks(R"({
    "StateMachines": {
      "Orders": {"TestCases": {"Happy": {"Charge": "Charged"}, "Again": {"Charge": "ChargedLater"}}},
      "Other": {"TestCases": {}}},
    "MockedResponses": {
      "Charged": {"0": {"Return": {"StatusCode": 200}}},
      "ChargedLater": {"0": {"Throw": {"Error": "Busy", "Cause": "try again"}}, "1-2": {"Return": 1}, "7": {"Return": null}},
      "Unused": {}}})");
  ASSERT_EQ(file.machines.size(), 2U);
  const MockedMachine* machine = file.machine("Orders");
  ASSERT_NE(machine, nullptr);
  EXPECT_EQ(file.machine("orders"), nullptr);
  ASSERT_EQ(machine->cases.size(), 2U);
  EXPECT_EQ(machine->cases[0].name, "Happy");
  EXPECT_EQ(machine->cases[0].execution_name, "Happy");
  EXPECT_EQ(machine->cases[0].input.to_text(), "{}");
  EXPECT_EQ(machine->cases[0].expect.status, "SUCCEEDED");
  EXPECT_EQ(machine->cases[1].responses.at("Charge"), "ChargedLater");
  const MockedResponses& later = file.responses.at("ChargedLater");
  EXPECT_EQ(later.find(0)->kind, MockedResponse::Kind::throws);
  EXPECT_EQ(later.find(0)->error, "Busy");
  EXPECT_EQ(later.find(0)->cause, "try again");
  EXPECT_EQ(later.find(1)->result.to_text(), "1");
  EXPECT_EQ(later.find(2), later.find(1));
  EXPECT_EQ(later.find(3), nullptr);
  EXPECT_EQ(later.find(7)->kind, MockedResponse::Kind::returns);
  EXPECT_EQ(later.find(8), nullptr);
}

TEST(Mocks, ReadsWhatWeAddToIt) {
  const MockFile file = accepted_mocks(R"({
    "StateMachines": {"m": {
      "TestCases": {"good": {}, "bad": {}, "slow": {}},
      "Lockstep": {
        "good": {"Input": [1], "Name": "n", "StartTime": "2026-01-02T03:04:05Z", "Expect": {"Output": null, "History": ["A", "B"]}},
        "bad": {"Expect": {"Error": "E", "Cause": "why"}},
        "slow": {"Expect": {"Status": "TIMED_OUT"}}}}},
    "MockedResponses": {"r": {
      "0": {"Return": 1, "Delay": 2.5}, "1": {"Throw": {"Error": "E"}, "Delay": 0},
      "2": {"Timeout": true}, "3": {"Heartbeat": true}}}})");
  const std::vector<TestCase>& cases = file.machines.at(0).cases;
  EXPECT_EQ(cases[0].input.to_text(), "[1]");
  EXPECT_EQ(cases[0].execution_name, "n");
  EXPECT_EQ(format_timestamp(cases[0].start_time), "2026-01-02T03:04:05.000Z");
  EXPECT_EQ(cases[0].expect.status, "SUCCEEDED");
  EXPECT_EQ(cases[0].expect.output.value().to_text(), "null");
  EXPECT_THAT(cases[0].expect.history.value(), ElementsAre("A", "B"));
  EXPECT_EQ(cases[1].expect.status, "FAILED");
  EXPECT_EQ(cases[1].expect.error, "E");
  EXPECT_EQ(cases[1].expect.cause, "why");
  EXPECT_EQ(cases[2].expect.status, "TIMED_OUT");
  const MockedResponses& responses = file.responses.at("r");
  EXPECT_EQ(responses.find(0)->delay.count(), 2'500'000);
  EXPECT_EQ(responses.find(1)->cause, std::nullopt);
  EXPECT_EQ(responses.find(2)->kind, MockedResponse::Kind::times_out);
  EXPECT_EQ(responses.find(3)->kind, MockedResponse::Kind::misses_heartbeat);
}

TEST(Mocks, WhatIsNoJsonHasItsPlace) {
  const ParsedMocks parsed = parse_mocks("{\n \"StateMachines\": }");
  ASSERT_EQ(parsed.problems.size(), 1U);
  EXPECT_EQ(parsed.problems[0].line, 2U);
  EXPECT_THAT(asl::format_diagnostic("m.json", parsed.problems[0]), HasSubstr("m.json:2:19: error: "));
}

TEST(Mocks, EveryMistakeIsToldAtOnce) {
  EXPECT_THAT(problems(R"({
    "MockedResponse": {},
    "StateMachines": {
      "m": {"TestCases": {"c": {"A": "gone", "B": 1}, "d": []}, "Lockstep": {"C": {}}, "TestCase": {}},
      "n": {}},
    "MockedResponses": {"going": {"0": {}, "x": {"Return": 1, "return": 2}}}})"),
              UnorderedElementsAre(
                  "/MockedResponse: there is no member 'MockedResponse' here; did you mean 'MockedResponses'?; there "
                  "may be StateMachines, MockedResponses",
                  "/MockedResponses/going/0: needs exactly one of Return, Throw, Timeout, Heartbeat, but has none",
                  "/MockedResponses/going/x/return: there is no member 'return' here; did you mean 'Return'?; there "
                  "may be Return, Throw, Timeout, Heartbeat, Delay",
                  "/MockedResponses/going/x: 'x' is no invocation: write its number from 0, as \"0\", or a range of "
                  "them, as \"1-3\"",
                  "/StateMachines/m/TestCase: there is no member 'TestCase' here; did you mean 'TestCases'?; there may "
                  "be TestCases, Lockstep",
                  "/StateMachines/m/TestCases/c/A: there is no 'gone' in MockedResponses",
                  "/StateMachines/m/TestCases/c/B: must be a string, not a number",
                  "/StateMachines/m/TestCases/d: must be an object, not an array",
                  "/StateMachines/m/Lockstep/C: there is no case 'C' in TestCases; did you mean 'c'?",
                  "/StateMachines/n: 'TestCases' is missing"));
  EXPECT_THAT(problems("[]"), ElementsAre("/: must be an object, not an array"));
  EXPECT_THAT(problems("{}"), ElementsAre("/: 'StateMachines' is missing"));
  EXPECT_THAT(problems(R"({"StateMachines":{"m":{"TestCases":{"a":{},"a":{}}}}})"),
              ElementsAre("/StateMachines/m/TestCases/a: is given twice"));
}

TEST(Mocks, RefusesInvocationsThatAreNoneOrOverlap) {
  for (const std::string key :
       {"", "-1", "1-", "2-1", "1-2-3", " 1", "1.0", "+1", "0x1", "1000000000", "99999999999999999999999", "one"}) {
    EXPECT_THAT(response_problems("\"" + key + "\":{\"Return\":1}"), ElementsAre(HasSubstr("is no invocation"))) << key;
  }
  EXPECT_THAT(response_problems(R"("0-2":{"Return":1},"2-3":{"Return":1})"),
              ElementsAre("/MockedResponses/r/2-3: invocation 2 is answered here and by \"0-2\""));
  EXPECT_THAT(response_problems(R"("5":{"Return":1},"0-9":{"Return":1})"),
              ElementsAre("/MockedResponses/r/0-9: invocation 5 is answered here and by \"5\""));
  EXPECT_THAT(response_problems(R"("0":{"Return":1},"1-3":{"Return":1},"4-4":{"Return":1})"), ElementsAre());
}

TEST(Mocks, RefusesResponsesThatSayNothingOrTooMuch) {
  EXPECT_THAT(response_problems(R"("0":{"Return":1,"Throw":{"Error":"E","Cause":""}})"),
              ElementsAre(HasSubstr("/MockedResponses/r/0: needs exactly one of")));
  EXPECT_THAT(response_problems(R"("0":{"Throw":{"Cause":1,"error":"E"}})"),
              UnorderedElementsAre("/MockedResponses/r/0/Throw: 'Error' is missing",
                                   "/MockedResponses/r/0/Throw/Cause: must be a string, not a number",
                                   HasSubstr("/MockedResponses/r/0/Throw/error: there is no member")));
  EXPECT_THAT(response_problems(R"("0":{"Throw":"E"},"1":null)"),
              UnorderedElementsAre("/MockedResponses/r/0/Throw: must be an object, not a string",
                                   "/MockedResponses/r/1: must be an object, not null"));
  EXPECT_THAT(response_problems(R"("0":{"Timeout":false})"),
              ElementsAre("/MockedResponses/r/0/Timeout: can only be true"));
  EXPECT_THAT(response_problems(R"("0":{"Heartbeat":true,"Delay":1})"),
              ElementsAre(HasSubstr("/MockedResponses/r/0/Delay: goes with Return and Throw")));
  for (const std::string delay : {"-1", "\"1\"", "1e300", "null"}) {
    EXPECT_THAT(response_problems("\"0\":{\"Return\":1,\"Delay\":" + delay + "}"),
                ElementsAre(HasSubstr("/MockedResponses/r/0/Delay: must be a number of seconds")));
  }
}

TEST(Mocks, NoExpectationIsPassedOver) {
  EXPECT_THAT(case_problems(R"("Expect":{"output":1,"Status":"SUCCEDED"})"),
              UnorderedElementsAre(HasSubstr("Expect/output: there is no member 'output' here; did you mean 'Output'?"),
                                   HasSubstr("Expect/Status: 'SUCCEDED' is none of SUCCEEDED, FAILED, TIMED_OUT; did "
                                             "you mean 'SUCCEEDED'?")));
  EXPECT_THAT(case_problems(R"("Expect":{"Status":"FAILED","Output":1})"),
              ElementsAre(HasSubstr("Expect/Output: only an execution that SUCCEEDED has one")));
  EXPECT_THAT(case_problems(R"("Expect":{"Output":1,"Cause":"c"})"),
              ElementsAre(HasSubstr("Expect/Output: only an execution that SUCCEEDED has one")));
  EXPECT_THAT(case_problems(R"("Expect":{"Status":"TIMED_OUT","Cause":"c"})"),
              ElementsAre(HasSubstr("Expect/Cause: only an execution that FAILED has one")));
  EXPECT_THAT(case_problems(R"("Expect":{"Error":1,"History":["A",2]})"),
              UnorderedElementsAre(HasSubstr("Expect/Error: must be a string, not a number"),
                                   HasSubstr("Expect/History[1]: must be the type of an event, not a number")));
  EXPECT_THAT(
      case_problems(R"("Expect":{"History":"A"},"StartTime":"now","Name":1,"Inputs":1)"),
      UnorderedElementsAre(HasSubstr("Expect/History: must be an array"), HasSubstr("StartTime: 'now' is no timestamp"),
                           HasSubstr("Name: must be a string"), HasSubstr("did you mean 'Input'?")));
}

TEST(Mocks, CasesMustFitTheMachine) {
  const asl::StateMachinePtr machine = asl::parse_definition(R"({"StartAt":"A","States":{
    "A":{"Type":"Task","Resource":"job:a","Next":"M"},
    "M":{"Type":"Map","End":true,"ItemProcessor":{"StartAt":"Inner","States":{
      "Inner":{"Type":"Task","Resource":"job:i","TimeoutSeconds":5,"HeartbeatSeconds":2,"End":true}}}}}})")
                                           .machine;
  ASSERT_NE(machine, nullptr);
  const MockFile file = accepted_mocks(R"({"StateMachines":{
      "m":{"TestCases":{"c":{"a":"late","M":"late","A":"late","Inner":"late"}}},
      "n":{"TestCases":{}}},
    "MockedResponses":{"late":{"0":{"Timeout":true},"1":{"Heartbeat":true}}}})");
  EXPECT_THAT(lines(check_mocks(file, file.machines[0], *machine)),
              UnorderedElementsAre("/StateMachines/m/TestCases/c/a: the definition has no state 'a'; did you mean 'A'?",
                                   "/StateMachines/m/TestCases/c/M: 'M' is a Map state: only a Task can be mocked",
                                   "/StateMachines/m/TestCases/c/A: invocation 0 would never time out as 'late' says: "
                                   "'A' has no TimeoutSeconds",
                                   "/StateMachines/m/TestCases/c/A: invocation 1 would never time out as 'late' says: "
                                   "'A' has no HeartbeatSeconds"));
  EXPECT_THAT(lines(check_mocks(file, file.machines[1], *machine)),
              ElementsAre("/StateMachines/n/TestCases: there is no case: nothing would be tested"));
}

}  // namespace
}  // namespace lockstep::integrations
