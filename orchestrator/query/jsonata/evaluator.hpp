// Evaluates a compiled expression. Internal to this folder; program.hpp is the way in.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "query/jsonata/heap.hpp"
#include "query/jsonata/item.hpp"
#include "query/jsonata/natives.hpp"
#include "query/jsonata/problem.hpp"
#include "query/jsonata/program.hpp"
#include "query/jsonata/program_data.hpp"

namespace lockstep::jsonata {

/// The variables of one block, call or tuple.
struct Frame {
  Frame* outer;
  const Scope* scope;
  Item* slots;
};

struct Function {
  enum class Kind : std::uint8_t { native, lambda, regex, transform, chain, next_match };
  Kind kind;
  bool partial = false;
  bool direct = false;               // a lambda whose arguments only have to be put into its frame
  std::uint32_t open_count = 0;      // partial: parameters that are still open …
  std::int32_t position = 0;         // of the call that is going on, for its errors; 0: none
  const char* token_text = nullptr;  // its name there
  std::uint32_t token_size = 0;
  const Native* native = nullptr;
  const Expr* expr = nullptr;           // lambda, regex, transform
  Frame* frame = nullptr;               // where it was made
  Item input;                           // the context there; chain: the first function; next_match: the subject
  Item second;                          // chain: the second function; next_match: where to go on
  Item* bound = nullptr;                // partial: the arguments that are given
  const std::uint32_t* open = nullptr;  // … and which they are
};

/// Thrown where a limit of the evaluation is reached; caught where it ends.
struct LimitReached {
  enum class Which : std::uint8_t { depth, stack, steps, time, value };
  Which which;
};

class Evaluator {
 public:
  Evaluator() = default;
  ~Evaluator() { std::free(stack_); }
  Evaluator(const Evaluator&) = delete;
  Evaluator& operator=(const Evaluator&) = delete;

  Outcome run(const ProgramData& program, const Request& request, const Limits& limits);

  // --- for the functions of the library ---
  Heap& heap() { return heap_; }
  Level level() const { return program_->level; }
  const Limits& limits() const { return limits_; }
  Timestamp now() const { return request_->now; }
  std::uint64_t random_bits();
  double random_double() { return static_cast<double>(random_bits() >> 11) * 0x1.0p-53; }

  /// Counts work that is done outside of eval().
  void spend(std::uint64_t steps) {
    if (steps >= steps_left_) {
      out_of_steps();
    }
    steps_left_ -= steps;
  }
  /// Throws where the C++ stack nears its end; for every recursion over values.
  void check_stack() const {
    const char here = 0;
    if (&here < stack_end_) {
      throw LimitReached{LimitReached::Which::stack};
    }
  }
  /// Throws where a string of `bytes` or an array of bytes/8 elements is more than one value may be.
  void check_value(std::size_t bytes) const {
    if (bytes > limits_.value) {
      throw LimitReached{LimitReached::Which::value};
    }
  }

  Item make_string(std::string_view text);
  Item make_string(std::string_view text, bool ascii);
  /// An array with room for `capacity` elements and none yet.
  Array* make_array(std::size_t capacity, bool sequence);
  void push(Array& array, Item item);
  /// A sequence of one element.
  Item sequence_of(Item item);
  Item array_of(const Item* items, std::size_t size, bool sequence);
  /// Items that are collected before it is known how many; they are taken from the end of a shared stack.
  class Collector;

  Object* make_object(std::size_t capacity);
  /// Adds a member or replaces its value. `key` must live as long as the heap or the program.
  void set(Object& object, std::string_view key, std::uint32_t hash, Item value);
  void set(Object& object, std::string_view key, Item value) { set(object, key, hash_key(key), value); }
  /// Adds a member whose key is known to be new.
  void add(Object& object, std::string_view key, std::uint32_t hash, Item value);
  void remove(Object& object, std::string_view key);
  /// All members of the objects that `list` holds; of one key the last.
  Item merge_nodes(const Node& list, std::uint32_t owner);
  static Item* find(Object& object, std::string_view key, std::uint32_t hash);
  /// The value of member `key`, which is added (undefined) where it is new.
  Item& at_key(Object& object, std::string_view key, std::uint32_t hash);
  /// The value of a member of an object item, or undefined.
  static Item member(const Item& object, std::string_view key, std::uint32_t hash);
  static std::size_t member_count(const Item& object);
  /// Calls visit(key, value) for every member, in JavaScript's order of keys at Level::suite.
  template <class Visit>
  void each_member(const Item& object, Visit visit);

