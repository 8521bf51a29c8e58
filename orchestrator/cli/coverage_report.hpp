// What test cases have reached of a definition, for people and for lcov's tools.
#pragma once

#include <string>
#include <vector>

#include "asl/definition_file.hpp"
#include "service/coverage.hpp"

namespace lockstep::cli {

/// Where a definition is read.
struct DefinitionSource {
  std::string file;
  asl::DefinitionText text;
};

/// How much of each kind was reached, and a line for each that was not.
std::string coverage_text(const service::Coverage& coverage, const DefinitionSource& source);

/// A tracefile (geninfo(1)) of one record: DA for the lines on which states stand, BRDA for rules, retriers and
/// catchers.
std::string coverage_lcov(const service::Coverage& coverage, const DefinitionSource& source);

}  // namespace lockstep::cli
