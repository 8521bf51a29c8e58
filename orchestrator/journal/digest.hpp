// SHA-256: the name of what is too long to stand in a segment.
#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace lockstep::journal {

using Digest = std::array<std::byte, 32>;

Digest sha256(std::string_view bytes);

/// 64 lower-case hexadecimal digits.
std::string to_hex(const Digest& digest);

}  // namespace lockstep::journal
