// Location paths: steps mapped over a context, predicates, order-by.
#include <cmath>

#include "query/jsonata/evaluator.hpp"
#include "query/jsonata/text.hpp"

namespace lockstep::jsonata {

const Node* Evaluator::find_member(const Expr& step, const Node& object) {
  const std::size_t size = object.size();
  Hint& hint = hints_[step.hint];
  if (hint.place < size && object.member(hint.place).has_key(step.text, step.hash)) {
    hint.key = object.member(hint.place).key_text;
    return &object.member(hint.place).value();
  }
  if (size > 12) {
    return object.find(step.text, step.hash);
  }
  for (std::uint32_t i = 0; i < size; ++i) {
    const Member& member = object.member(i);
    if (member.has_key(step.text, step.hash)) {
      hint = {member.key_text, i};
      return &member.value();
    }
  }
  return nullptr;
}

Item Evaluator::name_of(const Expr& step, Item input) {
  if (input.tag() == Tag::node_object) {
    const Node* found = member_of(step, *input.node());
    return found != nullptr ? node_item(*found, input.count()) : Item();
  }
  return lookup(input, step.text, step.hash);
}

// Names followed through borrowed objects only; whatever else comes up on the way is eval()'s.
Item Evaluator::follow_names(const Expr& e, Item input, Frame* frame) {
  std::size_t i = 0;
  Item start = input;
  if (e.shortcut == Shortcut::variable_names) {
    start = eval_variable(*e.items[0], input, frame);
    i = 1;
  }
  if (start.tag() != Tag::node_object || depth_ + 2 > limits_.depth) {
    return eval(e, input, frame);
  }
  spend(1);
  const std::size_t size = e.items.size();
  const Node* node = start.node();
  for (;;) {
    node = member_of(*e.items[i], *node);
    if (node == nullptr) {
      return {};
    }
    if (++i == size) {
      return node_item(*node, start.count());
    }
    if (!node->is_object()) {
      return eval(e, input, frame);
    }
  }
}

// Records' members that are no arrays, the usual end of a path; stops at the first element that gives anything else,
// and says which.
std::size_t Evaluator::take_members(const Expr& step, Item list, Collector& out) {
  const std::size_t size = size_of(list);
  out.reserve(size);
  Item* to = stack_top_;
  std::size_t k = 0;
  // Whether the element was as usual.
  const auto take = [&](const Node& record, std::uint32_t owner) {
    const Node* value = member_of(step, record);
    if (value != nullptr && value->is_array()) {
      return false;
    }
    if (value != nullptr) {
      *to++ = node_item(*value, owner);
    }
    return true;
  };
  if (list.tag() == Tag::node_array) {
    const Node& array = *list.node();
    while (k < size && array.at(k).is_object() && take(array.at(k), list.count())) {
      ++k;
    }
  } else if (list.tag() == Tag::array) {
    const Item* items = list.array()->items;
    while (k < size && items[k].tag() == Tag::node_object && take(*items[k].node(), items[k].count())) {
      ++k;
    }
  }
  stack_top_ = to;
  return k;
}

// --- paths of names only: no sequence is built between the steps ---

Item Evaluator::eval_names(const Expr& e, std::size_t first_step, Item input) {
  if (depth_ >= limits_.depth) {
    enter();
  }
  const std::size_t steps = e.items.size();
  std::size_t i = first_step;
  Item at_item = input;
  if (i == steps) {
    // `$x` alone as a path: a sequence of the one value.
    return at_item;
  }
  // As long as there is one object, there is nothing to collect.
  while (at_item.is_object()) {
    spend(1);
    const Item next = name_of(*e.items[i], at_item);
    if (next.is_undefined()) {
      return next;
    }
    at_item = next;
    if (++i == steps) {
      // The last step gives a plain array as it is; a sequence is copied, since its flags may change.
      if (is_sequence(at_item)) {
        Collector copy(*this);
        copy.push_flat(at_item);
        return copy.to_array(true);
      }
      return at_item;
    }
  }
  if (!at_item.is_array()) {
    return {};
  }
  Collector out(*this);
  Item first;
  std::size_t count = 0;
  const std::size_t size = size_of(at_item);
  spend(size);
  const bool last = i + 1 == steps;
  const Expr& step = *e.items[i];
  std::size_t k = last ? take_members(step, at_item, out) : 0;
  count = out.size();
  for (; k < size; ++k) {
    walk_names(e, i, at(at_item, k), out, first, count);
  }
  if (count == 1 && first.is_array() && !is_sequence(first)) {
    return first;
  }
  return out.to_array(true);
}

// Follows the names from step `at_step` on for one item; what the last step gives goes to `out`, flattened by one
// level.
void Evaluator::walk_names(const Expr& e, std::size_t at_step, Item item, Collector& out, Item& first,
                           std::size_t& count) {
  spend(1);
  Item value = name_of(*e.items[at_step], item);
  if (value.tag() == Tag::array) {
    value = unwrap(*e.items[at_step], value);  // looking a name up in a nested array gives a sequence
  }
  if (value.is_undefined()) {
    return;
  }
  if (at_step + 1 == e.items.size()) {
    if (++count == 1) {
      first = value;
    }
    out.push_flat(value);
    return;
  }
  if (value.is_array() && !is_cons(value)) {
    check_stack();
    const std::size_t size = size_of(value);
    for (std::size_t k = 0; k < size; ++k) {
      walk_names(e, at_step + 1, jsonata::at(value, k), out, first, count);
    }
    return;
  }
  walk_names(e, at_step + 1, value, out, first, count);
}

// --- paths in general ---

// What a step gives, item by item. One result that is no array comes back as it is instead of as a sequence of one.
class Evaluator::Results {
 public:
  explicit Results(Evaluator& evaluator) : e_(evaluator), out_(evaluator) {}

