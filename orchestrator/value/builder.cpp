#include "value/builder.hpp"

#include <array>
#include <cassert>
#include <cmath>
#include <limits>

#include "value/text.hpp"
#include "value/tree.hpp"

namespace lockstep {

namespace {
// A shared container keeps its whole document alive; below this size a copy is cheaper than the link.
constexpr std::size_t kSmall = 256;
// A part that is less than this fraction of its document is copied, so that it doesn't keep the rest alive.
constexpr std::size_t kLargestWaste = 4;
// Documents that link to documents that link …: bounded, since each keeps all that follow alive.
constexpr std::uint32_t kLongestChain = 16;
}  // namespace

struct Builder::Frame {
  bool is_object;
  std::uint16_t depth;
  std::size_t first;  // index in the scratch of its first element or member
  std::uint64_t text_size;
};

// Children of containers that are still open; kept per thread, so that building allocates nothing but the result.
struct Builder::Scratch {
  std::vector<Frame> frames;
  std::vector<Node> nodes;
  std::vector<Member> members;
  // Keys that were used last: records repeat them, and one text for all saves memory and lets a reader compare
  // addresses.
  struct Key {
    const char* text;
    std::uint32_t size;
    std::uint32_t hash;
    std::uint64_t builder;  // whose arena holds it
  };
  std::array<Key, 64> keys{};
  std::uint64_t builders = 0;

