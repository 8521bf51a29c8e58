// MPI as the command line sees it: which rank this is, and its part. Nothing else in the orchestrator calls MPI.
#pragma once

#include <memory>
#include <string>

#include "fleet/fleet.hpp"
#include "value/error.hpp"

namespace lockstep::fleet {

class MpiFleet;

/// Lives until the process ends; one thread. After start() rank 0 answers heartbeats, so it may take its time until
/// make_fleet().
class MpiWorld {
 public:
  /// Whether a launcher has started this process as a rank.
  static bool launched();

  /// Initializes MPI. Where launched() is false, a process must not call this.
  static Result<std::unique_ptr<MpiWorld>> start(int& argc, char**& argv);
  ~MpiWorld();
  MpiWorld(const MpiWorld&) = delete;
  MpiWorld& operator=(const MpiWorld&) = delete;

  int rank() const;
  int size() const;

  /// Rank 0: the fleet of all other ranks; where there are none, this process's own with `slots` slots (0: its cores).
  /// Once; the world outlives it.
  std::unique_ptr<Fleet> make_fleet(FleetSettings settings, std::size_t slots);
  /// Other ranks: works until rank 0 ends it. `slots` 0: this rank's share of the machine's cores. The result is for
  /// finish().
  int run_worker(std::size_t slots);

  /// Ends MPI and the process with this exit status. Where launch() started the ranks, rank 0 hands it the status
  /// first; a worker that rank 0 does not expect to answer any more cannot hold this up.
  [[noreturn]] void finish(int status);

 private:
  struct State;
  explicit MpiWorld(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace lockstep::fleet
