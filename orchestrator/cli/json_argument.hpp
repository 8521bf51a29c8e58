// An option's value that is a document: in a file, on the command line itself, or on standard input.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "value/error.hpp"
#include "value/value.hpp"

namespace lockstep::cli {

/// What `argument` of `option` ("--input") means: JSON where it looks like it, the file of that name, or, for "-",
/// standard input. An error says which of them is wrong.
Result<Value> read_json_argument(const std::string& option, const std::string& argument);

/// A variable as the command line binds it, `name=JSON`; an optional $ before the name.
Result<std::pair<std::string, Value>> parse_binding(std::string_view text);

/// Whether such an argument is a file's name: not "-", and no JSON.
bool names_file(const std::string& argument);

}  // namespace lockstep::cli
