// Starts a process at a cost that does not depend on how large this one is (slurm-mpi.md 5).
#pragma once

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace lockstep::worker {

/// Signals whose handling here differs from the usual one: to be undone in what we start.
using SignalsToReset = std::vector<int>;
SignalsToReset signals_to_reset();

/// All pointers are borrowed until the program runs.
struct SpawnPlan {
  const char* program = nullptr;      ///< path; not looked up in PATH
  const char* const* argv = nullptr;  ///< ends with a null pointer
  const char* const* environment = nullptr;
  const char* folder = nullptr;  ///< working directory; null: ours
  int in = 0;                    ///< become 0, 1 and 2; where they are ours, they must be above 2 and close on exec
  int out = 1;
  int err = 2;
  int fourth = -1;       ///< becomes 3, likewise; -1: none
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

/// A program on its way. Its process shares our memory until it runs it.
struct Spawning {
  SpawnPlan plan;
  /// Why it could not be run, once its process has ended.
  std::optional<SpawnFailure> failure() const;

  // What the process needs of ours, and what it leaves.
  const int* signals = nullptr;
  std::size_t signal_count = 0;
  pid_t parent = 0;
  std::array<std::uint64_t, 4> usual{};  // the kernel's struct sigaction for what is usual
  std::array<std::uint64_t, 2> none{};   // its signal set with no signal in it
  volatile int number = 0;
  volatile SpawnStage stage = SpawnStage::process;
  alignas(64) std::array<char, std::size_t{16} << 10> stack;
};

/// As spawn(), but comes back at once: the process is there, its program may run only later, or never, and its group
/// may be ours still. All that it borrows, and `spawning` itself, stays as it is until the process has ended or is
/// known to run its program; one at a time. All signals are blocked in the calling thread; `signals`:
/// signals_to_reset().
tl::expected<pid_t, SpawnFailure> begin_to_spawn(Spawning& spawning, const SignalsToReset& signals);

/// PATH, or what stands for it where it is not set.
std::string program_path();
/// Where PATH (a list of folders) has an executable file `name`; empty: nowhere. Relative folders in PATH are ignored.
std::string find_in_path(const std::string& name, std::string_view path);

}  // namespace lockstep::worker
