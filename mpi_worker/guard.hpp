// Sees to it that nothing of a task is left when the task is over, or when this process dies without having a say in it
// (SIGKILL, a crash).
//
//   this process ── guard ── keeper ── program ── whatever it starts
//                         └─ keeper ── …
//
// A keeper starts one program at a time and adopts what that leaves behind: a process that has left its group, its
// session and its parent is still known to be of this program, and ends with it. The guard adopts what a killed keeper
// leaves. Both are this very program, started once more under another name, small and without MPI. What they hear of us
// they hear over sockets: when those close, they kill everything, wait until nothing is left, and end.
#pragma once

#include <sys/types.h>

#include <memory>

#include "value/boot_clock.hpp"
#include "value/descriptor.hpp"

namespace lockstep::worker {

/// One for each process, whatever the number of runners. Any thread.
class Guard {
 public:
  /// Starts it where there is none, or where it has died. Ends with the last of its users: what is left then gets KILL,
  /// and its end is awaited, at most a few seconds.
  static std::shared_ptr<Guard> of_this_process();

  Guard() = default;
  ~Guard();
  Guard(const Guard&) = delete;
  Guard& operator=(const Guard&) = delete;

  /// Makes a keeper at the other end of `socket`, whose programs have the variables in the file `environment`, each
  /// ended by a NUL. 0, or errno. The socket closes when the keeper is gone and nothing is left of what it kept.
  int hire(int socket, int environment);
  /// Keeps a copy of the descriptor open as long as anything may be left below: 0, or errno.
  int hold(int descriptor);
  /// From `time` on nothing is left below the guard of this process, whatever holds us up or stops us, and nothing can
  /// be started below it; unless another time is set before. Any thread, also while another one hangs.
  static void end_at(BootClock::time_point time);

 private:
  void start();
  bool is_alive() const;

  Descriptor control_;  // the guard's end is its standard input
  pid_t pid_ = -1;
  int trouble_ = 0;  // why there is none: errno
};

}  // namespace lockstep::worker
