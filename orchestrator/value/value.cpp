#include "value/value.hpp"

#include "value/builder.hpp"
#include "value/parser.hpp"
#include "value/tree.hpp"

namespace lockstep {

namespace {

/// A constant that is shared by all, never freed.
template <class Make>
const Value& shared_constant(Make make) {
  static const Value* value = new Value(make());
  return *value;
}

}  // namespace

void Document::destroy() const {
  delete text_.load(std::memory_order_relaxed);
  const Tree* tree = tree_.load(std::memory_order_relaxed);
  if (tree != nullptr && tree->with_document) {
    this->~Document();
    Tree::destroy(tree);  // and this document's memory with it
    return;
  }
  if (tree != nullptr) {
    Tree::destroy(tree);
  }
  delete this;
}

Result<Value> Value::from_text(std::string text) {
  if (text == "null") {
    return Value();
  }
  JsonProblem problem;
  if (!check_json(text, problem)) {
    return fail(ErrorKind::invalid,
                fmt::format("{} at line {}, column {}", problem.message, problem.line, problem.column));
  }
  return from_checked_text(std::move(text));
}

Value Value::from_checked_text(std::string text) {
  // Tasks without a result are many: what is spelled as a constant needs no document of its own.
  if (text == "null") {
    return {};
  }
  if (text == "true" || text == "false") {
    return boolean(text == "true");
  }
  auto* document = new Document();
  document->text_.store(new std::string(std::move(text)), std::memory_order_release);
  return Value(document, nullptr);
}

Value Value::boolean(bool value) {
  static constexpr auto make = [](bool which) {
    Node node;
    node.tag_ = Node::Tag::boolean;
    node.u_.integer = which ? 1 : 0;
    return node;
  };
  static constexpr Node kTrue = make(true);
  static constexpr Node kFalse = make(false);
  return {nullptr, value ? &kTrue : &kFalse};
}

Value Value::integer(std::int64_t value) {
  Builder builder(16);
  builder.integer(value);
  return builder.finish();
}

Value Value::number(double value) {
  Builder builder(16);
  builder.number(value);
  return builder.finish();
}

Value Value::string(std::string_view utf8) {
  Builder builder(utf8.size() + 16);
  builder.string(utf8);
  return builder.finish();
}

Value Value::empty_object() {
  return shared_constant([] { return from_checked_text("{}"); });
}

Value Value::empty_array() {
  return shared_constant([] { return from_checked_text("[]"); });
}

const Node& Value::root() const {
  const Tree* tree = document_->tree_.load(std::memory_order_acquire);
  if (tree == nullptr) {
    const Tree* parsed = parse_checked(*document_->text_.load(std::memory_order_acquire));
    if (document_->tree_.compare_exchange_strong(tree, parsed, std::memory_order_acq_rel, std::memory_order_acquire)) {
      tree = parsed;
    } else {
      Tree::destroy(parsed);  // another thread was first; its tree is in `tree`
    }
  }
  return tree->root;
}

Value Value::part(const Node& part) const {
  if (document_ == nullptr) {
    return *this;
  }
  const Node& whole = root();
  if (&part == &whole) {
    document_->retain();
    return Value(document_, nullptr);
  }
  constexpr std::size_t kLargestWaste = 4;
  constexpr std::size_t kSmall = 256;  // a document that is no larger than a copy would be is shared, whatever the part
  const std::size_t whole_size = whole.text_size();
  const auto is_small = [&](std::size_t size) { return size < kSmall || size < whole_size / kLargestWaste; };
  if (whole_size > kSmall && (!part.is_container() || is_small(part.text_size()))) {
    Builder builder(part.text_size() + 64);
    builder.part(*this, part);
    return builder.finish();
  }
  return shared_part(part);
}

Value Value::shared_part(const Node& part) const {
  if (document_ != nullptr) {
    document_->retain();
  }
  return Value(document_, &part);
}

std::string_view Value::text(std::string& scratch) const {
  if (node_ != nullptr) {
    scratch.clear();
    append_json(scratch, *node_);
    return scratch;
  }
  const std::string* text = document_->text_.load(std::memory_order_acquire);
  if (text == nullptr) {
    auto written = std::make_unique<std::string>();
    const Node& node = root();
    written->reserve(node.text_size());
    append_json(*written, node);
    if (document_->text_.compare_exchange_strong(text, written.get(), std::memory_order_acq_rel,
                                                 std::memory_order_acquire)) {
      text = written.release();
    }
  }
  return *text;
}

std::string Value::to_text() const {
  std::string scratch;
  const std::string_view view = text(scratch);
  return view.data() == scratch.data() ? scratch : std::string(view);
}

std::size_t Value::text_size() const {
  if (node_ == nullptr) {
    if (const std::string* text = document_->text_.load(std::memory_order_acquire)) {
      return text->size();
    }
  }
  return node().text_size();
}

}  // namespace lockstep
