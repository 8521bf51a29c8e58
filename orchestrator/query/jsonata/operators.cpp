// Operators of two operands, and the minus of one.
#include <cmath>

#include "query/jsonata/evaluator.hpp"
#include "query/jsonata/text.hpp"

namespace lockstep::jsonata {

namespace {

constexpr double kLargestRange = 1e7;

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

}  // namespace lockstep::jsonata