  void push(Item result) {
    if (result.is_undefined()) {
      return;
    }
    if (++count_ == 1) {
      first_ = result;
      return;
    }
    if (count_ == 2) {
      out_.push_flat(load(first_));
    }
    out_.push_flat(result);
  }

  /// `last`: it is the path's last step.
  Item finish(bool last) {
    if (count_ != 1) {
      return out_.to_array(true);
    }
    if (!first_.is_array()) {
      return first_;
    }
    if (is_cons(first_)) {
      return last ? first_ : e_.sequence_of(first_);
    }
    if (!is_sequence(first_)) {
      if (!last && size_of(first_) == 0) {
        return array_item(e_.make_array(0, true));
      }
      return first_;  // the last step gives a plain array as it is; for the next step it is as good as a copy
    }
    // A sequence of our own to put flags on; the elements are shared.
    auto* copy = e_.heap_.make_array<Array>(1);
    *copy = {first_.array()->items, first_.array()->size, first_.array()->size, true, false, false, false, false};
    return array_item(copy);
  }

 private:
  Evaluator& e_;
  Collector out_;
  Item first_;
  std::size_t count_ = 0;
};

Item Evaluator::eval_path(const Expr& e, Item input, Frame* frame) {
  const std::vector<Expr*>& steps = e.items;
  Item current = input;  // the context: an array of items, or (single) one item
  bool single = !input.is_array() || steps[0]->type == ExprType::variable;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const Expr& step = *steps[i];
    if (i == 0 && step.cons_array) {
      current = eval(step, single ? sequence_of(current) : current, frame);
      if (i + 1 < steps.size() && !current.is_array()) {
        if (current.is_string() && current.as_string().empty()) {
          return current;  // as good as an empty list, and what the path gives
        }
        current = units_of(current);
      }
    } else if (step.name_below && depth_ + 2 <= limits_.depth) {
      ++i;
      current = name_below(*steps[i], current, single, i + 1 == steps.size());
    } else {
      current = eval_step(step, current, single, i + 1 == steps.size(), frame);
    }
    single = false;
    if (current.is_undefined() || (current.is_array() && size_of(current) == 0)) {
      break;
    }
    if (!current.is_array()) {
      single = true;
    }
  }
  if (single) {
    if (!e.keep_singleton_array && !e.keep_array && e.group == nullptr) {
      return current;
    }
    current = sequence_of(current);
  }
  if (e.keep_singleton_array && current.is_array()) {
    if (is_cons(current) && !is_sequence(current)) {
      current = sequence_of(current);
    }
    if (current.tag() == Tag::array) {
      current.array()->keep_singleton = true;
    }
  }
  return e.group != nullptr ? eval_group(*e.group, current, frame, nullptr) : current;
}

// What the steps behind a constructed array see that a predicate has made one value of: a string's characters, and of
// anything else nothing.
Item Evaluator::units_of(Item value) {
  if (!value.is_string()) {
    return {};
  }
  const std::string_view text = value.as_string();
  spend(text.size());
  Collector units(*this);
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t length = std::min(utf8_length(text[i]), text.size() - i);
    units.push(string_item(text.substr(i, length), length == 1));
    i += length;
  }
  return units.to_array(true);
}

