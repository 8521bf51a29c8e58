// Budgets: no expression crashes, hangs or grows without bound. Threads: one program, many evaluations.
#include <gtest/gtest.h>

#include <thread>

#include "query/jsonata/test_query.hpp"

namespace lockstep::jsonata {
namespace {

std::string repeated(std::string_view text, int times) {
  std::string out;
  for (int i = 0; i < times; ++i) {
    out += text;
  }
  return out;
}

// With budgets that are reached in milliseconds.
std::string with_budget(std::string_view expression, Level level) {
  Limits limits = default_limits(level);
  limits.steps = 100'000;
  limits.value = std::size_t{1} << 20;
  return show((*Program::compile(expression, level))->evaluate({}, limits));
}

TEST(JsonataLimits, AsRecordedOnAws) {
  EXPECT_EQ(asl("1" + repeated("+1", 99)), "100");
  EXPECT_TRUE(asl("1" + repeated("+1", 100)).starts_with("Stack overflow error"));
  EXPECT_EQ(asl(repeated("(", 99) + "1" + repeated(")", 99)), "1");
  EXPECT_TRUE(asl(repeated("(", 100) + "1" + repeated(")", 100)).starts_with("Stack overflow error"));
  EXPECT_EQ(asl("$count([1..873782])"), "873782");
  EXPECT_EQ(asl("[1..873783]"), "Expression evaluation memory limit exceeded");
  EXPECT_EQ(asl("$length($pad('', 4194304, 'x'))"), "4194304");
  EXPECT_EQ(asl("$pad('', 8388608, 'x')"), "Expression evaluation memory limit exceeded");
  EXPECT_EQ(with_budget("($f := function(){$f()}; $f())", Level::asl),
            "Expression evaluation timeout: Check for infinite loop");
}

TEST(JsonataLimits, HostileExpressions) {
  EXPECT_EQ(q(repeated("(", 100'000)), "D1011");
  EXPECT_EQ(q("1" + repeated("+1", 100'000)), "D1011");
  EXPECT_EQ(q(repeated("[", 100'000)), "D1011");
  EXPECT_EQ(q("$reduce([1..20000], function($a, $b){[[$a]]})"), "D1011");
  EXPECT_EQ(q("($f := function(){$map([1,2], $f)}; $f())"), "D1011");
  EXPECT_EQ(q("($f := function(){$sort([1,2,3], $f)}; $f())"), "D1011");
  EXPECT_EQ(q("($f := function($x){[$x] ~> $map($f)}; $f(1))"), "D1011");
  EXPECT_TRUE(asl("($f := function(){$map([1,2], $f)}; $f())").starts_with("Stack overflow error"));
  EXPECT_EQ(with_budget("($f := function($s){$f($s & $s)}; $f('xxxxxxxxxxxxxxxx'))", Level::suite), "D2015");
  EXPECT_EQ(q("$contains('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaX', /^(a+)+$/)"), "D1012");
}

// Every function of the library with what nobody would give it: an answer, or an error that says what and where.
TEST(JsonataLimits, OddArgumentsOfEveryFunction) {
  constexpr const char* kFunctions[] = {"sum",
                                        "count",
                                        "max",
                                        "min",
                                        "average",
                                        "string",
                                        "substring",
                                        "substringBefore",
                                        "substringAfter",
                                        "lowercase",
                                        "uppercase",
                                        "length",
                                        "trim",
                                        "pad",
                                        "match",
                                        "contains",
                                        "replace",
                                        "split",
                                        "join",
                                        "formatNumber",
                                        "formatBase",
                                        "formatInteger",
                                        "parseInteger",
                                        "number",
                                        "floor",
                                        "ceil",
                                        "round",
                                        "abs",
                                        "sqrt",
                                        "power",
                                        "random",
                                        "boolean",
                                        "not",
                                        "map",
                                        "zip",
                                        "filter",
                                        "single",
                                        "reduce",
                                        "sift",
                                        "keys",
                                        "lookup",
                                        "append",
                                        "exists",
                                        "spread",
                                        "merge",
                                        "reverse",
                                        "each",
                                        "error",
                                        "assert",
                                        "type",
                                        "sort",
                                        "distinct",
                                        "shuffle",
                                        "base64encode",
                                        "base64decode",
                                        "encodeUrlComponent",
                                        "encodeUrl",
                                        "decodeUrlComponent",
                                        "decodeUrl",
                                        "eval",
                                        "toMillis",
                                        "fromMillis",
                                        "now",
                                        "millis",
                                        "clone",
                                        "partition",
                                        "range",
                                        "hash",
                                        "uuid",
                                        "parse"};
  constexpr const char* kOdd[] = {"nothing",
                                  "null",
                                  "-1",
                                  "1e308",
                                  "-1e300",
                                  "0.1",
                                  "'%'",
                                  "'\\ud800'",
                                  "'é😀'",
                                  "'[Y'",
                                  "'#,##0.0'",
                                  "[[]]",
                                  "[null, 'a']",
                                  "{'': ''}",
                                  "$sum",
                                  "/a*/",
                                  "[1..100]",
                                  "1/0",
                                  "$string ~> $length",
                                  "function(){$error('x')}",
                                  "$pad(?, 1000000)"};
  Limits limits = default_limits(Level::suite);
  limits.steps = 50'000;
  limits.value = std::size_t{1} << 16;
  const auto holds = [&](const std::string& text, Level level) {
    const auto program = Program::compile(text, level);
    if (!program) {
      EXPECT_EQ(program.error().code.size(), 5U) << text;
      return;
    }
    const Outcome outcome = (*program)->evaluate({}, limits);
    if (outcome.kind == Outcome::Kind::error) {
      EXPECT_FALSE(outcome.error.message.empty()) << text;
      EXPECT_TRUE(outcome.error.code.size() == 5 || level == Level::asl) << text << ": " << outcome.error.code;
    }
  };
  for (const std::string function : kFunctions) {
    for (const std::string odd : kOdd) {
      holds("$" + function + "(" + odd + ")", Level::suite);
      holds("$" + function + "(" + odd + ")", Level::asl);
      holds("(" + odd + ").$" + function + "('ab', " + odd + ")", Level::suite);
      holds("$" + function + "([3, 1], " + odd + ", " + odd + ")", Level::suite);
    }
  }
}

TEST(JsonataLimits, OfTheCallerAreReportedAsTheirs) {
  const auto program = Program::compile("($f := function($n){$n = 0 ? 0 : 1 + $f($n - 1)}; $f(100))", Level::suite);
  Limits limits = default_limits(Level::suite);
  limits.depth = 50;
  limits.caller = true;
  EXPECT_EQ((*program)->evaluate({}, limits).error.code, "U1001");
  limits.depth = 1000;
  EXPECT_EQ(show((*program)->evaluate({}, limits)), "100");
}

TEST(JsonataLimits, OneProgramServesManyThreads) {
  const auto program = Program::compile("$sum(v[$ % 2 = 0].($ * 2)) & $uppercase('x')", Level::suite);
  const Value input = Value::from_text(R"({"v":[1,2,3,4,5,6]})").value();
  std::vector<std::thread> threads;
  std::atomic<int> right = 0;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      Request request;
      request.input = &input;
      for (int i = 0; i < 200; ++i) {
        right += show((*program)->evaluate(request)) == "\"24X\"" ? 1 : 0;
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(right, 800);
}

TEST(JsonataResults, ShareWhatTheyBorrow) {
  const Value input = Value::from_text(R"({"a":{"b":[1.0,12345678901234567890]}})").value();
  const auto program = Program::compile("a.b", Level::asl);
  Request request;
  request.input = &input;
  const Outcome outcome = (*program)->evaluate(request);
  EXPECT_EQ(outcome.value.to_text(), "[1.0,12345678901234567890]");  // spelled as it came in
}

}  // namespace
}  // namespace lockstep::jsonata
