// The payload: an immutable, reference-counted JSON value, shared between states, threads and effects without a copy.
//
// A value holds its text, its parsed form, or both. Text is checked once, when it comes in; the other form is made when
// it is first asked for and published atomically. So a payload that only passes through is never parsed and keeps its
// spelling.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "value/error.hpp"
#include "value/node.hpp"

namespace lockstep {

class Tree;  // arena, root node and the documents that its links keep alive

/// How deep arrays and objects may nest in text from outside (as Jackson's limit, which AWS's front end uses).
inline constexpr std::size_t kMaxDepth = 1000;

/// What a Value points to; only Value and Builder handle it.
class Document {
 public:
  void retain() const { references_.fetch_add(1, std::memory_order_relaxed); }
  void release() const {
    if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
      destroy();
    }
  }

 private:
  friend class Value;
  friend class Builder;
  Document() = default;
  ~Document() = default;
  void destroy() const;

  mutable std::atomic<std::uint32_t> references_{1};
  std::uint32_t chain_ = 0;  // how many documents deep its links reach; bounds what one value can keep alive
  mutable std::atomic<const std::string*> text_{nullptr};
  mutable std::atomic<const Tree*> tree_{nullptr};
};

/// Cheap to copy (one atomic increment). Any thread may read a Value; a single Value object is not written by two
/// threads.
class Value {
 public:
  /// null, which needs no document
  Value() noexcept : document_(nullptr), node_(&kNullNode) {}
  Value(const Value& other) : document_(other.document_), node_(other.node_) {
    if (document_ != nullptr) {
      document_->retain();
    }
  }
  /// Leaves null behind.
  Value(Value&& other) noexcept
      : document_(std::exchange(other.document_, nullptr)), node_(std::exchange(other.node_, &kNullNode)) {}
  Value& operator=(const Value& other) {
    Value copy(other);
    return *this = std::move(copy);
  }
  Value& operator=(Value&& other) noexcept {
    std::swap(document_, other.document_);
    std::swap(node_, other.node_);
    return *this;
  }
  ~Value() {
    if (document_ != nullptr) {
      document_->release();
    }
  }

  /// Checks `text` (one JSON value, UTF-8, at most kMaxDepth deep) without parsing it and keeps it as it is. The error
  /// says what is wrong and at which line and column.
  static Result<Value> from_text(std::string text);
  /// For text that was checked before (a journal's payload, another rank's message); unchecked text is undefined
  /// behaviour.
  static Value from_checked_text(std::string text);
  static Value boolean(bool value);
  static Value integer(std::int64_t value);
  static Value number(double value);
  static Value string(std::string_view utf8);
  /// {}
  static Value empty_object();
  /// []
  static Value empty_array();

  /// The parsed form; made on first need. Valid as long as this value or a copy of it lives.
  const Node& node() const { return node_ != nullptr ? *node_ : root(); }

  /// Part of this value: `part` must be a node within node(). Shares the document, unless `part` is much smaller than
  /// what it would keep alive: then it is copied.
  Value part(const Node& part) const;
  /// The same, shared however small it is: for who keeps this value alive as long.
  Value shared_part(const Node& part) const;

  /// The JSON text: the original if this is a whole document that came as text, else compact. Made on first need and
  /// kept where this is a whole document; for a part it is written into `scratch`. The view lives as long as the value
  /// and `scratch`.
  std::string_view text(std::string& scratch) const;
  /// The same as a string of its own.
  std::string to_text() const;
  /// Length of text() in bytes, without writing it.
  std::size_t text_size() const;
  /// Whether text() is there already: a whole document that came as text or was written before.
  bool has_text() const { return node_ == nullptr && document_->text_.load(std::memory_order_acquire) != nullptr; }
  /// Whether node() is there already. If not, this is text from outside, at most kMaxDepth deep.
  bool is_parsed() const { return node_ != nullptr || document_->tree_.load(std::memory_order_acquire) != nullptr; }
  /// Levels of nesting; may parse.
  std::size_t depth() const { return node().depth(); }

  /// The same document and node, so equal without looking; false says nothing.
  bool same(const Value& other) const { return document_ == other.document_ && node_ == other.node_; }

  friend bool operator==(const Value& a, const Value& b) { return a.same(b) || equal(a.node(), b.node()); }

 private:
  friend class Builder;
  Value(const Document* adopted, const Node* node) : document_(adopted), node_(node) {}
  const Node& root() const;

  const Document* document_;  // null: a constant
  const Node* node_;          // null: the document's root, perhaps not parsed yet
};

/// Where a text stops being JSON.
struct JsonProblem {
  std::string
      message;  ///< e.g. `Unexpected character ('}' (code 125)): was expecting double-quote to start field name`
  std::size_t offset = 0;  ///< bytes from the start of the text
  std::size_t line = 1;    ///< from 1
  std::size_t column = 1;  ///< from 1, in characters
};

/// Checks that `text` is one JSON value (RFC 8259, UTF-8, at most kMaxDepth deep). Fills `problem` where it is not.
bool check_json(std::string_view text, JsonProblem& problem);

}  // namespace lockstep
