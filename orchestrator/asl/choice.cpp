#include "asl/choice.hpp"

#include <fmt/format.h>
#include <string.h>  // memmem

#include <algorithm>
#include <array>

#include "query/jsonata/jsonata.hpp"

namespace lockstep::asl {

namespace {

using query::Environment;
using query::Evaluated;
using query::Failure;

struct Family {
  std::string_view name;
  OperandType type;
};
constexpr auto kFamilies = std::to_array<Family>({{"String", OperandType::string},
                                                  {"Numeric", OperandType::number},
                                                  {"Timestamp", OperandType::timestamp},
                                                  {"Boolean", OperandType::boolean}});

struct Relation {
  std::string_view name;
  Comparison comparison;
};
constexpr auto kRelations = std::to_array<Relation>({{"Equals", Comparison::equals},
                                                     {"LessThan", Comparison::less},
                                                     {"GreaterThan", Comparison::greater},
                                                     {"LessThanEquals", Comparison::less_equals},
                                                     {"GreaterThanEquals", Comparison::greater_equals}});

struct TypeTest {
  std::string_view name;
  Operator::Test test;
};
constexpr auto kTypeTests = std::to_array<TypeTest>({{"IsNull", Operator::Test::null},
                                                     {"IsPresent", Operator::Test::present},
                                                     {"IsNumeric", Operator::Test::numeric},
                                                     {"IsString", Operator::Test::string},
                                                     {"IsBoolean", Operator::Test::boolean},
                                                     {"IsTimestamp", Operator::Test::timestamp}});

/// A value that a path picked. A definite path borrows the node; any other one holds the array that it made.
struct Picked {
  const Node* node = nullptr;
  Value made;
};

Picked pick(const jsonpath::Path& path, const Environment& environment) {
  Picked picked;
  if (!path.is_definite()) {
    auto selected = path.select(environment);
    if (selected.has_value()) {
      picked.made = std::move(*selected);
      picked.node = &picked.made.node();
    }
    return picked;
  }
  const Value* document = &environment.input;
  if (path.root() == jsonpath::Root::context) {
    document = &environment.context();
  } else if (path.root() == jsonpath::Root::variable) {
    document = environment.variables == nullptr ? nullptr : environment.variables->find(path.variable());
  }
  picked.node = document == nullptr ? nullptr : path.find(document->node());
  return picked;
}

tl::unexpected<Failure> missing(const jsonpath::Path& path) {
  return tl::unexpected(Failure{"States.Runtime",
                                fmt::format("Invalid path '{}': The choice state's condition path references an "
                                            "invalid value.",
                                            path.text()),
                                ""});
}

bool holds(Comparison comparison, auto&& a, auto&& b) {
  switch (comparison) {
    case Comparison::equals:
      return a == b;
    case Comparison::less:
      return a < b;
    case Comparison::greater:
      return a > b;
    case Comparison::less_equals:
      return a <= b;
    case Comparison::greater_equals:
      return a >= b;
  }
  return false;
}

bool is_timestamp(const Node& node) {
  return node.is_string() && parse_timestamp(node.as_string()).has_value();
}

/// `Variable` with one operator.
class DataTest final : public Condition {
 public:
  DataTest(const Operator& op, jsonpath::Path variable, Operand operand)
      : op_(op), variable_(std::move(variable)), operand_(std::move(operand)) {}

  Evaluated<bool> test(const Environment& environment) const override {
    const Picked left = pick(variable_, environment);
    if (op_.form == Operator::Form::is && op_.test == Operator::Test::present) {
      return is_hit(left) == std::get<bool>(operand_);
    }
    if (left.node == nullptr) {
      return missing(variable_);
    }
    switch (op_.form) {
      case Operator::Form::is:
        return has_type(*left.node) == std::get<bool>(operand_);
      case Operator::Form::matches:
        return matches(*left.node);
      case Operator::Form::compare:
        break;
    }
    if (!op_.path) {
      return compare_literal(*left.node);
    }
    const auto& path = std::get<jsonpath::Path>(operand_);
    const Picked right = pick(path, environment);
    if (right.node == nullptr) {
      return missing(path);
    }
    return compare_nodes(*left.node, *right.node);
  }

 private:
  /// A path that may select many is present if it selects any.
  bool is_hit(const Picked& picked) const {
    return picked.node != nullptr && (variable_.is_definite() || !picked.node->is_array() || picked.node->size() > 0);
  }

