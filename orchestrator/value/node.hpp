// A parsed JSON value: 16 bytes, immutable, in the arena of the document that owns it.
//
// Nodes are read through accessors only, because a child may be a link into another document (that is how a payload is
// shared, never copied): at(), member() and find() follow links, so a caller never sees one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

namespace lockstep {

enum class Kind : std::uint8_t { null, boolean, number, string, array, object };

/// "null", "boolean", "number", "string", "array", "object".
std::string_view to_string(Kind kind);

struct Member;
class Document;

class Node {
 public:
  Node() = default;

  Kind kind() const {
    static constexpr Kind kKinds[] = {Kind::null,   Kind::boolean, Kind::number, Kind::number,
                                      Kind::number, Kind::string,  Kind::array,  Kind::object};
    return kKinds[static_cast<std::size_t>(target().tag_)];
  }
  bool is_null() const { return tag_ == Tag::null; }
  bool is_boolean() const { return tag_ == Tag::boolean; }
  bool is_number() const { return tag_ == Tag::integer || tag_ == Tag::real || tag_ == Tag::spelled; }
  bool is_string() const { return tag_ == Tag::string; }
  bool is_array() const { return tag_ == Tag::array; }
  bool is_object() const { return tag_ == Tag::object; }
  bool is_container() const { return tag_ == Tag::array || tag_ == Tag::object; }

  /// Requires is_boolean().
  bool as_boolean() const { return u_.integer != 0; }

  /// Requires is_number(): the nearest IEEE binary64; ±infinity beyond its range.
  double as_double() const {
    return tag_ == Tag::integer ? static_cast<double>(u_.integer) : tag_ == Tag::real ? u_.real : u_.spelled->value;
  }
  /// Requires is_number(): the value if it is an integer in int64's range (so for 5, 5.0 and 5e0), else nothing.
  std::optional<std::int64_t> as_integer() const;
  /// Requires is_number(): whether it is a plain int64 spelled as such (so 5, but neither 5.0 nor 5e0).
  bool is_plain_integer() const { return tag_ == Tag::integer; }
  /// Requires is_number(): appends the number as it was spelled, or as JSON spells it if it was computed.
  void append_number(std::string& out) const;

  /// Requires is_string(): UTF-8 (lone surrogates, which JSON's escapes can spell, as three-byte WTF-8).
  std::string_view as_string() const { return {u_.text, count_}; }
  /// Requires is_string(): every character is below U+0080.
  bool is_ascii() const { return (flags_ & kAscii) != 0; }

  /// Elements of an array, members of an object; requires is_container().
  std::size_t size() const { return count_; }
  /// Requires is_array() and i < size().
  const Node& at(std::size_t i) const { return u_.elements[i].target(); }
  /// As at(i), but perhaps a link: only to hand to Builder::part().
  const Node& raw_at(std::size_t i) const { return u_.elements[i]; }
  /// Requires is_object() and i < size(). Members keep the order of the text.
  const Member& member(std::size_t i) const;
  /// The value of member `key`, or null where there is none; requires is_object().
  const Node* find(std::string_view key) const;
  /// The same where hash_key(key) is known.
  const Node* find(std::string_view key, std::uint32_t hash) const;

  /// Levels of arrays and objects in this value: 0 for a scalar. Saturates at 65,535.
  std::size_t depth() const { return depth_; }
  /// Length in bytes of the compact JSON text of this value; O(1).
  std::size_t text_size() const;

 private:
  friend class Builder;
  friend class Parser;
  friend struct Member;
  friend class Value;

  enum class Tag : std::uint8_t { null, boolean, integer, real, spelled, string, array, object, link };
  static constexpr std::uint8_t kAscii = 1;
  static constexpr std::uint8_t kPlain = 2;  // a string that needs no escape when written

  /// A number whose spelling is not the one that we would choose.
  struct Spelled {
    double value;
    const char* text;
  };
  /// A child in another document, which the linking document keeps alive.
  struct Link {
    const Document* owner;
    const Node* node;
  };
  /// Stands right before the first element or member of a container that has any.
  struct Header {
    std::uint64_t text_size;
    std::uint32_t
        index_mask;  // objects of more than kIndexed members: size of the hash table before this header, minus 1
    std::uint32_t unused;
  };
  static constexpr std::size_t kIndexed = 16;

  const Node& target() const { return tag_ == Tag::link ? *u_.link->node : *this; }
  const Header* header() const { return reinterpret_cast<const Header*>(u_.text) - 1; }

  Tag tag_ = Tag::null;
  std::uint8_t flags_ = 0;
  std::uint16_t depth_ = 0;
  std::uint32_t count_ = 0;
  union {
    std::int64_t integer;
    double real;
    const Spelled* spelled;
    const char* text;
    const Node* elements;
    const Member* members;
    const Link* link;
  } u_ = {0};
};
static_assert(sizeof(Node) == 16);

/// One member of an object.
struct Member {
  std::string_view key() const { return {key_text, key_size}; }
  /// Whether its key is `key`, whose hash_key() is `hash`.
  bool has_key(std::string_view key, std::uint32_t hash) const;
  const Node& value() const { return node.target(); }

  const char* key_text;
  std::uint32_t key_size;
  std::uint32_t key_hash;  ///< hash_key(key())
  Node node;               ///< perhaps a link: read it through value(), or hand it to Builder::part()
};

/// The node of Value().
inline constexpr Node kNullNode{};

/// Whether `size` bytes are the same; for texts as short as keys are, faster than a call of memcmp.
inline bool same_bytes(const char* a, const char* b, std::size_t size) {
  const auto differ = [a, b](std::size_t at, auto word) {
    auto other = word;
    std::memcpy(&word, a + at, sizeof word);
    std::memcpy(&other, b + at, sizeof other);
    return word ^ other;
  };
  if (size > 16) {
    return std::memcmp(a, b, size) == 0;
  }
  if (size >= 8) {
    return (differ(0, std::uint64_t{}) | differ(size - 8, std::uint64_t{})) == 0;
  }
  if (size >= 4) {
    return (differ(0, std::uint32_t{}) | differ(size - 4, std::uint32_t{})) == 0;
  }
  return size == 0 || (a[0] == b[0] && a[size / 2] == b[size / 2] && a[size - 1] == b[size - 1]);
}

inline const Member& Node::member(std::size_t i) const {
  return u_.members[i];
}

inline bool Member::has_key(std::string_view key, std::uint32_t hash) const {
  return key_hash == hash && key_size == key.size() &&
         (key_text == key.data() || same_bytes(key_text, key.data(), key.size()));
}

/// The hash that Member::key_hash holds; not stable across versions, never stored.
std::uint32_t hash_key(std::string_view key);

/// Deep equality: numbers by value (1 equals 1.0), objects whatever the order of their members.
bool equal(const Node& a, const Node& b);

/// Appends the compact JSON text of `node`. Characters beyond ASCII are written as they are; lone surrogates as \uD800.
void append_json(std::string& out, const Node& node);
/// Appends `text` (UTF-8 or WTF-8) as a JSON string with its quotes.
void append_json_string(std::string& out, std::string_view text);
/// Appends a computed double as JSON: shortest form that reads back equal, laid out as ECMAScript does (1e21, 1e-7,
/// 100). Not a number and infinities, which JSON cannot say, are written as strings ("NaN", "Infinity", "-Infinity").
void append_json_double(std::string& out, double value);

}  // namespace lockstep
