#include "report/difference.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "report/format.hpp"

namespace lockstep::report {

namespace {

constexpr std::size_t kMostValue = 80;
constexpr std::size_t kAround = 2;
constexpr std::size_t kMostLines = 60;
/// Of larger documents the common part is not looked for within what differs.
constexpr std::size_t kMostCells = 4'000'000;

std::string shortened(const Node& node) {
  std::string text;
  append_json(text, node);
  return one_line(text, kMostValue);
}

std::string step(std::string_view key) {
  std::string path = "/";
  for (const char c : key) {
    path += c == '~' ? "~0" : c == '/' ? "~1" : std::string(1, c);
  }
  return path;
}

std::optional<Difference> below(const std::string& path, const Node* expected, const Node* actual) {
  if (expected == nullptr || actual == nullptr) {
    return Difference{path, expected == nullptr ? "" : shortened(*expected),
                      actual == nullptr ? "" : shortened(*actual)};
  }
  auto difference = first_difference(*expected, *actual);
  if (difference) {
    difference->path = path + difference->path;
  }
  return difference;
}

std::string scalar_text(const Node& node) {
  std::string text;
  if (node.is_number()) {
    if (const auto whole = node.as_integer()) {
      return std::to_string(*whole);
    }
    if (std::isfinite(node.as_double())) {
      append_json_double(text, node.as_double());
      return text;
    }
  }
  append_json(text, node);
  return text;
}

void append_lines(std::vector<std::string>& lines, const std::string& indent, const std::string& before,
                  const Node& node, const char* after) {
  if (!node.is_container() || node.size() == 0) {
    lines.push_back(indent + before + scalar_text(node) + after);
    return;
  }
  lines.push_back(indent + before + (node.is_array() ? "[" : "{"));
  std::vector<std::size_t> order(node.size());
  for (std::size_t i = 0; i < order.size(); ++i) {
    order[i] = i;
  }
  if (node.is_object()) {
    std::sort(order.begin(), order.end(),
              [&](std::size_t a, std::size_t b) { return node.member(a).key() < node.member(b).key(); });
  }
  for (const std::size_t i : order) {
    const char* const comma = i == order.back() ? "" : ",";
    std::string key;
    if (node.is_object()) {
      append_json_string(key, node.member(i).key());
      key += ": ";
    }
    append_lines(lines, indent + "  ", key, node.is_array() ? node.at(i) : node.member(i).value(), comma);
  }
  lines.push_back(indent + (node.is_array() ? "]" : "}") + after);
}

/// Of two texts without a common beginning and end: which lines of both are in the longest common part.
struct Common {
  std::vector<bool> expected, actual;
};
Common longest_common(const std::vector<std::string>& a, const std::vector<std::string>& b) {
  Common common{std::vector<bool>(a.size()), std::vector<bool>(b.size())};
  if (a.empty() || b.empty() || a.size() > kMostCells / b.size()) {
    return common;
  }
  const std::size_t width = b.size() + 1;
  std::vector<std::uint32_t> length((a.size() + 1) * width);  // of what is common from there to the ends
  for (std::size_t i = a.size(); i-- > 0;) {
    for (std::size_t j = b.size(); j-- > 0;) {
      length[i * width + j] = a[i] == b[j] ? length[(i + 1) * width + j + 1] + 1
                                           : std::max(length[(i + 1) * width + j], length[i * width + j + 1]);
    }
  }
  for (std::size_t i = 0, j = 0; i < a.size() && j < b.size();) {
    if (a[i] == b[j]) {
      common.expected[i++] = true;
      common.actual[j++] = true;
    } else if (length[(i + 1) * width + j] >= length[i * width + j + 1]) {
      ++i;
    } else {
      ++j;
    }
  }
  return common;
}

}  // namespace

std::optional<Difference> first_difference(const Node& expected, const Node& actual) {
  if (equal(expected, actual)) {
    return std::nullopt;
  }
  if (expected.is_object() && actual.is_object()) {
    for (std::size_t i = 0; i < expected.size(); ++i) {
      const Member& member = expected.member(i);
      if (auto difference = below(step(member.key()), &member.value(), actual.find(member.key()))) {
        return difference;
      }
    }
    for (std::size_t i = 0; i < actual.size(); ++i) {
      const Member& member = actual.member(i);
      if (expected.find(member.key()) == nullptr) {
        return below(step(member.key()), nullptr, &member.value());
      }
    }
  }
  if (expected.is_array() && actual.is_array()) {
    for (std::size_t i = 0; i < std::max(expected.size(), actual.size()); ++i) {
      if (auto difference = below(fmt::format("/{}", i), i < expected.size() ? &expected.at(i) : nullptr,
                                  i < actual.size() ? &actual.at(i) : nullptr)) {
        return difference;
      }
    }
  }
  return Difference{"", shortened(expected), shortened(actual)};
}

std::vector<std::string> json_lines(const Node& node) {
  std::vector<std::string> lines;
  append_lines(lines, "", "", node, "");
  return lines;
}

std::vector<std::string> line_difference(const std::vector<std::string>& expected,
                                         const std::vector<std::string>& actual) {
  const std::size_t shorter = std::min(expected.size(), actual.size());
  std::size_t head = 0;
  while (head < shorter && expected[head] == actual[head]) {
    ++head;
  }
  std::size_t tail = 0;
  while (tail < shorter - head && expected[expected.size() - 1 - tail] == actual[actual.size() - 1 - tail]) {
    ++tail;
  }
  const auto middle = [&](const std::vector<std::string>& lines) {
    return std::vector<std::string>(lines.begin() + static_cast<std::ptrdiff_t>(head),
                                    lines.end() - static_cast<std::ptrdiff_t>(tail));
  };
  const std::vector<std::string> gone = middle(expected);
  const std::vector<std::string> come = middle(actual);
  const Common common = longest_common(gone, come);
  std::vector<std::string> all;
  for (std::size_t i = 0; i < head; ++i) {
    all.push_back("  " + expected[i]);
  }
  for (std::size_t i = 0, j = 0; i < gone.size() || j < come.size();) {
    if (i < gone.size() && !common.expected[i]) {
      all.push_back("- " + gone[i++]);
    } else if (j < come.size() && !common.actual[j]) {
      all.push_back("+ " + come[j++]);
    } else {
      all.push_back("  " + gone[i++]);
      ++j;
    }
  }
  for (std::size_t i = expected.size() - tail; i < expected.size(); ++i) {
    all.push_back("  " + expected[i]);
  }
  std::vector<bool> shown(all.size());
  for (std::size_t i = 0; i < all.size(); ++i) {
    const std::size_t from = i - std::min(i, kAround);
    for (std::size_t near = from; all[i].front() != ' ' && near < std::min(all.size(), i + kAround + 1); ++near) {
      shown[near] = true;
    }
  }
  std::vector<std::string> lines;
  for (std::size_t i = 0; i < all.size() && lines.size() < kMostLines; ++i) {
    if (shown[i]) {
      lines.push_back(std::move(all[i]));
    } else if (lines.empty() || lines.back() != "…") {
      lines.emplace_back("…");
    }
  }
  if (lines.size() == kMostLines) {
    lines.emplace_back("…");
  }
  return lines;
}

}  // namespace lockstep::report
