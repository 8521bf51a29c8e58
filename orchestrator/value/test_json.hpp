// For tests.
#pragma once

#include <string>
#include <string_view>

#include "value/value.hpp"

namespace lockstep {

/// What `text` says, which must be JSON.
inline Value json(std::string_view text) {
  return Value::from_text(std::string(text)).value();
}

}  // namespace lockstep
