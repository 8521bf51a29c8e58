// The processes below one, as /proc has them. Not for a path that is taken often.
#pragma once

#include <sys/types.h>

#include <vector>

namespace lockstep::worker {

/// Of all its threads; empty where it is gone.
std::vector<pid_t> children_of(pid_t parent);

/// A signal, and CONT, without which one that is stopped would not see it, to all descendants of this process, but not
/// to those in the process group `except`. One that comes to be meanwhile may be missed.
void signal_descendants(int signal, pid_t except);

/// KILL to all children of this process but those on the list: how many there were. Their children become ours where we
/// are a subreaper: to be called again until there are none.
std::size_t kill_children(const std::vector<pid_t>& except);

}  // namespace lockstep::worker
