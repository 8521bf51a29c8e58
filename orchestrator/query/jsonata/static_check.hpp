// What Step Functions refuses in an expression when a definition is read (asl.md 5, validation.md 5.2).
#pragma once

#include <string>
#include <vector>

#include "query/jsonata/jsonata.hpp"
#include "query/jsonata/program_data.hpp"

namespace lockstep::jsonata {

/// One message per distinct reference at fault, in the order of the text.
std::vector<std::string> unsupported_references(const ProgramData& program, const FieldScope& scope);

}  // namespace lockstep::jsonata
