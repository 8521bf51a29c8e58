// Items: texts and arrays made; all of them compared and printed.
#include <cmath>

#include "query/jsonata/evaluator.hpp"
#include "query/jsonata/text.hpp"

namespace lockstep::jsonata {

bool is_index_key(std::string_view key, std::uint32_t& index) {
  if (key.empty() || key.size() > 10 || key[0] < '0' || key[0] > '9' || (key[0] == '0' && key.size() > 1)) {
    return false;
  }
  std::uint64_t value = 0;
  for (const char c : key) {
    if (c < '0' || c > '9') {
      return false;
    }
    value = value * 10 + static_cast<std::uint64_t>(c - '0');
  }
  index = static_cast<std::uint32_t>(value);
  return value < 0xFFFFFFFFU;
}

// --- strings ---

Item Evaluator::make_string(std::string_view text) {
  return make_string(text, lockstep::jsonata::is_ascii(text));
}

Item Evaluator::make_string(std::string_view text, bool ascii) {
  check_value(text.size());
  return string_item(heap_.copy(text), ascii);
}

// --- arrays ---

void Evaluator::grow_stack() {
  const auto used = static_cast<std::size_t>(stack_top_ - stack_);
  const std::size_t wanted = std::max<std::size_t>(used * 2, 1024);
  if (wanted * sizeof(Item) > limits_.memory) {
    throw OutOfBudget{};
  }
  auto* larger = static_cast<Item*>(std::malloc(wanted * sizeof(Item)));
  if (larger == nullptr) {
    throw OutOfBudget{};
  }
  std::uninitialized_copy_n(stack_, used, larger);
  std::free(stack_);
  stack_ = larger;
  stack_top_ = larger + used;
  stack_room_ = larger + wanted;
}

void Evaluator::Collector::push_all(Item item) {
  if (!item.is_array()) {
    push(item);
    return;
  }
  const std::size_t size = size_of(item);
  e_.spend(size / 4 + 1);
  for (std::size_t i = 0; i < size; ++i) {
    push(at(item, i));
  }
}

Array* Evaluator::make_array(std::size_t capacity, bool sequence) {
  check_value(capacity * 8);
  auto* array = static_cast<Array*>(heap_.allocate(sizeof(Array) + capacity * sizeof(Item)));
  *array = {reinterpret_cast<Item*>(array + 1),
            0,
            static_cast<std::uint32_t>(capacity),
            sequence,
            false,
            false,
            false,
            false};
  return array;
}

void Evaluator::push(Array& array, Item item) {
  if (array.size == array.capacity) {
    const std::size_t capacity = std::max<std::size_t>(std::size_t{array.capacity} * 2, 8);
    check_value(std::size_t{array.size + 1U} * 8);
    auto* items = heap_.make_array<Item>(capacity);
    std::copy_n(array.items, array.size, items);
    array.items = items;
    array.capacity = static_cast<std::uint32_t>(capacity);
  }
  array.items[array.size++] = item;
}

Item Evaluator::array_of(const Item* items, std::size_t size, bool sequence) {
  Array* array = make_array(size, sequence);
  std::copy_n(items, size, array->items);
  array->size = static_cast<std::uint32_t>(size);
  return array_item(array);
}

Item Evaluator::sequence_of(Item item) {
  return array_of(&item, 1, true);
}

Item Evaluator::append(Item a, Item b) {
  if (a.is_undefined()) {
    return b;
  }
  if (b.is_undefined()) {
    return a;
  }
  Collector items(*this);
  items.push_all(a);
  items.push_all(b);
  return items.to_array(false);
}

// --- comparing ---

bool Evaluator::is_numeric(const Item& item) {
  if (!item.is_number()) {
    return false;
  }
  const double value = item.as_double();
  if (std::isinf(value)) {
    Problem p = problem("D1001");
    p.value_json = "null";
    throw p;
  }
  return !std::isnan(value);
}

bool Evaluator::truthy(const Item& item) {
  switch (item.tag()) {
    case Tag::boolean:
      return item.as_boolean();
    case Tag::number:
    case Tag::node_number:
      return is_numeric(item) && item.as_double() != 0;
    case Tag::string:
    case Tag::node_string:
      return !item.as_string().empty();
    case Tag::object:
    case Tag::node_object:
      return member_count(item) > 0;
    case Tag::array:
    case Tag::node_array:
    case Tag::range: {
      check_stack();
      const std::size_t size = size_of(item);
      spend(size / 4 + 1);
      for (std::size_t i = 0; i < size; ++i) {
        if (truthy(at(item, i))) {
          return true;
        }
      }
      return false;
    }
    default:
      return false;
  }
}

bool Evaluator::identical(const Item& a, const Item& b) {
  if (a.is_number() && b.is_number()) {
    return a.as_double() == b.as_double();
  }
  if (a.is_string() && b.is_string()) {
    return a.as_string() == b.as_string();
  }
  if (a.tag() != b.tag()) {
    return false;
  }
  switch (a.tag()) {
    case Tag::boolean:
      return a.as_boolean() == b.as_boolean();
    case Tag::undefined:
    case Tag::null:
      return true;
    default:
      return a.node() == b.node();  // the same thing, whatever it is
  }
}

bool Evaluator::equal(const Item& a, const Item& b) {
  if (a.tag() == Tag::node_number && b.tag() == Tag::node_number) {
    return lockstep::equal(*a.node(), *b.node());  // exact beyond 2^53
  }
  if (identical(a, b)) {
    return true;
  }
  if (a.is_array() && b.is_array()) {
    check_stack();
    const std::size_t size = size_of(a);
    if (size != size_of(b)) {
      return false;
    }
    spend(size / 4 + 1);
    for (std::size_t i = 0; i < size; ++i) {
      if (!equal(at(a, i), at(b, i))) {
        return false;
      }
    }
    return true;
  }
  if (!a.is_object() || !b.is_object() || member_count(a) != member_count(b)) {
    return false;
  }
  check_stack();
  spend(member_count(a) + 1);
  const std::size_t count = member_count(a);
  for (std::size_t i = 0; i < count; ++i) {
    std::string_view key;
    std::uint32_t hash = 0;
    Item value;
    if (a.tag() == Tag::object) {
      const Property& property = a.object()->properties[i];
      key = property.key();
      hash = property.hash;
      value = property.value;
    } else {
      const Member& source = a.node()->member(i);
      key = source.key();
      hash = source.key_hash;
      value = node_item(source.value(), a.count());
    }
    const Item other = member(b, key, hash);
    if (other.is_undefined() || !equal(value, other)) {
      return false;
    }
  }
  return true;
}

// --- printing ---

void Evaluator::append_json(std::string& out, const Item& item, int indent, int level) {
  check_value(out.size());
  const auto line = [&](int depth) {
    if (indent >= 0) {
      out += '\n';
      out.append(static_cast<std::size_t>(indent) * static_cast<std::size_t>(depth), ' ');
    }
  };
  switch (item.tag()) {
    case Tag::boolean:
      out += item.as_boolean() ? "true" : "false";
      return;
    case Tag::number:
    case Tag::node_number: {
      if (item.tag() == Tag::node_number && item.node()->is_plain_integer() && program_->level == Level::asl) {
        item.node()->append_number(out);
        return;
      }
      const double value = item.as_double();
      is_numeric(item);
      if (std::isnan(value)) {
        out += "null";
      } else {
        append_number(out, value == std::trunc(value) ? value : to_precision_15(value));
      }
      return;
    }
    case Tag::string:
    case Tag::node_string:
      append_quoted(out, item.as_string());
      return;
    case Tag::function:
      out += "\"\"";
      return;
    case Tag::array:
    case Tag::node_array:
    case Tag::range: {
      check_stack();
      const std::size_t size = size_of(item);
      spend(size + 1);
      out += '[';
      for (std::size_t i = 0; i < size; ++i) {
        out += i > 0 ? "," : "";
        line(level + 1);
        append_json(out, at(item, i), indent, level + 1);
      }
      if (size > 0) {
        line(level);
      }
      out += ']';
      return;
    }
    case Tag::object:
    case Tag::node_object: {
      check_stack();
      spend(member_count(item) + 1);
      out += '{';
      bool first = true;
      each_member(item, [&](std::string_view key, const Item& value) {
        if (value.is_undefined()) {
          return;
        }
        out += first ? "" : ",";
        first = false;
        line(level + 1);
        append_quoted(out, key);
        out += indent >= 0 ? ": " : ":";
        append_json(out, value, indent, level + 1);
      });
      if (!first) {
        line(level);
      }
      out += '}';
      return;
    }
    default:
      out += "null";
      return;
  }
}

void Evaluator::append_string(std::string& out, const Item& item) {
  if (item.is_string()) {
    out += item.as_string();
  } else if (item.is_number() && !std::isfinite(item.as_double())) {
    Problem p = problem("D3001");
    p.value_json = "null";
    throw p;
  } else if (!item.is_function()) {
    append_json(out, is_outer_wrapper(item) ? item.array()->items[0] : item);
  }
}

std::string Evaluator::describe(const Item& item) {
  std::string out;
  if (item.is_undefined()) {
    return out;
  }
  if (item.is_number()) {
    if (std::isfinite(item.as_double())) {
      append_number(out, item.as_double());
    } else {
      out = "null";
    }
    return out;
  }
  if (item.is_function()) {
    return "{}";
  }
  try {
    append_json(out, item);
  } catch (const Problem&) {
    out += "...";  // holds an infinite number
  }
  return out;
}

Item Evaluator::clone(const Item& item) {
  switch (item.tag()) {
    case Tag::number:
    case Tag::node_number: {
      if (item.tag() == Tag::node_number && program_->level == Level::asl) {
        return item;
      }
      const double value = item.as_double();
      is_numeric(item);
      if (std::isnan(value)) {
        return null_item();
      }
      return number_item(value == std::trunc(value) ? value : to_precision_15(value));
    }
    case Tag::function:
      return string_item("", true);
    case Tag::undefined:
      return null_item();
    case Tag::array:
    case Tag::node_array:
    case Tag::range: {
      check_stack();
      const std::size_t size = size_of(item);
      spend(size + 1);
      Array* copy = make_array(size, false);
      for (std::size_t i = 0; i < size; ++i) {
        copy->items[copy->size++] = clone(at(item, i));
      }
      return array_item(copy);
    }
    case Tag::object:
    case Tag::node_object: {
      check_stack();
      spend(member_count(item) + 1);
      Object* copy = make_object(member_count(item));
      each_member(item, [&](std::string_view key, const Item& value) {
        if (!value.is_undefined()) {
          set(*copy, key, clone(value));
        }
      });
      return object_item(copy);
    }
    default:
      return item;
  }
}

}  // namespace lockstep::jsonata
