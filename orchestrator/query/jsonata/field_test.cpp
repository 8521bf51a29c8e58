// Fields of JSONata states: what compiles, what is refused and where, what fails and in which words.
#include <gtest/gtest.h>

#include "query/jsonata/jsonata.hpp"

namespace lockstep::jsonata {
namespace {

Value json(std::string text) {
  return Value::from_text(std::move(text)).value();
}

class World final : public query::Environment {
 public:
  World() {
    input = json(R"({"price": 12, "big": 9007199254740993, "list": [1, 2], "items": [{"n": 1}, {"n": 5}]})");
    scope_ = query::VariableScope::with(nullptr, {{"answer", Value::integer(42)}, {"sum", Value::integer(7)}});
    variables = scope_.get();
    now = {1'700'000'000'123'000};
  }
  const Value& context() const override { return context_; }
  std::uint64_t random() const override { return random_ += 0x9E3779B97F4A7C15U; }

 private:
  Value context_ = json(R"({"Execution": {"Name": "run-1"}})");
  std::shared_ptr<const query::VariableScope> scope_;
  mutable std::uint64_t random_ = 0;
};

std::string evaluate(std::string field_text, const World& world = {}, const FieldScope& scope = {}) {
  std::vector<FieldProblem> problems;
  const auto field = compile_field(json(std::move(field_text)), "Output", scope, problems);
  if (field == nullptr) {
    std::string all;
    for (const FieldProblem& p : problems) {
      all += p.code + " @ " + p.location + ": " + p.message + "\n";
    }
    return all;
  }
  const auto result = field->evaluate(world);
  return result ? result->to_text()
                : result.error().error + " @ " + result.error().location + ": " + result.error().cause;
}

TEST(JsonataField, EvaluatesStringsAnywhereAndKeepsTheRest) {
  EXPECT_EQ(evaluate(R"({"a": "{% $states.input.price + 1 %}", "b": ["x", "{%$answer%}", null, 1.0], "c": "{% 1"})"),
            R"({"a":13,"b":["x",42,null,1.0],"c":"{% 1"})");
}

TEST(JsonataField, SeesTheContextVariablesAndStates) {
  EXPECT_EQ(evaluate(R"("{% $states.context.Execution.Name %}")"), R"("run-1")");
  EXPECT_EQ(evaluate(R"("{% $states.input.items[n > 2].n %}")"), "5");
  EXPECT_EQ(evaluate(R"("{% $sum %}")"), "7");  // a workflow variable comes before the library
  EXPECT_EQ(evaluate(R"("{% $now() %}")"), R"("2023-11-14T22:13:20.123Z")");
}

TEST(JsonataField, KeepsUntouchedIntegersExact) {
  EXPECT_EQ(evaluate(R"("{% $states.input.big %}")"), "9007199254740993");
  EXPECT_EQ(evaluate(R"("{% {'n': $states.input.big} %}")"), R"({"n":9007199254740993})");
  EXPECT_EQ(evaluate(R"("{% $states.input.big = 9007199254740992 %}")"), "true");  // a literal is a double
}

TEST(JsonataField, SeesResultAndErrorOutputOnlyWhereTheyExist) {
  World world;
  const Value result = json(R"({"ok": true})");
  world.result = &result;
  EXPECT_EQ(evaluate(R"("{% $states.result.ok %}")", world, {.result = true}), "true");
  EXPECT_EQ(evaluate(R"({"e": ["{% $states.errorOutput.Error %}"]})"),
            "UNSUPPORTED_JSONATA_EXPRESSION @ Output/e[0]: Field '$states.errorOutput' does not exist.\n");
}

TEST(JsonataField, RefusesReferencesToAnInputThatIsNotThere) {
  EXPECT_EQ(evaluate(R"({"v": "{% phone & phone & name.first %}"})"),
            "UNSUPPORTED_JSONATA_EXPRESSION @ Output/v: Reference to 'phone' at the top level is not supported.\n"
            "UNSUPPORTED_JSONATA_EXPRESSION @ Output/v: Reference to 'name' at the top level is not supported.\n");
  EXPECT_EQ(evaluate(R"("{% $$.a %}")"),
            "UNSUPPORTED_JSONATA_EXPRESSION @ Output: Reference to '$$' is not supported.\n");
  EXPECT_EQ(evaluate(R"("{% $map([1,2], function($x){$x + $states.input.price}) %}")"), "[13,14]");
  EXPECT_EQ(evaluate(R"("{% $states.input.list.($ + 1) %}")"), "[2,3]");
}

TEST(JsonataField, ReportsParseErrorsWithoutTheirCode) {
  EXPECT_EQ(evaluate(R"({"a": "{% 1 + %}"})"), "INVALID_JSONATA_EXPRESSION @ Output/a: Unexpected end of expression\n");
}

TEST(JsonataField, FailsInTheWordsOfStepFunctions) {
  EXPECT_EQ(evaluate(R"({"a": [{"b": "{% $nothing %}"}]})"),
            "States.QueryEvaluationError @ Output/a[0]/b: The JSONata expression '$nothing' specified for the field "
            "'Output/a[0]/b' returned nothing (undefined).");
  EXPECT_EQ(evaluate(R"("{% $fn := function($x){$x} %}")"),
            "States.QueryEvaluationError @ Output: The JSONata expression '$fn := function($x){$x}' specified for the "
            "field 'Output' returned an unsupported result type.");
  EXPECT_EQ(evaluate(R"("{% $randomSeeded(1) %}")"),
            "States.QueryEvaluationError @ Output: The JSONata expression '$randomSeeded(1)' specified for the field "
            "'Output' threw an error during evaluation. T1006: Attempted to invoke a non-function");
  const query::Failure failure = unexpected_type("{% $x %}", "Items", "array", json(R"({"foo": "bar"})"));
  EXPECT_EQ(failure.cause.substr(failure.cause.find("returned")),
            "returned an unexpected result type. Expected 'array', but was 'object' for value: {\"foo\":\"bar\"}");
}

}  // namespace
}  // namespace lockstep::jsonata
