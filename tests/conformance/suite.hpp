// What the runners of conformance suites share.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "value/value.hpp"

namespace lockstep::conformance {

/// The exit status that says that there is no data.
inline constexpr int kSkipped = 77;

/// As JSON text, of which at most `most` characters are shown.
inline std::string compact(const Node& node, std::size_t most = SIZE_MAX) {
  std::string text;
  append_json(text, node);
  return text.size() > most ? text.substr(0, most) + "..." : text;
}

/// Each element of `actual` equals another element of `expected`.
inline bool equal_as_multisets(const Node& actual, const Node& expected) {
  if (!actual.is_array() || !expected.is_array() || actual.size() != expected.size()) {
    return false;
  }
  std::vector<bool> taken(expected.size(), false);
  for (std::size_t i = 0; i < actual.size(); ++i) {
    std::size_t k = 0;
    while (k < expected.size() && (taken[k] || !equal(actual.at(i), expected.at(k)))) {
      ++k;
    }
    if (k == expected.size()) {
      return false;
    }
    taken[k] = true;
  }
  return true;
}

}  // namespace lockstep::conformance
