// Numbers: aggregates, rounding, casts.
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <limits>

#include "query/jsonata/evaluator.hpp"
#include "query/jsonata/numbers.hpp"
#include "query/jsonata/text.hpp"

namespace lockstep::jsonata {

namespace {

// 12.5 shifted by `places` decimal places, through its digits: multiplying would round once more.
double shift_decimal(double value, double places) {
  if (!std::isfinite(value)) {
    return std::numeric_limits<double>::quiet_NaN();
  }
  std::string digits;
  append_number(digits, value);
  const std::size_t e = digits.find('e');
  double exponent = places;
  if (e != std::string::npos) {
    exponent += std::strtod(digits.c_str() + e + 1, nullptr);
    digits.resize(e);
  }
  if (!(std::abs(exponent) < 100000) || exponent != std::trunc(exponent)) {
    return exponent == std::trunc(exponent) ? (exponent < 0 ? 0.0 : value * HUGE_VAL)
                                            : std::numeric_limits<double>::quiet_NaN();
  }
  digits += 'e';
  digits += std::to_string(static_cast<long>(exponent));
  return std::strtod(digits.c_str(), nullptr);
}

bool is_digits(std::string_view text, std::size_t& at) {
  const std::size_t start = at;
  while (at < text.size() && text[at] >= '0' && text[at] <= '9') {
    ++at;
  }
  return at > start;
}

// -?[0-9]+(\.[0-9]+)?([Ee][-+]?[0-9]+)?
bool is_decimal(std::string_view text) {
  std::size_t at = !text.empty() && text[0] == '-' ? 1 : 0;
  if (!is_digits(text, at)) {
    return false;
  }
  if (at < text.size() && text[at] == '.') {
    ++at;
    if (!is_digits(text, at)) {
      return false;
    }
  }
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    ++at;
    at += at < text.size() && (text[at] == '-' || text[at] == '+') ? 1 : 0;
    if (!is_digits(text, at)) {
      return false;
    }
  }
  return at == text.size();
}

int digit_value(char c) {
  if (c >= '0' && c <= '9') {
    return c - '0';
  }
  const char lower = static_cast<char>(c | 0x20);
  return lower >= 'a' && lower <= 'z' ? lower - 'a' + 10 : 99;
}

// 0x1F, 0o17, 0b101.
bool parse_prefixed(std::string_view text, double& value) {
  if (text.size() < 3 || text[0] != '0') {
    return false;
  }
  const char kind = static_cast<char>(text[1] | 0x20);
  const int base = kind == 'x' ? 16 : kind == 'o' ? 8 : kind == 'b' ? 2 : 0;
  if (base == 0) {
    return false;
  }
  value = 0;
  for (const char c : text.substr(2)) {
    const int digit = digit_value(c);
    if (digit >= base) {
      return false;
    }
    value = value * base + digit;
  }
  return true;
}

template <class Pick>
Item pick(const Arguments& arguments, Pick pick_one) {
  const Item values = arguments[0];
  if (values.is_undefined() || size_of(values) == 0) {
    return {};
  }
  double best = at(values, 0).as_double();
  for (std::size_t i = 1; i < size_of(values); ++i) {
    best = pick_one(best, at(values, i).as_double());
  }
  return number_item(best);
}

double total_of(const Item& values) {
  double total = 0;
  const std::size_t size = size_of(values);
  for (std::size_t i = 0; i < size; ++i) {
    total += at(values, i).as_double();
  }
  return total;
}

}  // namespace

double round_half_even(double value, double precision) {
  if (precision != 0) {
    value = shift_decimal(value, precision);
  }
  double result = std::floor(value);
  result += value - result >= 0.5 ? 1 : 0;
  if (std::abs(result - value) == 0.5 && std::abs(std::fmod(result, 2)) == 1) {
    result -= 1;
  }
  if (precision != 0) {
    result = shift_decimal(result, -precision);
  }
  return result == 0 ? 0.0 : result;
}

