#include "mpi_worker/told_to_end.hpp"

#include <sys/wait.h>

#include <algorithm>

namespace lockstep::worker {

void hear_stop_signals(void (*handler)(int)) {
  for (const int signal : kStopSignals) {
    struct sigaction action = {};
    if (signal == SIGHUP && sigaction(signal, nullptr, &action) == 0 && action.sa_handler == SIG_IGN) {
      continue;
    }
    action = {};
    action.sa_handler = handler;
    action.sa_flags = SA_RESTART;
    sigemptyset(&action.sa_mask);
    sigaction(signal, &action, nullptr);
  }
}

bool was_told_to_end(int wait_status) {
  constexpr int kShellsSum = 128;  // a shell's exit status for a child that a signal has ended
  const int signal = WIFSIGNALED(wait_status) ? WTERMSIG(wait_status)
                     : WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) - kShellsSum
                                              : 0;
  return signal == SIGKILL || std::find(kStopSignals.begin(), kStopSignals.end(), signal) != kStopSignals.end();
}

}  // namespace lockstep::worker
