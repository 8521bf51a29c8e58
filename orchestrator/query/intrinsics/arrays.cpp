#include <unordered_map>

#include "query/intrinsics/functions.hpp"
#include "value/builder.hpp"

namespace lockstep::intrinsics {

namespace {

std::uint64_t mix(std::uint64_t hash) {
  hash = (hash ^ (hash >> 32U)) * 0x9E3779B97F4A7C15U;
  return hash ^ (hash >> 29U);
}

// A hash under which equal values fall together: numbers by value, objects whatever the order of their members.
std::uint64_t hash_of(const Node& node) {
  switch (node.kind()) {
    case Kind::null:
      return 1;
    case Kind::boolean:
      return node.as_boolean() ? 3 : 2;
    case Kind::number:
      return mix(std::hash<double>()(node.as_double() == 0 ? 0.0 : node.as_double()));
    case Kind::string:
      return mix(std::hash<std::string_view>()(node.as_string()));
    case Kind::array: {
      std::uint64_t hash = 5;
      for (std::size_t i = 0; i < node.size(); ++i) {
        hash = mix(hash + hash_of(node.at(i)));
      }
      return hash;
    }
    case Kind::object: {
      std::uint64_t hash = 7;
      for (std::size_t i = 0; i < node.size(); ++i) {
        hash += mix(std::hash<std::string_view>()(node.member(i).key()) + mix(hash_of(node.member(i).value())));
      }
      return hash;
    }
  }
  return 0;
}

}  // namespace

Outcome array(const Invocation& invocation) {
  Builder builder;
  builder.begin_array();
  for (const Value& argument : invocation.arguments) {
    builder.value(argument);
  }
  builder.end_array();
  return builder.finish();
}

Outcome array_partition(const Invocation& invocation) {
  const Node& list = invocation.arguments[0].node();
  std::int64_t size = 0;
  if (!list.is_array()) {
    return wrong("the first argument must be an array");
  }
  if (!rounded(invocation.arguments[1], size) || size < 1) {
    return wrong("the chunk size must be a positive integer");
  }
  Builder builder(list.size() * sizeof(Node) * 2 + 64);
  builder.begin_array();
  for (std::size_t i = 0; i < list.size(); ++i) {
    const bool starts = i % static_cast<std::uint64_t>(size) == 0;
    if (starts && i > 0) {
      builder.end_array();
    }
    if (starts) {
      builder.begin_array();
    }
    builder.part(invocation.arguments[0], list.raw_at(i));
  }
  if (list.size() > 0) {
    builder.end_array();
  }
  builder.end_array();
  return builder.finish();
}

Outcome array_contains(const Invocation& invocation) {
  const Node& list = invocation.arguments[0].node();
  const Node& wanted = invocation.arguments[1].node();
  if (!list.is_array()) {
    return wrong("the first argument must be an array");
  }
  for (std::size_t i = 0; i < list.size(); ++i) {
    if (equal(list.at(i), wanted)) {
      return Value::boolean(true);
    }
  }
  return Value::boolean(false);
}

Outcome array_range(const Invocation& invocation) {
  std::int64_t first = 0;
  std::int64_t last = 0;
  std::int64_t step = 0;
  if (!rounded(invocation.arguments[0], first) || !rounded(invocation.arguments[1], last) ||
      !rounded(invocation.arguments[2], step)) {
    return wrong("all arguments must be integers");
  }
  if (step == 0) {
    return wrong("the step must not be 0");
  }
  // Unsigned, so that no distance overflows.
  const bool up = step > 0;
  const bool none = up ? first > last : first < last;
  const auto distance = up ? static_cast<std::uint64_t>(last) - static_cast<std::uint64_t>(first)
                           : static_cast<std::uint64_t>(first) - static_cast<std::uint64_t>(last);
  const auto stride = up ? static_cast<std::uint64_t>(step) : 0 - static_cast<std::uint64_t>(step);
  const std::uint64_t steps = none ? 0 : distance / stride;
  if (steps >= kMaxRange) {
    return wrong(fmt::format("the range must not have more than {} elements", kMaxRange));
  }
  Builder builder((steps + 1) * sizeof(Node) + 64);
  builder.begin_array();
  for (std::uint64_t i = 0; !none && i <= steps; ++i) {
    builder.integer(
        static_cast<std::int64_t>(static_cast<std::uint64_t>(first) + i * static_cast<std::uint64_t>(step)));
  }
  builder.end_array();
  return builder.finish();
}

Outcome array_get_item(const Invocation& invocation) {
  const Node& list = invocation.arguments[0].node();
  std::int64_t index = 0;
  if (!list.is_array()) {
    return wrong("the first argument must be an array");
  }
  if (!rounded(invocation.arguments[1], index)) {
    return wrong("the index must be an integer");
  }
  if (index < 0 || static_cast<std::uint64_t>(index) >= list.size()) {
    return wrong(fmt::format("the index {} is out of the range of an array of {} elements", index, list.size()));
  }
  return invocation.arguments[0].part(list.at(static_cast<std::size_t>(index)));
}

Outcome array_length(const Invocation& invocation) {
  const Node& list = invocation.arguments[0].node();
  if (!list.is_array()) {
    return wrong("the argument must be an array");
  }
  return Value::integer(static_cast<std::int64_t>(list.size()));
}

Outcome array_unique(const Invocation& invocation) {
  const Node& list = invocation.arguments[0].node();
  if (!list.is_array()) {
    return wrong("the argument must be an array");
  }
  std::unordered_multimap<std::uint64_t, const Node*> seen;
  Builder builder;
  builder.begin_array();
  for (std::size_t i = 0; i < list.size(); ++i) {
    const Node& element = list.at(i);
    const std::uint64_t key = hash_of(element);
    const auto [begin, end] = seen.equal_range(key);
    if (std::any_of(begin, end, [&](const auto& entry) { return equal(*entry.second, element); })) {
      continue;
    }
    seen.emplace(key, &element);
    builder.part(invocation.arguments[0], list.raw_at(i));
  }
  builder.end_array();
  return builder.finish();
}

}  // namespace lockstep::intrinsics
