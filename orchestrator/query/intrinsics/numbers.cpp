#include <cmath>
#include <limits>

#include "query/intrinsics/functions.hpp"

namespace lockstep::intrinsics {

namespace {

bool in_int32(std::int64_t value) {
  return value >= std::numeric_limits<std::int32_t>::min() && value <= std::numeric_limits<std::int32_t>::max();
}

// The generator of java.util.Random: 48 bits, linear congruential.
class JavaRandom {
 public:
  explicit JavaRandom(std::int64_t seed) : state_((static_cast<std::uint64_t>(seed) ^ kMultiplier) & kMask) {}

  /// Uniform in [0, bound); requires 0 < bound <= 2^31 - 1.
  std::int32_t below(std::int32_t bound) {
    if ((bound & (bound - 1)) == 0) {
      return static_cast<std::int32_t>((static_cast<std::int64_t>(bound) * next(31)) >> 31);
    }
    while (true) {
      const std::int64_t bits = next(31);
      const std::int64_t value = bits % bound;
      if (bits - value + (bound - 1) <= std::numeric_limits<std::int32_t>::max()) {
        return static_cast<std::int32_t>(value);
      }
    }
  }
  /// 32 uniform bits.
  std::uint32_t bits32() { return static_cast<std::uint32_t>(next(32)); }

 private:
  static constexpr std::uint64_t kMultiplier = 0x5DEECE66DU;
  static constexpr std::uint64_t kMask = (std::uint64_t{1} << 48U) - 1;

  std::int64_t next(unsigned bits) {
    state_ = (state_ * kMultiplier + 0xB) & kMask;
    return static_cast<std::int64_t>(state_ >> (48U - bits));
  }
  std::uint64_t state_;
};

}  // namespace

bool rounded(const Value& argument, std::int64_t& value) {
  const Node& node = argument.node();
  if (!node.is_number()) {
    return false;
  }
  if (const auto whole = node.as_integer()) {
    value = *whole;
    return true;
  }
  const double floor = std::floor(node.as_double() + 0.5);
  if (!(std::abs(floor) < 9.2e18)) {
    return false;
  }
  value = static_cast<std::int64_t>(floor);
  return true;
}

Outcome math_add(const Invocation& invocation) {
  std::int64_t left = 0;
  std::int64_t right = 0;
  if (!rounded(invocation.arguments[0], left) || !rounded(invocation.arguments[1], right)) {
    return wrong("both arguments must be numbers");
  }
  if (!in_int32(left) || !in_int32(right) || !in_int32(left + right)) {
    return wrong("arguments and sum must be within -2147483648 and 2147483647");
  }
  return Value::integer(left + right);
}

Outcome math_random(const Invocation& invocation) {
  std::int64_t start = 0;
  std::int64_t end = 0;
  std::int64_t seed = 0;
  const std::vector<Value>& arguments = invocation.arguments;
  if (!rounded(arguments[0], start) || !rounded(arguments[1], end) ||
      (arguments.size() == 3 && !rounded(arguments[2], seed))) {
    return wrong("all arguments must be numbers");
  }
  if (!in_int32(start) || !in_int32(end)) {
    return wrong("start and end must be within -2147483648 and 2147483647");
  }
  if (start >= end) {
    return wrong("the end must be greater than the start");
  }
  const std::int64_t width = end - start;
  if (arguments.size() == 3) {
    JavaRandom random(seed);
    if (width <= std::numeric_limits<std::int32_t>::max()) {
      return Value::integer(start + random.below(static_cast<std::int32_t>(width)));
    }
    return Value::integer(start + static_cast<std::int64_t>(random.bits32() % static_cast<std::uint64_t>(width)));
  }
  // 64 random bits times the width: the bias is below 2^-32.
  __extension__ using Wide = unsigned __int128;
  const Wide product = static_cast<Wide>(invocation.environment.random()) * static_cast<std::uint64_t>(width);
  return Value::integer(start + static_cast<std::int64_t>(product >> 64U));
}

}  // namespace lockstep::intrinsics
