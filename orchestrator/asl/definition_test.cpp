// Every check of a definition, by one definition that breaks it: code, message, location, and nothing else besides.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "asl/parser.hpp"

namespace lockstep::asl {
namespace {

struct Case {
  const char* name;
  std::string definition;
  std::vector<std::string> expected;  // "CODE @ LOCATION: MESSAGE", errors and warnings
  ExecutionType type = ExecutionType::standard;
};

std::string described(const Diagnostic& diagnostic) {
  return (diagnostic.severity == Severity::warning ? "warning " : "") + diagnostic.code + " @ " + diagnostic.location +
         ": " + diagnostic.message;
}

std::string schema(const std::string& location, const std::string& message) {
  return "SCHEMA_VALIDATION_FAILED @ " + location + ": " + message;
}

std::string target(const std::string& location, const std::string& message) {
  return "MISSING_TRANSITION_TARGET @ " + location + ": " + message;
}

/// A machine that is one state, S.
std::string one(const std::string& state, const std::string& more = "") {
  return R"({"StartAt":"S",)" + more + R"("States":{"S":)" + state + "}}";
}

std::string task(const std::string& fields) {
  return one(R"({"Type":"Task","Resource":"job:a","End":true,)" + fields + "}");
}

/// A Map state S with `fields`, `config` in its processor and one Pass state inside.
std::string map(const std::string& config, const std::string& fields) {
  return one(R"({"Type":"Map","End":true,"ItemProcessor":{"ProcessorConfig":)" + config +
             R"(,"StartAt":"I","States":{"I":{"Type":"Pass","End":true}}})" + fields + "}");
}
const char* const kDistributed = R"({"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"})";

/// A Choice state S with one rule, and the state E that it leads to.
std::string choice(const std::string& rule) {
  return R"({"StartAt":"S","States":{"S":{"Type":"Choice","Choices":[)" + rule + R"(]},"E":{"Type":"Succeed"}}})";
}

class Definition : public testing::TestWithParam<Case> {};

TEST_P(Definition, DrawsExactlyItsDiagnostics) {
  const ParsedDefinition parsed = parse_definition(GetParam().definition, {GetParam().type});
  std::vector<std::string> found;
  bool errors = false;
  for (const Diagnostic& diagnostic : parsed.diagnostics) {
    found.push_back(described(diagnostic));
    errors = errors || diagnostic.severity == Severity::error;
  }
  EXPECT_THAT(found, testing::ElementsAreArray(GetParam().expected)) << GetParam().definition;
  EXPECT_EQ(parsed.machine == nullptr, errors);
}

std::string case_name(const testing::TestParamInfo<Case>& info) {
  return info.param.name;
}

const std::string kEndMissing = "Exactly one of these fields is required: [Next, End]";
const std::string kNotRecognised =
    " is not recognized. The value is not a valid resource ARN, or the resource is not available in this region.";

INSTANTIATE_TEST_SUITE_P(
    Document, Definition,
    testing::Values(
        Case{"Empty", "", {schema("", "Definition must be a valid JSON object")}},
        Case{"NotAnObject", "[1]", {schema("", "Definition must be a valid JSON object")}},
        Case{
            "UnknownToken",
            "not json",
            {"INVALID_JSON_DESCRIPTION @ [Source: (String)\"not json\"; line: 1, column: 4]: Unrecognized token 'not': "
             "was expecting (JSON String, Number, Array, Object or token 'null', 'true' or 'false')\n at [Source: "
             "(String)\"not json\"; line: 1, column: 4]"}},
        Case{"QuotesOfTheWrongKind",
             "{'a'",
             {"INVALID_JSON_DESCRIPTION @ [Source: (String)\"{'a'\"; line: 1, column: 3]: Unexpected character (''' "
              "(code "
              "39)): was expecting double-quote to start field name\n at [Source: (String)\"{'a'\"; line: 1, column: "
              "3]"}},
        Case{"Unfinished",
             "{\"a\":\n [1",
             {"INVALID_JSON_DESCRIPTION @ [Source: (String)\"{\"a\":\n [1\"; line: 2, column: 4]: Unexpected "
              "end-of-input: expected close marker for Array (start marker at [Source: (String)\"{\"a\":\n [1\"; line: "
              "2, "
              "column: 2])\n at [Source: (String)\"{\"a\":\n [1\"; line: 2, column: 4]"}},
        Case{"NothingInIt", "{}", {schema("/", "These fields are required: [States, StartAt]")}},
        Case{"NoStates", R"({"StartAt":"A"})", {schema("/", "These fields are required: [States]")}},
        Case{"NoStartAt",
             R"({"States":{"A":{"Type":"Succeed"}}})",
             {schema("/", "These fields are required: [StartAt]")}},
        Case{"StatesEmpty", R"({"StartAt":"A","States":{}})", {schema("/States", "Value cannot be empty")}},
        Case{
            "StatesNoObject", R"({"StartAt":"A","States":[]})", {schema("/States", "Expected value of type [OBJECT]")}},
        Case{"StateNoObject", one("7"), {schema("/States/S", "Expected value of type [OBJECT]")}},
        Case{"UnknownField",
             one(R"({"Type":"Succeed"})", R"("Stats":1,)"),
             {schema("/", "Field 'Stats' is not supported")}},
        Case{"Version",
             one(R"({"Type":"Succeed"})", R"("Version":"2.0",)"),
             {schema("/Version", "Value should be one of the following: [1.0]")}},
        Case{"Timeout",
             one(R"({"Type":"Succeed"})", R"("TimeoutSeconds":0,)"),
             {schema("/TimeoutSeconds", "Value should be greater than or equal to 1")}},
        Case{"TimeoutText",
             one(R"({"Type":"Succeed"})", R"("TimeoutSeconds":"9",)"),
             {schema("/TimeoutSeconds", "Expected value of type [INTEGER]")}},
        Case{"TimeoutFraction",
             one(R"({"Type":"Succeed"})", R"("TimeoutSeconds":1.5,)"),
             {schema("/TimeoutSeconds", "Expected value of type [INTEGER]")}},
        Case{"Comment",
             one(R"({"Type":"Succeed"})", R"("Comment":7,)"),
             {schema("/Comment", "Expected value of type [STRING]")}},
        Case{"Language",
             one(R"({"Type":"Succeed"})", R"("QueryLanguage":"jsonata",)"),
             {schema("/QueryLanguage", "Value should be one of the following: [JSONPath, JSONata]")}},
        Case{"LanguageType",
             one(R"({"Type":"Succeed"})", R"("QueryLanguage":1,)"),
             {schema("/QueryLanguage", "Expected value of type [STRING]")}},
        Case{
            "LanguageDowngrade",
            one(R"({"Type":"Pass","QueryLanguage":"JSONPath","InputPath":"$.x","End":true})",
                R"("QueryLanguage":"JSONata",)"),
            {schema("/States/S", "'QueryLanguage' can not be 'JSONPath' if set to 'JSONata' for whole state machine")}},
        Case{"DuplicateKey",
             R"({"StartAt":"S","States":{"S":{"Type":"Wait","Type":"Succeed"}}})",
             {"warning INVALID_JSON_DESCRIPTION @ /States/S/Type: Duplicate field 'Type': the last one counts"}}),
    case_name);

INSTANTIATE_TEST_SUITE_P(
    Transitions, Definition,
    testing::Values(
        Case{"StartAtDangles",
             R"({"StartAt":"X","States":{"A":{"Type":"Succeed"}}})",
             {target("/StartAt", "Missing 'Next' target: X"), target("/States/A", "State \"A\" is not reachable.")}},
        Case{"NextDangles",
             one(R"({"Type":"Pass","Next":"X"})"),
             {target("/States/S/Next", "Missing 'Next' target: X"),
              "MISSING_END_STATE @ : Workflow has no terminal state"}},
        Case{"DefaultRuleAndCatcherDangle",
             R"({"StartAt":"C","States":{"C":{"Type":"Choice","Default":"X","Choices":[{"Variable":"$.a","IsNull":true,
                "Next":"Y"},{"Variable":"$.a","IsNull":false,"Next":"T"}]},"T":{"Type":"Task","Resource":"job:a",
                "End":true,"Catch":[{"ErrorEquals":["States.ALL"],"Next":"Z"}]}}})",
             {target("/States/C/Default", "Missing 'Next' target: X"),
              target("/States/C/Choices[0]/Next", "Missing 'Next' target: Y"),
              target("/States/T/Catch[0]/Next", "Missing 'Next' target: Z")}},
        Case{"Unreachable",
             R"({"StartAt":"A","States":{"A":{"Type":"Succeed"},"C":{"Type":"Succeed"}}})",
             {target("/States/C", "State \"C\" is not reachable.")}},
        Case{"LoopWithoutEnd",
             R"({"StartAt":"A","States":{"A":{"Type":"Pass","Next":"B"},"B":{"Type":"Pass","Next":"A"},
                "C":{"Type":"Pass","Next":"A"}}})",
             {"MISSING_END_STATE @ : Workflow has no terminal state"}},
        Case{"LoopWithEnd",
             R"({"StartAt":"A","States":{"A":{"Type":"Pass","Next":"B"},"B":{"Type":"Choice","Choices":[
                {"Variable":"$.a","IsNull":true,"Next":"A"}],"Default":"C"},"C":{"Type":"Fail"}}})",
             {}},
        Case{
            "TargetInAnotherScope",
            one(R"({"Type":"Parallel","End":true,"Branches":[{"StartAt":"I","States":{"I":{"Type":"Pass","Next":"S"}}}]})"),
            {target("/States/S/Branches[0]/States/I/Next", "Missing 'Next' target: S")}},
        Case{"UnreachableInABranch",
             one(R"({"Type":"Parallel","End":true,"Branches":[{"StartAt":"I","States":{"I":{"Type":"Succeed"},
                "J":{"Type":"Succeed"}}}]})"),
             {target("/States/S/Branches[0]/States/J", "State \"J\" is not reachable.")}},
        Case{"SameNameInAnotherScope",
             one(R"({"Type":"Map","End":true,"ItemProcessor":{"StartAt":"S","States":{"S":{"Type":"Succeed"}}}})"),
             {"DUPLICATE_STATE_NAME @ /States/S/ItemProcessor/States/S: Duplicate State name: S"}},
        Case{"NeitherNextNorEnd", one(R"({"Type":"Pass"})"), {schema("/States/S", kEndMissing)}},
        Case{"EndFalse", one(R"({"Type":"Pass","End":false})"), {schema("/States/S", kEndMissing)}},
        Case{"NextAndEnd", one(R"({"Type":"Pass","End":true,"Next":"S"})"), {schema("/States/S", kEndMissing)}},
        Case{"EndNotBoolean",
             one(R"({"Type":"Pass","End":"true"})"),
             {schema("/States/S/End", "Expected value of type [BOOLEAN]")}},
        Case{"EndOnChoice",
             R"({"StartAt":"S","States":{"S":{"Type":"Choice","End":true,"Choices":[
                {"Variable":"$.a","IsNull":true,"Next":"E"}]},"E":{"Type":"Succeed"}}})",
             {schema("/States/S", "Field 'End' is not supported")}},
        Case{"EndFalseWithNext",
             R"({"StartAt":"A","States":{"A":{"Type":"Pass","End":false,"Next":"B"},
                "B":{"Type":"Succeed"}}})",
             {}},
        Case{"LongName",
             R"({"StartAt":")" + std::string(81, 'n') + R"(","States":{")" + std::string(81, 'n') +
                 R"(":{"Type":"Succeed"}}})",
             {"INVALID_STATE_NAME @ /States/" + std::string(80, 'n') + "…: The state name '" + std::string(80, 'n') +
              "…' is longer than 80 characters"}},
        Case{"NameOf80WideCharacters",
             R"({"StartAt":")" +
                 [] {
                   std::string name;
                   for (int i = 0; i < 80; ++i) {
                     name += "ü";
                   }
                   return name + R"(","States":{")" + name + R"(":{"Type":"Succeed"}}})";
                 }(),
             {}},
        Case{"ControlCharacterInName",
             R"({"StartAt":"a\u0007","States":{"a\u0007":{"Type":"Succeed"}}})",
             {"INVALID_STATE_NAME @ /States/a\x07: The state name contains control characters"}}),
    case_name);

