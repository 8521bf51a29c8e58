// What `lockstep validate` does: every diagnostic of every file at once.
#pragma once

#include <iosfwd>
#include <string>
#include <vector>

#include "asl/parser.hpp"

namespace lockstep::cli {

struct ValidateOptions {
  std::vector<std::string> files;  ///< `-`: the standard input, which is `in`
  bool json = false;               ///< one JSON line per file, else a line per diagnostic
  asl::ExecutionType type = asl::ExecutionType::standard;
};

/// Prints to `out`; true if no file has an error. A file that cannot be read, or converted, is one that has an error.
/// With `json` a line is
/// {"file","valid","diagnostics":[{"severity","code","message","location","hint","line","column"}]}, where those behind
/// `message` are left out if they are not known. What this version cannot run is a warning.
bool validate(const ValidateOptions& options, std::istream& in, std::ostream& out);

}  // namespace lockstep::cli
