// What a definition becomes: ids, compiled fields, references; and what hostile texts do not do.
#include "asl/parser.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace lockstep::asl {
namespace {

StateMachinePtr parsed(const std::string& definition) {
  const ParsedDefinition result = parse_definition(definition);
  for (const Diagnostic& diagnostic : result.diagnostics) {
    EXPECT_NE(diagnostic.severity, Severity::error) << diagnostic.message << " at " << diagnostic.location;
  }
  return result.machine;
}

std::vector<std::string> codes(const ParsedDefinition& result) {
  std::vector<std::string> found;
  for (const Diagnostic& diagnostic : result.diagnostics) {
    found.push_back(diagnostic.code);
  }
  return found;
}

TEST(ParseDefinition, StatesHaveALocation) {
  const StateMachinePtr machine = parsed(R"({"StartAt":"A/B","States":{
    "A/B":{"Type":"Parallel","End":true,"Branches":[
      {"StartAt":"A1","States":{"A1":{"Type":"Succeed"}}},
      {"StartAt":"A2","States":{"A2":{"Type":"Map","End":true,"Iterator":{"StartAt":"A3","States":{
        "A3":{"Type":"Map","End":true,"ItemProcessor":{"StartAt":"A4","States":{"A4":{"Type":"Succeed"}}}}}}}}}]}}})");
  ASSERT_NE(machine, nullptr);
  EXPECT_THAT(
      state_locations(*machine),
      testing::ElementsAre("/States/A/B", "/States/A/B/Branches[0]/States/A1", "/States/A/B/Branches[1]/States/A2",
                           "/States/A/B/Branches[1]/States/A2/Iterator/States/A3",
                           "/States/A/B/Branches[1]/States/A2/Iterator/States/A3/ItemProcessor/States/A4"));
}

TEST(ParseDefinition, NumbersStatesAndScopesInTheOrderOfTheText) {
  const StateMachinePtr machine = parsed(R"({"StartAt":"B","States":{
    "A":{"Type":"Parallel","End":true,"Branches":[
      {"StartAt":"A1","States":{"A1":{"Type":"Succeed"}}},
      {"StartAt":"A2","States":{"A2":{"Type":"Map","End":true,"ItemProcessor":{"StartAt":"A3","States":{
        "A3":{"Type":"Pass","Next":"A4"},"A4":{"Type":"Succeed"}}}}}}]},
    "B":{"Type":"Pass","Next":"A"}}})");
  ASSERT_NE(machine, nullptr);
  std::vector<std::string> names;
  for (const State& state : machine->states) {
    names.push_back(state.name);
    EXPECT_EQ(machine->state(state.id).name, state.name);
  }
  EXPECT_THAT(names, testing::ElementsAre("A", "A1", "A2", "A3", "A4", "B"));
  ASSERT_EQ(machine->scopes.size(), 4U);
  EXPECT_EQ(machine->state(machine->scope(ScopeId::top).start_at).name, "B");
  EXPECT_EQ(machine->state(machine->states[5].next).name, "A");
  const auto& branches = std::get<Parallel>(machine->states[0].detail).branches;
  ASSERT_EQ(branches.size(), 2U);
  EXPECT_EQ(machine->scope(branches[1]).owner, machine->states[0].id);
  const Scope& processor = machine->scope(std::get<Map>(machine->states[2].detail).processor);
  EXPECT_EQ(processor.owner, machine->states[2].id);
  EXPECT_EQ(machine->state(processor.start_at).name, "A3");
  EXPECT_EQ(processor.states.size(), 2U);
  EXPECT_EQ(machine->state(machine->states[3].next).name, "A4");
}

