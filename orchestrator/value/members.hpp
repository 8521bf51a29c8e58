// The members of a struct as a tuple of references to them: what is done to each need not name them.
#pragma once

#include <cstddef>
#include <tuple>
#include <type_traits>

namespace lockstep {

/// All N members of `whole`, in order. It does not compile where there are not N of them: none is forgotten.
template <std::size_t N, class T>
auto tied(T& whole) {
  static_assert(N <= 8);
  if constexpr (N == 0) {
    static_assert(std::is_empty_v<T>);
    return std::tuple<>();
  } else if constexpr (N == 1) {
    auto& [a] = whole;
    return std::tie(a);
  } else if constexpr (N == 2) {
    auto& [a, b] = whole;
    return std::tie(a, b);
  } else if constexpr (N == 3) {
    auto& [a, b, c] = whole;
    return std::tie(a, b, c);
  } else if constexpr (N == 4) {
    auto& [a, b, c, d] = whole;
    return std::tie(a, b, c, d);
  } else if constexpr (N == 5) {
    auto& [a, b, c, d, e] = whole;
    return std::tie(a, b, c, d, e);
  } else if constexpr (N == 6) {
    auto& [a, b, c, d, e, f] = whole;
    return std::tie(a, b, c, d, e, f);
  } else if constexpr (N == 7) {
    auto& [a, b, c, d, e, f, g] = whole;
    return std::tie(a, b, c, d, e, f, g);
  } else if constexpr (N == 8) {
    auto& [a, b, c, d, e, f, g, h] = whole;
    return std::tie(a, b, c, d, e, f, g, h);
  }
}

}  // namespace lockstep