INSTANTIATE_TEST_SUITE_P(
    Fields, Definition,
    testing::Values(
        Case{"NoType", one(R"({"End":true})"), {schema("/States/S", "These fields are required: [Type]")}},
        Case{"UnknownType",
             one(R"({"Type":"Tusk","End":true})"),
             {schema("/States/S/Type",
                     "The field 'Type' should have one of these values: [Task, Wait, Pass, Succeed, "
                     "Fail, Choice, Parallel, Map]")}},
        Case{"FieldOfAnotherType",
             one(R"({"Type":"Pass","End":true,"TimeoutSeconds":3})"),
             {schema("/States/S", "Field 'TimeoutSeconds' is not supported")}},
        Case{"RetryOnPass",
             one(R"({"Type":"Pass","End":true,"Retry":[]})"),
             {schema("/States/S", "Field 'Retry' is not supported")}},
        Case{"WrongCase",
             one(R"({"Type":"Pass","End":true,"inputPath":"$"})"),
             {schema("/States/S", "Field 'inputPath' is not supported")}},
        Case{"JsonataFieldInJsonpath",
             one(R"({"Type":"Pass","End":true,"Output":1})"),
             {schema("/States/S",
                     "The QueryLanguage is set to 'JSONPath', but field 'Output' is only supported for the "
                     "'JSONata' QueryLanguage")}},
        Case{"JsonpathFieldInJsonata",
             one(R"({"Type":"Pass","End":true,"QueryLanguage":"JSONata","Result":1})"),
             {schema("/States/S",
                     "The QueryLanguage is set to 'JSONata', but field 'Result' is only supported for the "
                     "'JSONPath' QueryLanguage")}},
        Case{"InputPath",
             one(R"({"Type":"Pass","End":true,"InputPath":"a.b"})"),
             {schema("/States/S/InputPath", "Value must be a valid JSONPath.")}},
        Case{"OutputPathType",
             one(R"({"Type":"Pass","End":true,"OutputPath":7})"),
             {schema("/States/S/OutputPath", "Expected value of type [STRING]")}},
        Case{
            "PathsNull", one(R"({"Type":"Pass","End":true,"InputPath":null,"OutputPath":null,"ResultPath":null})"), {}},
        Case{"ResultPathNoPath",
             one(R"({"Type":"Pass","End":true,"ResultPath":"a"})"),
             {schema("/States/S/ResultPath", "Value is not a Reference Path: Reference path didn't start with '$'")}},
        Case{
            "ResultPathOfMany",
            one(R"({"Type":"Pass","End":true,"ResultPath":"$.a[*]"})"),
            {schema("/States/S/ResultPath", "Value is not a Reference Path: The path can select more than one value")}},
        Case{"ResultPathOfContext",
             one(R"({"Type":"Pass","End":true,"ResultPath":"$$.a"})"),
             {schema("/States/S/ResultPath",
                     "Value is not a Reference Path: ResultPath can only refer to the state's input")}},
        Case{"ResultPathOfVariable",
             one(R"({"Type":"Pass","End":true,"ResultPath":"$v.a"})"),
             {schema("/States/S/ResultPath",
                     "Value is not a Reference Path: ResultPath can only refer to the state's input")}},
        Case{"Parameters",
             one(R"({"Type":"Pass","End":true,"Parameters":{"a.$":7}})"),
             {schema("/States/S/Parameters",
                     "The value for the field 'a.$' must be a valid JSONPath or a valid intrinsic "
                     "function call")}},
        Case{"VariableName",
             one(R"({"Type":"Pass","End":true,"Assign":{"a.b":1,"states":2,"1a":3,"ok":4}})"),
             {schema("/States/S/Assign/a.b", "Variable name 'a.b' is not valid"),
              schema("/States/S/Assign/states", "Variable name 'states' is not valid"),
              schema("/States/S/Assign/1a", "Variable name '1a' is not valid")}},
        Case{"VariableOfAnOuterScope",
             one(R"({"Type":"Parallel","End":true,"Assign":{"v":1},"Branches":[{"StartAt":"I","States":{
                "I":{"Type":"Pass","End":true,"Assign":{"v":2}}}}]})"),
             {schema("/States/S/Branches[0]/States/I/Assign/v", "Variable 'v' is already assigned in an outer scope")}},
        Case{"VariableOfTheCatchOfWhatIsAround",
             R"({"StartAt":"S","States":{"S":{"Type":"Parallel","End":true,
                "Catch":[{"ErrorEquals":["States.ALL"],"Assign":{"v":1},"Next":"E"}],
                "Branches":[{"StartAt":"M","States":{"M":{"Type":"Map","End":true,"Assign":{"v":2},
                "Catch":[{"ErrorEquals":["States.ALL"],"Assign":{"w":1},"Next":"C"}],"ItemProcessor":{"StartAt":"I",
                "States":{"I":{"Type":"Pass","End":true,"Assign":{"w":2}}}}},"C":{"Type":"Succeed"}}}]},
                "E":{"Type":"Succeed"}}})",
             {}},
        Case{"VariableOfTheCatchOfAnother",
             R"({"StartAt":"S","States":{"S":{"Type":"Parallel","Next":"T","Branches":[{"StartAt":"I","States":{
                "I":{"Type":"Pass","End":true,"Assign":{"v":2}}}}]},
                "T":{"Type":"Task","Resource":"job:t","End":true,
                "Catch":[{"ErrorEquals":["States.ALL"],"Assign":{"v":1},"Next":"E"}]},"E":{"Type":"Succeed"}}})",
             {schema("/States/S/Branches[0]/States/I/Assign/v", "Variable 'v' is already assigned in an outer scope")}},
        Case{"VariableOfADistributedMapIsItsOwn",
             one(R"({"Type":"Map","End":true,"Assign":{"v":1},"ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED",
                "ExecutionType":"STANDARD"},"StartAt":"I","States":{"I":{"Type":"Pass","End":true,"Assign":{"v":2}}}}})"),
             {}},
        Case{"LooksLikeAPath",
             one(R"json({"Type":"Pass","End":true,"Parameters":{"a":"$.b","c":{"d":"States.UUID()"}}})json"),
             {"warning NO_DOLLAR @ /States/S/Parameters/a: The value looks like a path or an intrinsic function, but "
              "the "
              "name of the field 'a' does not end in '.$'",
              "warning NO_DOLLAR @ /States/S/Parameters/c/d: The value looks like a path or an intrinsic function, but "
              "the name of the field 'd' does not end in '.$'"}},
        Case{"ResultIsStatic",
             one(R"({"Type":"Pass","End":true,"Result":{"a.$":"$.b"}})"),
             {"warning PASS_RESULT_IS_STATIC @ /States/S/Result/a.$: The value looks like a path, but the Result of a "
              "Pass state is static"}},
        Case{"ExpressionInJsonpath",
             one(R"({"Type":"Pass","End":true,"Parameters":{"a":"{% 1 %}"}})"),
             {"warning INVALID_JSONATA_EXPRESSION @ /States/S/Parameters/a: The value is plain text: JSONata "
              "expressions "
              "are not evaluated in JSONPath states"}},
        Case{"HalfAnExpression",
             one(R"({"Type":"Pass","End":true,"QueryLanguage":"JSONata","Output":{"a":"{% 1 %} "}})"),
             {"warning INVALID_JSONATA_EXPRESSION @ /States/S/Output/a: The value is plain text: a JSONata expression "
              "starts with '{%' and ends with '%}'"}}),
    case_name);