  /// Concatenates as $append does.
  Item append(Item a, Item b);
  Item lookup(const Item& input, std::string_view key, std::uint32_t hash);
  Item keys(const Item& input);
  bool truthy(const Item& item);  // undefined is false
  bool is_true(Item item) { return item.tag() == Tag::boolean ? item.as_boolean() : truthy(item); }
  bool equal(const Item& a, const Item& b);
  static bool is_numeric(const Item& item);  // throws D1001 for infinities
  static bool identical(const Item& a, const Item& b);
  /// What & makes of it: a string as it is, anything else as JSON.
  void append_string(std::string& out, const Item& item);
  /// As JSON.stringify with $string's rules for numbers and functions.
  void append_json(std::string& out, const Item& item, int indent = -1, int level = 0);
  std::string describe(const Item& item);  // as a message quotes it
  Item clone(const Item& item);
  /// Stable; `after(a, b)`: a belongs behind b.
  template <class After>
  void merge_sort(Item* items, std::size_t size, After after);

  template <class After>
  void sort_range(Item* items, std::size_t size, Item* left, After& after);

  static std::size_t arity(const Function& function);
  /// Calls `function` from a library function.
  Item call(Function& function, const Item* arguments, std::size_t size);
  Item eval_text(std::string_view text, bool has_focus, Item focus, const Arguments& arguments);
  const Regex* literal_regex(const Item& function) const;
  void match_regex(const Regex& regex, Item subject, std::size_t from, Regex::Match& match, bool& found);
  Item match_item(const Regex& regex, const Expr& expr, Item subject, std::size_t from, bool following);
  /// Borrows `value` until the evaluation ends.
  Item from_value(const Value& value);
  /// Keeps `value` until the evaluation ends.
  Item adopt_value(Value value);

 private:
  friend class Converter;

  Item eval(const Expr& e, Item input, Frame* frame);
  /// As eval(), without its ceremony where there is a shortcut.
  Item value_of(const Expr& e, Item input, Frame* frame) {
    switch (e.shortcut) {
      case Shortcut::none:
        break;
      case Shortcut::constant:
        check_depth();
        return load(e.constant);
      case Shortcut::variable: {
        check_depth();
        const Item value = eval_variable(e, input, frame);
        return value.tag() == Tag::array ? unwrap(e, value) : value;
      }
      case Shortcut::name:
        if (input.tag() == Tag::node_object && depth_ + 2 <= limits_.depth) {
          spend(1);
          const Node* found = member_of(*e.items[0], *input.node());
          return found != nullptr ? node_item(*found, input.count()) : Item();
        }
        break;
      case Shortcut::names:
      case Shortcut::variable_names:
        return follow_names(e, input, frame);
    }
    return eval(e, input, frame);
  }
  Item follow_names(const Expr& e, Item input, Frame* frame);
  /// A member by name. The place where the last object had it is tried first: records of one shape are the rule.
  const Node* member_of(const Expr& step, const Node& object) {
    const Hint& hint = hints_[step.hint];
    if (hint.place < object.size()) {
      const Member& guess = object.member(hint.place);
      if (guess.key_text == hint.key && guess.key_size == step.text.size()) {
        return &guess.value();
      }
    }
    return find_member(step, object);
  }
  const Node* find_member(const Expr& step, const Node& object);
  Item eval_kind(const Expr& e, Item input, Frame* frame);
  Item finish(const Expr& e, Item result, Frame* frame);
  Item finish_tuples(const Expr& e, Item result, Frame* frame);
  static Item unwrap(const Expr& e, Item result);

