// The other side of guard.hpp and keeper.hpp: what the guard and the keepers do.
#pragma once

namespace lockstep::worker {

/// The guard's life; its standard input is the socket to the rank. Also that of each keeper, which is a child of the
/// guard's.
void run_guard();

}  // namespace lockstep::worker
