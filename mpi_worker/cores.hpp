// What this machine gives to this process.
#pragma once

#include <cstddef>
#include <string>

namespace lockstep::worker {

/// Cores in this process's affinity mask; at least 1.
std::size_t usable_cores();

/// Slots of one rank, where none were asked for: the cores that all ranks on this machine may use together, divided
/// among them (the launcher says how many they are; 1 without one), but not more than this rank itself may use. At
/// least 1. Where all ranks are on one machine, rank 0 gets none: it waits most of the time, and a slot for each core
/// remains.
std::size_t slots_of_rank();

/// Name of this machine, without its domain.
std::string host_name();

}  // namespace lockstep::worker
