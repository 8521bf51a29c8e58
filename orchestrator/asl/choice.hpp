// The conditions of a Choice state, compiled: the 39 operators of asl.md 7, And, Or, Not, and JSONata's Condition.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "asl/model.hpp"
#include "query/jsonpath/path.hpp"

namespace lockstep::asl {

using ConditionPtr = std::unique_ptr<const Condition>;

/// What is compared, whatever the literal or path form.
enum class Comparison : std::uint8_t { equals, less, greater, less_equals, greater_equals };

enum class OperandType : std::uint8_t { string, number, boolean, timestamp };

/// `StringEquals`, `NumericLessThanPath`, `IsNull`, …
struct Operator {
  enum class Form : std::uint8_t {
    compare,  ///< `type` and `comparison`
    matches,  ///< StringMatches
    is        ///< a type test; `test`
  };
  enum class Test : std::uint8_t { null, present, numeric, string, boolean, timestamp };

  Form form = Form::compare;
  OperandType type = OperandType::string;
  Comparison comparison = Comparison::equals;
  Test test = Test::null;
  bool path = false;  ///< the operand is a path: the `…Path` twin
};

/// Nothing where `name` is no operator.
std::optional<Operator> find_operator(std::string_view name);

std::vector<std::string> operator_names();

/// A pattern of StringMatches: `*` stands for any characters, `\*` and `\\` for themselves.
class StringPattern {
 public:
  explicit StringPattern(std::string_view pattern);
  /// The pattern ends within an escape: to match with it is a run-time error.
  bool dangling() const { return dangling_; }
  /// Linear in the lengths of text and pattern.
  bool matches(std::string_view text) const;

 private:
  std::vector<std::string> parts_;  // the literal parts between the stars; one: no star at all
  bool dangling_ = false;
};

/// What `Variable` is compared with.
using Operand = std::variant<std::string, double, bool, Timestamp, StringPattern, jsonpath::Path>;

/// `variable OPERATOR operand`; the operand is of the type that the operator says, or a Path where op.path is set.
ConditionPtr make_comparison(const Operator& op, jsonpath::Path variable, Operand operand);
ConditionPtr make_and(std::vector<ConditionPtr> conditions);
ConditionPtr make_or(std::vector<ConditionPtr> conditions);
ConditionPtr make_not(ConditionPtr condition);

/// JSONata's Condition. `text` is the field's text, which failures quote, `field` its place ("Choices[0]/Condition"). A
/// value that is no boolean is States.QueryEvaluationError.
ConditionPtr make_expression_condition(query::ExpressionPtr expression, std::string text, std::string field);

/// The order of UTF-16 code units, which is Java's, between two UTF-8 texts: below 0, 0 or above 0.
int compare_utf16(std::string_view a, std::string_view b);

}  // namespace lockstep::asl
