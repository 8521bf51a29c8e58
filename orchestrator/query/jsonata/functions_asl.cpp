// The functions that Step Functions adds: $partition $range $hash $random $uuid $parse (jsonata.md 6.3).
#include <cmath>

#include "query/digest.hpp"
#include "query/jsonata/evaluator.hpp"
#include "query/jsonata/text.hpp"
#include "value/uuid.hpp"

namespace lockstep::jsonata {

namespace {

constexpr std::size_t kLongestRange = 360'145;

[[noreturn]] void fail_with(std::string text) {
  Problem p = problem("D3137");
  p.text = std::move(text);
  throw p;
}

// java.util.Random(seed).nextDouble()
double java_random(std::int64_t seed) {
  constexpr std::uint64_t kMultiplier = 0x5DEECE66DU;
  constexpr std::uint64_t kMask = (std::uint64_t{1} << 48) - 1;
  std::uint64_t state = (static_cast<std::uint64_t>(seed) ^ kMultiplier) & kMask;
  const auto next = [&state](int bits) {
    state = (state * kMultiplier + 0xB) & kMask;
    return state >> (48 - bits);
  };
  const std::uint64_t high = next(26);
  return static_cast<double>((high << 27) + next(27)) * 0x1.0p-53;
}

std::int64_t to_int64(double value) {
  if (std::isnan(value)) {
    return 0;
  }
  return value >= 9223372036854775807.0    ? INT64_MAX
         : value <= -9223372036854775808.0 ? INT64_MIN
                                           : static_cast<std::int64_t>(value);
}

bool has_duplicate_keys(Evaluator& e, std::string_view text, std::string& key) {
  // Keys of every open object; the text is known to be JSON.
  std::vector<Object*> open;
  bool expect_key = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '{') {
      open.push_back(e.make_object(4));
      expect_key = true;
    } else if (c == '[') {
      open.push_back(nullptr);
      expect_key = false;
    } else if (c == '}' || c == ']') {
      open.pop_back();
    } else if (c == ',') {
      expect_key = !open.empty() && open.back() != nullptr;
    } else if (c == '"') {
      const std::size_t start = i++;
      while (text[i] != '"') {
        i += text[i] == '\\' ? 2 : 1;
      }
      if (!expect_key) {
        continue;
      }
      expect_key = false;
      const Value name = Value::from_checked_text(std::string(text.substr(start, i - start + 1)));
      const std::string_view spelled = e.heap().copy(name.node().as_string());
      if (Evaluator::find(*open.back(), spelled, hash_key(spelled)) != nullptr) {
        key = spelled;
        return true;
      }
      e.set(*open.back(), spelled, null_item());
    }
  }
  return false;
}

// Whether a number of the text is beyond what a double can hold.
bool all_finite(Evaluator& e, const Item& item) {
  if (item.is_number()) {
    return std::isfinite(item.as_double());
  }
  if (item.is_array()) {
    for (std::size_t i = 0; i < size_of(item); ++i) {
      if (!all_finite(e, at(item, i))) {
        return false;
      }
    }
  }
  bool finite = true;
  if (item.is_object()) {
    e.each_member(item, [&](std::string_view, const Item& value) { finite = finite && all_finite(e, value); });
  }
  return finite;
}

// Parsed numbers are computed numbers: 1.0 becomes 1; integers stay exact.
Item normalised(Evaluator& e, const Item& item) {
  e.spend(1);
  if (item.is_number()) {
    return item.node()->is_plain_integer() ? item : number_item(item.as_double());
  }
  if (item.is_array()) {
    Array* out = e.make_array(size_of(item), false);
    for (std::size_t i = 0; i < size_of(item); ++i) {
      out->items[out->size++] = normalised(e, at(item, i));
    }
    return array_item(out);
  }
  if (item.is_object()) {
    Object* out = e.make_object(Evaluator::member_count(item));
    e.each_member(item, [&](std::string_view key, const Item& value) { e.set(*out, key, normalised(e, value)); });
    return object_item(out);
  }
  return item;
}

}  // namespace

