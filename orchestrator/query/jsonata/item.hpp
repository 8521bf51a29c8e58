// What an expression computes with: 16-byte items in the heap of one evaluation.
//
// JSON from outside is borrowed: an item points at the caller's node and is never converted. `count` then names the
// Value that owns the node (an index into the evaluation's owners), so that a result can share it.
#pragma once

#include <bit>
#include <cstdint>
#include <string_view>
#include <type_traits>

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
  node_number,  // the borrowed ones, in the order of Kind
  node_string,
  node_array,
  node_object,
  string,  // computed, or part of the program
  array,
  range,  // integers that were never written out
  object,
  function,
  tuple,      // an element of a tuple stream: never seen by an expression
  tail_call,  // a call left to the caller's loop: never seen by an expression
  unset       // a variable that has no value yet: the next frame is asked
};

struct Item {
  // Tag (one byte), whether a Tag::string is ASCII (one byte), and above 2^32 the count. One word and not four members:
  // an item travels in two registers, and putting one together in memory would stall whoever reads it back.
  std::uint64_t head = 0;
  std::uint64_t bits = 0;  // the boolean (0 or 1), the double or the address

  constexpr Item() = default;
  constexpr Item(std::uint64_t with_head, std::uint64_t with_bits) : head(with_head), bits(with_bits) {}
  constexpr Item(const Item&) = default;
  /// Word by word, for the same reason.
  Item& operator=(const Item& other) {
    head = other.head;
    bits = other.bits;
    return *this;
  }

  static constexpr std::uint64_t kAscii = 0x100;
  static constexpr std::uint64_t head_of(Tag tag, std::uint32_t count = 0) {
    return static_cast<std::uint64_t>(tag) | std::uint64_t{count} << 32;
  }

  Tag tag() const { return static_cast<Tag>(head & 0xFF); }
  /// Tag::string: bytes; Tag::node_*: index of the owner.
  std::uint32_t count() const { return static_cast<std::uint32_t>(head >> 32); }

  double number() const { return std::bit_cast<double>(bits); }
  const char* text() const { return reinterpret_cast<const char*>(bits); }
  const Node* node() const { return reinterpret_cast<const Node*>(bits); }
  Array* array() const { return reinterpret_cast<Array*>(bits); }
  Range* range() const { return reinterpret_cast<Range*>(bits); }
  Object* object() const { return reinterpret_cast<Object*>(bits); }
  Function* function() const { return reinterpret_cast<Function*>(bits); }
  Tuple* tuple() const { return reinterpret_cast<Tuple*>(bits); }

  bool is_undefined() const { return tag() == Tag::undefined; }
  bool is_null() const { return tag() == Tag::null; }
  bool is_boolean() const { return tag() == Tag::boolean; }
  bool is_number() const { return tag() == Tag::number || tag() == Tag::node_number; }
  bool is_string() const { return tag() == Tag::string || tag() == Tag::node_string; }
  bool is_array() const { return tag() == Tag::array || tag() == Tag::node_array || tag() == Tag::range; }
  bool is_object() const { return tag() == Tag::object || tag() == Tag::node_object; }
  bool is_function() const { return tag() == Tag::function; }
  bool is_scalar() const { return tag() <= Tag::node_string; }

  /// Requires is_number().
  double as_double() const { return tag() == Tag::number ? number() : node()->as_double(); }
  /// Requires is_string().
  std::string_view as_string() const {
    return tag() == Tag::string ? std::string_view(text(), count()) : node()->as_string();
  }
  bool is_ascii() const { return tag() == Tag::string ? (head & kAscii) != 0 : node()->is_ascii(); }
  /// Requires is_boolean().
  bool as_boolean() const { return bits != 0; }
};
static_assert(sizeof(Item) == 16 && std::is_trivially_copy_constructible_v<Item>);

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
  bool has_key(std::string_view text, std::uint32_t text_hash) const {
    return hash == text_hash && key_size == text.size() &&
           (key_text == text.data() || same_bytes(key_text, text.data(), text.size()));
  }
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

/// A copy, by words: the compiler would rather copy all at once, and wait for what was stored by words.
inline Item load(const Item& from) {
  return {from.head, from.bits};
}
inline Item null_item() {
  return {Item::head_of(Tag::null), 0};
}
inline Item unset_item() {
  return {Item::head_of(Tag::unset), 0};
}
inline Item tail_call_item() {
  return {Item::head_of(Tag::tail_call), 0};
}
inline Item boolean_item(bool value) {
  return {Item::head_of(Tag::boolean), value ? std::uint64_t{1} : 0};
}
inline Item number_item(double value) {
  return {Item::head_of(Tag::number), std::bit_cast<std::uint64_t>(value)};
}
/// `text` must outlive the item.
inline Item string_item(std::string_view text, bool ascii) {
  return {Item::head_of(Tag::string, static_cast<std::uint32_t>(text.size())) | (ascii ? Item::kAscii : 0),
          reinterpret_cast<std::uint64_t>(text.data())};
}
inline Item array_item(Array* array) {
  return {Item::head_of(Tag::array), reinterpret_cast<std::uint64_t>(array)};
}
inline Item range_item(Range* range) {
  return {Item::head_of(Tag::range), reinterpret_cast<std::uint64_t>(range)};
}
inline Item object_item(Object* object) {
  return {Item::head_of(Tag::object), reinterpret_cast<std::uint64_t>(object)};
}
inline Item function_item(Function* function) {
  return {Item::head_of(Tag::function), reinterpret_cast<std::uint64_t>(function)};
}
inline Item tuple_item(Tuple* tuple) {
  return {Item::head_of(Tag::tuple), reinterpret_cast<std::uint64_t>(tuple)};
}
inline Item node_item(const Node& node, std::uint32_t owner) {
  constexpr auto kFirst = static_cast<std::uint8_t>(Tag::node_number) - static_cast<std::uint8_t>(Kind::number);
  static_assert(kFirst + static_cast<int>(Kind::object) == static_cast<int>(Tag::node_object));
  const Kind kind = node.kind();
  if (kind <= Kind::boolean) {
    return kind == Kind::null ? null_item() : boolean_item(node.as_boolean());
  }
  return {Item::head_of(static_cast<Tag>(static_cast<std::uint8_t>(kind) + kFirst), owner),
          reinterpret_cast<std::uint64_t>(&node)};
}

/// Elements of an array item; requires is_array().
inline std::size_t size_of(const Item& array) {
  switch (array.tag()) {
    case Tag::array:
      return array.array()->size;
    case Tag::node_array:
      return array.node()->size();
    default:
      return array.range()->size;
  }
}

/// Requires is_array() and i < size_of(array).
inline Item at(const Item& array, std::size_t i) {
  switch (array.tag()) {
    case Tag::array:
      return load(array.array()->items[i]);
    case Tag::node_array:
      return node_item(array.node()->at(i), array.count());
    default:
      return number_item(array.range()->first + static_cast<double>(i));
  }
}

inline bool is_sequence(const Item& item) {
  return item.tag() == Tag::array && item.array()->sequence;
}
inline bool is_cons(const Item& item) {
  return item.tag() == Tag::array && item.array()->cons;
}
inline bool is_outer_wrapper(const Item& item) {
  return item.tag() == Tag::array && item.array()->outer_wrapper;
}
inline bool is_tuple_stream(const Item& item) {
  return item.tag() == Tag::array && item.array()->tuple_stream;
}

}  // namespace lockstep::jsonata
