// CRC-32C (Castagnoli, polynomial 0x1EDC6F41 reflected; RFC 3720 B.4): what every row and header is checked with.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace lockstep::journal {

/// Of `bytes` that follow bytes whose CRC was `before` (0: none). Uses the processor's instruction where it has one.
std::uint32_t crc32c(std::span<const std::byte> bytes, std::uint32_t before = 0);

/// The same by tables; for processors without, and for tests.
std::uint32_t crc32c_portable(std::span<const std::byte> bytes, std::uint32_t before = 0);

}  // namespace lockstep::journal