INSTANTIATE_TEST_SUITE_P(
    Tasks, Definition,
    testing::Values(
        Case{"NoResource",
             one(R"({"Type":"Task","End":true})"),
             {schema("/States/S", "These fields are required: [Resource]")}},
        Case{"UnknownResource",
             one(R"({"Type":"Task","End":true,"Resource":"arn:aws:states:::sqs:receiveMessage"})"),
             {schema("/States/S/Resource",
                     "The resource provided arn:aws:states:::sqs:receiveMessage" + kNotRecognised)}},
        Case{"EmptyResource",
             one(R"({"Type":"Task","End":true,"Resource":""})"),
             {schema("/States/S/Resource", "Value cannot be empty")}},
        Case{"ExpressSync",
             one(R"({"Type":"Task","End":true,"Resource":"arn:aws:states:::glue:startJobRun.sync"})"),
             {schema("/States/S/Resource", "Express state machine does not support '.sync' service integration")},
             ExecutionType::express},
        Case{"ExpressToken",
             one(R"({"Type":"Task","End":true,"Resource":"arn:aws:states:::lambda:invoke.waitForTaskToken"})"),
             {schema("/States/S/Resource",
                     "Express state machine does not support '.waitForTaskToken' service integration ")},
             ExecutionType::express},
        Case{"ExpressActivity",
             one(R"({"Type":"Task","End":true,"Resource":"arn:aws:states:eu-west-1:123456789012:activity:a"})"),
             {schema("/States/S/Resource", "Express state machine does not support Activity ARN")},
             ExecutionType::express},
        Case{"TimeoutTwice",
             task(R"("TimeoutSeconds":3,"TimeoutSecondsPath":"$.t")"),
             {schema("/States/S", "Only one of these fields is allowed: [TimeoutSeconds, TimeoutSecondsPath]")}},
        Case{"TimeoutPathOfMany",
             task(R"("TimeoutSecondsPath":"$..t")"),
             {schema("/States/S/TimeoutSecondsPath",
                     "Value is not a Reference Path: The path can select more than one value")}},
        Case{"TimeoutLooksLikeAPath",
             task(R"("TimeoutSeconds":"$.t")"),
             {schema("/States/S/TimeoutSeconds", "Expected value of type [INTEGER]"),
              "warning NO_PATH @ /States/S/TimeoutSeconds: The value of the field 'TimeoutSeconds' looks like a path, "
              "but "
              "the field's name does not end in 'Path'"}},
        Case{"HeartbeatNotSmaller",
             task(R"("TimeoutSeconds":3,"HeartbeatSeconds":3)"),
             {schema("/States/S/HeartbeatSeconds", "HeartbeatSeconds should be smaller than TimeoutSeconds")}},
        Case{"HeartbeatTooLarge",
             task(R"("HeartbeatSeconds":100000000)"),
             {schema("/States/S/HeartbeatSeconds", "Value should be less than or equal to 99999999")}},
        Case{"NoRole",
             task(R"("Credentials":{})"),
             {schema("/States/S/Credentials", "The field 'RoleArn' is required but was missing")}},
        Case{"RoleByPath", task(R"("Credentials":{"RoleArn.$":"$.role"})"), {}},
        Case{"Placeholder",
             one(R"({"Type":"Task","End":true,"Resource":"${Function}","TimeoutSeconds":"${Timeout}"})"),
             {"warning SCHEMA_VALIDATION_FAILED @ /States/S/TimeoutSeconds: The placeholder '${Timeout}' has to be "
              "filled "
              "in before the state machine can run"}},
        Case{"RetryNoArray", task(R"("Retry":{})"), {schema("/States/S/Retry", "Expected value of type [ARRAY]")}},
        Case{"RetryEmpty", task(R"("Retry":[],"Catch":[])"), {}},
        Case{"RetrierFields",
             task(R"("Retry":[{"Errors":["a"]}])"),
             {schema("/States/S/Retry[0]", "Field 'Errors' is not supported"),
              schema("/States/S/Retry[0]", "These fields are required: [ErrorEquals]")}},
        Case{"NoErrors",
             task(R"("Retry":[{"ErrorEquals":[]}])"),
             {schema("/States/S/Retry[0]/ErrorEquals", "Value cannot be empty")}},
        Case{"ErrorNoText",
             task(R"("Retry":[{"ErrorEquals":["a",7]}])"),
             {schema("/States/S/Retry[0]/ErrorEquals[1]", "Expected value of type [STRING]")}},
        Case{"AllNotAlone",
             task(R"("Retry":[{"ErrorEquals":["a","States.ALL"]}])"),
             {schema("/States/S/Retry[0]/ErrorEquals[1]", "States.ALL must appear alone and at end of list")}},
        Case{"AllNotLast",
             R"({"StartAt":"S","States":{"S":{"Type":"Task","Resource":"job:a","End":true,"Catch":[
                {"ErrorEquals":["States.ALL"],"Next":"E"},{"ErrorEquals":["b"],"Next":"E"}]},"E":{"Type":"Fail"}}})",
             {schema("/States/S/Catch[0]/ErrorEquals[0]", "States.ALL must appear alone and at end of list")}},
        Case{"RetryNumbers",
             task(R"("Retry":[{"ErrorEquals":["a"],"IntervalSeconds":-1,"MaxAttempts":1.5,
                "BackoffRate":0.5,"MaxDelaySeconds":31622401,"JitterStrategy":"SOME"}])"),
             {schema("/States/S/Retry[0]/IntervalSeconds", "Value should be greater than or equal to 0"),
              schema("/States/S/Retry[0]/MaxAttempts", "Expected value of type [INTEGER]"),
              schema("/States/S/Retry[0]/BackoffRate", "Value should be greater than or equal to 1"),
              schema("/States/S/Retry[0]/MaxDelaySeconds", "Value should be less than or equal to 31622400"),
              schema("/States/S/Retry[0]/JitterStrategy", "Value should be one of the following: [FULL, NONE]")}},
        Case{"DelayNotLarger",
             task(R"("Retry":[{"ErrorEquals":["a"],"IntervalSeconds":5,"MaxDelaySeconds":5}])"),
             {schema("/States/S/Retry[0]/MaxDelaySeconds", "MaxDelaySeconds should be greater than IntervalSeconds")}},
        Case{"CatcherWithoutNext",
             task(R"("Catch":[{"ErrorEquals":["a"]}])"),
             {schema("/States/S/Catch[0]", "These fields are required: [Next]")}},
        Case{"CatcherOfTheOtherLanguage",
             task(R"("Catch":[{"ErrorEquals":["a"],"Next":"S","Output":1}])"),
             {schema("/States/S/Catch[0]",
                     "The QueryLanguage is set to 'JSONPath', but field 'Output' is only supported "
                     "for the 'JSONata' QueryLanguage")}},
        Case{"ArgumentsNoObject",
             one(R"({"Type":"Task","QueryLanguage":"JSONata","Resource":"job:a","Arguments":"a","End":true})"),
             {schema("/States/S/Arguments", "Expected value of type [OBJECT]")}}),
    case_name);

