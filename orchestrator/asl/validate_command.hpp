// What `lockstep validate` does: every diagnostic of every file at once.
#pragma once

#include <iosfwd>
#include <string>
#include <vector>

#include "asl/parser.hpp"

namespace lockstep::asl {

struct ValidateOptions {
  std::vector<std::string> files;  ///< `-`: the standard input, which is `in`
  bool json = false;               ///< one JSON line per file, else a line per diagnostic
  ExecutionType type = ExecutionType::standard;
};

/// The text of a definition, as JSON: `.yaml` and `.yml` are converted. A byte order mark is dropped.
Result<std::string> read_definition(const std::string& file, std::istream& in);

/// Prints to `out`; true if no file has an error. A file that cannot be read, or converted, is one that has an error.
/// With `json` a line is {"file","valid","diagnostics":[{"severity","code","message","location","line","column"}]},
/// where `location`, `line` and `column` are left out if they are not known.
bool validate(const ValidateOptions& options, std::istream& in, std::ostream& out);

}  // namespace lockstep::asl
