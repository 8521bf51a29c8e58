// The seam between the language and its two query languages: a field of a state is compiled text behind one interface.
//
// A path, a payload template, an intrinsic call, a JSONata expression and a plain literal are all an Expression. The
// engine only evaluates; which language a field is written in was settled when the definition was read.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "value/time.hpp"
#include "value/value.hpp"

namespace lockstep::query {

/// Why an expression gave no value. `cause` is AWS's text without the "An error occurred while executing the state …"
/// prefix (aws-behaviour.md 23, 24).
struct Failure {
  std::string error;  ///< "States.Runtime", "States.QueryEvaluationError", "States.IntrinsicFailure",
                      ///< "States.DataLimitExceeded", …
  std::string cause;
  std::string location;  ///< field path for EvaluationFailed, e.g. "Output/a[0]"; empty where no field is to blame
};

template <class T>
using Evaluated = tl::expected<T, Failure>;

/// The variables that a state sees: an immutable map; each Assign makes a new one. Shared by strands and threads.
class VariableScope {
 public:
  struct Entry {
    std::string name;
    Value value;
  };
  /// Null where no variable `name` (without the $) is visible.
  const Value* find(std::string_view name) const;
  /// A copy of `base` (null: empty) in which `changes` are set.
  static std::shared_ptr<const VariableScope> with(const std::shared_ptr<const VariableScope>& base,
                                                   const std::vector<Entry>& changes);
  /// Sorted by name.
  const std::vector<Entry>& entries() const { return entries_; }
  /// Sum of the values' text sizes in bytes.
  std::size_t text_size() const;

 private:
  std::vector<Entry> entries_;
};

/// What an expression may see. Borrowed for the length of one evaluation.
class Environment {
 public:
  virtual ~Environment() = default;
  /// The Context object (`$$`, `$states.context`); made on first call.
  virtual const Value& context() const = 0;
  /// The next 64 random bits; deterministic per Input, so that an evaluation can be repeated.
  virtual std::uint64_t random() const = 0;

  Value input;                               ///< `$` of a path or template; `$states.input`
  const Value* result = nullptr;             ///< `$states.result`; null where it does not exist
  const Value* error_output = nullptr;       ///< `$states.errorOutput`; null where it does not exist
  const VariableScope* variables = nullptr;  ///< null: none
  Timestamp now;                             ///< what $now() and $millis() say
};

/// Immutable once compiled; shared between threads.
class Expression {
 public:
  virtual ~Expression() = default;
  /// The value, or why there is none. Never throws for any input.
  virtual Evaluated<Value> evaluate(const Environment& environment) const = 0;
};

using ExpressionPtr = std::shared_ptr<const Expression>;

/// Why a text does not compile.
struct CompileProblem {
  std::string message;
  std::size_t position = 0;  ///< characters from the start of the text
};

template <class T>
using Compiled = tl::expected<T, CompileProblem>;

/// An expression that always gives `value`.
ExpressionPtr make_literal(Value value);

}  // namespace lockstep::query
