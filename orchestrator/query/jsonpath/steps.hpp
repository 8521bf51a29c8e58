// The compiled form of a path: a list of steps. Internal to the query room.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "query/jsonpath/path.hpp"
#include "value/value.hpp"

namespace lockstep::jsonpath {

struct Condition;

enum class StepKind : std::uint8_t {
  name,      ///< .a
  index,     ///< [0], [-1]
  names,     ///< ['a','b']
  indices,   ///< [0,2]
  slice,     ///< [1:3]
  wildcard,  ///< .*
  descend,   ///< ..
  filter,    ///< [?(…)]
  function   ///< .length()
};

enum class FunctionKind : std::uint8_t { length, keys, min, max, avg, stddev, sum, concat, append, first, last, index };

struct StepList;

/// A name of a step. AWS takes one in brackets without its escapes and, where an object has no such member, as it is
/// written.
struct Name {
  std::string text;
  std::string written;  ///< empty where that is the same, or nobody is to look for it
};

/// The member of `object` that a name means, by the key that it has there; by Name::text where it has none.
std::string_view key_in(const Node& object, const Name& name);
/// The member itself, or null.
const Node* find_member(const Node& object, const Name& name);

/// An argument of a function: a literal, or else a path.
struct Argument {
  Value literal;
  std::unique_ptr<const StepList> path;
};

/// What the rarer kinds of steps need.
struct StepDetail {
  std::vector<Name> names;
  std::vector<std::int32_t> indices;
  std::optional<std::int32_t> from, to;
  std::unique_ptr<const Condition> condition;
  FunctionKind function = FunctionKind::length;
  std::vector<Argument> arguments;
};

struct Step {
  StepKind kind = StepKind::name;
  bool certain_before = true;  ///< every step before this one leads to one node
  std::int32_t index = 0;
  Name name;
  std::unique_ptr<const StepDetail> detail;
};

struct StepList {
  std::vector<Step> steps;
  bool at_item = false;       ///< begins with @: the item of a filter
  bool definite = true;       ///< names and single indices only
  bool single = true;         ///< gives one value: definite, names at the end, or a function
  bool reference = true;      ///< no operator character in an unquoted name
  bool over_results = false;  ///< begins with `..` and ends in a function, which is applied to the list of all results
};

/// Requires list.definite: where it leads from `start`, or null where that is nowhere.
const Node* follow(const StepList& list, const Node& start);

/// "length", "keys", ….
std::string_view to_string(FunctionKind kind);

/// How paths write a step: `['a']`, `[0]`, `[1:3]`, `[*]`, `..`, `[?]`, `.length()`.
std::string spell(const Step& step);
/// `$` and the first `count` steps.
std::string spell(const StepList& list, std::size_t count);

}  // namespace lockstep::jsonpath
