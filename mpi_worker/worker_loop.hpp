// What every rank but 0 does: take tasks, run them, answer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "mpi_worker/channel.hpp"
#include "mpi_worker/heart.hpp"

namespace lockstep::worker {

/// Runs until rank 0 says stop or is missed for too long (design, wall 8). Does not end by TERM, INT, HUP, USR1 and
/// USR2: rank 0 hears them too and decides. Returns 0 where rank 0 ended it, 1 where it gave up. Nothing of its tasks
/// is left then. Calls come from one thread, which must live on until the process ends.
int run_worker(int rank, std::size_t slots, Channel& channel, const Heart& heart);

/// The machine since its boot, and the container: where two processes have the same, each can see the other.
std::string this_place();
/// When a process here was started, in the kernel's own units; 0: there is no such process (any more).
std::uint64_t start_time_of(std::uint32_t pid);

}  // namespace lockstep::worker
