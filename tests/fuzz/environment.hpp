// What fuzzed expressions see: a fixed document with every kind of value.
#pragma once

#include "query/expression.hpp"

namespace lockstep::fuzz {

inline constexpr const char* kDocument =
    R"({"a":[1,2.5,-3e2,"x",null,true,{"b":[[1],[2,[3]]]}],"b":{"a":"é","c":{"d":"2024-01-01"}},"n":9007199254740993,"":0})";

class Environment final : public query::Environment {
 public:
  Environment() : document_(Value::from_checked_text(kDocument)) {
    input = document_;
    scope_ = query::VariableScope::with(nullptr, {{"a", document_}, {"v", Value::integer(1)}});
    variables = scope_.get();
  }
  const Value& context() const override { return document_; }
  std::uint64_t random() const override { return 0x123456789ABCDEFU; }

 private:
  Value document_;
  std::shared_ptr<const query::VariableScope> scope_;
};

}  // namespace lockstep::fuzz
