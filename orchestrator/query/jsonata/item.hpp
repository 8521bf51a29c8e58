// What an expression computes with: 16-byte items in the heap of one evaluation.
//
// JSON from outside is borrowed: an item points at the caller's node and is never converted. `count` then names the
// Value that owns the node (an index into the evaluation's owners), so that a result can share it.
#pragma once

#include <cstdint>
#include <string_view>

#include "value/node.hpp"

namespace lockstep::jsonata {

struct Array;
struct Range;
struct Object;
struct Function;
struct Tuple;
struct Expr;
struct Frame;

enum class Tag : std::uint8_t {
  undefined,
  null,
  boolean,
  number,       // computed
  node_number,  // borrowed
  string,       // computed, or part of the program
  node_string,  // borrowed
  array,
  node_array,
  range,  // integers that were never written out
  object,
  node_object,
  function,
  tuple,      // an element of a tuple stream: never seen by an expression
  tail_call,  // a call left to the caller's loop: never seen by an expression
  unset       // a variable that has no value yet: the next frame is asked
};

struct Item {
  Tag tag = Tag::undefined;
  bool ascii = false;       // Tag::string: every character is below U+0080
  std::uint32_t count = 0;  // Tag::string: bytes; Tag::node_*: index of the owner
  union Payload {
    double number;
    bool boolean;
    const char* text;
    const Node* node;
    Array* array;
    Range* range;
    Object* object;
    Function* function;
    Tuple* tuple;
  } u = {.number = 0};

  bool is_undefined() const { return tag == Tag::undefined; }
  bool is_null() const { return tag == Tag::null; }
  bool is_boolean() const { return tag == Tag::boolean; }
  bool is_number() const { return tag == Tag::number || tag == Tag::node_number; }
  bool is_string() const { return tag == Tag::string || tag == Tag::node_string; }
  bool is_array() const { return tag == Tag::array || tag == Tag::node_array || tag == Tag::range; }
  bool is_object() const { return tag == Tag::object || tag == Tag::node_object; }
  bool is_function() const { return tag == Tag::function; }
  bool is_scalar() const { return tag <= Tag::node_number || tag == Tag::node_string; }

  /// Requires is_number().
  double as_double() const { return tag == Tag::number ? u.number : u.node->as_double(); }
  /// Requires is_string().
  std::string_view as_string() const {
    return tag == Tag::string ? std::string_view(u.text, count) : u.node->as_string();
  }
  bool is_ascii() const { return tag == Tag::string ? ascii : u.node->is_ascii(); }
};
static_assert(sizeof(Item) == 16);

struct Array {
  Item* items;
  std::uint32_t size;
  std::uint32_t capacity;
  bool sequence;        // empty: undefined; one element: that element
  bool keep_singleton;  // a sequence of one element stays an array
  bool cons;            // written as [ ] at the end of a path: not flattened
  bool outer_wrapper;   // holds the input when that is an array
  bool tuple_stream;    // elements are tuples
};

struct Range {
  double first;
  std::uint32_t size;
};

struct Property {
  const char* key_text;
  std::uint32_t key_size;
  std::uint32_t hash;  // hash_key(key)
  Item value;
  std::string_view key() const { return {key_text, key_size}; }
};

/// Members in order of insertion; a hash table besides when there are many.
struct Object {
  Property* properties;
  std::uint32_t size;
  std::uint32_t capacity;
  std::uint32_t* table;  // positions in `properties`, UINT32_MAX where empty; null where there is room for few only
  std::uint32_t mask;
  bool indexed;  // the table is filled in: done when something is looked up
};

/// One element of a tuple stream: the context item and the variables that its path has bound (unset where it has not).
struct Tuple {
  Item at;
  Item* slots;
};

inline Item undefined_item() {
  return {};
}
inline Item null_item() {
  Item item;
  item.tag = Tag::null;
  return item;
}
inline Item boolean_item(bool value) {
  Item item;
  item.tag = Tag::boolean;
  item.u.boolean = value;
  return item;
}
inline Item number_item(double value) {
  Item item;
  item.tag = Tag::number;
  item.u.number = value;
  return item;
}
/// `text` must outlive the item.
inline Item string_item(std::string_view text, bool ascii) {
  Item item;
  item.tag = Tag::string;
  item.ascii = ascii;
  item.count = static_cast<std::uint32_t>(text.size());
  item.u.text = text.data();
  return item;
}
inline Item array_item(Array* array) {
  Item item;
  item.tag = Tag::array;
  item.u.array = array;
  return item;
}
inline Item range_item(Range* range) {
  Item item;
  item.tag = Tag::range;
  item.u.range = range;
  return item;
}
inline Item object_item(Object* object) {
  Item item;
  item.tag = Tag::object;
  item.u.object = object;
  return item;
}
inline Item function_item(Function* function) {
  Item item;
  item.tag = Tag::function;
  item.u.function = function;
  return item;
}
inline Item tuple_item(Tuple* tuple) {
  Item item;
  item.tag = Tag::tuple;
  item.u.tuple = tuple;
  return item;
}
inline Item node_item(const Node& node, std::uint32_t owner) {
  Item item;
  item.count = owner;
  item.u.node = &node;
  if (node.is_string()) {
    item.tag = Tag::node_string;
  } else if (node.is_number()) {
    item.tag = Tag::node_number;
  } else if (node.is_object()) {
    item.tag = Tag::node_object;
  } else if (node.is_array()) {
    item.tag = Tag::node_array;
  } else if (node.is_boolean()) {
    return boolean_item(node.as_boolean());
  } else {
    return null_item();
  }
  return item;
}

/// Elements of an array item; requires is_array().
inline std::size_t size_of(const Item& array) {
  switch (array.tag) {
    case Tag::array:
      return array.u.array->size;
    case Tag::node_array:
      return array.u.node->size();
    default:
      return array.u.range->size;
  }
}

/// Requires is_array() and i < size_of(array).
inline Item at(const Item& array, std::size_t i) {
  switch (array.tag) {
    case Tag::array:
      return array.u.array->items[i];
    case Tag::node_array:
      return node_item(array.u.node->at(i), array.count);
    default:
      return number_item(array.u.range->first + static_cast<double>(i));
  }
}

inline bool is_sequence(const Item& item) {
  return item.tag == Tag::array && item.u.array->sequence;
}
inline bool is_cons(const Item& item) {
  return item.tag == Tag::array && item.u.array->cons;
}
inline bool is_outer_wrapper(const Item& item) {
  return item.tag == Tag::array && item.u.array->outer_wrapper;
}
inline bool is_tuple_stream(const Item& item) {
  return item.tag == Tag::array && item.u.array->tuple_stream;
}

}  // namespace lockstep::jsonata
