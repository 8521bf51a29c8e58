// Numbers that look like chance and can be had again.
#pragma once

#include <cstdint>
#include <string_view>

namespace lockstep {

/// The end of SplitMix64: neighbours get words that look unlike each other.
constexpr std::uint64_t mix(std::uint64_t x) {
  x = (x ^ (x >> 30U)) * 0xBF58476D1CE4E5B9U;
  x = (x ^ (x >> 27U)) * 0x94D049BB133111EBU;
  return x ^ (x >> 31U);
}

/// FNV-1a: the same on every machine, for ever, so that it may be part of what is kept. `before`: of the text before
/// it.
constexpr std::uint64_t text_hash(std::string_view text, std::uint64_t before = 0xCBF2'9CE4'8422'2325) {
  for (const char c : text) {
    before = (before ^ static_cast<unsigned char>(c)) * 0x100'0000'01B3;
  }
  return before;
}

/// SplitMix64's next number; `state` moves on.
constexpr std::uint64_t next_random(std::uint64_t& state) {
  return mix(state += 0x9E3779B97F4A7C15U);
}

}  // namespace lockstep