  bool has_type(const Node& node) const {
    switch (op_.test) {
      case Operator::Test::null:
        return node.is_null();
      case Operator::Test::numeric:
        return node.is_number();
      case Operator::Test::string:
        return node.is_string();
      case Operator::Test::boolean:
        return node.is_boolean();
      case Operator::Test::timestamp:
        return is_timestamp(node);
      case Operator::Test::present:
        return true;
    }
    return false;
  }

  Evaluated<bool> matches(const Node& node) const {
    const auto& pattern = std::get<StringPattern>(operand_);
    if (pattern.dangling()) {
      return tl::unexpected(Failure{"States.Runtime",
                                    fmt::format("Invalid StringMatches pattern for '{}': it ends within an escape "
                                                "sequence.",
                                                variable_.text()),
                                    ""});
    }
    return node.is_string() && pattern.matches(node.as_string());
  }

  bool compare_literal(const Node& node) const {
    switch (op_.type) {
      case OperandType::string:
        return node.is_string() && compare_strings(node.as_string(), std::get<std::string>(operand_));
      case OperandType::number:
        return node.is_number() && holds(op_.comparison, node.as_double(), std::get<double>(operand_));
      case OperandType::boolean:
        return node.is_boolean() && node.as_boolean() == std::get<bool>(operand_);
      case OperandType::timestamp:
        return compare_timestamp(node, std::get<Timestamp>(operand_));
    }
    return false;
  }

  bool compare_nodes(const Node& left, const Node& right) const {
    switch (op_.type) {
      case OperandType::string:
        return left.is_string() && right.is_string() && compare_strings(left.as_string(), right.as_string());
      case OperandType::number:
        return left.is_number() && right.is_number() && holds(op_.comparison, left.as_double(), right.as_double());
      case OperandType::boolean:
        return left.is_boolean() && right.is_boolean() && left.as_boolean() == right.as_boolean();
      case OperandType::timestamp: {
        const auto instant = right.is_string() ? parse_timestamp(right.as_string()) : std::nullopt;
        return instant.has_value() && compare_timestamp(left, *instant);
      }
    }
    return false;
  }

  bool compare_strings(std::string_view a, std::string_view b) const {
    return op_.comparison == Comparison::equals ? a == b : holds(op_.comparison, compare_utf16(a, b), 0);
  }

  bool compare_timestamp(const Node& node, Timestamp right) const {
    const auto left = node.is_string() ? parse_timestamp(node.as_string()) : std::nullopt;
    return left.has_value() && holds(op_.comparison, *left, right);
  }

  Operator op_;
  jsonpath::Path variable_;
  Operand operand_;
};

/// And, Or: the first nested condition that equals `stop` decides.
class Combination final : public Condition {
 public:
  Combination(std::vector<ConditionPtr> conditions, bool stop) : conditions_(std::move(conditions)), stop_(stop) {}

  Evaluated<bool> test(const Environment& environment) const override {
    for (const ConditionPtr& condition : conditions_) {
      const Evaluated<bool> result = condition->test(environment);
      if (!result.has_value() || *result == stop_) {
        return result;
      }
    }
    return !stop_;
  }

 private:
  std::vector<ConditionPtr> conditions_;
  bool stop_;
};

class Negation final : public Condition {
 public:
  explicit Negation(ConditionPtr condition) : condition_(std::move(condition)) {}

  Evaluated<bool> test(const Environment& environment) const override {
    Evaluated<bool> result = condition_->test(environment);
    if (result.has_value()) {
      *result = !*result;
    }
    return result;
  }

 private:
  ConditionPtr condition_;
};

class ExpressionCondition final : public Condition {
 public:
  ExpressionCondition(query::ExpressionPtr expression, std::string text, std::string field)
      : expression_(std::move(expression)), text_(std::move(text)), field_(std::move(field)) {}

  Evaluated<bool> test(const Environment& environment) const override {
    const Evaluated<Value> value = expression_->evaluate(environment);
    if (!value.has_value()) {
      return tl::unexpected(value.error());
    }
    const Node& node = value->node();
    if (node.is_boolean()) {
      return node.as_boolean();
    }
    return tl::unexpected(jsonata::unexpected_type(text_, field_, "boolean", *value));
  }

