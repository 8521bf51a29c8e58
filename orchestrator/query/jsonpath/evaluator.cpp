#include "query/jsonpath/evaluator.hpp"

#include <algorithm>

namespace lockstep::jsonpath {

namespace {

// Visited nodes and compared elements; less than a second's work.
constexpr std::size_t kMaxVisits = 10'000'000;
// Bytes of JSON text that one evaluation may make.
constexpr std::size_t kMaxMade = 64U << 20U;
// A value up to this many bytes is quoted in a message.
constexpr std::size_t kQuoted = 1000;

std::string text_to_match(const Node* node) {
  std::string text;
  if (node != nullptr && node->is_string()) {
    text = node->as_string();
  } else if (node != nullptr && (node->is_number() || node->is_boolean())) {
    append_json(text, *node);
  }
  return text;
}

}  // namespace

Miss explain(const StepList& list, std::size_t step, const Node& node) {
  if (step < list.steps.size()) {
    const StepKind kind = list.steps[step].kind;
    if (kind == StepKind::name && !node.is_object()) {
      return {fmt::format("Expected to find an object with property {} in path {} but found '{}'.",
                          spell(list.steps[step]), spell(list, step), to_string(node.kind()))};
    }
    if (kind == StepKind::name && step + 1 < list.steps.size()) {
      return {"Missing property in path " + spell(list, step + 1)};
    }
    if (kind == StepKind::index || kind == StepKind::indices || kind == StepKind::slice) {
      if (node.is_null()) {
        return {fmt::format("The path {} is null", spell(list, step))};
      }
      if (!node.is_array()) {
        std::string context;
        if (node.text_size() <= kQuoted) {
          append_json(context, node);
        } else {
          context = fmt::format("{} of {} bytes", to_string(node.kind()), node.text_size());
        }
        return {fmt::format("Filter: {} can only be applied to arrays. Current context is: {}", spell(list.steps[step]),
                            context)};
      }
    }
  }
  return {"No results for path: " + spell(list, list.steps.size())};
}

bool Evaluator::spend(std::size_t visits) {
  visits_ += visits;
  exhausted_ = exhausted_ || visits_ > kMaxVisits || made_size_ > kMaxMade;
  return !exhausted_;
}

bool Evaluator::miss(const StepList& list, std::size_t step, const Node& node) {
  missed_list_ = &list;
  missed_step_ = step;
  missed_node_ = &node;
  return false;
}

Evaluator::Item Evaluator::keep(Value value) {
  made_.push_back(std::move(value));
  made_size_ += made_.back().node().text_size();
  return {&made_.back().node(), &made_.back()};
}

Value Evaluator::array_of(const Items& items) {
  std::size_t size = 0;
  for (const Item& item : items) {
    size += item.node->text_size();
  }
  if (made_size_ + size > kMaxMade) {
    exhausted_ = true;
    return Value::empty_array();
  }
  Builder builder(items.size() * 40 + 64);
  builder.begin_array();
  for (const Item& item : items) {
    builder.part(*item.owner, *item.node);
  }
  builder.end_array();
  return builder.finish();
}

tl::expected<Value, Miss> Evaluator::evaluate(const StepList& list) {
  const Value* result = collapse(list, {&document_.node(), &document_});
  if (exhausted_) {
    return tl::unexpected(Miss{fmt::format("The path visits more than {} nodes", kMaxVisits)});
  }
  if (result == nullptr) {
    return tl::unexpected(missed_list_ == &list ? explain(list, missed_step_, *missed_node_)
                                                : Miss{"No results for path: " + spell(list, list.steps.size())});
  }
  return *result;
}

bool Evaluator::gather(const StepList& list, Item start, Items& out) {
  return walk(list, 0, start, out);
}

const Value* Evaluator::collapse(const StepList& list, Item start) {
  Items items;
  if (!gather(list, start, items)) {
    return nullptr;
  }
  if (list.over_results) {
    Value value = call_over_results(list, items);
    return exhausted_ ? nullptr : keep(std::move(value)).owner;
  }
  if (!list.single) {
    return keep(array_of(items)).owner;
  }
  return items.empty() ? nullptr : keep(items.back().owner->part(*items.back().node)).owner;
}

Value Evaluator::call_over_results(const StepList& list, const Items& results) {
  const StepDetail& detail = *list.steps.back().detail;
  if (detail.function == FunctionKind::length) {
    // The library counts what the results contain: `$..book.length()` is the number of books.
    std::size_t count = 0;
    for (const Item& item : results) {
      count += item.node->is_container() ? item.node->size() : 0;
    }
    return Value::integer(static_cast<std::int64_t>(count));
  }
  const Value array = array_of(results);
  std::vector<const Node*> arguments;
  for (const Argument& argument : detail.arguments) {
    if (argument.path == nullptr) {
      arguments.push_back(&argument.literal.node());
    }
  }
  if (detail.function != FunctionKind::append && detail.function != FunctionKind::index) {
    for (std::size_t i = 0; i < array.node().size(); ++i) {
      if (array.node().at(i).is_array()) {
        arguments.push_back(&array.node().at(i));
      }
    }
  }
  Value result;
  return apply_function(detail.function, array, array.node(), arguments, result) ? result : Value();
}

bool Evaluator::walk(const StepList& list, std::size_t step, Item item, Items& out) {
  if (!spend(1)) {
    return false;
  }
  if (step == list.steps.size() || (list.over_results && step + 1 == list.steps.size())) {
    out.push_back(item);
    return true;
  }
  switch (list.steps[step].kind) {
    case StepKind::name:
    case StepKind::names:
      return walk_names(list, step, item, out);
    case StepKind::index:
    case StepKind::indices:
    case StepKind::slice:
      return walk_indices(list, step, item, out);
    case StepKind::wildcard:
      return walk_children(list, step, item, out);
    case StepKind::descend:
      return walk_descendants(list, step + 1, item, out);
    case StepKind::filter:
      return walk_filter(list, step, item, out);
    case StepKind::function:
      return call(list.steps[step], *item.node, item, out) || miss(list, step, *item.node);
  }
  return false;
}

bool Evaluator::walk_names(const StepList& list, std::size_t step, Item item, Items& out) {
  const Step& here = list.steps[step];
  const bool last = step + 1 == list.steps.size();
  if (!item.node->is_object()) {
    return !here.certain_before || miss(list, step, *item.node);
  }
  if (here.kind == StepKind::name) {
    const Node* found = find_member(*item.node, here.name);
    if (found == nullptr) {
      const bool needed = require_ || (!last && here.certain_before);
      return !needed || miss(list, step, *item.node);
    }
    return walk(list, step + 1, {found, item.owner}, out);
  }
  Builder merged;
  merged.begin_object();
  for (const Name& name : here.detail->names) {
    const Node* found = find_member(*item.node, name);
    if (found == nullptr) {
      if (require_) {
        merged.end_object();
        return miss(list, step, *item.node);
      }
      continue;
    }
    if (last) {
      merged.key(key_in(*item.node, name));
      merged.part(*item.owner, *found);
    } else if (!walk(list, step + 1, {found, item.owner}, out)) {
      merged.end_object();
      return false;
    }
  }
  merged.end_object();
  if (last) {
    out.push_back(keep(merged.finish()));
  }
  return true;
}

bool Evaluator::walk_indices(const StepList& list, std::size_t step, Item item, Items& out) {
  const Step& here = list.steps[step];
  if (!item.node->is_array()) {
    return !here.certain_before || miss(list, step, *item.node);
  }
  const auto size = static_cast<std::int64_t>(item.node->size());
  const auto visit = [&](std::int64_t index) {
    index = index < 0 ? index + size : index;
    return index < 0 || index >= size ||
           walk(list, step + 1, {&item.node->at(static_cast<std::size_t>(index)), item.owner}, out);
  };
  if (here.kind == StepKind::index) {
    return visit(here.index);
  }
  if (here.kind == StepKind::indices) {
    return std::all_of(here.detail->indices.begin(), here.detail->indices.end(), visit);
  }
  // The library counts from a negative start up through 0, so that [-2:1] wraps around; a start before the array begins
  // with it.
  const std::optional<std::int32_t>& from = here.detail->from;
  const std::optional<std::int32_t>& to = here.detail->to;
  std::int64_t first = 0;
  std::int64_t end = size;
  if (from && !to) {
    first = *from < 0 ? std::max<std::int64_t>(0, *from + size) : *from;
  } else if (from) {
    first = *from;
    end = std::min<std::int64_t>(*to, size);
  } else {
    end = std::min<std::int64_t>(*to < 0 ? *to + size : *to, size);
  }
  for (std::int64_t i = std::max(first, -size); i < end; ++i) {
    if (!visit(i)) {
      return false;
    }
  }
  return true;
}

bool Evaluator::walk_children(const StepList& list, std::size_t step, Item item, Items& out) {
  if (!item.node->is_container()) {
    return true;
  }
  for (std::size_t i = 0; i < item.node->size(); ++i) {
    const Node& child = item.node->is_array() ? item.node->at(i) : item.node->member(i).value();
    if (!walk(list, step + 1, {&child, item.owner}, out)) {
      return false;
    }
  }
  return true;
}

// `step` is the one behind the `..`: it is tried on every container, outermost first.
bool Evaluator::walk_descendants(const StepList& list, std::size_t step, Item item, Items& out) {
  const Step& here = list.steps[step];
  std::vector<const Node*> waiting{item.node};
  while (!waiting.empty()) {
    const Node& node = *waiting.back();
    waiting.pop_back();
    if (!spend(1)) {
      return false;
    }
    if (!node.is_container()) {
      continue;
    }
    const Item found{&node, item.owner};
    bool fits = true;
    switch (here.kind) {
      case StepKind::name:
        fits = node.is_object() && find_member(node, here.name) != nullptr;
        break;
      case StepKind::names:
        fits = node.is_object() && (step + 1 < list.steps.size() ||
                                    std::all_of(here.detail->names.begin(), here.detail->names.end(),
                                                [&](const Name& name) { return find_member(node, name) != nullptr; }));
        break;
      case StepKind::index:
      case StepKind::indices:
      case StepKind::slice:
        fits = node.is_array();
        break;
      case StepKind::filter:
        fits = holds(*here.detail->condition, found);
        break;
      default:
        break;
    }
    if (fits && !walk(list, step, found, out)) {
      return false;
    }
    for (std::size_t i = node.size(); i > 0; --i) {
      const Node& child = node.is_array() ? node.at(i - 1) : node.member(i - 1).value();
      if (child.is_container()) {
        waiting.push_back(&child);
      }
    }
  }
  return true;
}

bool Evaluator::walk_filter(const StepList& list, std::size_t step, Item item, Items& out) {
  const Condition& condition = *list.steps[step].detail->condition;
  if (item.node->is_object()) {
    return !holds(condition, item) ? !exhausted_ : walk(list, step + 1, item, out);
  }
  if (!item.node->is_array()) {
    return !list.steps[step].certain_before || miss(list, step, *item.node);
  }
  for (std::size_t i = 0; i < item.node->size(); ++i) {
    const Item element{&item.node->at(i), item.owner};
    if (holds(condition, element) && !walk(list, step + 1, element, out)) {
      return false;
    }
    if (exhausted_) {
      return false;
    }
  }
  return true;
}

bool Evaluator::holds(const Condition& condition, Item item) {
  if (!spend(1)) {
    return false;
  }
  const auto part_holds = [&](const Condition& part) { return holds(part, item); };
  switch (condition.kind) {
    case Condition::Kind::all:
      return std::all_of(condition.parts.begin(), condition.parts.end(), part_holds);
    case Condition::Kind::any:
      return std::any_of(condition.parts.begin(), condition.parts.end(), part_holds);
    case Condition::Kind::negation:
      return !part_holds(condition.parts.front());
    case Condition::Kind::existence:
      return exists(*condition.left.path, item) != condition.left.negated;
    case Condition::Kind::comparison:
      return compare(condition, item);
  }
  return false;
}

bool Evaluator::compare(const Condition& condition, Item item) {
  if ((condition.left.pattern != nullptr) != (condition.right.pattern != nullptr) &&
      condition.comparison == Comparison::matches) {
    const bool pattern_left = condition.left.pattern != nullptr;
    const Pattern& pattern = pattern_left ? *condition.left.pattern : *condition.right.pattern;
    const Node* subject = resolve(pattern_left ? condition.right : condition.left, item);
    if (!is_array(subject)) {
      const std::string text = text_to_match(subject);
      return spend(100 + text.size()) && pattern.matches(text);
    }
    for (std::size_t i = 0; i < subject->size(); ++i) {
      const std::string text = text_to_match(&subject->at(i));
      if (spend(100 + text.size()) && pattern.matches(text)) {
        return true;
      }
    }
    return false;
  }
  if (condition.left.pattern != nullptr || condition.right.pattern != nullptr) {
    return condition.comparison == Comparison::not_equal;
  }
  const Node* left = resolve(condition.left, item);
  const Node* right = resolve(condition.right, item);
  // Comparing looks at both sides' text in the worst case, and lists are compared element by element.
  const std::size_t left_cost = left == nullptr ? 0 : left->text_size();
  const std::size_t right_cost = right == nullptr ? 0 : right->text_size();
  const std::size_t pairs = is_array(left) && is_array(right) ? left->size() * right->size() : 0;
  return spend((left_cost + right_cost) / 16 + pairs) && holds_between(condition.comparison, left, right);
}

bool Evaluator::exists(const StepList& list, Item item) {
  const Item start = list.at_item ? item : Item{&document_.node(), &document_};
  if (list.definite) {
    return spend(list.steps.size()) && follow(list, *start.node) != nullptr;
  }
  const bool outer = require_;
  require_ = true;
  Items found;
  const bool reached = gather(list, start, found);
  require_ = outer;
  // An indefinite path gives a list, and a list exists even if it is empty.
  return reached && (!list.single || list.over_results || !found.empty());
}

const Node* Evaluator::resolve(const Operand& operand, Item item) {
  if (operand.path == nullptr) {
    return &operand.literal.node();
  }
  const StepList& list = *operand.path;
  const Item start = list.at_item ? item : Item{&document_.node(), &document_};
  if (list.definite) {
    return spend(list.steps.size()) ? follow(list, *start.node) : nullptr;
  }
  if (list.at_item) {
    const Value* value = collapse(list, start);
    return value == nullptr ? nullptr : &value->node();
  }
  // The same for every item of a filter.
  const auto known = root_results_.find(&list);
  const Value* value = known != root_results_.end() ? known->second : collapse(list, start);
  root_results_.emplace(&list, value);
  return value == nullptr ? nullptr : &value->node();
}

bool Evaluator::call(const Step& step, const Node& subject, const Item& item, Items& out) {
  std::vector<const Node*> arguments;
  for (const Argument& argument : step.detail->arguments) {
    if (argument.path == nullptr) {
      arguments.push_back(&argument.literal.node());
      continue;
    }
    const Item start = argument.path->at_item ? item : Item{&document_.node(), &document_};
    const Value* value = collapse(*argument.path, start);
    if (value == nullptr) {
      return false;
    }
    arguments.push_back(&value->node());
  }
  std::size_t cost = subject.is_container() ? subject.size() : 0;
  for (const Node* argument : arguments) {
    cost += argument->text_size();
  }
  Value result;
  if (!spend(cost) || !apply_function(step.detail->function, *item.owner, subject, arguments, result)) {
    return false;
  }
  out.push_back(keep(std::move(result)));
  return true;
}

}  // namespace lockstep::jsonpath
