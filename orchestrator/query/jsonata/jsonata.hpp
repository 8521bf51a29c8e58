// JSONata as Step Functions has it, behind the one interface of query/expression.hpp (jsonata.md).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "query/expression.hpp"
#include "query/jsonata/level.hpp"

namespace lockstep::jsonata {

/// A field of a JSONata state: any JSON in which every string `{% … %}` is an expression and all else is literal.
/// Compiles to a literal where there is none. `field` is the location's first part ("Output", "Choices[0]/Condition").
struct FieldProblem {
  std::string code;      ///< INVALID_JSONATA_EXPRESSION or UNSUPPORTED_JSONATA_EXPRESSION (validation.md 1.1)
  std::string message;   ///< without the code
  std::string location;  ///< e.g. "Output/a/b[0]"
};
/// Which members of $states exist where the field is evaluated; a reference to another is
/// UNSUPPORTED_JSONATA_EXPRESSION.
struct FieldScope {
  bool result = false;        ///< $states.result
  bool error_output = false;  ///< $states.errorOutput
};
/// All problems of the field go to `problems`; null then.
query::ExpressionPtr compile_field(const Value& field_value, std::string_view field, const FieldScope& scope,
                                   std::vector<FieldProblem>& problems);

/// The failure of a field whose value has the wrong type: `Expected 'array', but was 'object' for value:
/// {"foo":"bar"}`. `expression` is the field's text with or without its delimiters; `location` as in Failure.
query::Failure unexpected_type(std::string_view expression, std::string_view location, std::string_view expected,
                               const Value& value);

/// Whether `text` is an expression string: starts with `{%` and ends with `%}`.
bool is_expression_string(std::string_view text);

}  // namespace lockstep::jsonata
