// An environment for tests: everything is set by hand, and random bits are counted up.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "query/expression.hpp"

namespace lockstep::query {

inline Value json(std::string text) {
  Result<Value> value = Value::from_text(std::move(text));
  EXPECT_TRUE(value.has_value()) << (value ? "" : value.error().message);
  return value.value_or(Value());
}

inline std::string compact(const Value& value) {
  std::string text;
  append_json(text, value.node());
  return text;
}

class TestEnvironment final : public Environment {
 public:
  explicit TestEnvironment(std::string input_text = "{}", std::string context_text = "{}")
      : context_(json(std::move(context_text))) {
    input = json(std::move(input_text));
  }
  TestEnvironment(const TestEnvironment&) = delete;
  TestEnvironment& operator=(const TestEnvironment&) = delete;

  const Value& context() const override { return context_; }
  std::uint64_t random() const override { return random_bits; }
  void set(std::string name, std::string value) {
    scope_ = VariableScope::with(scope_, {{std::move(name), json(std::move(value))}});
    variables = scope_.get();
  }

  std::uint64_t random_bits = 0;

 private:
  Value context_;
  std::shared_ptr<const VariableScope> scope_;
};

/// The result as compact JSON, or "Error: cause".
inline std::string outcome(const Expression& expression, const Environment& environment) {
  const Evaluated<Value> result = expression.evaluate(environment);
  return result ? compact(*result) : result.error().error + ": " + result.error().cause;
}

}  // namespace lockstep::query
