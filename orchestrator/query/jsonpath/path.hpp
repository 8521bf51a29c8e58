// JSONPath in Jayway's dialect, as Step Functions uses it (jsonata.md section 5; asl.md section 4.2).
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "query/expression.hpp"

namespace lockstep::jsonpath {

/// Why a path selects nothing. `detail` is Jayway's text: `No results for path: $['x']`, `Missing property in path
/// $['no']`, …
struct Miss {
  std::string detail;
};

/// Where a path starts.
enum class Root {
  input,    ///< `$`
  context,  ///< `$$`
  variable  ///< `$name`
};

/// Whose paths are accepted.
enum class Dialect {
  states,  ///< AWS's: begins with `$`, `$$` or `$name`; a backslash escapes; an indefinite path always gives an array
  jayway   ///< the library's own: also `@…`, or no root at all; names keep their backslashes
};

/// One compiled path. Immutable, shared between threads.
class Path {
 public:
  Path(Path&&) noexcept;
  Path& operator=(Path&&) noexcept;
  ~Path();

  /// Compiles `text`: `$…`, `$$…` or `$name…`.
  static query::Compiled<Path> compile(std::string_view text, Dialect dialect = Dialect::states);

  /// The text it was compiled from.
  const std::string& text() const;
  Root root() const;
  /// Without the $; empty unless root() is variable.
  const std::string& variable() const;
  /// Names and single indices only, so at most one node.
  bool is_definite() const;
  /// A reference path (asl.md 4.2): definite, no `@ , : ?`, no wildcard, no `..`, no function.
  bool is_reference() const;
  /// Nothing behind the root: `$`, `$$` or `$name`.
  bool is_whole() const;

  /// Applies the part behind the root to `document`. A definite path gives the value itself, sharing the document, or a
  /// Miss; an indefinite one always gives an array, but `['a','b']` at the end one object and a function its result. A
  /// definite path allocates nothing but what Value::part() needs.
  tl::expected<Value, Miss> select(const Value& document) const;
  /// Requires is_definite(): the node within `document`, or null where there is none. Allocates nothing.
  const Node* find(const Node& document) const;
  /// Requires is_definite(): why find() gave null for `document`.
  Miss miss(const Node& document) const;

  /// The document that the path is applied to, by root(); null for a variable that is not set.
  const Value* document(const query::Environment& environment) const;

  /// Chooses the document by root() and applies the path. A variable that is not set is a Miss.
  tl::expected<Value, Miss> select(const query::Environment& environment) const;

  /// Puts `value` where this path points within `document` and returns the new whole; requires is_reference() and
  /// root() input. Missing parents are made; an existing array element is replaced (asl.md section 4, ResultPath). A
  /// Miss where it cannot be applied.
  tl::expected<Value, Miss> place(const Value& document, const Value& value) const;

 private:
  struct Program;
  explicit Path(std::unique_ptr<const Program> program);
  std::unique_ptr<const Program> program_;
};

}  // namespace lockstep::jsonpath
