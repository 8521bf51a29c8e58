// Sees to it that nothing of a task is left when this process dies without having a say in it (SIGKILL, a crash).
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>

#include "mpi_worker/descriptor.hpp"

namespace lockstep::worker {

/// A small shell process that kills the process groups on a list when the pipe from us closes. The list lies in memory
/// that both share, so that a task costs no message to the guard. Started with the first group. One thread, which may
/// end before the guard does.
class Guard {
 public:
  explicit Guard(std::size_t slots);
  /// Ends the guard; groups that are on the list get KILL.
  ~Guard();
  Guard(const Guard&) = delete;
  Guard& operator=(const Guard&) = delete;

  /// Process group of the task in a slot; 0: none.
  void set(std::size_t slot, pid_t group);

 private:
  void start();

  std::size_t slots_;
  std::uint64_t* lines_ = nullptr;  // shared with the guard; a line of eight bytes for each slot
  Descriptor pipe_;
  pid_t pid_ = -1;
  bool started_ = false;
};

}  // namespace lockstep::worker