  Key& key_for(std::uint32_t hash) { return keys[(hash >> 7) % keys.size()]; }
};

Builder::Builder(std::size_t expected_bytes) : Builder(Tree::make(expected_bytes, true)) {}

Builder::Builder(Tree* tree) : tree_(tree) {
  thread_local Scratch scratch;
  serial_ = ++scratch.builders;
  scratch_ = &scratch;
  base_frames_ = scratch.frames.size();
  base_nodes_ = scratch.nodes.size();
  base_members_ = scratch.members.size();
}

Builder::~Builder() {
  scratch_->frames.resize(base_frames_);
  scratch_->nodes.resize(base_nodes_);
  scratch_->members.resize(base_members_, Member{});
  if (tree_ != nullptr) {
    Tree::destroy(tree_);
  }
}

void Builder::add(const Node& node, std::size_t text_size) {
  if (scratch_->frames.size() == base_frames_) {
    tree_->root = node;
    return;
  }
  Frame& frame = scratch_->frames.back();
  frame.text_size += text_size;
  const auto depth = node.tag_ == Node::Tag::link ? node.u_.link->node->depth_ : node.depth_;
  frame.depth = std::max(frame.depth, depth);
  if (frame.is_object) {
    scratch_->members.back().node = node;
  } else {
    scratch_->nodes.push_back(node);
  }
}

void Builder::null() {
  add(Node(), 4);
}

void Builder::boolean(bool value) {
  Node node;
  node.tag_ = Node::Tag::boolean;
  node.u_.integer = value ? 1 : 0;
  add(node, value ? 4 : 5);
}

void Builder::integer(std::int64_t value) {
  Node node;
  node.tag_ = Node::Tag::integer;
  node.u_.integer = value;
  add(node, node.text_size());
}

void Builder::number(double value) {
  constexpr double kExact = 9007199254740992.0;
  if (!std::isfinite(value)) {
    string(std::isnan(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity");
    return;
  }
  if (std::abs(value) <= kExact && value == std::trunc(value)) {
    integer(static_cast<std::int64_t>(value));
    return;
  }
  Node node;
  node.tag_ = Node::Tag::real;
  node.u_.real = value;
  // Alone it is in nobody's sum, and how long it is takes as long as writing it.
  add(node, scratch_->frames.size() == base_frames_ ? 0 : node.text_size());
}

void Builder::spelled_number(std::string_view text) {
  Node node;
  std::int64_t plain = 0;
  if (parse_plain_integer(text, plain)) {
    node.tag_ = Node::Tag::integer;
    node.u_.integer = plain;
  } else {
    auto* spelled = static_cast<Node::Spelled*>(tree_->arena.allocate(sizeof(Node::Spelled)));
    spelled->value = parse_double(text);
    spelled->text = tree_->arena.copy(text).data();
    node.tag_ = Node::Tag::spelled;
    node.count_ = static_cast<std::uint32_t>(text.size());
    node.u_.spelled = spelled;
  }
  add(node, text.size());
}

void Builder::string(std::string_view utf8) {
  const StringTraits traits = string_traits(utf8);
  Node node;
  node.tag_ = Node::Tag::string;
  node.flags_ = static_cast<std::uint8_t>((traits.ascii ? Node::kAscii : 0) | (traits.plain ? Node::kPlain : 0));
  node.count_ = static_cast<std::uint32_t>(utf8.size());
  node.u_.text = tree_->arena.copy(utf8).data();
  add(node, traits.text_size);
}

void Builder::add_copy(const Node& source) {
  switch (source.tag_) {
    case Node::Tag::array:
      begin_array();
      for (std::size_t i = 0; i < source.size(); ++i) {
        add_copy(source.at(i));
      }
      end_array();
      return;
    case Node::Tag::object:
      begin_object();
      for (std::size_t i = 0; i < source.size(); ++i) {
        key(source.member(i).key(), source.member(i).key_hash);
        add_copy(source.member(i).value());
      }
      end_object();
      return;
    case Node::Tag::string: {
      Node node = source;
      node.u_.text = tree_->arena.copy(source.as_string()).data();
      add(node, source.text_size());
      return;
    }
    case Node::Tag::spelled: {
      // Its value is known: parsing the text again is what a copy would mostly cost.
      const std::string_view text(source.u_.spelled->text, source.count_);
      auto* spelled = static_cast<Node::Spelled*>(tree_->arena.allocate(sizeof(Node::Spelled)));
      *spelled = {source.u_.spelled->value, tree_->arena.copy(text).data()};
      Node node = source;
      node.u_.spelled = spelled;
      add(node, text.size());
      return;
    }
    case Node::Tag::link:
      add_copy(source.target());
      return;
    case Node::Tag::null:
    case Node::Tag::boolean:
    case Node::Tag::integer:
    case Node::Tag::real:
      add(source, source.text_size());
      return;
  }
}

void Builder::add_link(const Document* owner, const Node& target, std::uint32_t chain) {
  if (scratch_->frames.size() == base_frames_) {
    // The root cannot be a link: Value::part() is the way to share a whole value.
    add_copy(target);
    return;
  }
  owner->retain();
  tree_->links.push_back(owner);
  chain_ = std::max(chain_, chain + 1);
  auto* link = static_cast<Node::Link*>(tree_->arena.allocate(sizeof(Node::Link)));
  link->owner = owner;
  link->node = &target;
  Node node;
  node.tag_ = Node::Tag::link;
  node.u_.link = link;
  add(node, target.text_size());
}

void Builder::part(const Value& owner, const Node& node) {
  const Document* document = owner.document_;
  const Node& target = node.target();
  if (node.tag_ == Node::Tag::link) {
    document = node.u_.link->owner;
  }
  if (!target.is_container()) {
    add_copy(target);
    return;
  }
  const std::size_t size = target.text_size();
  if (size < kSmall || document->chain_ >= kLongestChain) {
    add_copy(target);
    return;
  }
  const Tree* tree = document->tree_.load(std::memory_order_acquire);
  if (size < tree->root.text_size() / kLargestWaste) {
    add_copy(target);
    return;
  }
  add_link(document, target, document->chain_);
}

void Builder::value(const Value& value) {
  part(value, value.node());
}

void Builder::begin_array() {
  scratch_->frames.push_back({false, 0, scratch_->nodes.size(), 2});
}

void Builder::end_array() {
  const Frame frame = scratch_->frames.back();
  scratch_->frames.pop_back();
  const std::size_t count = scratch_->nodes.size() - frame.first;
  const std::uint64_t text_size = frame.text_size + (count > 0 ? count - 1 : 0);
  Node node;
  node.tag_ = Node::Tag::array;
  node.depth_ = frame.depth == std::numeric_limits<std::uint16_t>::max() ? frame.depth : frame.depth + 1;
  node.count_ = static_cast<std::uint32_t>(count);
  if (count > 0) {
    auto* header = static_cast<Node::Header*>(tree_->arena.allocate(sizeof(Node::Header) + count * sizeof(Node)));
    *header = {text_size, 0, 0};
    auto* elements = reinterpret_cast<Node*>(header + 1);
    std::memcpy(static_cast<void*>(elements), scratch_->nodes.data() + frame.first, count * sizeof(Node));
    node.u_.elements = elements;
  }
  scratch_->nodes.resize(frame.first);
  add(node, text_size);
}

void Builder::begin_object() {
  scratch_->frames.push_back({true, 0, scratch_->members.size(), 2});
}

void Builder::key(std::string_view utf8, std::uint32_t hash) {
  Scratch::Key& known = scratch_->key_for(hash);
  const auto size = static_cast<std::uint32_t>(utf8.size());
  if (known.builder != serial_ || known.hash != hash || known.size != size ||
      !same_bytes(known.text, utf8.data(), size)) {
    known = {tree_->arena.copy(utf8).data(), size, hash, serial_};
  }
  scratch_->members.push_back({known.text, size, hash, Node()});
}

void Builder::key_in_place(std::string_view key) {
  const std::uint32_t hash = hash_key(key);
  Scratch::Key& known = scratch_->key_for(hash);
  const auto size = static_cast<std::uint32_t>(key.size());
  if (known.builder != serial_ || known.hash != hash || known.size != size ||
      !same_bytes(known.text, key.data(), size)) {
    known = {key.data(), size, hash, serial_};
  }
  scratch_->members.push_back({known.text, size, hash, Node()});
}

void Builder::end_object() {
  end_members();
}

void Builder::end_members() {
  const Frame frame = scratch_->frames.back();
  scratch_->frames.pop_back();
  Member* first = scratch_->members.data() + frame.first;
  const std::size_t written = scratch_->members.size() - frame.first;
  const bool indexed = written > Node::kIndexed;
  std::uint32_t mask = 0;
  std::uint32_t* table = nullptr;
  if (indexed) {
    mask = 31;
    while (mask + 1 < written * 2) {
      mask = mask * 2 + 1;
    }
  }
  char* memory = nullptr;
  const std::size_t table_bytes = indexed ? (std::size_t{mask} + 1) * sizeof(std::uint32_t) : 0;
  if (written > 0) {
    memory = static_cast<char*>(tree_->arena.allocate(table_bytes + sizeof(Node::Header) + written * sizeof(Member)));
    table = reinterpret_cast<std::uint32_t*>(memory);
    std::memset(memory, 0xFF, table_bytes);
  }
  auto* members = written > 0 ? reinterpret_cast<Member*>(memory + table_bytes + sizeof(Node::Header)) : nullptr;
  std::size_t count = 0;
  std::uint64_t text_size = frame.text_size;  // braces and values; keys are added here
  for (std::size_t i = 0; i < written; ++i) {
    const Member& member = first[i];
    Member* same = nullptr;
    std::uint32_t slot = 0;
    if (indexed) {
      slot = member.key_hash & mask;
      while (table[slot] != UINT32_MAX) {
        Member& candidate = members[table[slot]];
        if (candidate.has_key(member.key(), member.key_hash)) {
          same = &candidate;
          break;
        }
        slot = (slot + 1) & mask;
      }
    } else {
      for (std::size_t k = 0; k < count && same == nullptr; ++k) {
        if (members[k].has_key(member.key(), member.key_hash)) {
          same = &members[k];
        }
      }
    }
    if (same != nullptr) {  // the last of several wins, in the place of the first
      text_size -= same->value().text_size();
      same->node = member.node;
      continue;
    }
    if (indexed) {
      table[slot] = static_cast<std::uint32_t>(count);
    }
    std::memcpy(static_cast<void*>(&members[count]), &member, sizeof(Member));
    ++count;
    text_size += string_traits(member.key()).text_size + 1;
  }
  text_size += count > 0 ? count - 1 : 0;
  Node node;
  node.tag_ = Node::Tag::object;
  node.depth_ = frame.depth == std::numeric_limits<std::uint16_t>::max() ? frame.depth : frame.depth + 1;
  node.count_ = static_cast<std::uint32_t>(count);
  if (count > 0) {
    auto* header = reinterpret_cast<Node::Header*>(members) - 1;
    *header = {text_size, mask, 0};
    node.u_.members = members;
  }
  scratch_->members.resize(frame.first, Member{});
  add(node, text_size);
}

Value Builder::finish() {
  assert(scratch_->frames.size() == base_frames_);
  auto* document = new (tree_->document_memory()) Document();
  document->chain_ = chain_;
  document->tree_.store(tree_, std::memory_order_release);
  tree_ = nullptr;
  return Value(document, nullptr);
}

}  // namespace lockstep
