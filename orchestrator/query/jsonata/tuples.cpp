// Paths that bind variables along the way (@, #, %), and grouping.
#include <cstring>

#include "query/jsonata/evaluator.hpp"
#include "query/jsonata/text.hpp"

namespace lockstep::jsonata {

Tuple* Evaluator::make_tuple(const Scope& scope, const Tuple* copy) {
  const std::size_t slots = scope.names.size();
  auto* tuple = static_cast<Tuple*>(heap_.allocate(sizeof(Tuple) + slots * sizeof(Item)));
  tuple->slots = reinterpret_cast<Item*>(tuple + 1);
  if (copy != nullptr) {
    tuple->at = copy->at;
    std::copy_n(copy->slots, slots, tuple->slots);
  } else {
    tuple->at = Item();
    std::fill_n(tuple->slots, slots, unset_item());
  }
  return tuple;
}

Frame* Evaluator::tuple_frame(const Tuple& tuple, const Scope& scope, Frame* frame) {
  auto* inner = heap_.make_array<Frame>(1);
  *inner = {frame, &scope, tuple.slots};
  return inner;
}

Item Evaluator::eval_tuple_path(const Expr& e, Item input, Frame* frame) {
  const Scope& scope = *e.scope;
  const std::vector<Expr*>& steps = e.items;
  // Until the first step that binds a variable this is a path like any other.
  Item current = input.is_array() && steps[0]->type != ExprType::variable ? input : sequence_of(input);
  bool tuples = false;  // a step has asked for tuples
  bool bound = false;   // `current` is a tuple stream
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const Expr& step = *steps[i];
    tuples |= step.tuple;
    if (i == 0 && step.cons_array) {
      const Item result = eval(step, current, frame);
      if (step.focus >= 0) {
        continue;  // the context stays where it was
      }
      current = result;
    } else if (tuples) {
      current = tuple_step(step, current, bound, scope, frame);
      bound = true;
      continue;
    } else {
      current = eval_step(step, current, false, i + 1 == steps.size(), frame);
    }
    if (!current.is_array()) {
      current = current.is_undefined() ? array_item(make_array(0, true)) : sequence_of(current);
    }
    if (!tuples && size_of(current) == 0) {
      break;
    }
  }
  if (e.group != nullptr) {
    return eval_group(*e.group, current, frame, bound ? &scope : nullptr);
  }
  if (bound && !e.tuple) {
    Collector out(*this);
    for (std::size_t i = 0; i < size_of(current); ++i) {
      out.push(at(current, i).tuple()->at);
    }
    current = out.to_array(true);
  }
  if (e.keep_singleton_array && current.tag() == Tag::array) {
    current.array()->keep_singleton = true;
  }
  return current;
}

Item Evaluator::tuple_step(const Expr& step, const Item& input, bool bound, const Scope& scope, Frame* frame) {
  Collector out(*this);
  if (step.type == ExprType::sort) {
    const Item sorted = eval_sort(step, input, frame, bound ? &scope : nullptr);
    for (std::size_t i = 0; i < size_of(sorted); ++i) {
      if (bound) {
        out.push(at(sorted, i));
      } else {
        Tuple* tuple = make_tuple(scope, nullptr);
        tuple->at = at(sorted, i);
        out.push(tuple_item(tuple));
      }
    }
    if (step.index >= 0) {
      for (std::size_t i = 0; i < out.size(); ++i) {
        out[i].tuple()->slots[step.index] = number_item(static_cast<double>(i));
      }
    }
  } else {
    const std::size_t size = size_of(input);
    for (std::size_t i = 0; i < size; ++i) {
      const Tuple* from = nullptr;
      if (bound) {
        from = at(input, i).tuple();
      } else {
        Tuple* fresh = make_tuple(scope, nullptr);
        fresh->at = at(input, i);
        from = fresh;
      }
      const Item result = eval(step, from->at, tuple_frame(*from, scope, frame));
      if (result.is_undefined()) {
        continue;
      }
      const bool several = result.is_array();
      const bool stream = is_tuple_stream(result);
      const std::size_t count = several ? size_of(result) : 1;
      spend(count);
      for (std::size_t k = 0; k < count; ++k) {
        const Item item = several ? at(result, k) : result;
        Tuple* tuple = make_tuple(scope, from);
        if (stream) {
          tuple->at = item.tuple()->at;
          for (std::size_t s = 0; s < scope.names.size(); ++s) {
            if (item.tuple()->slots[s].tag() != Tag::unset) {
              tuple->slots[s] = item.tuple()->slots[s];
            }
          }
        } else {
          if (step.focus >= 0) {
            tuple->slots[step.focus] = item;
          } else {
            tuple->at = item;
          }
          if (step.index >= 0) {
            tuple->slots[step.index] = number_item(static_cast<double>(k));
          }
          if (step.ancestor >= 0) {
            tuple->slots[step.ancestor] = from->at;
          }
        }
        out.push(tuple_item(tuple));
      }
    }
  }
  Item result = out.to_array(true);
  result.array()->tuple_stream = true;
  return step.stages.empty() ? result : tuple_stages(step, result, scope, frame);
}

