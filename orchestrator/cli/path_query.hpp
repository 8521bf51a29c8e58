// What `lockstep query --jsonpath` and `--intrinsic` do: expressions outside of any execution.
#pragma once

#include <functional>
#include <iosfwd>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "query/expression.hpp"

namespace lockstep::cli {

/// How an expression's text is compiled: compile_path, compile_intrinsic, or another language's.
using Compiler = std::function<query::Compiled<query::ExpressionPtr>(std::string_view text)>;

/// What to evaluate.
struct PathQuery {
  Compiler compile;
  std::optional<std::string> expression;              ///< absent: one request per line of the input
  Value data;                                         ///< `$`, where a request has no data of its own
  std::vector<query::VariableScope::Entry> bindings;  ///< variables, where a request does not bind them itself
  Timestamp now;
  std::uint64_t seed = 0;  ///< of what States.UUID and States.MathRandom draw
};

/// Evaluates request.expression and writes its result to `out` as one line of JSON; a failure is one line on `errors`.
/// Without an expression, reads JSON lines {"expr", "data"?, "bindings"?} from `in` and answers each with one line,
/// {"result": …} or {"error": {"code", "message"}}, flushed; blank lines are passed over. Returns 0, or 1 if the one
/// expression failed.
int run_query(const PathQuery& request, std::istream& in, std::ostream& out, std::ostream& errors);

}  // namespace lockstep::cli