  Item eval_binary(const Expr& e, Item input, Frame* frame);
  Item calculate(const Expr& e, Item a, Item b);
  Item arithmetic(const Expr& e, Item a, Item b);
  Item compare(const Expr& e, Item a, Item b);
  Item concatenate(Item a, Item b);
  Item make_range(const Expr& e, const Item& a, const Item& b);
  Item eval_negate(const Expr& e, Item input, Frame* frame);
  Item eval_array(const Expr& e, Item input, Frame* frame);
  Item eval_variable(const Expr& e, Item input, Frame* frame) const {
    if (e.hops < 0 || e.text.empty()) {
      return outer_variable(e, input, frame);
    }
    for (std::int32_t i = 0; i < e.hops; ++i) {
      frame = frame->outer;
    }
    const Item value = load(frame->slots[e.variable]);
    return value.tag() != Tag::unset ? value : lookup_name(e.text, frame->outer);
  }
  Item outer_variable(const Expr& e, Item input, Frame* frame) const;
  Item lookup_name(std::string_view name, Frame* frame) const;
  Item lookup_global(std::string_view name) const;
  Item global_value(std::string_view name, const Native* native);
  Item eval_block(const Expr& e, Item input, Frame* frame);
  Item eval_wildcard(Item input);
  void flatten(const Item& item, Collector& out);
  Item eval_descendants(const Item& input);
  void descend(const Item& item, Collector& out);
  void descend_node(const Node& node, std::uint32_t owner, Collector& out);
  /// Whether JavaScript's order of an object's keys is that of their insertion: no key begins with a digit.
  bool in_order(const Item& object) const;

  // paths.cpp
  Item eval_path(const Expr& e, Item input, Frame* frame);
  Item eval_names(const Expr& e, std::size_t first, Item input);
  std::size_t take_members(const Expr& step, Item list, Collector& out);
  void walk_names(const Expr& e, std::size_t at, Item item, Collector& out, Item& first, std::size_t& count);
  Item name_of(const Expr& step, Item input);
  Item units_of(Item value);
  Item eval_step(const Expr& step, const Item& input, bool single, bool last, Frame* frame);
  Item name_below(const Expr& step, Item input, bool single, bool last);
  class Results;
  void find_below(const Expr& step, Item item, Results& out);
  void find_below(const Expr& step, const Node& node, std::uint32_t owner, Results& out);
  Item filter(const Expr& predicate, Item input, Frame* frame);
  bool selects(const Expr& predicate, const Item& result, std::size_t index, std::size_t size, std::size_t& times);
  Item eval_sort(const Expr& e, const Item& input, Frame* frame, const Scope* tuple_scope);
  // tuples.cpp
  Item eval_tuple_path(const Expr& e, Item input, Frame* frame);
  Item tuple_step(const Expr& step, const Item& input, bool bound, const Scope& scope, Frame* frame);
  Item filter_tuples(const Expr& predicate, Item tuples, const Scope& scope, Frame* frame);
  Item tuple_stages(const Expr& step, Item tuples, const Scope& scope, Frame* frame);
  Frame* tuple_frame(const Tuple& tuple, const Scope& scope, Frame* frame);
  Tuple* make_tuple(const Scope& scope, const Tuple* copy);
  Item eval_object(const Expr& group, Item context, Frame* frame);
  std::string_view group_key(const Expr& group, Item key);
  Item eval_group(const Expr& group, Item input, Frame* frame, const Scope* tuple_scope);