Item Evaluator::filter_tuples(const Expr& predicate, Item tuples, const Scope& scope, Frame* frame) {
  const std::size_t size = size_of(tuples);
  Collector out(*this);
  for (std::size_t i = 0; i < size; ++i) {
    const Item item = at(tuples, i);
    const Tuple& tuple = *item.tuple();
    const Item result = predicate.type == ExprType::number
                            ? predicate.constant
                            : eval(predicate, tuple.at, tuple_frame(tuple, scope, frame));
    std::size_t times = 0;
    if (selects(predicate, result, i, size, times)) {
      for (std::size_t k = 0; k < times; ++k) {
        out.push(item);
      }
    }
  }
  const Item kept = out.to_array(true);
  kept.array()->tuple_stream = true;
  return kept;
}

Item Evaluator::tuple_stages(const Expr& step, Item tuples, const Scope& scope, Frame* frame) {
  for (const Stage& stage : step.stages) {
    if (stage.filter != nullptr) {
      tuples = filter_tuples(*stage.filter, tuples, scope, frame);
      continue;
    }
    for (std::size_t i = 0; i < size_of(tuples); ++i) {
      at(tuples, i).tuple()->slots[stage.index] = number_item(static_cast<double>(i));
    }
  }
  return tuples;
}

// --- grouping and object constructors ---

namespace {

constexpr std::uint32_t kEnd = UINT32_MAX;

// The elements of one group, as a list through the input.
struct Group {
  std::string_view key;
  std::uint32_t hash;
  std::uint32_t pair;
  std::uint32_t first;
  std::uint32_t last;
  std::uint32_t count;
};

// The groups so far, found by their keys.
class Groups {
 public:
  /// `elements`: how many there are to group.
  explicit Groups(std::size_t elements) {
    while (mask_ + 1 < std::min<std::size_t>(elements * 2, 8192)) {
      mask_ = mask_ * 2 + 1;
    }
    slots_.assign(mask_ + 1, kEnd);
  }

  Group* find(std::string_view key, std::uint32_t hash) {
    for (std::size_t slot = hash & mask_; slots_[slot] != kEnd; slot = (slot + 1) & mask_) {
      Group& group = groups_[slots_[slot]];
      if (group.hash == hash && group.key.size() == key.size() &&
          same_bytes(group.key.data(), key.data(), key.size())) {
        return &group;
      }
    }
    return nullptr;
  }
  void add(const Group& group) {
    if ((groups_.size() + 1) * 2 > slots_.size()) {
      mask_ = slots_.size() * 4 - 1;
      slots_.assign(mask_ + 1, kEnd);
      for (std::size_t i = 0; i < groups_.size(); ++i) {
        place(groups_[i].hash, i);
      }
    }
    place(group.hash, groups_.size());
    groups_.push_back(group);
  }
  const std::vector<Group>& all() const { return groups_; }

 private:
  void place(std::uint32_t hash, std::size_t group) {
    std::size_t slot = hash & mask_;
    while (slots_[slot] != kEnd) {
      slot = (slot + 1) & mask_;
    }
    slots_[slot] = static_cast<std::uint32_t>(group);
  }

  std::vector<Group> groups_;
  std::size_t mask_ = 31;
  std::vector<std::uint32_t> slots_;
};

}  // namespace

// Checks a key that is not undefined.
std::string_view Evaluator::group_key(const Expr& group, Item key) {
  if (!key.is_string()) {
    Problem p = problem("T1003", group.position);
    p.value_json = describe(key);
    throw p;
  }
  const std::string_view text = key.as_string();
  if (text.empty() || text.front() != '_') {
    return text;
  }
  if (text == "_jsonata_lambda" || text == "_jsonata_function") {
    Problem p = problem("D1013", group.position);
    p.value_json = describe(key);
    throw p;
  }
  return text;
}

// An object constructor on one context item: nothing to group.
Item Evaluator::eval_object(const Expr& group, Item context, Frame* frame) {
  const std::size_t size = group.pairs.size();
  Object* object = make_object(size);
  if (group.unique_literal_keys) {
    for (const auto& [key, value] : group.pairs) {
      if (depth_ >= limits_.depth) {
        enter();
      }
      const Item item = value_of(*value, context, frame);
      if (!item.is_undefined()) {
        add(*object, key->text, key->hash, item);
      }
    }
    return object_item(object);
  }
  // All keys first, then the values, as a grouping does it.
  auto* places = heap_.make_array<std::uint32_t>(size);
  std::uint32_t known = 0;
  for (std::size_t i = 0; i < size; ++i) {
    const Item key = value_of(*group.pairs[i].first, context, frame);
    if (key.is_undefined()) {
      continue;
    }
    const std::string_view text = group_key(group, key);
    const std::uint32_t hash = hash_key(text);
    if (known > 0 && find(*object, text, hash) != nullptr) {
      Problem p = problem("D1009", group.position);
      p.value_json = describe(key);
      throw p;
    }
    add(*object, text, hash, Item());
    places[known++] = static_cast<std::uint32_t>(i);
  }
  bool complete = true;
  for (std::uint32_t i = 0; i < known; ++i) {
    const Item value = value_of(*group.pairs[places[i]].second, context, frame);
    object->properties[i].value = value;
    complete = complete && !value.is_undefined();
  }
  if (!complete) {
    Property* end = std::remove_if(object->properties, object->properties + known,
                                   [](const Property& property) { return property.value.is_undefined(); });
    object->size = static_cast<std::uint32_t>(end - object->properties);
    object->indexed = false;
  }
  return object_item(object);
}

