// Compiled fields of JSONPath states: paths, payload templates and intrinsic calls, each framed with AWS's words for
// its failures.
#pragma once

#include "query/expression.hpp"
#include "query/jsonpath/path.hpp"

namespace lockstep::query {

/// A path field such as InputPath, OutputPath, TimeoutSecondsPath. A miss is States.Runtime,
/// `Invalid path '$.x' : No results for path: $['x']` (aws-behaviour.md 23).
Compiled<ExpressionPtr> compile_path(std::string_view text);

/// The value of a `.$` field, of ErrorPath or of CausePath: a path or an intrinsic call. A miss is States.Runtime, `The
/// JSONPath
/// '$.x' specified for the field 'value.$' could not be found in the input '…'`, naming `field` ("value.$",
/// "ErrorPath").
Compiled<ExpressionPtr> compile_template_value(std::string_view text, std::string_view field);

/// Where a payload template does not compile: the key at fault as AWS quotes it, and whether it is a bad value or a
/// duplicate key.
struct TemplateProblem {
  std::string field;    ///< e.g. "parsed.$"
  std::string message;  ///< e.g. "The value for the field 'parsed.$' must be a valid JSONPath or a valid intrinsic
                        ///< function call"
};

/// A payload template (asl.md 4.1): Parameters, ResultSelector, ItemSelector, Assign. `owner`'s literal parts are
/// shared. A template without any `.$` compiles to a literal.
tl::expected<ExpressionPtr, TemplateProblem> compile_template(const Value& owner);

/// A call such as `States.Format('{}', $.x)` by itself (for `lockstep query --intrinsic`).
Compiled<ExpressionPtr> compile_intrinsic(std::string_view text);

}  // namespace lockstep::query
