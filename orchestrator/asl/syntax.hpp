// The definition as text: what is wrong with its JSON, in the words of AWS's parser, and where things stand in it.
// For the asl room, and for other documents that are checked like definitions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "asl/report.hpp"
#include "value/utf8.hpp"
#include "value/value.hpp"

namespace lockstep::asl {

/// The diagnostic for text that check_json refused.
Diagnostic syntax_diagnostic(std::string_view text, const JsonProblem& problem);

/// Warns of every key that occurs twice in one object of `json`, which must be checked text: the last one wins.
void warn_duplicate_keys(std::string_view json, Report& report);

}  // namespace lockstep::asl
