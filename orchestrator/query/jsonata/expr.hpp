// The syntax tree of an expression. Written by the parser (parser.cpp), put into shape (shape.cpp) and resolved
// (resolve.cpp) while it is compiled; immutable afterwards.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "query/jsonata/item.hpp"

namespace lockstep::jsonata {

class Regex;
class Signature;

enum class ExprType : std::uint8_t {
  // as the parser leaves them
  end,
  name,
  variable,
  string,
  number,
  value,  // true, false, null
  regex,
  operator_name,  // and, or, in used as a name; ? as an argument that is left open
  binary,
  negate,
  array,
  object,
  wildcard,
  descendant,
  parent,
  function,
  partial,
  lambda,
  condition,
  coalesce,  // ??
  elvis,     // ?:
  block,
  transform,
  // made while the tree is put into shape
  path,
  bind,
  apply,
  sort,
  tail_call,
  group  // holds the pairs of a grouping
};

enum class Op : std::uint8_t {
  none,
  add,
  subtract,
  multiply,
  divide,
  modulo,
  equal,
  not_equal,
  less,
  less_equal,
  greater,
  greater_equal,
  concat,
  range,
  in,
  logical_and,
  logical_or,
  // gone once the tree is in shape
  map,
  filter,
  group_by,
  order_by,
  assign,
  focus,
  index,
  chain
};

struct Stage {
  Expr* filter = nullptr;  // null: binds the position to tuple slot `index`
  std::int32_t index = -1;
  std::string_view index_name;
  std::int32_t position = -1;
};

struct SortTerm {
  Expr* expression = nullptr;
  bool descending = false;
};

/// What a step of a path that only reads names needs (resolve.cpp).
enum class PathKind : std::uint8_t {
  general,
  names,     // a.b.c
  variable,  // $x.b.c
  tuples     // binds variables along the way
};

/// What can be had without eval()'s ceremony (resolve.cpp).
enum class Shortcut : std::uint8_t {
  none,
  constant,       // a literal
  variable,       // a variable and nothing else
  name,           // a
  names,          // a.b.c
  variable_names  // $x.b.c
};

inline constexpr std::int32_t kGlobal = -1;  ///< bound by nothing in the expression
inline constexpr std::int32_t kByName = -2;  ///< bound by whatever called $eval

/// The variables that one block, call or path declares.
struct Scope {
  std::vector<std::string_view> names;
};

struct Expr {
  ExprType type = ExprType::end;
  Op op = Op::none;
  bool keep_array = false;            // followed by []
  bool keep_singleton_array = false;  // path: one of its steps is
  bool cons_array = false;
  bool tuple = false;
  bool has_else = false;
  bool plain = false;       // no predicates and no group: evaluation ends with the value itself
  bool name_below = false;  // `**` with a name behind it and nothing else
  bool binds = false;       // call: its arguments bind variables of the caller
  Shortcut shortcut = Shortcut::none;
  bool scalar_only = false;  // as a predicate: can leave nothing behind but its result (resolve.cpp)
  PathKind path_kind = PathKind::general;
  std::int32_t position = -1;
  std::string_view text;     // name, variable, string, operator
  Item constant;             // literals
  std::uint32_t hash = 0;    // name: hash_key(text)
  std::uint32_t hint = 0;    // name: its place among the evaluation's hints
  Expr* a = nullptr;         // left side, condition, procedure, body, pattern
  Expr* b = nullptr;         // right side, then, update
  Expr* c = nullptr;         // else, delete
  std::vector<Expr*> items;  // steps, expressions, arguments
  std::vector<std::pair<Expr*, Expr*>> pairs;
  std::vector<SortTerm> terms;
  std::vector<Stage> predicates;
  std::vector<Stage> stages;
  Expr* group = nullptr;
  // variables bound to a step: names while parsing, tuple slots once resolved
  std::string_view focus_name;
  std::string_view index_name;
  std::int32_t focus = -1;
  std::int32_t index = -1;
  std::int32_t ancestor = -1;  // place among the parser's slots, then tuple slot
  std::int32_t slot = -1;      // parent: place among the parser's slots
  std::vector<std::int32_t> seeking_parent;
  // lambda
  const Signature* signature = nullptr;
  std::vector<std::uint32_t> parameters;  // slots in `scope`
  const Scope* scope = nullptr;           // lambda, block: the variables of its frame; null: it needs none
  const Scope* tuples = nullptr;          // block that gives a tuple stream: what its predicates and group see besides
  // variable, bind, parent
  std::int32_t hops = kGlobal;  // frames to go up, or one of the two below
  std::uint32_t variable = 0;   // slot there, or place among the globals
  const Regex* regex = nullptr;
  bool unique_literal_keys = false;  // object, group: every key is a literal and no two are equal
};

}  // namespace lockstep::jsonata