namespace fn {

Item sum(Evaluator& e, const Arguments& a) {
  if (a[0].is_undefined()) {
    return {};
  }
  e.spend(size_of(a[0]) / 8 + 1);
  return number_item(total_of(a[0]));
}

Item max(Evaluator& e, const Arguments& a) {
  e.spend(a[0].is_undefined() ? 1 : size_of(a[0]) / 8 + 1);
  return pick(a, [](double x, double y) { return y > x ? y : x; });
}

Item min(Evaluator& e, const Arguments& a) {
  e.spend(a[0].is_undefined() ? 1 : size_of(a[0]) / 8 + 1);
  return pick(a, [](double x, double y) { return y < x ? y : x; });
}

Item average(Evaluator& e, const Arguments& a) {
  if (a[0].is_undefined() || size_of(a[0]) == 0) {
    return {};
  }
  e.spend(size_of(a[0]) / 8 + 1);
  return number_item(total_of(a[0]) / static_cast<double>(size_of(a[0])));
}

Item number(Evaluator& e, const Arguments& a) {
  const Item value = a[0];
  if (value.is_undefined() || value.is_number()) {
    return value;
  }
  if (value.is_boolean()) {
    return number_item(value.as_boolean() ? 1 : 0);
  }
  double result = 0;
  if (value.is_string()) {
    const std::string_view text = value.as_string();
    if (is_decimal(text)) {
      result = parse_number(text);
      if (std::isfinite(result)) {
        return number_item(result);
      }
    } else if (parse_prefixed(text, result)) {
      return number_item(result);
    }
  }
  Problem p = problem("D3030");
  p.value_json = e.describe(value);
  throw p;
}

Item floor(Evaluator&, const Arguments& a) {
  return a[0].is_undefined() ? Item() : number_item(std::floor(a[0].as_double()));
}

Item ceil(Evaluator&, const Arguments& a) {
  return a[0].is_undefined() ? Item() : number_item(std::ceil(a[0].as_double()));
}

Item round(Evaluator&, const Arguments& a) {
  if (a[0].is_undefined()) {
    return {};
  }
  const double precision = a[1].is_undefined() || std::isnan(a[1].as_double()) ? 0 : a[1].as_double();
  return number_item(round_half_even(a[0].as_double(), precision));
}

Item abs(Evaluator&, const Arguments& a) {
  return a[0].is_undefined() ? Item() : number_item(std::abs(a[0].as_double()));
}

Item sqrt(Evaluator& e, const Arguments& a) {
  if (a[0].is_undefined()) {
    return {};
  }
  if (a[0].as_double() < 0) {
    Problem p = problem("D3060");
    p.value_json = e.describe(a[0]);
    throw p;
  }
  return number_item(std::sqrt(a[0].as_double()));
}

Item power(Evaluator& e, const Arguments& a) {
  if (a[0].is_undefined()) {
    return {};
  }
  const double exponent = a[1].is_undefined() ? std::numeric_limits<double>::quiet_NaN() : a[1].as_double();
  const double base = a[0].as_double();
  // Where C says 1, JavaScript says NaN.
  const bool no_number = std::isnan(exponent) || (std::abs(base) == 1 && std::isinf(exponent));
  const double result = no_number ? std::numeric_limits<double>::quiet_NaN() : std::pow(base, exponent);
  if (!std::isfinite(result)) {
    Problem p = problem("D3061");
    p.value_json = e.describe(a[0]);
    p.value2_json = e.describe(a[1]);
    throw p;
  }
  return number_item(result);
}

Item random(Evaluator& e, const Arguments&) {
  return number_item(e.random_double());
}

Item format_base(Evaluator& e, const Arguments& a) {
  if (a[0].is_undefined()) {
    return {};
  }
  double value = round_half_even(a[0].as_double(), 0);
  const double radix = a[1].is_undefined() ? 10 : round_half_even(a[1].as_double(), 0);
  if (!(radix >= 2 && radix <= 36)) {
    Problem p = problem("D3100");
    p.value_json = e.describe(number_item(radix));
    throw p;
  }
  std::string text;
  if (radix == 10 || !std::isfinite(value)) {
    append_number(text, value);
    return e.make_string(text);
  }
  const bool negative = value < 0;
  value = std::abs(value);
  do {
    const int digit = static_cast<int>(std::fmod(value, radix));
    text += "0123456789abcdefghijklmnopqrstuvwxyz"[digit];
    value = std::floor(value / radix);
  } while (value > 0);
  if (negative) {
    text += '-';
  }
  std::reverse(text.begin(), text.end());
  return e.make_string(text, true);
}

}  // namespace fn

}  // namespace lockstep::jsonata