 private:
  query::ExpressionPtr expression_;
  std::string text_;
  std::string field_;
};

}  // namespace

std::optional<Operator> find_operator(std::string_view name) {
  Operator op;
  for (const TypeTest& test : kTypeTests) {
    if (name == test.name) {
      op.form = Operator::Form::is;
      op.test = test.test;
      return op;
    }
  }
  if (name == "StringMatches") {
    op.form = Operator::Form::matches;
    return op;
  }
  if (name.ends_with("Path")) {
    op.path = true;
    name.remove_suffix(4);
  }
  for (const Family& family : kFamilies) {
    if (!name.starts_with(family.name)) {
      continue;
    }
    const std::string_view rest = name.substr(family.name.size());
    for (const Relation& relation : kRelations) {
      if (rest == relation.name && (family.type != OperandType::boolean || relation.comparison == Comparison::equals)) {
        op.type = family.type;
        op.comparison = relation.comparison;
        return op;
      }
    }
  }
  return std::nullopt;
}

std::vector<std::string> operator_names() {
  std::vector<std::string> names{"StringMatches"};
  for (const TypeTest& test : kTypeTests) {
    names.emplace_back(test.name);
  }
  for (const Family& family : kFamilies) {
    for (const Relation& relation : kRelations) {
      for (const char* form : {"", "Path"}) {
        if (std::string name = fmt::format("{}{}{}", family.name, relation.name, form); find_operator(name)) {
          names.push_back(std::move(name));
        }
      }
    }
  }
  return names;
}

StringPattern::StringPattern(std::string_view pattern) : parts_(1) {
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    const char c = pattern[i];
    if (c == '*') {
      // Two stars in a row say no more than one.
      if (parts_.size() == 1 || !parts_.back().empty()) {
        parts_.emplace_back();
      }
    } else if (c != '\\') {
      parts_.back() += c;
    } else if (i + 1 == pattern.size()) {
      dangling_ = true;
    } else if (pattern[i + 1] == '*' || pattern[i + 1] == '\\') {
      parts_.back() += pattern[++i];
    } else {
      parts_.back() += c;
    }
  }
}

bool StringPattern::matches(std::string_view text) const {
  if (parts_.size() == 1) {
    return text == parts_.front();
  }
  if (text.size() < parts_.front().size() + parts_.back().size() || !text.starts_with(parts_.front()) ||
      !text.ends_with(parts_.back())) {
    return false;
  }
  text.remove_prefix(parts_.front().size());
  text.remove_suffix(parts_.back().size());
  // The leftmost place for each part leaves the most room for the next, so no choice is ever taken back.
  for (std::size_t i = 1; i + 1 < parts_.size(); ++i) {
    const std::string& part = parts_[i];
    const void* found = memmem(text.data(), text.size(), part.data(), part.size());
    if (found == nullptr) {
      return false;
    }
    text.remove_prefix(static_cast<std::size_t>(static_cast<const char*>(found) - text.data()) + part.size());
  }
  return true;
}

int compare_utf16(std::string_view a, std::string_view b) {
  const std::size_t common = std::min(a.size(), b.size());
  const auto [x, y] = std::mismatch(a.begin(), a.begin() + static_cast<std::ptrdiff_t>(common), b.begin());
  if (x == a.begin() + static_cast<std::ptrdiff_t>(common)) {
    return a.size() == b.size() ? 0 : (a.size() < b.size() ? -1 : 1);
  }
  // In UTF-8 U+E000 to U+FFFF stand before what lies beyond, in UTF-16 behind it: its surrogates are smaller.
  const auto rank = [](char c) -> int {
    const auto byte = static_cast<unsigned char>(c);
    return byte == 0xEE || byte == 0xEF ? byte + 0x10 : byte;
  };
  return rank(*x) < rank(*y) ? -1 : 1;
}

ConditionPtr make_comparison(const Operator& op, jsonpath::Path variable, Operand operand) {
  return std::make_unique<DataTest>(op, std::move(variable), std::move(operand));
}

ConditionPtr make_and(std::vector<ConditionPtr> conditions) {
  return std::make_unique<Combination>(std::move(conditions), false);
}

ConditionPtr make_or(std::vector<ConditionPtr> conditions) {
  return std::make_unique<Combination>(std::move(conditions), true);
}

ConditionPtr make_not(ConditionPtr condition) {
  return std::make_unique<Negation>(std::move(condition));
}

ConditionPtr make_expression_condition(query::ExpressionPtr expression, std::string text, std::string field) {
  return std::make_unique<ExpressionCondition>(std::move(expression), std::move(text), std::move(field));
}

}  // namespace lockstep::asl
