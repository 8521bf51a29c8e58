#include "asl/choice.hpp"

#include <gtest/gtest.h>

#include "asl/parser.hpp"

namespace lockstep::asl {
namespace {

class TestEnvironment final : public query::Environment {
 public:
  explicit TestEnvironment(const std::string& json) { input = *Value::from_text(json); }
  const Value& context() const override { return context_; }
  std::uint64_t random() const override { return 0; }

 private:
  Value context_ = *Value::from_text(R"({"Execution":{"Name":"run-1"}})");
};

/// The answer of `rule` (a rule without its Next) on `input`: "true", "false", or the failure's error and cause.
std::string answer(const std::string& rule, const std::string& input, const query::VariableScope* variables = nullptr) {
  const ParsedDefinition parsed =
      parse_definition(R"({"StartAt":"S","States":{"S":{"Type":"Choice","Choices":[{"Next":"E",)" + rule +
                       R"(}]},"E":{"Type":"Succeed"}}})");
  if (parsed.machine == nullptr) {
    return parsed.diagnostics.front().message;
  }
  const auto& choice = std::get<Choice>(parsed.machine->states[0].detail);
  TestEnvironment environment(input);
  environment.variables = variables;
  const auto result = choice.rules[0].condition->test(environment);
  if (!result.has_value()) {
    return result.error().error + ": " + result.error().cause;
  }
  return *result ? "true" : "false";
}

std::string compare(const std::string& op, const std::string& operand, const std::string& a) {
  return answer(R"("Variable":"$.a",")" + op + R"(":)" + operand, R"({"a":)" + a + "}");
}

TEST(Choice, ComparesStringsByCodeUnits) {
  EXPECT_EQ(compare("StringEquals", R"("x")", R"("x")"), "true");
  EXPECT_EQ(compare("StringEquals", R"("x")", R"("X")"), "false");
  EXPECT_EQ(compare("StringLessThan", R"("b")", R"("a")"), "true");
  EXPECT_EQ(compare("StringLessThan", R"("b")", R"("b")"), "false");
  EXPECT_EQ(compare("StringLessThanEquals", R"("b")", R"("b")"), "true");
  EXPECT_EQ(compare("StringGreaterThan", R"("ab")", R"("abc")"), "true");
  EXPECT_EQ(compare("StringGreaterThanEquals", R"("b")", R"("a")"), "false");
  // U+FFFF stands behind every surrogate pair in UTF-16, but before it in UTF-8.
  EXPECT_EQ(compare("StringGreaterThan", R"("\ud83d\ude00")", R"("\uffee")"), "true");
  EXPECT_EQ(compare("StringLessThan", R"("\u00e4")", R"("z")"), "true");
}

TEST(Choice, ComparesNumbersAsDoubles) {
  EXPECT_EQ(compare("NumericEquals", "1", "1.0"), "true");
  EXPECT_EQ(compare("NumericEquals", "0", "-0.0"), "true");
  EXPECT_EQ(compare("NumericLessThan", "2", "1e0"), "true");
  EXPECT_EQ(compare("NumericLessThanEquals", "2", "2"), "true");
  EXPECT_EQ(compare("NumericGreaterThan", "2", "2"), "false");
  EXPECT_EQ(compare("NumericGreaterThanEquals", "2", "3"), "true");
  EXPECT_EQ(compare("NumericEquals", "9007199254740993", "9007199254740992"), "true");
}

TEST(Choice, ComparesInstantsWhateverTheirOffset) {
  EXPECT_EQ(compare("TimestampEquals", R"("2026-01-01T12:00:00Z")", R"("2026-01-01T13:00:00+01:00")"), "true");
  EXPECT_EQ(compare("TimestampLessThan", R"("2026-01-01T12:00:00Z")", R"("2026-01-01T11:59:59.999Z")"), "true");
  EXPECT_EQ(compare("TimestampGreaterThan", R"("2026-01-01T12:00:00Z")", R"("2026-01-01T12:00:00Z")"), "false");
  EXPECT_EQ(compare("TimestampLessThanEquals", R"("2026-01-01T12:00:00Z")", R"("2026-01-01T12:00:00Z")"), "true");
  EXPECT_EQ(compare("TimestampGreaterThanEquals", R"("2026-01-01T12:00:00Z")", R"("2026-01-01 12:00:00Z")"), "false");
}

TEST(Choice, IsFalseWhereTheTypesDiffer) {
  EXPECT_EQ(compare("StringEquals", R"("1")", "1"), "false");
  EXPECT_EQ(compare("NumericEquals", "1", "true"), "false");
  EXPECT_EQ(compare("NumericEquals", "1", R"("1")"), "false");
  EXPECT_EQ(compare("NumericLessThan", "1", "null"), "false");
  EXPECT_EQ(compare("BooleanEquals", "false", "null"), "false");
  EXPECT_EQ(compare("BooleanEquals", "false", "false"), "true");
  EXPECT_EQ(compare("TimestampEquals", R"("2026-01-01T12:00:00Z")", "1767268800"), "false");
  EXPECT_EQ(compare("StringMatches", R"("*")", "[]"), "false");
}

TEST(Choice, ComparesWithAnotherPath) {
  const std::string input = R"({"a":2,"b":3,"s":"x","t":"2026-01-01T00:00:00Z","f":true})";
  EXPECT_EQ(answer(R"("Variable":"$.a","NumericLessThanPath":"$.b")", input), "true");
  EXPECT_EQ(answer(R"("Variable":"$.a","NumericEqualsPath":"$.s")", input), "false");
  EXPECT_EQ(answer(R"("Variable":"$.s","StringEqualsPath":"$.s")", input), "true");
  EXPECT_EQ(answer(R"("Variable":"$.f","BooleanEqualsPath":"$.f")", input), "true");
  EXPECT_EQ(answer(R"("Variable":"$.t","TimestampGreaterThanEqualsPath":"$.t")", input), "true");
  EXPECT_EQ(answer(R"("Variable":"$.s","StringEqualsPath":"$$.Execution.Name")", R"({"s":"run-1"})"), "true");
}

TEST(Choice, ReadsContextAndVariables) {
  const auto variables = query::VariableScope::with(nullptr, {{"limit", *Value::from_text(R"({"n":5})")}});
  EXPECT_EQ(answer(R"("Variable":"$$.Execution.Name","StringMatches":"run-*")", "{}"), "true");
  EXPECT_EQ(answer(R"("Variable":"$limit.n","NumericGreaterThan":4)", "{}", variables.get()), "true");
  EXPECT_EQ(answer(R"("Variable":"$other","IsPresent":true)", "{}", variables.get()), "false");
}

TEST(Choice, TestsTypes) {
  EXPECT_EQ(compare("IsNull", "true", "null"), "true");
  EXPECT_EQ(compare("IsNull", "false", "0"), "true");
  EXPECT_EQ(compare("IsNumeric", "true", "1.5"), "true");
  EXPECT_EQ(compare("IsNumeric", "true", R"("1")"), "false");
  EXPECT_EQ(compare("IsString", "true", R"("")"), "true");
  EXPECT_EQ(compare("IsBoolean", "false", "false"), "false");
  EXPECT_EQ(compare("IsTimestamp", "true", R"("2026-01-01T00:00:00Z")"), "true");
  EXPECT_EQ(compare("IsTimestamp", "true", R"("2026-01-01")"), "false");
}

TEST(Choice, FindsWhatIsPresent) {
  EXPECT_EQ(compare("IsPresent", "true", "null"), "true");
  EXPECT_EQ(answer(R"("Variable":"$.a.b","IsPresent":true)", "{}"), "false");
  EXPECT_EQ(answer(R"("Variable":"$.a","IsPresent":false)", "{}"), "true");
  EXPECT_EQ(answer(R"("Variable":"$","IsPresent":true)", "7"), "true");
}

TEST(Choice, FailsWhereAPathFindsNothing) {
  const std::string failure =
      "States.Runtime: Invalid path '$.x': The choice state's condition path references an invalid value.";
  EXPECT_EQ(answer(R"("Variable":"$.x","StringEquals":"a")", "{}"), failure);
  EXPECT_EQ(answer(R"("Variable":"$.x","IsNull":true)", "{}"), failure);
  EXPECT_EQ(answer(R"("Variable":"$.a","NumericEqualsPath":"$.x")", R"({"a":1})"), failure);
}

TEST(Choice, CombinesInOrderAndStopsEarly) {
  const std::string guarded =
      R"("And":[{"Variable":"$.x","IsPresent":true},{"Variable":"$.x","StringEquals":"a","Comment":"guarded"}])";
  EXPECT_EQ(answer(guarded, "{}"), "false");
  EXPECT_EQ(answer(guarded, R"({"x":"a"})"), "true");
  EXPECT_EQ(answer(R"("Or":[{"Variable":"$.a","IsNull":true},{"Variable":"$.x","IsNull":true}])", R"({"a":null})"),
            "true");
  EXPECT_EQ(answer(R"("Or":[{"Variable":"$.a","IsNull":true},{"Variable":"$.a","IsString":true}])", R"({"a":1})"),
            "false");
  EXPECT_EQ(answer(R"("Not":{"And":[{"Variable":"$.a","NumericEquals":1}]})", R"({"a":1})"), "false");
}

TEST(StringPattern, MatchesStars) {
  EXPECT_TRUE(StringPattern("log-*.txt").matches("log-2026.txt"));
  EXPECT_TRUE(StringPattern("*").matches(""));
  EXPECT_TRUE(StringPattern("a**b").matches("ab"));
  EXPECT_TRUE(StringPattern("*a*b*").matches("xxaxxbxx"));
  EXPECT_FALSE(StringPattern("*a*b*").matches("b a"));
  EXPECT_FALSE(StringPattern("aa*aa").matches("aaa"));
  EXPECT_TRUE(StringPattern("a*ab").matches("aab"));
  EXPECT_FALSE(StringPattern("a?").matches("ab"));
}

TEST(StringPattern, TakesEscapedCharactersAsTheyAre) {
  EXPECT_TRUE(StringPattern(R"(2\*2)").matches("2*2"));
  EXPECT_FALSE(StringPattern(R"(2\*2)").matches("2x2"));
  EXPECT_TRUE(StringPattern(R"(a\\*)").matches(R"(a\b)"));
  EXPECT_TRUE(StringPattern(R"(a\b)").matches(R"(a\b)"));
  EXPECT_TRUE(StringPattern(R"(a\)").dangling());
}

TEST(StringPattern, DoesNotTakeForeverOnRepeats) {
  std::string pattern;
  for (int i = 0; i < 20'000; ++i) {
    pattern += "*a";
  }
  EXPECT_FALSE(StringPattern(pattern + "*b*").matches(std::string(262'144, 'a')));
  EXPECT_FALSE(StringPattern("*" + std::string(100'000, 'a') + "b*").matches(std::string(262'144, 'a')));
}

TEST(Operator, ThereAre39) {
  int operators = 0;
  for (const char* family : {"String", "Numeric", "Boolean", "Timestamp", "Is"}) {
    for (const char* relation : {"Equals", "LessThan", "GreaterThan", "LessThanEquals", "GreaterThanEquals", "Matches",
                                 "Null", "Present", "Numeric", "String", "Boolean", "Timestamp"}) {
      for (const char* form : {"", "Path"}) {
        operators += find_operator(std::string(family) + relation + form).has_value() ? 1 : 0;
      }
    }
  }
  EXPECT_EQ(operators, 39);
}

}  // namespace
}  // namespace lockstep::asl