TEST(ParseDefinition, FillsInDefaults) {
  const StateMachinePtr machine = parsed(R"({"StartAt":"T","TimeoutSeconds":60,"States":{
    "T":{"Type":"Task","Resource":"job:a","End":true,"InputPath":"$","ResultPath":"$","OutputPath":null,
      "TimeoutSecondsPath":"$.t","Retry":[{"ErrorEquals":["a"]},{"ErrorEquals":["States.ALL"],"IntervalSeconds":2,
      "MaxAttempts":0,"BackoffRate":1.5,"MaxDelaySeconds":9,"JitterStrategy":"FULL"}],
      "Catch":[{"ErrorEquals":["b"],"Next":"F","ResultPath":"$.e"},{"ErrorEquals":["c"],"Next":"F","ResultPath":null}]},
    "F":{"Type":"Fail","Error":"E","CausePath":"$.Cause"}}})");
  ASSERT_NE(machine, nullptr);
  EXPECT_EQ(machine->timeout_seconds, 60);
  const State& task = machine->states[0];
  EXPECT_EQ(task.input_path, nullptr);
  EXPECT_FALSE(task.input_discarded);
  EXPECT_TRUE(task.output_discarded);
  EXPECT_EQ(task.result_path.mode, ResultPath::Mode::replace);
  EXPECT_EQ(std::get<Task>(task.detail).timeout_seconds->path, "$.t");
  ASSERT_EQ(task.retry.size(), 2U);
  EXPECT_EQ(task.retry[0].interval_seconds, 1);
  EXPECT_EQ(task.retry[0].max_attempts, 3);
  EXPECT_EQ(task.retry[0].backoff_rate, 2.0);
  EXPECT_EQ(task.retry[1].max_attempts, 0);
  EXPECT_EQ(task.retry[1].max_delay_seconds, 9);
  EXPECT_TRUE(task.retry[1].full_jitter);
  EXPECT_EQ(task.catchers[0].result_path.mode, ResultPath::Mode::place);
  EXPECT_EQ(task.catchers[0].result_path.path->text(), "$.e");
  EXPECT_EQ(task.catchers[1].result_path.mode, ResultPath::Mode::discard);
  EXPECT_EQ(machine->state(task.catchers[1].next).name, "F");
  EXPECT_NE(std::get<Fail>(machine->states[1].detail).error, nullptr);
}

TEST(ParseDefinition, KeepsWhatADistributedMapSays) {
  const StateMachinePtr machine = parsed(R"({"StartAt":"M","States":{"M":{"Type":"Map","End":true,"Label":"rows",
    "ItemReader":{"Resource":"arn:aws:states:::s3:getObject","Parameters":{"Bucket":"b","Key.$":"$.k"},"ReaderConfig":{
      "InputType":"CSV","CSVHeaderLocation":"GIVEN","CSVHeaders":["a","b"],"MaxItemsPath":"$.n"}},
    "ItemBatcher":{"MaxItemsPerBatch":10,"BatchInput":{"x":1}},"ToleratedFailurePercentage":12.5,
    "ResultWriter":{"Resource":"arn:aws:states:::s3:putObject","Parameters":{"Bucket":"b"}},
    "ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"EXPRESS"},"StartAt":"I","States":{
      "I":{"Type":"Succeed"}}}}}})");
  ASSERT_NE(machine, nullptr);
  const auto& map = std::get<Map>(machine->states[0].detail);
  EXPECT_TRUE(map.distributed);
  EXPECT_TRUE(map.express_children);
  EXPECT_EQ(map.label, "rows");
  ASSERT_TRUE(map.reader.has_value());
  EXPECT_EQ(map.reader->input_type, "CSV");
  EXPECT_THAT(map.reader->csv_headers, testing::ElementsAre("a", "b"));
  EXPECT_EQ(map.reader->max_items->path, "$.n");
  EXPECT_NE(map.reader->arguments, nullptr);
  ASSERT_TRUE(map.batcher.has_value());
  EXPECT_TRUE(map.batcher->max_items.has_value());
  EXPECT_FALSE(map.batcher->max_input_bytes.has_value());
  EXPECT_EQ(map.writer->resource, "arn:aws:states:::s3:putObject");
  EXPECT_TRUE(map.tolerated_failure_percentage.has_value());
}

TEST(ParseDefinition, NamesTheItemsThatThisVersionCannotRead) {
  const auto beyond = [](const std::string& config) {
    std::vector<std::string> locations;
    const ParsedDefinition result = parse_definition(
        R"({"StartAt":"M","States":{"M":{"Type":"Map","End":true,"ItemReader":{
        "Resource":"arn:aws:states:::s3:getObject","ReaderConfig":{)" +
        config + R"(}},"ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"EXPRESS"},
        "StartAt":"I","States":{"I":{"Type":"Succeed"}}}}}})");
    EXPECT_NE(result.machine, nullptr) << config;
    for (const Diagnostic& diagnostic : result.beyond_this_version) {
      if (diagnostic.location.find("ReaderConfig") != std::string::npos) {
        locations.push_back(diagnostic.location);
      }
    }
    return locations;
  };
  const std::string at = "/States/M/ItemReader/ReaderConfig/";
  EXPECT_THAT(beyond(R"("InputType":"PARQUET")"), testing::ElementsAre(at + "InputType"));
  EXPECT_THAT(beyond(R"("ManifestType":"ATHENA_DATA","InputType":"CSV")"), testing::ElementsAre(at + "ManifestType"));
  for (const char* type : {"JSON", "JSONL", "HDF5", "LINES", "MANIFEST"}) {
    EXPECT_THAT(beyond("\"InputType\":\"" + std::string(type) + "\""), testing::IsEmpty()) << type;
  }
}