INSTANTIATE_TEST_SUITE_P(
    WaitFailParallel, Definition,
    testing::Values(
        Case{"WaitForNothing",
             one(R"({"Type":"Wait","End":true})"),
             {schema("/States/S",
                     "Exactly one of these fields is required: [Seconds, SecondsPath, Timestamp, TimestampPath]")}},
        Case{"WaitTwice",
             one(R"({"Type":"Wait","End":true,"Seconds":1,"TimestampPath":"$.t"})"),
             {schema("/States/S",
                     "Exactly one of these fields is required: [Seconds, SecondsPath, Timestamp, TimestampPath]")}},
        Case{"WaitJsonata",
             one(R"({"Type":"Wait","QueryLanguage":"JSONata","End":true})"),
             {schema("/States/S", "Exactly one of these fields is required: [Seconds, Timestamp]")}},
        Case{"WaitNegative",
             one(R"({"Type":"Wait","End":true,"Seconds":-1})"),
             {schema("/States/S/Seconds", "Value should be greater than or equal to 0")}},
        Case{"WaitZero", one(R"({"Type":"Wait","End":true,"Seconds":0})"), {}},
        Case{"WaitTimestamp",
             one(R"({"Type":"Wait","End":true,"Timestamp":"2026-13-05T21:29:29Z"})"),
             {schema("/States/S/Timestamp", "String does not match RFC3339 timestamp")}},
        Case{"WaitPath",
             one(R"({"Type":"Wait","End":true,"SecondsPath":"t"})"),
             {schema("/States/S/SecondsPath", "Value is not a Reference Path: Reference path didn't start with '$'")}},
        Case{"FailTwice",
             one(R"({"Type":"Fail","Error":"a","ErrorPath":"$.a"})"),
             {schema("/States/S", "Only one of these fields is allowed: [Error, ErrorPath]")}},
        Case{"FailPath",
             one(R"({"Type":"Fail","CausePath":"cause"})"),
             {schema(
                 "/States/S/CausePath",
                 "The value for the field 'CausePath' must be a valid JSONPath or a valid intrinsic function call")}},
        Case{"FailIntrinsicOfNoText",
             one(R"json({"Type":"Fail","CausePath":"States.MathAdd(1, 2)"})json"),
             {schema(
                 "/States/S/CausePath",
                 "The value for the field 'CausePath' must be a valid JSONPath or a valid intrinsic function call")}},
        Case{"FailIntrinsic", one(R"json({"Type":"Fail","CausePath":"States.Format('{}', $.a)"})json"), {}},
        Case{"FailLooksLikeAPath",
             one(R"({"Type":"Fail","Error":"$.a"})"),
             {"warning NO_PATH @ /States/S/Error: The value of the field 'Error' looks like a path, but the field's "
              "name "
              "does not end in 'Path'"}},
        Case{"FailNumber",
             one(R"({"Type":"Fail","Error":7})"),
             {schema("/States/S/Error", "Expected value of type [STRING]")}},
        Case{"NoBranches",
             one(R"({"Type":"Parallel","End":true})"),
             {schema("/States/S", "These fields are required: [Branches]")}},
        Case{"BranchesEmpty",
             one(R"({"Type":"Parallel","End":true,"Branches":[]})"),
             {schema("/States/S/Branches", "Value cannot be empty")}},
        Case{"BranchIncomplete",
             one(R"({"Type":"Parallel","End":true,"Branches":[{}]})"),
             {schema("/States/S/Branches[0]", "These fields are required: [States, StartAt]")}},
        Case{"BranchWithProcessorConfig",
             one(R"({"Type":"Parallel","End":true,"Branches":[{"ProcessorConfig":{},"StartAt":"I","States":{
                "I":{"Type":"Succeed"}}}]})"),
             {schema("/States/S/Branches[0]", "Field 'ProcessorConfig' is not supported")}}),
    case_name);

