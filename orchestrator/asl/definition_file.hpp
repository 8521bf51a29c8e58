// The file that holds a definition: JSON or YAML.
#pragma once

#include <iosfwd>
#include <string>
#include <vector>

#include "asl/parser.hpp"

namespace lockstep::asl {

/// By its name.
bool is_yaml(std::string_view file);

struct DefinitionText {
  std::string json;
  std::string yaml;  ///< that it was made of; empty: it was JSON
};
/// The text of a definition: `.yaml` and `.yml` are converted. A byte order mark is dropped. Errors name the file.
Result<DefinitionText> read_definition(const std::string& file, std::istream& in);
/// The same; its errors need not name the file.
Result<DefinitionText> load_definition(const std::string& file, std::istream& in);
/// Fills in where in the file the diagnostics' places are.
void find_positions(const DefinitionText& text, std::vector<Diagnostic>& diagnostics);

}  // namespace lockstep::asl