namespace fn {

Item partition(Evaluator& e, const Arguments& a) {
  if (a[0].is_undefined()) {
    return {};
  }
  if (a[0].is_array() && size_of(a[0]) > 0 && at(a[0], 0).is_null() && size_of(a[0]) == 1) {
    Problem p = problem("T0412");
    p.index = 1;
    p.value_json = "null";
    p.value2_json = "\"arrays\"";
    throw p;
  }
  const std::size_t size = size_of(a[0]);
  const double wanted = a[1].is_undefined() ? static_cast<double>(size) : std::trunc(a[1].as_double());
  if (wanted < 0) {
    fail_with("Second argument must be zero or greater");
  }
  if (!(wanted >= 1) || size == 0) {
    return {};
  }
  const auto chunk = static_cast<std::size_t>(std::min(wanted, static_cast<double>(size)));
  Array* out = e.make_array((size + chunk - 1) / chunk, false);
  e.spend(size);
  for (std::size_t from = 0; from < size; from += chunk) {
    const std::size_t count = std::min(chunk, size - from);
    Array* part = e.make_array(count, false);
    for (std::size_t i = 0; i < count; ++i) {
      part->items[part->size++] = at(a[0], from + i);
    }
    out->items[out->size++] = array_item(part);
  }
  return array_item(out);
}

Item range(Evaluator& e, const Arguments& a) {
  if (a[0].is_undefined()) {
    return {};
  }
  if (a[1].is_undefined()) {
    Problem p = problem("T0410");
    p.index = 2;
    throw p;
  }
  const double first = std::trunc(a[0].as_double());
  const double last = std::trunc(a[1].as_double());
  const double step = a[2].is_undefined() ? 0 : std::trunc(a[2].as_double());
  if (step == 0 || std::isnan(step) || (step > 0 ? !(first <= last) : !(first >= last))) {
    return {};
  }
  const double count = std::floor((last - first) / step) + 1;
  if (!(count <= static_cast<double>(kLongestRange))) {
    throw LimitReached{LimitReached::Which::value};
  }
  const auto size = static_cast<std::size_t>(count);
  e.spend(size);
  Array* out = e.make_array(size, true);
  for (std::size_t i = 0; i < size; ++i) {
    out->items[out->size++] = number_item(first + step * static_cast<double>(i));
  }
  return array_item(out);
}

Item hash(Evaluator& e, const Arguments& a) {
  if (a[0].is_undefined() || a[1].is_undefined()) {
    return {};
  }
  const std::string_view name = a[1].as_string();
  const EVP_MD* algorithm = query::digest_named(name);
  if (algorithm == nullptr) {
    fail_with("Unsupported hash algorithm: " + std::string(name));
  }
  const std::string hex = query::hex_digest(algorithm, a[0].as_string());
  if (hex.empty()) {
    fail_with("Hash algorithm is not available: " + std::string(name));
  }
  return e.make_string(hex, true);
}

Item random_asl(Evaluator& e, const Arguments& a) {
  return number_item(a[0].is_undefined() ? e.random_double() : java_random(to_int64(std::trunc(a[0].as_double()))));
}

Item uuid(Evaluator& e, const Arguments&) {
  const std::uint64_t high = e.random_bits();
  return e.make_string(uuid_text(high, e.random_bits()), true);
}

Item parse(Evaluator& e, const Arguments& a) {
  if (a[0].is_undefined()) {
    return {};
  }
  const std::string_view text = a[0].as_string();
  e.spend(text.size() / 8 + 1);
  JsonProblem trouble;
  if (!check_json(text, trouble)) {
    fail_with("Invalid JSON: " + trouble.message);
  }
  std::string key;
  if (has_duplicate_keys(e, text, key)) {
    fail_with("Invalid JSON: Duplicate field '" + key + "'");
  }
  const Item parsed = e.adopt_value(Value::from_checked_text(std::string(text)));
  if (!all_finite(e, parsed)) {
    fail_with("Invalid JSON: a number is out of range");
  }
  return normalised(e, parsed);
}

}  // namespace fn

}  // namespace lockstep::jsonata
