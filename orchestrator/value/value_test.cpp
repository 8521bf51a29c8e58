#include "value/value.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "value/builder.hpp"
#include "value/time.hpp"
#include "value/utf8.hpp"

namespace lockstep {
namespace {

Value json(std::string text) {
  Result<Value> value = Value::from_text(std::move(text));
  EXPECT_TRUE(value.has_value()) << (value ? "" : value.error().message);
  return value.value_or(Value());
}

std::string compact(const Value& value) {
  std::string text;
  append_json(text, value.node());
  return text;
}

std::string problem(std::string_view text) {
  JsonProblem problem;
  return check_json(text, problem) ? "" : fmt::format("{} @{}:{}", problem.message, problem.line, problem.column);
}

TEST(Value, KeepsTheSpellingOfWhatPassesThrough) {
  const std::string text = " { \"a\" : [1,  2.50, 0.0, 1E400, 123456789012345678901234567890] } ";
  const Value value = json(text);
  EXPECT_EQ(value.to_text(), text);
  EXPECT_EQ(value.node().find("a")->size(), 5U);  // parsing does not change it
  EXPECT_EQ(value.to_text(), text);
}

TEST(Value, WritesNumbersOfAPartAsTheyWereSpelled) {
  const Value value = json(R"({"a":[1, 2.50, 0.0, -0, 1E5, 123456789012345678901234567890, 9007199254740993]})");
  EXPECT_EQ(compact(value), R"({"a":[1,2.50,0.0,-0,1E5,123456789012345678901234567890,9007199254740993]})");
}

TEST(Value, KnowsTheLengthOfItsCompactText) {
  for (const char* text :
       {"null", "true", "[]", "{}", "[1,2.5,\"a\\n\\u0001é\\ud800\",{}]", R"({"a":{"b\"":[[],[1]]},"":false})"}) {
    const Value value = json(text);
    EXPECT_EQ(value.node().text_size(), compact(value).size()) << text;
  }
}

TEST(Value, LastOfEqualKeysWinsInThePlaceOfTheFirst) {
  EXPECT_EQ(compact(json(R"({"a":1,"b":2,"a":3})")), R"({"a":3,"b":2})");
  std::string text = "{";
  for (int i = 0; i < 100; ++i) {
    text += fmt::format("\"k{}\":{},", i % 50, i);
  }
  text.back() = '}';
  const Value value = json(text);
  EXPECT_EQ(value.node().size(), 50U);
  EXPECT_EQ(value.node().find("k7")->as_integer(), 57);
  EXPECT_EQ(value.node().find("k50"), nullptr);
  EXPECT_EQ(value.node().text_size(), compact(value).size());
}

TEST(Value, DecodesEscapesAndKeepsLoneSurrogates) {
  const Value value = json(R"(["\u00e9\ud83d\ude00\n\/", "\ud800x", "\ud800\u0041"])");
  EXPECT_EQ(value.node().at(0).as_string(), "é😀\n/");
  EXPECT_EQ(compact(value), "[\"é😀\\n/\",\"\\uD800x\",\"\\uD800A\"]");
}

TEST(Value, RefusesWhatIsNotJsonWithPlaceAndReason) {
  EXPECT_EQ(problem("not a definition"),
            "Unrecognized token 'not': was expecting (JSON String, Number, Array, Object or token 'null', 'true' or "
            "'false') @1:4");
  EXPECT_EQ(problem("{'a':1}"),
            "Unexpected character (''' (code 39)): was expecting double-quote to start field name @1:2");
  EXPECT_EQ(problem("{\"a\":1,\n \"b\" 2}"),
            "Unexpected character ('2' (code 50)): was expecting a colon to separate field name and value @2:6");
  EXPECT_EQ(problem("[1,2"), "Unexpected end-of-input: expected close marker for Array @1:5");
  EXPECT_EQ(problem("[01]"), "Invalid numeric value: Leading zeroes not allowed @1:3");
  for (const char* text : {"",
                           " ",
                           "[",
                           "]",
                           "{",
                           "[1,]",
                           "{\"a\":1,}",
                           "{\"a\"}",
                           "1.",
                           "1e",
                           "-",
                           "+1",
                           ".5",
                           "NaN",
                           "tru",
                           "truex",
                           "1 2",
                           "\"\\x\"",
                           "\"\\u12g4\"",
                           "\"\n\"",
                           "\"\xff\"",
                           "\"\xed\xa0\x80\"",
                           "\"\xc0\x80\"",
                           "\"\xf5\x80\x80\x80\"",
                           "\"abc",
                           "\"\\",
                           "[1}",
                           "{\"a\":1]"}) {
    EXPECT_NE(problem(text), "") << text;
  }
}

