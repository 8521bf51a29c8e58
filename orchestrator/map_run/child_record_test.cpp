#include "map_run/child_record.hpp"
#include "value/test_json.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace lockstep::map_run {
namespace {

ChildRecord child(ChildStatus status) {
  ChildRecord child;
  child.execution_arn = "arn:aws:states:us-east-1:1:execution:M/Map:u";
  child.machine_arn = "arn:aws:states:us-east-1:1:stateMachine:M/Map";
  child.name = "u";
  child.status = status;
  child.input = json(R"({"a": "é"})");
  child.started = parse_timestamp("2025-02-04T01:49:50.0991Z").value();
  child.stopped = parse_timestamp("2025-02-04T01:49:50.163Z").value();
  if (status == ChildStatus::succeeded) {
    child.output = json(R"([1,[2,3]])");
  }
  return child;
}

TEST(ChildRecord, OfASuccessHasItsOutputAndNoRedrive) {
  EXPECT_EQ(
      record_of(child(ChildStatus::succeeded)).to_text(),
      R"({"ExecutionArn":"arn:aws:states:us-east-1:1:execution:M/Map:u","Input":"{\"a\": \"é\"}",)"
      R"("InputDetails":{"Included":true},"Name":"u","Output":"[1,[2,3]]","OutputDetails":{"Included":true},)"
      R"("RedriveCount":0,"RedriveStatus":"NOT_REDRIVABLE",)"
      R"("RedriveStatusReason":"Execution is SUCCEEDED and cannot be redriven",)"
      R"("StartDate":"2025-02-04T01:49:50.099Z","StateMachineArn":"arn:aws:states:us-east-1:1:stateMachine:M/Map",)"
      R"("Status":"SUCCEEDED","StopDate":"2025-02-04T01:49:50.163Z"})");
}

TEST(ChildRecord, OfAFailureHasCauseAndErrorFirst) {
  ChildRecord failed = child(ChildStatus::failed);
  failed.error = "E";
  failed.cause = "because";
  failed.redrives = 2;
  EXPECT_EQ(record_of(failed).to_text(),
            R"({"Cause":"because","Error":"E","ExecutionArn":"arn:aws:states:us-east-1:1:execution:M/Map:u",)"
            R"("Input":"{\"a\": \"é\"}","InputDetails":{"Included":true},"Name":"u","OutputDetails":{"Included":true},)"
            R"("RedriveCount":2,"RedriveStatus":"REDRIVABLE","StartDate":"2025-02-04T01:49:50.099Z",)"
            R"("StateMachineArn":"arn:aws:states:us-east-1:1:stateMachine:M/Map","Status":"FAILED",)"
            R"("StopDate":"2025-02-04T01:49:50.163Z"})");
}

TEST(ChildRecord, WhatThereIsOfAnEndWithoutSuccess) {
  ChildRecord aborted = child(ChildStatus::aborted);
  aborted.express = true;
  const Value record = record_of(aborted);
  EXPECT_EQ(record.node().find("Status")->as_string(), "ABORTED");
  EXPECT_EQ(record.node().find("RedriveStatus")->as_string(), "REDRIVABLE_BY_MAP_RUN");
  EXPECT_EQ(record.node().find("Error"), nullptr);
  EXPECT_EQ(record_of(child(ChildStatus::timed_out)).node().find("Status")->as_string(), "TIMED_OUT");
}

TEST(ChildRecord, OfAPendingOneSaysWhatItWouldGet) {
  EXPECT_EQ(record_of(child(ChildStatus::pending)).to_text(),
            R"({"ExecutionArn":"arn:aws:states:us-east-1:1:execution:M/Map:u","Input":"{\"a\": \"é\"}",)"
            R"("InputDetails":{"Included":true},"Name":"u",)"
            R"("StateMachineArn":"arn:aws:states:us-east-1:1:stateMachine:M/Map","Status":"PENDING"})");
  ChildRecord unnamed;
  unnamed.status = ChildStatus::pending;
  unnamed.input = json("1");
  EXPECT_EQ(record_of(unnamed).to_text(), R"({"Input":"1","InputDetails":{"Included":true},"Status":"PENDING"})");
}

TEST(ChildRecord, AnElementIsTheOutputUnlessItFailed) {
  const ChildRecord good = child(ChildStatus::succeeded);
  EXPECT_TRUE(element_of(good, Transformation::compact).same(good.output));
  EXPECT_TRUE(element_of(good, Transformation::flatten).same(good.output));
  EXPECT_EQ(element_of(good, Transformation::none), record_of(good));
  const ChildRecord bad = child(ChildStatus::failed);
  for (const auto transformation : {Transformation::none, Transformation::compact, Transformation::flatten}) {
    EXPECT_EQ(element_of(bad, transformation), record_of(bad));
  }
}

std::string composed(Transformation transformation, bool lines, const std::vector<std::string>& elements) {
  ResultComposer composer(transformation, lines);
  for (const std::string& element : elements) {
    composer.add(json(element));
  }
  const std::uint64_t bytes = composer.bytes();
  const std::string text = composer.finish().to_text();
  EXPECT_EQ(bytes, text.size()) << text;
  return text;
}

TEST(ResultComposer, AnArrayInTheOrderGiven) {
  EXPECT_EQ(composed(Transformation::compact, false, {}), "[]");
  EXPECT_EQ(composed(Transformation::compact, false, {"[1, [2]]", "{\"a\": 1}", "null", "\"é\\n\""}),
            R"([[1,[2]],{"a":1},null,"é\n"])");
}

TEST(ResultComposer, FlattenSplicesOneLevel) {
  EXPECT_EQ(composed(Transformation::flatten, false, {"[1, [2, [3]]]", "[]", "{\"a\":[4]}", "5"}),
            R"([1,[2,[3]],{"a":[4]},5])");
  EXPECT_EQ(composed(Transformation::flatten, false, {"[]", "[]"}), "[]");
}

TEST(ResultComposer, LinesAreOneStringOfCompactTexts) {
  EXPECT_EQ(composed(Transformation::compact, true, {}), R"("")");
  EXPECT_EQ(composed(Transformation::flatten, true, {"[1,\n {\"a\":\n \"x\"}]", "2"}), R"("1\n{\"a\":\"x\"}\n2")");
}

TEST(ResultComposer, SharesLargeElements) {
  std::string inner = "[0";
  for (int i = 1; i < 2000; ++i) {
    inner += ",1";
  }
  inner += "]";
  const std::string text = "[" + inner + "," + inner + "]";
  EXPECT_EQ(composed(Transformation::flatten, false, {text, text}),
            "[" + inner + "," + inner + "," + inner + "," + inner + "]");
}

}  // namespace
}  // namespace lockstep::map_run
