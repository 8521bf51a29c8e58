// The functions at the end of a path: $.data.sum().
#include <cmath>
#include <limits>

#include "query/jsonpath/evaluator.hpp"

namespace lockstep::jsonpath {

namespace {

// All numbers of `subject`, where it is an array, and of the arguments, whose arrays are flattened.
std::vector<double> numbers(const Node& subject, const std::vector<const Node*>& arguments) {
  std::vector<double> found;
  const auto take_elements = [&](const Node& list) {
    for (std::size_t i = 0; i < list.size(); ++i) {
      if (list.at(i).is_number()) {
        found.push_back(list.at(i).as_double());
      }
    }
  };
  if (subject.is_array()) {
    take_elements(subject);
  }
  for (const Node* argument : arguments) {
    if (argument->is_array()) {
      take_elements(*argument);
    } else if (argument->is_number()) {
      found.push_back(argument->as_double());
    }
  }
  return found;
}

bool aggregate(FunctionKind kind, const std::vector<double>& values, Value& result) {
  if (values.empty()) {
    return false;
  }
  const auto count = static_cast<double>(values.size());
  double sum = 0;
  double squares = 0;
  double low = std::numeric_limits<double>::infinity();
  double high = -low;
  for (const double value : values) {
    sum += value;
    squares += value * value;
    low = std::min(low, value);
    high = std::max(high, value);
  }
  const double mean = sum / count;
  switch (kind) {
    case FunctionKind::min:
      result = Value::number(low);
      return true;
    case FunctionKind::max:
      result = Value::number(high);
      return true;
    case FunctionKind::avg:
      result = Value::number(mean);
      return true;
    case FunctionKind::stddev:
      result = Value::number(std::sqrt(std::max(0.0, squares / count - mean * mean)));
      return true;
    default:
      result = Value::number(sum);
      return true;
  }
}

std::string concatenate(const Node& subject, const std::vector<const Node*>& arguments) {
  std::string text;
  const auto take_elements = [&](const Node& list) {
    for (std::size_t i = 0; i < list.size(); ++i) {
      if (list.at(i).is_string()) {
        text += list.at(i).as_string();
      }
    }
  };
  if (subject.is_array()) {
    take_elements(subject);
  }
  for (const Node* argument : arguments) {
    if (argument->is_array()) {
      take_elements(*argument);
    } else if (argument->is_string()) {
      text += argument->as_string();
    }
  }
  return text;
}

bool element(const Value& owner, const Node& subject, std::int64_t index, Value& result) {
  if (!subject.is_array()) {
    return false;
  }
  const auto size = static_cast<std::int64_t>(subject.size());
  index = index < 0 ? index + size : index;
  if (index < 0 || index >= size) {
    return false;
  }
  result = owner.part(subject.at(static_cast<std::size_t>(index)));
  return true;
}

Value keys_of(const Node& subject) {
  Builder builder;
  builder.begin_array();
  for (std::size_t i = 0; i < subject.size(); ++i) {
    builder.string(subject.member(i).key());
  }
  builder.end_array();
  return builder.finish();
}

Value appended(const Value& owner, const Node& subject, const std::vector<const Node*>& arguments) {
  Builder builder;
  builder.begin_array();
  for (std::size_t i = 0; i < subject.size(); ++i) {
    builder.part(owner, subject.raw_at(i));
  }
  std::string text;
  for (const Node* argument : arguments) {
    text.clear();
    append_json(text, *argument);
    builder.value(Value::from_checked_text(text));
  }
  builder.end_array();
  return builder.finish();
}

}  // namespace

bool apply_function(FunctionKind kind, const Value& owner, const Node& subject,
                    const std::vector<const Node*>& arguments, Value& result) {
  switch (kind) {
    case FunctionKind::length:
      result = subject.is_container() ? Value::integer(static_cast<std::int64_t>(subject.size())) : Value();
      return true;
    case FunctionKind::keys:
      result = subject.is_object() ? keys_of(subject) : Value();
      return true;
    case FunctionKind::concat:
      result = Value::string(concatenate(subject, arguments));
      return true;
    case FunctionKind::append:
      result = subject.is_array() ? appended(owner, subject, arguments) : owner.part(subject);
      return true;
    case FunctionKind::first:
      return element(owner, subject, 0, result);
    case FunctionKind::last:
      return element(owner, subject, -1, result);
    case FunctionKind::index: {
      const auto index = !arguments.empty() && arguments[0]->is_number() ? arguments[0]->as_integer() : std::nullopt;
      constexpr std::int64_t kFar = std::numeric_limits<std::int32_t>::max();
      return index.has_value() && *index >= -kFar && *index <= kFar && element(owner, subject, *index, result);
    }
    default:
      return aggregate(kind, numbers(subject, arguments), result);
  }
}

}  // namespace lockstep::jsonpath