INSTANTIATE_TEST_SUITE_P(
    Maps, Definition,
    testing::Values(
        Case{"NoProcessor",
             one(R"({"Type":"Map","End":true})"),
             {schema("/States/S", "These fields are required: [ItemProcessor]")}},
        Case{"ProcessorTwice",
             one(R"({"Type":"Map","End":true,"ItemProcessor":{},"Iterator":{"StartAt":"I","States":{
                "I":{"Type":"Succeed"}}}})"),
             {schema("/States/S", "Only one of these fields is allowed: [ItemProcessor, Iterator]")}},
        Case{"ProcessorLanguage",
             one(R"({"Type":"Map","End":true,"ItemProcessor":{"QueryLanguage":"JSONata","StartAt":"I","States":{
                "I":{"Type":"Succeed"}}}})"),
             {schema("/States/S/ItemProcessor", "Field 'QueryLanguage' is not supported")}},
        Case{"Mode",
             map(R"({"Mode":"FAST"})", ""),
             {schema("/States/S/ItemProcessor/ProcessorConfig/Mode",
                     "Value should be one of the following: [INLINE, DISTRIBUTED]")}},
        Case{"NoExecutionType",
             map(R"({"Mode":"DISTRIBUTED"})", ""),
             {schema("/States/S/ItemProcessor/ProcessorConfig", "These fields are required: [ExecutionType]")}},
        Case{"InlineExecutionType",
             map(R"({"Mode":"INLINE","ExecutionType":"STANDARD"})", ""),
             {schema("/States/S/ItemProcessor/ProcessorConfig", "Field 'ExecutionType' is not supported")}},
        Case{"InlineLabel", map("{}", R"(,"Label":"a")"), {schema("/States/S", "Field 'Label' is not supported")}},
        Case{"InlineReader",
             map("{}", R"(,"ItemReader":{},"ItemBatcher":{},"ResultWriter":{})"),
             {schema("/States/S", "Field 'ItemReader' is not supported"),
              schema("/States/S", "Field 'ItemBatcher' is not supported"),
              schema("/States/S", "Field 'ResultWriter' is not supported")}},
        Case{"InlineTolerance",
             map("{}", R"(,"ToleratedFailurePercentage":50)"),
             {"warning SCHEMA_VALIDATION_FAILED @ /States/S/ToleratedFailurePercentage: Field "
              "'ToleratedFailurePercentage' has no effect unless the Map is distributed"}},
        Case{"ItemSelectorTwice",
             map("{}", R"(,"ItemSelector":{},"Parameters":{})"),
             {schema("/States/S", "Field 'ItemSelector' is not supported")}},
        Case{"ItemsPathOfMany",
             map("{}", R"(,"ItemsPath":"$.a[*]")"),
             {schema("/States/S/ItemsPath", "Value is not a Reference Path: The path can select more than one value")}},
        Case{"ItemsPathNull",
             map("{}", R"(,"ItemsPath":null)"),
             {schema("/States/S/ItemsPath", "Expected value of type [STRING]")}},
        Case{"ItemsNumber",
             one(R"({"Type":"Map","QueryLanguage":"JSONata","Items":7,"End":true,"ItemProcessor":{
                "StartAt":"I","States":{"I":{"Type":"Succeed"}}}})"),
             {schema("/States/S/Items", "Expected value of type [ARRAY]")}},
        Case{"MaxConcurrency",
             map("{}", R"(,"MaxConcurrency":-1)"),
             {schema("/States/S/MaxConcurrency", "Value should be greater than or equal to 0")}},
        Case{"Percentage",
             map(kDistributed, R"(,"ToleratedFailurePercentage":100.5)"),
             {schema("/States/S/ToleratedFailurePercentage", "Value should be less than or equal to 100")}},
        Case{"Label",
             map(kDistributed, R"(,"Label":"a b")"),
             {"INVALID_LABEL_NAME @ /States/S/Label: Invalid label name: a b"}},
        Case{"LabelSurrogate",
             map(kDistributed, R"(,"Label":"a\ud800")"),
             {"INVALID_LABEL_NAME @ /States/S/Label: Invalid label name: a\xED\xA0\x80"}},
        Case{"LabelOf40", map(kDistributed, R"(,"Label":"1234567890123456789012345678901234567890")"), {}},
        Case{"ExpressParent",
             map(kDistributed, ""),
             {schema("/States/S/ItemProcessor/ProcessorConfig/Mode",
                     "Express state machine does not support Map state in DISTRIBUTED mode")},
             ExecutionType::express},
        Case{"ExpressChild",
             one(R"({"Type":"Map","End":true,"ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED",
                "ExecutionType":"EXPRESS"},"StartAt":"I","States":{"I":{"Type":"Task","End":true,
                "Resource":"arn:aws:states:::batch:submitJob.sync"}}}})"),
             {schema("/States/S/ItemProcessor/States/I/Resource",
                     "Express state machine does not support '.sync' service integration")}},
        Case{"Reader",
             map(kDistributed, R"(,"ItemReader":{"Resource":"arn:aws:states:::s3:putObject","ReaderConfig":{
                "InputType":"CSV","CSVHeaderLocation":"GIVEN","MaxItems":-1}})"),
             {schema("/States/S/ItemReader/Resource",
                     "The resource provided arn:aws:states:::s3:putObject" + kNotRecognised),
              schema("/States/S/ItemReader/ReaderConfig", "These fields are required: [CSVHeaders]"),
              schema("/States/S/ItemReader/ReaderConfig/MaxItems", "Value should be greater than or equal to 0")}},
        Case{"ReaderWithoutHeader",
             map(kDistributed, R"(,"ItemReader":{"Resource":"arn:aws:states:::s3:getObject","ReaderConfig":{
                "InputType":"CSV"}})"),
             {schema("/States/S/ItemReader/ReaderConfig", "These fields are required: [CSVHeaderLocation]")}},
        Case{"BatcherWithoutLimit",
             map(kDistributed, R"(,"ItemBatcher":{"BatchInput":{}})"),
             {schema("/States/S/ItemBatcher",
                     "One of these fields is required: [MaxItemsPerBatch, MaxInputBytesPerBatch]")}},
        Case{"BatcherTwice",
             map(kDistributed, R"(,"ItemBatcher":{"MaxItemsPerBatch":1,"MaxItemsPerBatchPath":"$.n"})"),
             {schema("/States/S/ItemBatcher",
                     "Only one of these fields is allowed: [MaxItemsPerBatch, MaxItemsPerBatchPath]")}},
        Case{"BatchTooLarge",
             map(kDistributed, R"(,"ItemBatcher":{"MaxInputBytesPerBatch":262145})"),
             {schema("/States/S/ItemBatcher/MaxInputBytesPerBatch", "Value should be less than or equal to 262144")}},
        Case{"WriterEmpty",
             map(kDistributed, R"(,"ResultWriter":{})"),
             {schema("/States/S/ResultWriter", "Value cannot be empty")}},
        Case{"WriterHalf",
             map(kDistributed, R"(,"ResultWriter":{"Resource":"arn:aws:states:::s3:putObject"})"),
             {schema("/States/S/ResultWriter", "These fields are required: [Parameters]")}},
        Case{"WriterConfigAlone",
             map(kDistributed, R"(,"ResultWriter":{"WriterConfig":{"Transformation":"FLATTEN","OutputType":"JSONL"}})"),
             {}},
        Case{"WriterHdf5",
             map(kDistributed,
                 R"(,"ResultWriter":{"Resource":"arn:aws:states:::s3:putObject","Parameters":{"Bucket":"b"},
                "WriterConfig":{"OutputType":"HDF5"}})"),
             {}},
        Case{"WriterHdf5Alone",
             map(kDistributed, R"(,"ResultWriter":{"WriterConfig":{"OutputType":"HDF5"}})"),
             {schema("/States/S/ResultWriter/WriterConfig/OutputType",
                     "HDF5 is a form of files: the field [Resource] is required")}}),
    case_name);

