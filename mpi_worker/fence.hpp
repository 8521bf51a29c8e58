// What keeps a rank's tasks from beginning, or from going on, when others may have taken its place.
#pragma once

#include <functional>

#include "value/boot_clock.hpp"

namespace lockstep::worker {

struct Fence {
  /// Until when tasks may begin, as far as is known now; asked immediately before each does. Null: always.
  std::function<BootClock::time_point()> begin_until;
  /// A descriptor with the rank's lock (roster.hpp): whatever ends the tasks when this process dies keeps it open until
  /// nothing is left of them. Borrowed; -1: none.
  int lock = -1;
};

}  // namespace lockstep::worker
