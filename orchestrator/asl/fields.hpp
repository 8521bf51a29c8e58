// Which fields each type of state may carry, in each query language (asl.md 3). Internal to the asl room.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "asl/model.hpp"

namespace lockstep::asl {

enum class FieldUse : std::uint8_t {
  allowed,
  other_language,  ///< this type has it, but only in the other query language
  unsupported
};

FieldUse field_use(StateType type, QueryLanguage language, std::string_view field);

/// Those that are allowed.
std::vector<std::string> field_names(StateType type, QueryLanguage language);

/// Nothing where `name` is no state type.
std::optional<StateType> find_state_type(std::string_view name);
std::vector<std::string> state_type_names();

}  // namespace lockstep::asl
