// Starts a process at a cost that does not depend on how large this one is (slurm-mpi.md 5).
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace lockstep::worker {

/// Signals whose handling here differs from the usual one: to be undone in what we start.
using SignalsToReset = std::vector<int>;
SignalsToReset signals_to_reset();

/// All pointers are borrowed for the call.
struct SpawnPlan {
  const char* program = nullptr;      ///< path; not looked up in PATH
  const char* const* argv = nullptr;  ///< ends with a null pointer
  const char* const* environment = nullptr;
  const char* folder = nullptr;  ///< working directory; null: ours
  int in = 0;                    ///< become 0, 1 and 2; where they are ours, they must be above 2 and close on exec
  int out = 1;
  int err = 2;
  int fourth = -1;  ///< becomes 3, likewise; -1: none
  /// signals_to_reset() of a moment ago; null: found out at each call. A handler that was set since may run in a child
  /// that still shares our memory.
  const SignalsToReset* signals = nullptr;
  int death_signal = 0;  ///< what the process gets when the thread that called spawn() ends; 0: none
};

enum class SpawnStage : std::uint8_t { process, folder, program };

struct SpawnFailure {
  SpawnStage stage = SpawnStage::process;
  int number = 0;  ///< errno
};

/// Runs the program in a process group of its own, with default signal handling and no signal blocked. Its death
/// signal is tied to the calling thread, which must outlive it.
tl::expected<pid_t, SpawnFailure> spawn(const SpawnPlan& plan);

/// Where PATH (a list of folders) has an executable file `name`; empty: nowhere. Relative folders in PATH are ignored.
std::string find_in_path(const std::string& name, std::string_view path);

}  // namespace lockstep::worker
