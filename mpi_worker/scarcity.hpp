// What has run out on a machine: descriptors, processes, memory, room on a disk.
#pragma once

#include <string>

namespace lockstep::worker {

/// Whether the number says that something has run out here, or that a disk is failing: another time or on another rank
/// the same may be done.
bool is_scarcity(int number);

/// What the number means, and what a user can do about it where that is known.
std::string explain_scarcity(int number);

}  // namespace lockstep::worker