TEST(ParseDefinition, FindsEverythingAtOnceSchemaFirst) {
  const ParsedDefinition result = parse_definition(R"({"StartAt":"A","Stats":1,"States":{
    "A":{"Type":"Pass","Result":"$.x","Next":"B","InputPath":"x"},"B":{"Type":"Wait","Seconds":-1,"Next":"C"},
    "D":{"Type":"Succeed"}}})");
  EXPECT_EQ(result.machine, nullptr);
  EXPECT_THAT(codes(result),
              testing::ElementsAre("SCHEMA_VALIDATION_FAILED", "SCHEMA_VALIDATION_FAILED", "SCHEMA_VALIDATION_FAILED",
                                   "MISSING_TRANSITION_TARGET", "MISSING_TRANSITION_TARGET", "PASS_RESULT_IS_STATIC"));
}

TEST(ParseDefinition, PrintsAsCreateStateMachineDoes) {
  EXPECT_EQ(invalid_definition_message(
                parse_definition(R"({"StartAt":"A","States":{"A":{"Type":"Pass","Next":"X"}}})").diagnostics),
            "Invalid State Machine Definition: 'MISSING_TRANSITION_TARGET: Missing 'Next' target: X at /States/A/Next, "
            "MISSING_END_STATE: Workflow has no terminal state at null'");
}

TEST(ParseDefinition, ShortensTheSourceInASyntaxError) {
  const ParsedDefinition result = parse_definition("x" + std::string(600, ' '));
  ASSERT_EQ(result.diagnostics.size(), 1U);
  EXPECT_EQ(result.diagnostics[0].location,
            "[Source: (String)\"x" + std::string(499, ' ') + "\"[truncated 101 chars]; line: 1, column: 2]");
}

TEST(ParseDefinition, RefusesTextBeyondOneMebi) {
  const std::string start = R"({"StartAt":"A","States":{"A":{"Type":"Succeed","Comment":")";
  const std::string end = R"("}}})";
  const auto of_size = [&](std::size_t characters) {
    std::string filler;
    for (std::size_t i = start.size() + end.size(); i < characters; ++i) {
      filler += "ä";
    }
    return start + filler + end;
  };
  EXPECT_NE(parse_definition(of_size(1'048'576)).machine, nullptr);
  EXPECT_EQ(parse_definition(of_size(1'048'577)).machine, nullptr);
}

TEST(ParseDefinition, SurvivesHostileTexts) {
  EXPECT_THAT(codes(parse_definition(std::string(100'000, '['))), testing::ElementsAre("INVALID_JSON_DESCRIPTION"));
  EXPECT_THAT(codes(parse_definition(std::string(10'000'000, ' '))), testing::ElementsAre("SCHEMA_VALIDATION_FAILED"));
  EXPECT_THAT(codes(parse_definition(R"({"a":NaN})")), testing::ElementsAre("INVALID_JSON_DESCRIPTION"));
  EXPECT_NE(parse_definition(R"({"StartAt":"\ud800","States":{"\ud800":{"Type":"Succeed"}}})").machine, nullptr);

  std::string nested = R"({"StartAt":"S","States":{"S":{"Type":"Succeed"}}})";
  for (int i = 0; i < 150; ++i) {
    nested = R"({"StartAt":"P)" + std::to_string(i) + R"(","States":{"P)" + std::to_string(i) +
             R"(":{"Type":"Parallel","End":true,"Branches":[)" + nested + "]}}}";
  }
  EXPECT_THAT(codes(parse_definition(nested)), testing::Contains("TOO_DEEPLY_NESTED"));

  std::string rule = R"({"Variable":"$.a","IsNull":true})";
  for (int i = 0; i < 900; ++i) {
    rule = R"({"Not":)" + rule + "}";
  }
  rule.insert(1, R"("Next":"E",)");
  EXPECT_NE(parse_definition(R"({"StartAt":"S","States":{"S":{"Type":"Choice","Choices":[)" + rule +
                             R"(]},"E":{"Type":"Succeed"}}})")
                .machine,
            nullptr);
}

TEST(ParseDefinition, DoesNotDrownInDiagnostics) {
  std::string states;
  for (int i = 0; i < 5'000; ++i) {
    states += (i == 0 ? "\"" : ",\"") + std::to_string(i) + R"(":{"Type":"x","a":"$.b"})";
  }
  const ParsedDefinition result = parse_definition(R"({"StartAt":"0","States":{)" + states + "}}");
  EXPECT_EQ(result.diagnostics.size(), 1000U);
}

}  // namespace
}  // namespace lockstep::asl
