// Which language is meant.
#pragma once

#include <cstdint>

namespace lockstep::jsonata {

enum class Level : std::uint8_t {
  suite,  ///< jsonata 2.2.2, everything
  asl     ///< 2.0.6 without $eval, with $partition $range $hash $random $uuid $parse, and AWS's limits
};

}  // namespace lockstep::jsonata
