// Task tokens: by which a task is answered from outside (asl.md, .waitForTaskToken).
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

#include "work/ids.hpp"

namespace lockstep::engine {

/// 256 bits of the system's randomness. Whoever has it can tell every token that is made with it, so nobody is told it,
/// and it is kept nowhere.
using TokenKey = std::array<std::byte, 32>;

/// The token of a task that goes out as `id`: 48 characters, of which none has a meaning to a shell or in a URL.
/// Without the key nobody can guess it, or tell from it what it belongs to. The same key and id give the same token.
std::string make_token(const TokenKey& key, const work::DispatchId& id);

/// Whether `text` has the form of a token, with whatever key it was made: a slip of the pen does not leave it one.
bool is_token(std::string_view text);

}  // namespace lockstep::engine
