// What a filter `[?(…)]` asks: a tree of comparisons. Internal to jsonpath/.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "query/jsonpath/pattern.hpp"
#include "query/jsonpath/steps.hpp"

namespace lockstep::jsonpath {

enum class Comparison : std::uint8_t {
  equal,
  not_equal,
  strictly_equal,
  strictly_unequal,
  less,
  less_or_equal,
  greater,
  greater_or_equal,
  matches,
  in,
  not_in,
  contains,
  all,
  size,
  empty,
  subset_of,
  any_of,
  none_of
};

/// One side of a comparison: a path, a pattern or else a literal.
struct Operand {
  std::unique_ptr<const StepList> path;
  std::unique_ptr<const Pattern> pattern;
  Value literal;
  bool negated = false;  ///< !@.a: must not exist
};

struct Condition {
  enum class Kind : std::uint8_t { all, any, negation, comparison, existence };
  Kind kind = Kind::existence;
  Comparison comparison = Comparison::equal;
  std::vector<Condition> parts;  ///< of all, any, negation
  Operand left, right;           ///< of comparison; existence: left only
};

/// Not so of what a path does not select.
inline bool is_array(const Node* node) {
  return node != nullptr && node->is_array();
}

/// Whether `comparison` holds; null stands for a path that selects nothing. `matches` never does: it needs a pattern.
bool holds_between(Comparison comparison, const Node* left, const Node* right);

/// Reads the text between `[?` and `]`, parentheses included.
query::Compiled<Condition> compile_condition(std::string_view text, Dialect dialect, int nesting);

}  // namespace lockstep::jsonpath
