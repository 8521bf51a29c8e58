// What every rank but 0 does: take tasks, run them, answer.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>

#include "mpi_worker/channel.hpp"
#include "mpi_worker/fence.hpp"
#include "mpi_worker/heart.hpp"
#include "mpi_worker/machine.hpp"
#include "mpi_worker/settings.hpp"
#include "mpi_worker/spool.hpp"
#include "mpi_worker/task_runner.hpp"

namespace lockstep::worker {

/// Makes what runs the tasks; borrows the settings and the spool (null: there is none).
using MakeRunner =
    std::function<std::unique_ptr<TaskRunner>(const RunSettings&, const Place&, std::size_t, Spool*, const Fence&)>;

/// The loop of one rank, turn by turn. One thread, which must live on until the process ends where tasks are processes.
class WorkerLoop {
 public:
  /// Borrowed, all of it.
  struct Parts {
    Channel& channel;
    Heart& heart;
    Machine& machine;
    MakeRunner make_runner;  ///< null: processes of this one
  };
  /// Says hello to rank 0.
  WorkerLoop(int rank, std::size_t slots, Parts parts);
  /// Kills what still runs.
  ~WorkerLoop();
  WorkerLoop(const WorkerLoop&) = delete;
  WorkerLoop& operator=(const WorkerLoop&) = delete;

  /// Does what can be done without waiting. False: there was nothing.
  bool step();
  /// Waits for what the next step may find, not for long.
  void rest();
  /// When the next step has something to do though no message has come; max(): never. Beats are not counted in.
  Machine::Clock::time_point next_time() const;
  /// Once it is over: 0 where rank 0 ended it, 1 where it gave up. Nothing of its tasks is left then.
  std::optional<int> status() const;

 private:
  class State;
  std::unique_ptr<State> state_;
};

/// Steps until rank 0 says stop or is missed for too long (design, wall 8): the loop's status. Does not end by the
/// signals of told_to_end.hpp: rank 0 hears them too and decides.
int run_worker(int rank, std::size_t slots, Channel& channel, Heart& heart);

}  // namespace lockstep::worker