// Maps `step` over the context.
Item Evaluator::eval_step(const Expr& step, const Item& input, bool single, bool last, Frame* frame) {
  if (step.type == ExprType::sort) {
    // What is not sorted, because it is alone, is a sequence still.
    const Item whole = single ? sequence_of(input) : input;
    Item sorted = size_of(whole) == 1 ? sequence_of(at(whole, 0)) : eval_sort(step, whole, frame, nullptr);
    for (const Stage& stage : step.stages) {
      sorted = filter(*stage.filter, sorted, frame);
    }
    return sorted;
  }
  const bool only_name = step.type == ExprType::name && step.plain && !step.keep_array && depth_ < limits_.depth;
  Results out(*this);
  const std::size_t size = single ? 1 : size_of(input);
  for (std::size_t i = 0; i < size; ++i) {
    const Item item = single ? load(input) : at(input, i);
    Item result;
    if (only_name && !item.is_array()) {
      spend(1);
      if (item.is_object()) {
        result = name_of(step, item);
      } else if (step.stages.empty()) {
        continue;
      }
    } else {
      result = eval(step, item, frame);
    }
    for (const Stage& stage : step.stages) {
      result = filter(*stage.filter, result, frame);
    }
    out.push(result);
  }
  return out.finish(last);
}

// `**` and a name behind it: what the name finds, without a sequence of all there is.
Item Evaluator::name_below(const Expr& step, Item input, bool single, bool last) {
  Results out(*this);
  const std::size_t size = single ? 1 : size_of(input);
  for (std::size_t i = 0; i < size; ++i) {
    find_below(step, single ? load(input) : at(input, i), out);
  }
  return out.finish(last);
}

void Evaluator::find_below(const Expr& step, Item item, Results& out) {
  if (item.tag() == Tag::node_object || item.tag() == Tag::node_array) {
    find_below(step, *item.node(), item.count(), out);
    return;
  }
  if (item.tag() != Tag::object && item.tag() != Tag::array) {
    return;
  }
  check_stack();
  if (item.tag() == Tag::array) {
    const Array& array = *item.array();
    spend(array.size);
    for (std::uint32_t i = 0; i < array.size; ++i) {
      find_below(step, load(array.items[i]), out);
    }
    return;
  }
  spend(member_count(item) + 1);
  out.push(name_of(step, item));
  each_member(item, [&](std::string_view, Item value) { find_below(step, value, out); });
}

void Evaluator::find_below(const Expr& step, const Node& node, std::uint32_t owner, Results& out) {
  check_stack();
  const std::size_t size = node.size();
  spend(size + 1);
  if (node.is_array()) {
    for (std::size_t i = 0; i < size; ++i) {
      if (const Node& child = node.at(i); child.is_container()) {
        find_below(step, child, owner, out);
      }
    }
    return;
  }
  if (const Node* found = member_of(step, node)) {
    out.push(node_item(*found, owner));
  }
  const Item object = node_item(node, owner);
  if (in_order(object)) {
    for (std::size_t i = 0; i < size; ++i) {
      if (const Node& child = node.member(i).value(); child.is_container()) {
        find_below(step, child, owner, out);
      }
    }
  } else {
    each_member(object, [&](std::string_view, Item value) { find_below(step, value, out); });
  }
}

Item Evaluator::filter(const Expr& predicate, Item input, Frame* frame) {
  const bool is_array = input.is_array();
  const std::size_t size = is_array ? size_of(input) : 1;
  if (predicate.type == ExprType::number) {
    double index = std::floor(predicate.constant.number());
    if (index < 0) {
      index += static_cast<double>(size);
    }
    Item item;
    if (index >= 0 && index < static_cast<double>(size)) {
      item = is_array ? at(input, static_cast<std::size_t>(index)) : input;
    }
    if (item.is_undefined()) {
      return array_item(make_array(0, true));
    }
    return item.is_array() ? item : sequence_of(item);
  }
  Collector out(*this);
  for (std::size_t i = 0; i < size; ++i) {
    const Item item = is_array ? at(input, i) : input;
    const Heap::Mark mark = heap_.mark();
    const std::uint64_t captures = captures_;
    const Item result = value_of(predicate, item, frame);
    std::size_t times = 0;
    if (result.is_boolean()) {
      if (result.as_boolean()) {
        out.push(item);
      }
    } else if (selects(predicate, result, i, size, times)) {
      for (std::size_t k = 0; k < times; ++k) {
        out.push(item);
      }
    }
    if (predicate.scalar_only && captures == captures_) {
      heap_.reset(mark);
    }
  }
  return out.to_array(true);
}