Item Evaluator::eval_group(const Expr& group, Item input, Frame* frame, const Scope* tuple_scope) {
  const bool several = input.is_array();
  if (!several && tuple_scope == nullptr) {
    return eval_object(group, input, frame);
  }
  std::size_t size = several ? size_of(input) : 1;
  const bool empty = size == 0 && tuple_scope == nullptr;
  size = empty ? 1 : size;
  const Item only = empty ? Item() : load(input);
  const bool listed = several && !empty;
  const auto element = [&](std::size_t i) { return listed ? at(input, i) : load(only); };

  Groups groups(size);
  auto* next = heap_.make_array<std::uint32_t>(size);
  std::fill_n(next, size, kEnd);
  // With more than one pair an element is in several groups: each pair has lists of its own.
  std::vector<std::uint32_t*> lists(group.pairs.size(), nullptr);
  for (std::size_t i = 0; i < size; ++i) {
    const Item item = element(i);
    Frame* inner = tuple_scope != nullptr ? tuple_frame(*item.tuple(), *tuple_scope, frame) : frame;
    const Item context = tuple_scope != nullptr ? load(item.tuple()->at) : load(item);
    for (std::size_t pair = 0; pair < group.pairs.size(); ++pair) {
      const Item key = value_of(*group.pairs[pair].first, context, inner);
      if (key.is_undefined()) {
        continue;
      }
      const std::string_view text = group_key(group, key);
      const std::uint32_t hash = hash_key(text);
      Group* known = groups.find(text, hash);
      if (known == nullptr) {
        const auto at_i = static_cast<std::uint32_t>(i);
        groups.add({text, hash, static_cast<std::uint32_t>(pair), at_i, at_i, 1});
        continue;
      }
      Group& found = *known;
      if (found.pair != pair) {
        Problem p = problem("D1009", group.position);
        p.value_json = describe(key);
        throw p;
      }
      if (lists[pair] == nullptr) {
        lists[pair] = pair == 0 ? next : heap_.make_array<std::uint32_t>(size);
        std::fill_n(lists[pair], size, kEnd);
      }
      lists[pair][found.last] = static_cast<std::uint32_t>(i);
      found.last = static_cast<std::uint32_t>(i);
      ++found.count;
    }
  }

  Object* object = make_object(groups.all().size());
  for (const Group& entry : groups.all()) {
    Item context;
    Frame* inner = frame;
    if (tuple_scope == nullptr) {
      context = element(entry.first);
      if (entry.count > 1) {
        Collector members(*this);
        for (std::uint32_t i = entry.first, n = 0; n < entry.count; i = lists[entry.pair][i], ++n) {
          const Item member = element(i);
          if (member.is_array()) {
            members.push_all(member);
          } else {
            members.push(member);
          }
        }
        context = members.to_array(false);
      }
    } else {
      Tuple* merged = make_tuple(*tuple_scope, element(entry.first).tuple());
      // Everything that the group's tuples bind, appended name by name.
      if (entry.count > 1) {
        const auto collect = [&](auto get) {
          Collector members(*this);
          bool any = false;
          std::uint32_t k = entry.first;
          for (std::uint32_t n = 0; n < entry.count; k = lists[entry.pair][k], ++n) {
            const Item value = get(*element(k).tuple());
            if (value.tag() != Tag::unset && !value.is_undefined()) {
              members.push_all(value);
              any = true;
            }
          }
          return any ? (members.size() == 1 ? members[0] : members.to_array(false)) : Item();
        };
        merged->at = collect([](const Tuple& t) { return t.at; });
        for (std::size_t s = 0; s < tuple_scope->names.size(); ++s) {
          if (merged->slots[s].tag() != Tag::unset) {
            merged->slots[s] = collect([s](const Tuple& t) { return t.slots[s]; });
          }
        }
      }
      context = merged->at;
      inner = tuple_frame(*merged, *tuple_scope, frame);
    }
    const Item value = value_of(*group.pairs[entry.pair].second, context, inner);
    if (!value.is_undefined()) {
      add(*object, entry.key, entry.hash, value);
    }
  }
  return object_item(object);
}

}  // namespace lockstep::jsonata