INSTANTIATE_TEST_SUITE_P(
    Choices, Definition,
    testing::Values(
        Case{"NoChoices",
             one(R"({"Type":"Choice","Default":"E"},"E":{"Type":"Succeed"})"),
             {schema("/States/S", "These fields are required: [Choices]")}},
        Case{"ChoicesEmpty",
             one(R"({"Type":"Choice","Choices":[],"Default":"E"},"E":{"Type":"Succeed"})"),
             {schema("/States/S/Choices", "Value cannot be empty")}},
        Case{"RuleWithoutNext",
             one(R"({"Type":"Choice","Choices":[{"Variable":"$.a","IsNull":true}],"Default":"E"},
                "E":{"Type":"Succeed"})"),
             {schema("/States/S/Choices[0]", "These fields are required: [Next]")}},
        Case{"NoOperator",
             choice(R"({"Variable":"$.a","Next":"E"})"),
             {schema("/States/S/Choices[0]", "A comparison operator is required")}},
        Case{"NoVariable",
             choice(R"({"StringEquals":"a","Next":"E"})"),
             {schema("/States/S/Choices[0]", "These fields are required: [Variable]")}},
        Case{"TwoOperators",
             choice(R"({"Variable":"$.a","IsNull":true,"IsString":true,"Next":"E"})"),
             {schema("/States/S/Choices[0]", "Each Choice Rule can only have one comparison operator")}},
        Case{"UnknownOperator",
             choice(R"({"Variable":"$.a","StringContains":"a","Next":"E"})"),
             {schema("/States/S/Choices[0]", "Field 'StringContains' is not supported"),
              schema("/States/S/Choices[0]", "A comparison operator is required")}},
        Case{"VariableNoPath",
             choice(R"({"Variable":"a","IsNull":true,"Next":"E"})"),
             {schema("/States/S/Choices[0]/Variable",
                     "Value is not a Reference Path: Reference path didn't start with '$'")}},
        Case{"OperandTypes",
             choice(R"({"And":[{"Variable":"$.a","StringEquals":1},{"Variable":"$.a","NumericEquals":"1"},
                {"Variable":"$.a","BooleanEquals":"true"},{"Variable":"$.a","TimestampEquals":"today"},
                {"Variable":"$.a","IsNull":0},{"Variable":"$.a","NumericEqualsPath":"b"}],"Next":"E"})"),
             {schema("/States/S/Choices[0]/And[0]/StringEquals", "Expected value of type [STRING]"),
              schema("/States/S/Choices[0]/And[1]/NumericEquals", "Expected value of type [NUMBER]"),
              schema("/States/S/Choices[0]/And[2]/BooleanEquals", "Expected value of type [BOOLEAN]"),
              schema("/States/S/Choices[0]/And[3]/TimestampEquals", "String does not match RFC3339 timestamp"),
              schema("/States/S/Choices[0]/And[4]/IsNull", "Expected value of type [BOOLEAN]"),
              schema("/States/S/Choices[0]/And[5]/NumericEqualsPath", "Value must be a valid JSONPath.")}},
        Case{"NestedNext",
             choice(R"({"Not":{"Variable":"$.a","IsNull":true,"Next":"E"},"Next":"E"})"),
             {schema("/States/S/Choices[0]/Not", "Field 'Next' is not supported")}},
        Case{"AndEmpty",
             choice(R"({"And":[],"Next":"E"})"),
             {schema("/States/S/Choices[0]/And", "Value cannot be empty")}},
        Case{"NotAnArray",
             choice(R"({"Not":[],"Next":"E"})"),
             {schema("/States/S/Choices[0]/Not", "Expected value of type [OBJECT]")}},
        Case{"JsonataVariable",
             R"({"StartAt":"S","QueryLanguage":"JSONata","States":{"S":{"Type":"Choice","Choices":[{"Variable":"$.a",
                "IsNull":true,"Next":"E"}]},"E":{"Type":"Succeed"}}})",
             {schema("/States/S/Choices[0]",
                     "The QueryLanguage is set to 'JSONata', but field 'Variable' is only "
                     "supported for the 'JSONPath' QueryLanguage"),
              schema("/States/S/Choices[0]",
                     "The QueryLanguage is set to 'JSONata', but field 'IsNull' is only "
                     "supported for the 'JSONPath' QueryLanguage"),
              schema("/States/S/Choices[0]", "These fields are required: [Condition]")}},
        Case{"JsonataCondition",
             R"({"StartAt":"S","QueryLanguage":"JSONata","States":{"S":{"Type":"Choice","Choices":[{"Condition":"yes",
                "Next":"E"}]},"E":{"Type":"Succeed"}}})",
             {schema("/States/S/Choices[0]/Condition", "Expected value of type [BOOLEAN]")}},
        Case{"OperandLooksLikeAPath",
             choice(R"({"Variable":"$.a","StringEquals":"$.b","Next":"E"})"),
             {"warning NO_PATH @ /States/S/Choices[0]/StringEquals: The value of the field 'StringEquals' looks like a "
              "path, but the field's name does not end in 'Path'"}}),
    case_name);

}  // namespace
}  // namespace lockstep::asl
