// Arrays, casts and the higher-order functions over arrays.
#include <unordered_map>

#include "query/jsonata/evaluator.hpp"
#include "query/jsonata/text.hpp"

namespace lockstep::jsonata {

namespace {

// Calls a function with as many of value, place and whole as it takes.
Item call_on(Evaluator& e, const Item& function, const Item& value, const Item& place, const Item& whole) {
  Function& f = *function.function();
  const Item arguments[] = {value, place, whole};
  const std::size_t arity = Evaluator::arity(f);
  return e.call(f, arguments, arity >= 3 ? 3 : arity >= 2 ? 2 : 1);
}

bool all_numbers(const Item& array) {
  for (std::size_t i = 0; i < size_of(array); ++i) {
    if (!Evaluator::is_numeric(at(array, i))) {
      return false;
    }
  }
  return true;
}

bool all_strings(const Item& array) {
  for (std::size_t i = 0; i < size_of(array); ++i) {
    if (!at(array, i).is_string()) {
      return false;
    }
  }
  return true;
}

// Equal values have equal hashes; arrays and objects only say what they are.
std::size_t weak_hash(const Item& item) {
  if (item.is_number()) {
    const double value = item.as_double();
    return std::hash<double>()(value == 0 ? 0.0 : value);
  }
  if (item.is_string()) {
    return std::hash<std::string_view>()(item.as_string());
  }
  if (item.is_array()) {
    return 17 + size_of(item);
  }
  if (item.is_object()) {
    return 1'000'003 + Evaluator::member_count(item);
  }
  return static_cast<std::size_t>(item.tag()) * 31 + (item.is_boolean() && item.as_boolean() ? 1 : 0);
}

}  // namespace

namespace fn {

Item count(Evaluator&, const Arguments& a) {
  return number_item(a[0].is_undefined() ? 0 : static_cast<double>(size_of(a[0])));
}

Item boolean(Evaluator& e, const Arguments& a) {
  return a[0].is_undefined() ? Item() : boolean_item(e.truthy(a[0]));
}

Item not_(Evaluator& e, const Arguments& a) {
  return a[0].is_undefined() ? Item() : boolean_item(!e.truthy(a[0]));
}

Item exists(Evaluator&, const Arguments& a) {
  return boolean_item(!a[0].is_undefined());
}

Item type(Evaluator& e, const Arguments& a) {
  switch (symbol_of(a[0])) {
    case 'l':
      return string_item("null", true);
    case 'n':
      return string_item("number", true);
    case 's':
      return string_item("string", true);
    case 'b':
      return string_item("boolean", true);
    case 'a':
      return string_item("array", true);
    case 'f':
      return string_item("function", true);
    case 'o':
      return string_item("object", true);
    default:
      static_cast<void>(e);
      return {};
  }
}

Item append(Evaluator& e, const Arguments& a) {
  return e.append(a[0], a[1]);
}

Item reverse(Evaluator& e, const Arguments& a) {
  if (a[0].is_undefined() || size_of(a[0]) <= 1) {
    return a[0];
  }
  const std::size_t size = size_of(a[0]);
  e.spend(size / 4 + 1);
  Array* out = e.make_array(size, false);
  for (std::size_t i = size; i-- > 0;) {
    out->items[out->size++] = at(a[0], i);
  }
  return array_item(out);
}

Item shuffle(Evaluator& e, const Arguments& a) {
  if (a[0].is_undefined() || size_of(a[0]) <= 1) {
    return a[0];
  }
  const std::size_t size = size_of(a[0]);
  e.spend(size);
  Array* out = e.make_array(size, false);
  out->size = static_cast<std::uint32_t>(size);
  for (std::size_t i = 0; i < size; ++i) {
    const auto j = static_cast<std::size_t>(e.random_double() * static_cast<double>(i + 1));
    out->items[i] = out->items[j];
    out->items[j] = at(a[0], i);
  }
  return array_item(out);
}

Item distinct(Evaluator& e, const Arguments& a) {
  const Item& values = a[0];
  if (!values.is_array() || size_of(values) <= 1) {
    return values;
  }
  const std::size_t size = size_of(values);
  Array* out = e.make_array(8, is_sequence(values));
  std::unordered_multimap<std::size_t, std::size_t> seen;
  for (std::size_t i = 0; i < size; ++i) {
    const Item value = at(values, i);
    e.spend(2);
    const std::size_t hash = weak_hash(value);
    bool known = false;
    const auto [first, last] = seen.equal_range(hash);
    for (auto it = first; it != last && !known; ++it) {
      e.spend(1);
      known = e.equal(value, out->items[it->second]);
    }
    if (!known) {
      seen.emplace(hash, out->size);
      e.push(*out, value);
    }
  }
  return array_item(out);
}

Item zip(Evaluator& e, const Arguments& a) {
  std::size_t shortest = a.size == 0 ? 0 : SIZE_MAX;
  for (std::size_t i = 0; i < a.size; ++i) {
    shortest = std::min(shortest, a[i].is_array() ? size_of(a[i]) : 0);
  }
  e.spend(shortest * (a.size + 1));
  Array* out = e.make_array(shortest, false);
  for (std::size_t i = 0; i < shortest; ++i) {
    Array* tuple = e.make_array(a.size, false);
    for (std::size_t k = 0; k < a.size; ++k) {
      tuple->items[tuple->size++] = at(a[k], i);
    }
    out->items[out->size++] = array_item(tuple);
  }
  return array_item(out);
}

Item sort(Evaluator& e, const Arguments& a) {
  const Item& values = a[0];
  if (values.is_undefined() || size_of(values) <= 1) {
    return values;
  }
  const std::size_t size = size_of(values);
  e.spend(size);
  const bool numbers = a[1].is_undefined() && all_numbers(values);
  if (a[1].is_undefined() && !numbers && !all_strings(values)) {
    throw problem("D3070");
  }
  Array* out = e.make_array(size, false);
  for (std::size_t i = 0; i < size; ++i) {
    out->items[out->size++] = at(values, i);
  }
  if (numbers) {
    e.merge_sort(out->items, size, [](const Item& x, const Item& y) { return x.as_double() > y.as_double(); });
  } else if (a[1].is_undefined()) {
    e.merge_sort(out->items, size,
                 [](const Item& x, const Item& y) { return compare_units(x.as_string(), y.as_string()) > 0; });
  } else {
    Function& comparator = *a[1].function();
    e.merge_sort(out->items, size, [&](const Item& x, const Item& y) {
      const Item arguments[] = {x, y};
      const Item result = e.call(comparator, arguments, 2);
      // JavaScript's idea of truth, not the language's: any array or object counts.
      return result.is_array() || result.is_object() || result.is_function() || e.truthy(result);
    });
  }
  return array_item(out);
}

Item map(Evaluator& e, const Arguments& a) {
  if (a[0].is_undefined()) {
    return {};
  }
  Evaluator::Collector out(e);
  const std::size_t size = size_of(a[0]);
  for (std::size_t i = 0; i < size; ++i) {
    const Item value = call_on(e, a[1], at(a[0], i), number_item(static_cast<double>(i)), a[0]);
    if (!value.is_undefined()) {
      out.push(value);
    }
  }
  return out.to_array(true);
}

Item filter(Evaluator& e, const Arguments& a) {
  if (a[0].is_undefined()) {
    return {};
  }
  Evaluator::Collector out(e);
  const std::size_t size = size_of(a[0]);
  for (std::size_t i = 0; i < size; ++i) {
    const Item entry = at(a[0], i);
    if (e.truthy(call_on(e, a[1], entry, number_item(static_cast<double>(i)), a[0]))) {
      out.push(entry);
    }
  }
  return out.to_array(true);
}

Item single(Evaluator& e, const Arguments& a) {
  if (a[0].is_undefined()) {
    return {};
  }
  bool found = false;
  Item result;
  const std::size_t size = size_of(a[0]);
  for (std::size_t i = 0; i < size; ++i) {
    const Item entry = at(a[0], i);
    if (a[1].is_function() && !e.truthy(call_on(e, a[1], entry, number_item(static_cast<double>(i)), a[0]))) {
      continue;
    }
    if (found) {
      throw problem("D3138");
    }
    found = true;
    result = entry;
  }
  if (!found) {
    throw problem("D3139");
  }
  return result;
}

Item reduce(Evaluator& e, const Arguments& a) {
  if (a[0].is_undefined()) {
    return {};
  }
  Function& f = *a[1].function();
  const std::size_t arity = Evaluator::arity(f);
  if (arity < 2) {
    throw problem("D3050");
  }
  const std::size_t size = size_of(a[0]);
  std::size_t i = 0;
  Item result = a[2];
  if (result.is_undefined() && size > 0) {
    result = at(a[0], 0);
    i = 1;
  }
  for (; i < size; ++i) {
    const Item arguments[] = {result, at(a[0], i), number_item(static_cast<double>(i)), a[0]};
    result = e.call(f, arguments, std::min<std::size_t>(arity, 4));
  }
  return result;
}

}  // namespace fn

}  // namespace lockstep::jsonata
