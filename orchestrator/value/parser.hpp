// Internal to the value room.
#pragma once

#include <string_view>

namespace lockstep {

class Tree;

/// Parses text that check_json accepted and that outlives the tree. The caller owns the result.
const Tree* parse_checked(std::string_view text);

}  // namespace lockstep
