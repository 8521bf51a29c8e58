// JSON strings in the spelling of whoever reads them.
#pragma once

#include <string>
#include <string_view>

namespace lockstep {

/// Appends `text` in quotes; `hex` has the 16 digits of \u: Java writes capitals there, JavaScript does not.
void append_json_string(std::string& out, std::string_view text, const char* hex);

}  // namespace lockstep
