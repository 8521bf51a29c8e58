// Builds a new JSON value from scalars, copies and shared parts of other values.
#pragma once

#include <string_view>
#include <vector>

#include "value/value.hpp"

namespace lockstep {

/// Used like a writer: begin_object(), key("a"), integer(1), end_object(), finish(). One thread; one value, then it is
/// used up. A container taken over from another value is shared by a link, unless it is small or its document is a long
/// chain of links.
class Builder {
 public:
  /// `expected_bytes`: a guess of the memory that the nodes will need; wrong guesses cost only time.
  explicit Builder(std::size_t expected_bytes = 256);
  ~Builder();
  Builder(const Builder&) = delete;
  Builder& operator=(const Builder&) = delete;

  void null();
  void boolean(bool value);
  void integer(std::int64_t value);
  /// A computed number; whole numbers within ±2^53 become integers (5.0 is written as 5). Not finite: the strings that
  /// append_json_double names.
  void number(double value);
  /// A number with the spelling `text`, which must be a JSON number.
  void spelled_number(std::string_view text);
  void string(std::string_view utf8);
  /// All of `value`.
  void value(const Value& value);
  /// A node within `owner` (also a Member::node or raw_at(), whose links are then taken over as they are).
  void part(const Value& owner, const Node& node);

  void begin_array();
  void end_array();
  void begin_object();
  /// The key of the next value. The same key again replaces the earlier member's value and keeps its place.
  void key(std::string_view utf8) { key(utf8, hash_key(utf8)); }
  /// The same where hash_key(utf8) is known.
  void key(std::string_view utf8, std::uint32_t hash);
  void end_object();

  /// The value that was built. Requires that every begin has its end.
  Value finish();

 private:
  friend class Parser;
  struct Frame;
  struct Scratch;

  explicit Builder(Tree* tree);
  void add(const Node& node, std::size_t text_size);
  void add_copy(const Node& node);
  void add_link(const Document* owner, const Node& node, std::uint32_t chain);
  void end_members();
  /// A key that lives as long as the tree already.
  void key_in_place(std::string_view key);

  Tree* tree_;
  std::uint32_t chain_ = 0;
  Scratch* scratch_;
  std::size_t base_frames_, base_nodes_, base_members_;
  std::uint64_t serial_;  // tells this builder's keys from those of others in the scratch
};

}  // namespace lockstep