// Whether a predicate's result picks element `index` of `size`, and how many times.
bool Evaluator::selects(const Expr& /*predicate*/, const Item& result, std::size_t index, std::size_t size,
                        std::size_t& times) {
  times = 0;
  if (result.is_boolean()) {
    times = result.as_boolean() ? 1 : 0;
    return times != 0;
  }
  const auto hits = [&](const Item& number) {
    double at = std::floor(number.as_double());
    if (at < 0) {
      at += static_cast<double>(size);
    }
    return at == static_cast<double>(index);
  };
  if (is_numeric(result)) {
    times = hits(result) ? 1 : 0;
    return times != 0;
  }
  if (result.is_array()) {
    const std::size_t count = size_of(result);
    spend(count);
    bool numbers = true;
    for (std::size_t k = 0; k < count && numbers; ++k) {
      numbers = is_numeric(at(result, k));
    }
    if (numbers) {
      for (std::size_t k = 0; k < count; ++k) {
        times += hits(at(result, k)) ? 1 : 0;
      }
      return times != 0;
    }
  }
  times = truthy(result) ? 1 : 0;
  return times != 0;
}

// --- order-by ---

Item Evaluator::eval_sort(const Expr& e, const Item& input, Frame* frame, const Scope* tuple_scope) {
  const std::size_t size = size_of(input);
  if (size <= 1) {
    return input;
  }
  // Every element's terms are evaluated once, when they are first needed, and kept beside it.
  struct Keyed {
    Item element;
    Item* keys;
  };
  const std::size_t terms = e.terms.size();
  Array* result = make_array(size, false);
  result->size = static_cast<std::uint32_t>(size);
  result->tuple_stream = tuple_scope != nullptr;
  auto* keyed = heap_.make_array<Keyed>(size);
  auto* keys = heap_.make_array<Item>(size * terms);
  std::fill_n(keys, size * terms, unset_item());
  Array* order = make_array(size, false);  // places in `keyed`
  for (std::size_t i = 0; i < size; ++i) {
    keyed[i] = {at(input, i), keys + i * terms};
    order->items[i] = number_item(static_cast<double>(i));
  }
  const auto key_of = [&](const Keyed& element, std::size_t term) {
    Item& key = element.keys[term];
    if (key.tag() == Tag::unset) {
      const Item& item = element.element;
      key = tuple_scope == nullptr
                ? value_of(*e.terms[term].expression, item, frame)
                : eval(*e.terms[term].expression, item.tuple()->at, tuple_frame(*item.tuple(), *tuple_scope, frame));
    }
    return key;
  };
  const auto after = [&](const Item& left, const Item& right) {
    const Keyed& a = keyed[static_cast<std::size_t>(left.number())];
    const Keyed& b = keyed[static_cast<std::size_t>(right.number())];
    for (std::size_t term = 0; term < terms; ++term) {
      const Item x = key_of(a, term);
      const Item y = key_of(b, term);
      if (x.is_undefined() && y.is_undefined()) {
        continue;
      }
      if (x.is_undefined() || y.is_undefined()) {
        return x.is_undefined();  // last, whatever the direction
      }
      const auto sortable = [](const Item& item) { return item.is_string() || item.is_number(); };
      if (!sortable(x) || !sortable(y)) {
        Problem p = problem("T2008", e.position);
        p.value_json = describe(sortable(x) ? y : x);
        throw p;
      }
      if (x.is_string() != y.is_string()) {
        Problem p = problem("T2007", e.position);
        p.value_json = describe(x);
        p.value2_json = describe(y);
        throw p;
      }
      int order_of = 0;
      if (x.is_string()) {
        order_of = compare_units(x.as_string(), y.as_string());
      } else {
        const double p = x.as_double();
        const double q = y.as_double();
        order_of = p == q ? 0 : p < q ? -1 : 1;
      }
      if (order_of != 0) {
        return (order_of > 0) != e.terms[term].descending;
      }
    }
    return false;
  };
  merge_sort(order->items, size, after);
  for (std::size_t i = 0; i < size; ++i) {
    result->items[i] = keyed[static_cast<std::size_t>(order->items[i].number())].element;
  }
  return array_item(result);
}

}  // namespace lockstep::jsonata
