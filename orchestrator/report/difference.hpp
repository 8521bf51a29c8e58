// Where two documents differ, for people to see.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "value/node.hpp"

namespace lockstep::report {

/// The first place where two values differ, in the order of the expected one.
struct Difference {
  std::string path;      ///< a JSON pointer; empty: the values as a whole
  std::string expected;  ///< compact JSON, shortened; empty: there is nothing here
  std::string actual;
};
/// Nothing where they are equal: numbers by value, objects whatever the order of their members.
std::optional<Difference> first_difference(const Node& expected, const Node& actual);

/// A value, laid out: a line for each scalar and bracket. Equal values give equal lines.
std::vector<std::string> json_lines(const Node& node);

/// What has to be done to the expected lines to make the actual ones of them: "- " and "+ " stand before what goes and
/// comes, "  " before two lines of what is around it; "…" is what is left out.
std::vector<std::string> line_difference(const std::vector<std::string>& expected,
                                         const std::vector<std::string>& actual);

}  // namespace lockstep::report
