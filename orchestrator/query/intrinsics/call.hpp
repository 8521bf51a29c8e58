// Intrinsic functions of JSONPath states: States.Format('…', $.x) and seventeen more (asl.md section 9,
// jsonata.md 6.1).
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "query/expression.hpp"
#include "query/jsonpath/path.hpp"

namespace lockstep::intrinsics {

class Call;

/// One argument: a literal, a path or a nested call.
using Argument = std::variant<Value, jsonpath::Path, std::unique_ptr<const Call>>;

/// Why a call gave no value: a path that selects nothing, or what a function has against its arguments.
struct Trouble {
  const jsonpath::Path* missed = nullptr;  ///< the path; null where a function failed
  std::string cause;                       ///< AWS's words for a function that failed
};

/// What a function is called with.
struct Invocation {
  const query::Environment& environment;
  const std::vector<Value>& arguments;
};

/// A function's result, or what is wrong with its arguments.
using Outcome = tl::expected<Value, std::string>;
using Function = Outcome (*)(const Invocation& invocation);

/// A compiled call. Immutable, shared between threads.
class Call {
 public:
  /// Compiles `text`, all of which must be one call with a known name and a fitting number of arguments.
  static query::Compiled<std::unique_ptr<const Call>> compile(std::string_view text);

  tl::expected<Value, Trouble> evaluate(const query::Environment& environment) const;

 private:
  friend class CallParser;
  Call() = default;

  std::string text_;
  Function function_ = nullptr;
  std::vector<Argument> arguments_;
};

}  // namespace lockstep::intrinsics