TEST(Value, LimitsDepthOfTextFromOutside) {
  const auto nested = [](std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  EXPECT_EQ(problem(nested(kMaxDepth)), "");
  EXPECT_NE(problem(nested(kMaxDepth + 1)), "");
  EXPECT_NE(problem(std::string(100'000, '[')), "");
  EXPECT_EQ(json(nested(kMaxDepth)).depth(), kMaxDepth);
}

TEST(Value, SharesALargePartAndCopiesASmallOne) {
  std::string large = "[";
  for (int i = 0; i < 1000; ++i) {
    large += "12345678,";
  }
  large.back() = ']';
  const Value whole = json("{\"large\":" + large + ",\"small\":{\"x\":[1]}}");
  const Node& node = *whole.node().find("large");
  EXPECT_EQ(&whole.part(node).node(), &node);
  const Node& small = *whole.node().find("small");
  const Value copy = whole.part(small);
  EXPECT_NE(&copy.node(), &small);
  EXPECT_EQ(copy.to_text(), R"({"x":[1]})");

  Builder builder;
  builder.begin_object();
  builder.key("kept");
  builder.part(whole, node);
  builder.key("n");
  builder.integer(1);
  builder.end_object();
  const Value built = builder.finish();
  EXPECT_EQ(built.node().find("kept"), &node);
  EXPECT_EQ(built.to_text(), "{\"kept\":" + large + ",\"n\":1}");
  EXPECT_EQ(built.text_size(), built.to_text().size());
}

TEST(Value, OfASmallDocumentIsAPartOfItWhateverItsSize) {
  const Value small = json(R"({"a":{"b":5}})");
  const Value part = small.part(*small.node().find("a")->find("b"));
  EXPECT_EQ(&part.node(), small.node().find("a")->find("b"));
  EXPECT_EQ(part.to_text(), "5");
}

TEST(Value, NullAndBooleansNeedNoDocument) {
  Value null;
  EXPECT_EQ(null.to_text(), "null");
  EXPECT_EQ(null.text_size(), 4U);
  EXPECT_TRUE(null.is_parsed());
  EXPECT_EQ(null.part(null.node()), null);
  EXPECT_EQ(Value::boolean(true).to_text() + Value::boolean(false).to_text(), "truefalse");
  Value moved = json("[1]");
  null = std::move(moved);
  EXPECT_EQ(null.to_text(), "[1]");
  Value& same = null;
  null = same;
  EXPECT_EQ(null.to_text(), "[1]");
  const Value taken = std::move(null);
  EXPECT_EQ(taken.to_text(), "[1]");
  EXPECT_TRUE(null.node().is_null());  // NOLINT: null is promised
  Builder builder;
  builder.begin_array();
  builder.value(Value());
  builder.value(Value::boolean(true));
  builder.end_array();
  EXPECT_EQ(builder.finish().to_text(), "[null,true]");
}

TEST(Value, RecordsShareTheTextOfTheirKeys) {
  const Value parsed =
      json(R"([{"id":1,"a long key of more than sixteen":2},{"id":3,"a long key of more than sixteen":4}])");
  Builder builder;
  builder.begin_array();
  for (std::size_t i = 0; i < 2; ++i) {
    builder.begin_object();
    builder.key("id");
    builder.integer(static_cast<std::int64_t>(i));
    {
      Builder other;  // uses the same scratch
      other.begin_object();
      other.key("id");
      other.null();
      other.end_object();
      EXPECT_EQ(other.finish().to_text(), R"({"id":null})");
    }
    builder.key("a long key of more than sixteen", hash_key("a long key of more than sixteen"));
    builder.null();
    builder.end_object();
  }
  builder.end_array();
  const Value built = builder.finish();
  EXPECT_EQ(parsed.node().at(0).member(1).key_text, parsed.node().at(1).member(1).key_text);
  EXPECT_EQ(built.node().at(0).member(1).key_text, built.node().at(1).member(1).key_text);
  EXPECT_NE(built.node().at(0).find("id"), nullptr);
  EXPECT_EQ(built.to_text(),
            R"([{"id":0,"a long key of more than sixteen":null},{"id":1,"a long key of more than sixteen":null}])");
}

TEST(Value, KeysOfAnyLengthAreFound) {
  Builder builder;
  builder.begin_object();
  std::string key;
  for (int i = 0; i < 40; ++i) {
    for (const char last : {'x', 'y'}) {
      builder.key(key + last);
      builder.integer(i);
    }
    key += static_cast<char>('a' + i % 26);
  }
  builder.end_object();
  const Value value = builder.finish();
  EXPECT_EQ(value.node().size(), 80U);
  for (std::size_t i = 0; i < value.node().size(); ++i) {
    EXPECT_EQ(value.node().find(value.node().member(i).key()), &value.node().member(i).value());
  }
  EXPECT_EQ(value.node().find("z"), nullptr);
  EXPECT_EQ(value.text_size(), value.to_text().size());
}

TEST(Value, AChainOfSharedPartsStaysBounded) {
  // Each round links to the round before; without a bound the first would live for ever, and freeing would recurse.
  std::string text = "[" + std::string(600, '1') + "]";
  Value value = json(text);
  for (int round = 0; round < 10'000; ++round) {
    const Node& source = value.node();
    Builder builder;
    builder.begin_object();
    builder.key("inner");
    builder.part(value, source.is_object() ? source.find("inner")->at(0) : source);
    builder.end_object();
    const Value wrapped = builder.finish();
    Builder again;
    again.begin_object();
    again.key("inner");
    again.begin_array();
    again.part(wrapped, *wrapped.node().find("inner"));
    again.end_array();
    again.end_object();
    value = again.finish();
  }
  EXPECT_EQ(compact(value), "{\"inner\":[" + text + "]}");
}

TEST(Value, IsReadByManyThreadsAtOnce) {
  const Value value = json(R"({"a":[1,2,3],"b":"x"})");
  Builder builder;
  builder.begin_array();
  builder.integer(1);
  builder.end_array();
  const Value built = builder.finish();
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      EXPECT_EQ(value.node().find("a")->size(), 3U);
      std::string scratch;
      EXPECT_EQ(built.text(scratch), "[1]");
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
}

TEST(Value, ComparesNumbersByValueAndObjectsInAnyOrder) {
  EXPECT_EQ(json(R"({"a":1,"b":[1.0]})"), json(R"({"b":[1],"a":1.00})"));
  EXPECT_NE(json("9007199254740993"), json("9007199254740992"));
  EXPECT_NE(json(R"({"a":1})"), json(R"({"a":"1"})"));
}

TEST(Number, IsAnIntegerWhereItsValueIsOne) {
  EXPECT_EQ(json("5.0").node().as_integer(), 5);
  EXPECT_EQ(json("-9223372036854775808").node().as_integer(), INT64_MIN);
  EXPECT_EQ(json("9223372036854775808").node().as_integer(), std::nullopt);
  EXPECT_EQ(json("1.5").node().as_integer(), std::nullopt);
  EXPECT_EQ(json("1e400").node().as_double(), HUGE_VAL);
  EXPECT_EQ(json("-1e-400").node().as_double(), 0.0);
}

TEST(Number, ComputedOnesAreLaidOutAsEcmaScriptDoes) {
  const auto written = [](double value) {
    std::string text;
    append_json_double(text, value);
    return text;
  };
  EXPECT_EQ(written(0.1), "0.1");
  EXPECT_EQ(written(-1.5e-7), "-1.5e-7");
  EXPECT_EQ(written(1e21), "1e+21");
  EXPECT_EQ(written(123456789012345680000.0), "123456789012345680000");
  EXPECT_EQ(written(0.000001), "0.000001");
  EXPECT_EQ(written(5e-324), "5e-324");
  EXPECT_EQ(Value::number(5.0).to_text(), "5");
  EXPECT_EQ(Value::number(-0.0).to_text(), "0");
  EXPECT_EQ(Value::number(NAN).to_text(), "\"NaN\"");
}

TEST(Time, ReadsTimestampsAsAwsDoes) {
  const auto us = [](std::string_view text) { return parse_timestamp(text).value_or(Timestamp{-1}).us; };
  EXPECT_EQ(us("1970-01-01T00:00:01Z"), 1'000'000);
  EXPECT_EQ(us("1970-01-01T01:00:00.5+01:00"), 500'000);
  EXPECT_EQ(us("2024-02-29T12:00:00.123456789Z"), 1709208000123456);
  for (const char* text :
       {"2024-02-30T00:00:00Z", "2024-13-01T00:00:00Z", "2024-01-01 00:00:00Z", "2024-01-01T25:00:00Z",
        "2024-01-01T00:00:00", "2024-01-01T00:00:00.Z", "01-01-2024T00:00:00Z", "", "2024"}) {
    EXPECT_FALSE(parse_timestamp(text)) << text;
  }
  EXPECT_EQ(format_timestamp({1709208000123456}), "2024-02-29T12:00:00.123Z");
  EXPECT_EQ(format_timestamp({-1}), "1969-12-31T23:59:59.999Z");
}

TEST(Utf8, ABadByteIsFoundWhereverItStands) {
  const std::string good = "0123456789\xC3\xA9 and more";
  EXPECT_TRUE(is_utf8(good));
  EXPECT_TRUE(is_utf8(""));
  for (std::size_t i = 0; i < good.size(); ++i) {
    std::string bad = good;
    bad[i] = '\xFF';
    EXPECT_FALSE(is_utf8(bad)) << i;
    EXPECT_EQ(is_utf8(good.substr(0, i)), i != 11) << i;
  }
}

}  // namespace
}  // namespace lockstep
