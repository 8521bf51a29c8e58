// UUIDs, as AWS writes them.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <string>

namespace lockstep {

/// The UUID of version 4 with these bits, but for those that say so.
inline std::string uuid_text(std::uint64_t high, std::uint64_t low) {
  high = (high & ~std::uint64_t{0xF000}) | 0x4000U;
  low = (low & ~(std::uint64_t{3} << 62U)) | (std::uint64_t{1} << 63U);
  return fmt::format("{:08x}-{:04x}-{:04x}-{:04x}-{:012x}", high >> 32U, (high >> 16U) & 0xFFFFU, high & 0xFFFFU,
                     low >> 48U, low & 0xFFFFFFFFFFFFU);
}

}  // namespace lockstep
