// How a filter compares two values.
#include <algorithm>

#include "query/jsonpath/condition.hpp"
#include "value/number.hpp"
#include "value/utf8.hpp"

namespace lockstep::jsonpath {

namespace {

bool is_string(const Node* node) {
  return node != nullptr && node->is_string();
}
bool is_number(const Node* node) {
  return node != nullptr && node->is_number();
}

// Less than 0, 0 or more than 0; nothing where the two have no order.
std::optional<int> order(const Node* left, const Node* right) {
  if (is_number(left) && is_number(right)) {
    const auto x = left->as_integer();
    const auto y = right->as_integer();
    if (x && y) {
      return *x < *y ? -1 : static_cast<int>(*x > *y);
    }
    const double a = left->as_double();
    const double b = right->as_double();
    return a < b ? -1 : static_cast<int>(a > b);
  }
  if (is_string(left) && is_string(right)) {
    return left->as_string().compare(right->as_string());
  }
  return std::nullopt;
}

// A number equals a string that reads as that number; a string equals a number that is written like it.
bool loosely_equal(const Node* left, const Node* right) {
  if (left == nullptr || right == nullptr) {
    return false;
  }
  if (left->is_number() && right->is_string()) {
    return parse_whole<double>(right->as_string()) == left->as_double();
  }
  if (left->is_string() && right->is_number()) {
    std::string text;
    right->append_number(text);
    return text == left->as_string();
  }
  return equal(*left, *right);
}

bool contains(const Node& list, const Node* element) {
  for (std::size_t i = 0; i < list.size(); ++i) {
    if (loosely_equal(element, &list.at(i))) {
      return true;
    }
  }
  return false;
}

bool contains_all(const Node& list, const Node& elements) {
  for (std::size_t i = 0; i < elements.size(); ++i) {
    if (!contains(list, &elements.at(i))) {
      return false;
    }
  }
  return true;
}

bool contains_any(const Node& list, const Node& elements) {
  for (std::size_t i = 0; i < elements.size(); ++i) {
    if (contains(list, &elements.at(i))) {
      return true;
    }
  }
  return false;
}

bool is_empty(const Node& node) {
  return node.is_string() ? node.as_string().empty() : node.size() == 0;
}

}  // namespace

bool holds_between(Comparison comparison, const Node* left, const Node* right) {
  const bool lists = is_array(left) && is_array(right);
  switch (comparison) {
    case Comparison::equal:
      return loosely_equal(left, right);
    case Comparison::not_equal:
      return !loosely_equal(left, right);
    case Comparison::strictly_equal:
      return left != nullptr && right != nullptr && equal(*left, *right);
    case Comparison::strictly_unequal:
      return left == nullptr || right == nullptr || !equal(*left, *right);
    case Comparison::less:
      return order(left, right).value_or(0) < 0;
    case Comparison::less_or_equal:
      return order(left, right).value_or(1) <= 0;
    case Comparison::greater:
      return order(left, right).value_or(0) > 0;
    case Comparison::greater_or_equal:
      return order(left, right).value_or(-1) >= 0;
    case Comparison::in:
      return is_array(right) && contains(*right, left);
    case Comparison::not_in:
      return !(is_array(right) && contains(*right, left));
    case Comparison::contains:
      if (is_string(left) && is_string(right)) {
        return left->as_string().find(right->as_string()) != std::string_view::npos;
      }
      return is_array(left) && contains(*left, right);
    case Comparison::all:
      return lists && contains_all(*left, *right);
    case Comparison::size: {
      const auto expected = is_number(right) ? right->as_integer() : std::nullopt;
      if (left == nullptr || !expected || *expected < 0) {
        return false;
      }
      const auto size = static_cast<std::size_t>(*expected);
      return left->is_string() ? count_characters(left->as_string()) == size
                               : left->is_container() && left->size() == size;
    }
    case Comparison::empty:
      return left != nullptr && (left->is_string() || left->is_container()) && right != nullptr &&
             right->is_boolean() && is_empty(*left) == right->as_boolean();
    case Comparison::subset_of:
      return lists && contains_all(*right, *left);
    case Comparison::any_of:
      return lists && contains_any(*right, *left);
    case Comparison::none_of:
      return lists && !contains_any(*right, *left);
    case Comparison::matches:
      return false;  // needs a pattern
  }
  return false;
}

}  // namespace lockstep::jsonpath
