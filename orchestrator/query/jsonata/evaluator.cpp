#include "query/jsonata/evaluator.hpp"

#include <pthread.h>

namespace lockstep::jsonata {

namespace {

constexpr std::uint64_t kClockInterval = 4096;    // steps between two looks at the clock
constexpr std::size_t kStackReserve = 128 << 10;  // C++ stack left for what a function of the library needs

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
