// The definition as text: what is wrong with its JSON, in the words of AWS's parser, and where things stand in it.
// Internal to the asl room.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "asl/report.hpp"
#include "value/value.hpp"

namespace lockstep::asl {

/// The diagnostic for text that check_json refused.
Diagnostic syntax_diagnostic(std::string_view text, const JsonProblem& problem);

/// Warns of every key that occurs twice in one object of `json`, which must be checked text: the last one wins.
void warn_duplicate_keys(std::string_view json, Report& report);

/// `text` with every byte that is not UTF-8 replaced by U+FFFD.
std::string as_utf8(std::string_view text);
bool is_utf8(std::string_view text);

}  // namespace lockstep::asl
