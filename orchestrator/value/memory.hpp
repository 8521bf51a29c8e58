// How this process frees memory.
#pragma once

#include <malloc.h>

namespace lockstep {

/// Once, at the start of a process whose loop must not stand still: glibc would put off joining small pieces that were
/// freed until one large request, and a million of them hold that one up for half a second. Joining each as it is freed
/// costs nothing that could be measured.
inline void free_without_delay() {
#ifdef M_MXFAST
  mallopt(M_MXFAST, 0);
#endif
}

}  // namespace lockstep
