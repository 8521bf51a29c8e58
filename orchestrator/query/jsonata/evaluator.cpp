#include "query/jsonata/evaluator.hpp"

#include <pthread.h>

#include <cmath>

#include "query/jsonata/text.hpp"

namespace lockstep::jsonata {

namespace {

constexpr std::uint64_t kClockInterval = 4096;    // steps between two looks at the clock
constexpr std::size_t kStackReserve = 128 << 10;  // C++ stack left for what a function of the library needs
constexpr double kLargestRange = 1e7;

// The lowest address of this thread's stack that an evaluation may reach.
const char* stack_limit() {
  thread_local const char* limit = [] {
    pthread_attr_t attributes;
    void* lowest = nullptr;
    std::size_t size = 0;
    if (pthread_getattr_np(pthread_self(), &attributes) == 0) {
      pthread_attr_getstack(&attributes, &lowest, &size);
      pthread_attr_destroy(&attributes);
    }
    const std::size_t reserve = std::min(kStackReserve * 2, size / 4);
    return static_cast<const char*>(lowest) + reserve;
  }();
  return limit;
}

[[noreturn]] void operator_problem(std::string_view code, const Expr& e, std::string value, std::string value2 = {}) {
  Problem p = problem(code, e.position);
  p.token = e.text;
  p.has_token = true;
  p.value_json = std::move(value);
  p.value2_json = std::move(value2);
  throw p;
}

// Errors of an operator carry its place.
template <class Body>
Item at_operator(const Expr& e, Body body) {
  try {
    return body();
  } catch (Problem& p) {
    p.position = e.position;
    p.token = e.text;
    p.has_token = true;
    throw;
  }
}

}  // namespace

void Evaluator::out_of_steps() {
  if (steps_behind_ == 0) {
    throw LimitReached{LimitReached::Which::steps};
  }
  if (limits_.milliseconds != 0 && std::chrono::steady_clock::now() >= deadline_) {
    throw LimitReached{LimitReached::Which::time};
  }
  const std::uint64_t next = limits_.milliseconds != 0 ? std::min(steps_behind_, kClockInterval) : steps_behind_;
  steps_behind_ -= next;
  steps_left_ = next;
}

std::uint64_t Evaluator::random_bits() {
  if (request_->state != nullptr) {
    return request_->state->random();
  }
  return request_->random ? request_->random() : 0;
}

Item Evaluator::from_value(const Value& value) {
  owners_.push_back(&value);
  return node_item(value.node(), static_cast<std::uint32_t>(owners_.size() - 1));
}

Item Evaluator::adopt_value(Value value) {
  return from_value(adopted_.emplace_back(std::move(value)));
}

// --- dispatch ---

Item Evaluator::eval(const Expr& e, Item input, Frame* frame) {
  const std::uint32_t depth = depth_;
  enter();
  Item result = eval_kind(e, input, frame);
  if (!e.plain) {
    result = finish(e, result, frame);
  }
  if (result.tag() == Tag::array) {
    result = unwrap(e, result);
  }
  depth_ = depth;
  return result;
}

Item Evaluator::finish(const Expr& e, Item result, Frame* frame) {
  if (e.tuples != nullptr) {
    return finish_tuples(e, result, frame);
  }
  for (const Stage& stage : e.predicates) {
    result = filter(*stage.filter, result, frame);
  }
  if (e.group != nullptr && e.type != ExprType::path) {
    result = eval_group(*e.group, result, frame, nullptr);
  }
  return result;
}

// As finish(), for a block whose value is a tuple stream, or nothing.
Item Evaluator::finish_tuples(const Expr& e, Item result, Frame* frame) {
  for (const Stage& stage : e.predicates) {
    result = is_tuple_stream(result)
                 ? filter_tuples(*stage.filter, result, *e.tuples, frame)
                 : filter(*stage.filter, result, tuple_frame(*make_tuple(*e.tuples, nullptr), *e.tuples, frame));
  }
  if (e.group != nullptr) {
    result =
        is_tuple_stream(result)
            ? eval_group(*e.group, result, frame, e.tuples)
            : eval_group(*e.group, result, tuple_frame(*make_tuple(*e.tuples, nullptr), *e.tuples, frame), nullptr);
  }
  return result;
}

Item Evaluator::unwrap(const Expr& e, Item result) {
  Array& array = *result.array();
  if (!array.sequence || array.tuple_stream) {
    return result;
  }
  array.keep_singleton |= e.keep_array;
  if (array.size == 0) {
    return {};
  }
  return array.size == 1 && !array.keep_singleton ? array.items[0] : result;
}

Item Evaluator::eval_kind(const Expr& e, Item input, Frame* frame) {
  switch (e.type) {
    case ExprType::string:
    case ExprType::number:
    case ExprType::value:
      return e.constant;
    case ExprType::name:
      return name_of(e, input);
    case ExprType::variable:
    case ExprType::parent:
      return eval_variable(e, input, frame);
    case ExprType::path:
      check_stack();
      switch (e.path_kind) {
        case PathKind::names:
          return eval_names(e, 0, input);
        case PathKind::variable: {
          enter();
          const Item first = eval_variable(*e.items[0], input, frame);
          --depth_;
          return first.is_undefined() ? first : eval_names(e, 1, first);
        }
        case PathKind::tuples:
          return eval_tuple_path(e, input, frame);
        case PathKind::general:
          break;
      }
      return eval_path(e, input, frame);
    case ExprType::binary:
      return eval_binary(e, input, frame);
    case ExprType::negate:
      return eval_negate(e, input, frame);
    case ExprType::array:
      return eval_array(e, input, frame);
    case ExprType::object:
      return eval_group(e, input, frame, nullptr);
    case ExprType::wildcard:
      return eval_wildcard(input);
    case ExprType::descendant:
      return eval_descendants(input);
    case ExprType::condition:
      if (is_true(value_of(*e.a, input, frame))) {
        return value_of(*e.b, input, frame);
      }
      return e.c != nullptr ? value_of(*e.c, input, frame) : Item();
    case ExprType::coalesce: {
      const Item left = eval(*e.a, input, frame);
      return left.is_undefined() ? eval(*e.b, input, frame) : left;
    }
    case ExprType::elvis: {
      const Item left = eval(*e.a, input, frame);
      return truthy(left) ? left : eval(*e.b, input, frame);
    }
    case ExprType::block:
      return eval_block(e, input, frame);
    case ExprType::bind: {
      const Item value = eval(*e.b, input, frame);
      Frame* target = frame;
      for (std::int32_t i = 0; i < e.hops; ++i) {
        target = target->outer;
      }
      target->slots[e.variable] = value;
      return value;
    }
    case ExprType::function:
      return eval_call(e, input, frame, nullptr);
    case ExprType::tail_call: {
      tail_expr_ = e.a;
      tail_input_ = input;
      tail_frame_ = frame;
      return tail_call_item();
    }
    case ExprType::partial:
      return eval_partial(e, input, frame);
    case ExprType::apply:
      return eval_apply(e, input, frame);
    case ExprType::lambda:
      return make_function(e, Function::Kind::lambda, input, frame);
    case ExprType::regex:
      return make_function(e, Function::Kind::regex, input, frame);
    case ExprType::transform:
      return make_function(e, Function::Kind::transform, input, frame);
    default:
      return {};
  }
}

Item Evaluator::eval_block(const Expr& e, Item input, Frame* frame) {
  Frame* inner = e.scope != nullptr ? make_frame(frame, *e.scope) : frame;
  Item result;
  for (const Expr* item : e.items) {
    result = eval(*item, input, inner);
  }
  return result;
}

Frame* Evaluator::make_frame(Frame* outer, const Scope& scope) {
  auto* frame = static_cast<Frame*>(heap_.allocate(sizeof(Frame) + scope.names.size() * sizeof(Item)));
  frame->outer = outer;
  frame->scope = &scope;
  frame->slots = reinterpret_cast<Item*>(frame + 1);
  std::fill_n(frame->slots, scope.names.size(), unset_item());
  return frame;
}

// --- variables ---

// `$`, or a variable that no frame holds.
Item Evaluator::outer_variable(const Expr& e, Item input, Frame* frame) const {
  if (e.text.empty()) {
    return is_outer_wrapper(input) ? load(input.array()->items[0]) : input;
  }
  return e.hops == kGlobal ? load(globals_[e.variable]) : lookup_name(e.text, frame);
}

Item Evaluator::lookup_name(std::string_view name, Frame* frame) const {
  for (; frame != nullptr; frame = frame->outer) {
    const auto& names = frame->scope->names;
    const auto found = std::find(names.begin(), names.end(), name);
    if (found != names.end()) {
      const Item value = frame->slots[found - names.begin()];
      if (value.tag() != Tag::unset) {
        return value;
      }
    }
  }
  return lookup_global(name);
}

Item Evaluator::lookup_global(std::string_view name) const {
  const auto& names = program_->globals;
  const auto found = std::find(names.begin(), names.end(), name);
  if (found != names.end()) {
    return globals_[static_cast<std::size_t>(found - names.begin())];
  }
  // Named by text that came in at run time, or bound later in the block: rare enough to look again each time.
  return const_cast<Evaluator*>(this)->global_value(name, find_native(name, program_->level));
}

// --- operators ---

namespace {

// Whether `item` is a number that every operator takes as it is; which one, in `value`.
bool is_finite_number(Item item, double& value) {
  if (item.tag() == Tag::number) {
    value = item.number();
  } else if (item.tag() == Tag::node_number) {
    value = item.node()->as_double();
  } else {
    return false;
  }
  return std::isfinite(value);
}

}  // namespace

Item Evaluator::eval_binary(const Expr& e, Item input, Frame* frame) {
  if (e.op == Op::logical_and || e.op == Op::logical_or) {
    const Item a = value_of(*e.a, input, frame);
    return at_operator(e, [&] {
      const bool left = is_true(a);
      if (left == (e.op == Op::logical_or)) {
        return boolean_item(left);
      }
      return boolean_item(is_true(value_of(*e.b, input, frame)));
    });
  }
  const Item a = value_of(*e.a, input, frame);
  const Item b = value_of(*e.b, input, frame);
  double x = 0;
  double y = 0;
  if (is_finite_number(a, x) && is_finite_number(b, y)) {
    switch (e.op) {
      case Op::add:
        return number_item(x + y);
      case Op::subtract:
        return number_item(x - y);
      case Op::multiply:
        return number_item(x * y);
      case Op::divide:
        return number_item(x / y);
      case Op::less:
        return boolean_item(x < y);
      case Op::less_equal:
        return boolean_item(x <= y);
      case Op::greater:
        return boolean_item(x > y);
      case Op::greater_equal:
        return boolean_item(x >= y);
      default:
        break;
    }
  }
  return calculate(e, a, b);
}

// The operators on any two values.
Item Evaluator::calculate(const Expr& e, Item a, Item b) {
  switch (e.op) {
    case Op::add:
    case Op::subtract:
    case Op::multiply:
    case Op::divide:
    case Op::modulo:
      return arithmetic(e, a, b);
    case Op::equal:
    case Op::not_equal:
      if (a.is_undefined() || b.is_undefined()) {
        return boolean_item(false);
      }
      return boolean_item(equal(a, b) == (e.op == Op::equal));
    case Op::less:
    case Op::less_equal:
    case Op::greater:
    case Op::greater_equal:
      return compare(e, a, b);
    case Op::concat:
      return at_operator(e, [&] { return concatenate(a, b); });
    case Op::range:
      return make_range(e, a, b);
    case Op::in: {
      if (a.is_undefined() || b.is_undefined()) {
        return boolean_item(false);
      }
      if (!b.is_array()) {
        return boolean_item(identical(a, b));
      }
      const std::size_t size = size_of(b);
      spend(size / 8 + 1);
      for (std::size_t i = 0; i < size; ++i) {
        if (identical(a, at(b, i))) {
          return boolean_item(true);
        }
      }
      return boolean_item(false);
    }
    default:
      return {};
  }
}

Item Evaluator::concatenate(Item a, Item b) {
  if (a.is_string() && b.is_string() && a.is_ascii() && b.is_ascii()) {
    const std::string_view left = a.as_string();
    const std::string_view right = b.as_string();
    check_value(left.size() + right.size());
    auto* text = static_cast<char*>(heap_.allocate(left.size() + right.size()));
    std::copy(left.begin(), left.end(), text);
    std::copy(right.begin(), right.end(), text + left.size());
    return string_item({text, left.size() + right.size()}, true);
  }
  std::string text;
  if (!a.is_undefined()) {
    append_string(text, a);
  }
  if (!b.is_undefined()) {
    if (b.is_string()) {
      append_text(text, b.as_string());
    } else {
      append_string(text, b);  // JSON begins with no surrogate
    }
  }
  return make_string(text);
}

Item Evaluator::arithmetic(const Expr& e, Item a, Item b) {
  at_operator(e, [&] {
    if (!a.is_undefined() && !is_numeric(a)) {
      operator_problem("T2001", e, describe(a));
    }
    if (!b.is_undefined() && !is_numeric(b)) {
      operator_problem("T2002", e, describe(b));
    }
    return Item();
  });
  if (a.is_undefined() || b.is_undefined()) {
    return {};
  }
  const double x = a.as_double();
  const double y = b.as_double();
  switch (e.op) {
    case Op::add:
      return number_item(x + y);
    case Op::subtract:
      return number_item(x - y);
    case Op::multiply:
      return number_item(x * y);
    case Op::divide:
      return number_item(x / y);
    default:
      return number_item(std::fmod(x, y));
  }
}

Item Evaluator::compare(const Expr& e, Item a, Item b) {
  double x = 0;
  double y = 0;
  if (a.is_number() && b.is_number()) {
    x = a.as_double();
    y = b.as_double();
  } else {
    const auto comparable = [](const Item& item) {
      return item.is_undefined() || item.is_string() || item.is_number();
    };
    if (!comparable(a) || !comparable(b)) {
      operator_problem("T2010", e, describe(a.is_string() || a.is_number() ? b : a));
    }
    if (a.is_undefined() || b.is_undefined()) {
      return {};
    }
    if (a.is_string() != b.is_string()) {
      operator_problem("T2009", e, describe(a), describe(b));
    }
    x = compare_units(a.as_string(), b.as_string());
  }
  switch (e.op) {
    case Op::less:
      return boolean_item(x < y);
    case Op::less_equal:
      return boolean_item(x <= y);
    case Op::greater:
      return boolean_item(x > y);
    default:
      return boolean_item(x >= y);
  }
}

Item Evaluator::make_range(const Expr& e, const Item& a, const Item& b) {
  const auto whole = [](const Item& item) {
    return item.is_number() && std::isfinite(item.as_double()) && item.as_double() == std::trunc(item.as_double());
  };
  if (!a.is_undefined() && !whole(a)) {
    operator_problem("T2003", e, describe(a));
  }
  if (!b.is_undefined() && !whole(b)) {
    operator_problem("T2004", e, describe(b));
  }
  if (a.is_undefined() || b.is_undefined()) {
    return {};
  }
  const double first = a.as_double();
  const double last = b.as_double();
  if (first > last) {
    return {};
  }
  const double size = last - first + 1;
  if (size > kLargestRange) {
    operator_problem("D2014", e, describe(number_item(size)));
  }
  auto* range = heap_.make_array<Range>(1);
  *range = {first, static_cast<std::uint32_t>(size)};
  return range_item(range);
}

Item Evaluator::eval_negate(const Expr& e, Item input, Frame* frame) {
  const Item value = eval(*e.a, input, frame);
  if (value.is_undefined()) {
    return value;
  }
  if (!is_numeric(value)) {
    Problem p = problem("D1002", e.position);
    p.token = e.text;
    p.has_token = true;
    p.value_json = describe(value);
    throw p;
  }
  return number_item(-value.as_double());
}

Item Evaluator::eval_array(const Expr& e, Item input, Frame* frame) {
  // A single range stays packed: [1..10000000] is sixteen bytes until somebody looks inside.
  if (e.items.size() == 1 && !e.cons_array && e.items[0]->type == ExprType::binary && e.items[0]->op == Op::range) {
    const Item range = eval(*e.items[0], input, frame);
    return range.is_undefined() ? array_item(make_array(0, false)) : range;
  }
  Collector items(*this);
  for (const Expr* item : e.items) {
    const Item value = eval(*item, input, frame);
    if (value.is_undefined()) {
      continue;
    }
    if (item->type == ExprType::array || !value.is_array()) {
      items.push(value);
    } else {
      items.push_all(value);
    }
  }
  const Item result = items.to_array(false);
  result.array()->cons = e.cons_array;
  return result;
}

Item Evaluator::eval_wildcard(Item input) {
  if (is_outer_wrapper(input) && input.array()->size > 0) {
    input = input.array()->items[0];
  }
  Collector items(*this);
  bool sequence = true;
  const auto add = [&](const Item& value) {
    if (value.is_array()) {
      // The reference implementation concatenates here, and that makes a plain array of the sequence.
      flatten(value, items);
      sequence = false;
    } else {
      items.push(value);
    }
  };
  if (input.is_array()) {
    const std::size_t size = size_of(input);
    spend(size);
    for (std::size_t i = 0; i < size; ++i) {
      add(at(input, i));
    }
  } else if (input.is_object()) {
    spend(member_count(input));
    each_member(input, [&](std::string_view, const Item& value) { add(value); });
  }
  return items.to_array(sequence);
}

void Evaluator::flatten(const Item& item, Collector& out) {
  if (!item.is_array()) {
    out.push(item);
    return;
  }
  check_stack();
  const std::size_t size = size_of(item);
  spend(size);
  for (std::size_t i = 0; i < size; ++i) {
    flatten(at(item, i), out);
  }
}

Item Evaluator::eval_descendants(const Item& input) {
  if (input.is_undefined()) {
    return {};
  }
  Collector items(*this);
  descend(input, items);
  return items.size() == 1 ? items[0] : items.to_array(true);
}

void Evaluator::descend(const Item& item, Collector& out) {
  if (!item.is_array()) {
    out.push(item);
    if (!item.is_object()) {
      return;
    }
  }
  check_stack();
  switch (item.tag()) {
    case Tag::node_array: {
      const Node& node = *item.node();
      spend(node.size());
      for (std::size_t i = 0; i < node.size(); ++i) {
        descend_node(node.at(i), item.count(), out);
      }
      return;
    }
    case Tag::node_object: {
      const Node& node = *item.node();
      spend(node.size());
      if (in_order(item)) {
        for (std::size_t i = 0; i < node.size(); ++i) {
          descend_node(node.member(i).value(), item.count(), out);
        }
        return;
      }
      break;
    }
    case Tag::object:
      spend(member_count(item));
      break;
    default: {
      const std::size_t size = size_of(item);
      spend(size);
      for (std::size_t i = 0; i < size; ++i) {
        descend(at(item, i), out);
      }
      return;
    }
  }
  each_member(item, [&](std::string_view, const Item& value) { descend(value, out); });
}

const char* stack_limit_of_this_thread() {
  return stack_limit();
}

}  // namespace lockstep::jsonata