  // calls.cpp
  Item eval_call(const Expr& e, Item input, Frame* frame, const Item* applied_to);
  Item eval_apply(const Expr& e, Item input, Frame* frame);
  bool truthy_or_function(const Item& item);
  Item eval_partial(const Expr& e, Item input, Frame* frame);
  Item make_function(const Expr& e, Function::Kind kind, Item input, Frame* frame);
  /// Calls, and whatever that leaves as a tail call after it.
  Item apply(Item procedure, const Item* arguments, std::size_t size, Item input, Frame* frame);
  Item apply_once(Item procedure, const Item* arguments, std::size_t size, Item input, Frame* frame);
  Item apply_function(Function& f, const Item* arguments, std::size_t size, const Item& input, Frame* frame);
  Item apply_lambda(Function& f, const Item* arguments, std::size_t size);
  Item call_any(const Expr& e, Item procedure, Item input, Frame* frame, const Item* applied_to);
  Item call_lambda(const Expr& e, Function& f, Item input, Frame* frame);
  Item call_native(const Expr& e, Function& f, Item input, Frame* frame);
  Item call_direct(Function& f, const Item* arguments, std::size_t size);
  /// Makes the calls that `result` leaves behind. `mark`, `captures`: as they were before the first call.
  Item finish_calls(Item result, Heap::Mark mark, std::uint64_t captures, Item input, Frame* frame);
  Item apply_transform(const Function& f, const Item& input);
  void validate(const Signature& signature, const Item* arguments, std::size_t size, const Item& context,
                std::vector<Item>& out);
  Item coerce(const Signature::Parameter& parameter, Item argument, char symbol, std::string_view matched,
              std::size_t index);
  bool fit_directly(const Signature& signature, Item* arguments, std::size_t size);
  Frame* make_frame(Frame* outer, const Scope& scope);

  void check_depth() const {
    if (depth_ >= limits_.depth) {
      throw LimitReached{LimitReached::Which::depth};
    }
  }
  void enter() {
    if (++depth_ > limits_.depth) {
      throw LimitReached{LimitReached::Which::depth};
    }
    if (--steps_left_ == 0) {
      out_of_steps();
    }
  }
  void out_of_steps();
  void grow_stack();
  QueryError limit_error(LimitReached::Which which) const;
  void convert(const Item& item, Outcome& outcome);
  void prepare(const ProgramData& program, const Request& request, const Limits& limits);

  /// Where a name was found last, and the text of the key there: a document has one text for all keys that are equal.
  struct Hint {
    const char* key = nullptr;
    std::uint32_t place = 0;
  };

  const ProgramData* program_ = nullptr;
  const Request* request_ = nullptr;
  Limits limits_{};
  std::uint32_t depth_ = 0;
  std::uint64_t steps_left_ = 0;    // until the clock is looked at or the budget is spent
  std::uint64_t steps_behind_ = 0;  // of the budget, after those
  std::chrono::steady_clock::time_point deadline_;
  const char* stack_end_ = nullptr;
  Heap heap_;
  // Collectors: items from stack_ up to stack_top_, room up to stack_room_.
  Item* stack_ = nullptr;
  Item* stack_top_ = nullptr;
  Item* stack_room_ = nullptr;
  std::vector<Item> globals_;
  std::vector<Hint> hints_;                          // per name of the program
  std::vector<const Value*> owners_;                 // of borrowed nodes
  std::deque<Value> adopted_;                        // owners that nobody else keeps
  std::vector<std::unique_ptr<ProgramData>> evals_;  // expressions compiled by $eval
  Item root_;                                        // $$
  std::uint64_t captures_ = 0;       // functions made so far: a frame that none has captured can be taken back
  const Expr* tail_expr_ = nullptr;  // the call that a Tag::tail_call stands for
  Item tail_input_;
  Frame* tail_frame_ = nullptr;
};

class Evaluator::Collector {
 public:
  explicit Collector(Evaluator& evaluator)
      : e_(evaluator), base_(static_cast<std::size_t>(evaluator.stack_top_ - evaluator.stack_)) {}
  ~Collector() { e_.stack_top_ = e_.stack_ + base_; }
  Collector(const Collector&) = delete;
  Collector& operator=(const Collector&) = delete;

  void push(Item item) {
    if (e_.stack_top_ == e_.stack_room_) {
      e_.grow_stack();
    }
    *e_.stack_top_++ = item;
  }
  /// Every element of an array; anything else itself.
  void push_all(Item item);
  /// As push_all, but constructed arrays whole.
  void push_flat(Item item) {
    if (!item.is_array() || is_cons(item)) {
      push(item);
    } else {
      push_all(item);
    }
  }
  std::size_t size() const { return static_cast<std::size_t>(e_.stack_top_ - e_.stack_) - base_; }
  Item& operator[](std::size_t i) { return e_.stack_[base_ + i]; }
  /// Makes room for `count` more.
  void reserve(std::size_t count) {
    while (static_cast<std::size_t>(e_.stack_room_ - e_.stack_top_) < count) {
      e_.grow_stack();
    }
  }
  Item to_array(bool sequence) { return e_.array_of(e_.stack_ + base_, size(), sequence); }

 private:
  Evaluator& e_;
  std::size_t base_;
};

inline bool Evaluator::in_order(const Item& object) const {
  if (level() != Level::suite) {
    return true;
  }
  const auto begins_with_digit = [](const char* text, std::size_t size) {
    return size > 0 && text[0] >= '0' && text[0] <= '9';
  };
  if (object.tag() == Tag::object) {
    const Object& o = *object.object();
    return std::none_of(o.properties, o.properties + o.size,
                        [&](const Property& p) { return begins_with_digit(p.key_text, p.key_size); });
  }
  const Node& node = *object.node();
  for (std::size_t i = 0; i < node.size(); ++i) {
    const Member& member = node.member(i);
    if (begins_with_digit(member.key_text, member.key_size)) {
      return false;
    }
  }
  return true;
}

inline void Evaluator::descend_node(const Node& node, std::uint32_t owner, Collector& out) {
  if (node.is_container()) {
    descend(node_item(node, owner), out);
  } else {
    out.push(node_item(node, owner));
  }
}

/// Whether `key` is an array index of JavaScript ("0", "17"; not "01"), and which.
bool is_index_key(std::string_view key, std::uint32_t& index);

template <class Visit>
void Evaluator::each_member(const Item& object, Visit visit) {
  const std::size_t count = member_count(object);
  const auto key_at = [&object](std::size_t i) {
    return object.tag() == Tag::object ? object.object()->properties[i].key() : object.node()->member(i).key();
  };
  const auto value_at = [&object](std::size_t i) {
    return object.tag() == Tag::object ? object.object()->properties[i].value
                                       : node_item(object.node()->member(i).value(), object.count());
  };
  if (in_order(object)) {
    for (std::size_t i = 0; i < count; ++i) {
      visit(key_at(i), value_at(i));
    }
    return;
  }
  std::vector<std::pair<std::uint32_t, std::size_t>> indexes;
  for (std::size_t i = 0; i < count; ++i) {
    std::uint32_t index = 0;
    if (is_index_key(key_at(i), index)) {
      indexes.emplace_back(index, i);
    }
  }
  std::sort(indexes.begin(), indexes.end());
  for (const auto& [index, i] : indexes) {
    visit(key_at(i), value_at(i));
  }
  for (std::size_t i = 0; i < count; ++i) {
    std::uint32_t index = 0;
    if (!is_index_key(key_at(i), index)) {
      visit(key_at(i), value_at(i));
    }
  }
}

template <class After>
void Evaluator::sort_range(Item* items, std::size_t size, Item* left, After& after) {
  if (size < 2) {
    return;
  }
  const std::size_t middle = size / 2;
  sort_range(items, middle, left, after);
  sort_range(items + middle, size - middle, left, after);
  std::copy(items, items + middle, left);
  std::size_t l = 0;
  std::size_t r = middle;
  std::size_t out = 0;
  while (l < middle && r < size) {
    spend(1);
    items[out++] = after(left[l], items[r]) ? items[r++] : left[l++];
  }
  while (l < middle) {
    items[out++] = left[l++];
  }
}

template <class After>
void Evaluator::merge_sort(Item* items, std::size_t size, After after) {
  sort_range(items, size, heap_.make_array<Item>(size / 2 + 1), after);
}

}  // namespace lockstep::jsonata
