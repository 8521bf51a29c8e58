// The rank's side of the processes that start programs and see to it that nothing of them is left (guard.hpp).
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "mpi_worker/fence.hpp"
#include "mpi_worker/guard.hpp"
#include "mpi_worker/keeper_message.hpp"
#include "value/boot_clock.hpp"
#include "value/descriptor.hpp"

namespace lockstep::worker {

/// A program to be started. All is borrowed for the call.
struct KeeperPlan {
  const std::string& program;                 ///< path
  const std::string& folder;                  ///< working directory; empty: ours
  const std::vector<std::string>& arguments;  ///< not empty
  const std::vector<std::string>& variables;  ///< beyond what all share
  std::vector<int> descriptors;               ///< what becomes 0, 1, 2 and perhaps 3
  bool tells_pid = false;                     ///< Report::started is wanted
  std::size_t replacing = 0;  ///< the last of `variables`, instead of those of the same name that all share
};

/// Runs one program at a time. Nothing blocks. One thread.
class Keeper {
 public:
  explicit Keeper(Descriptor socket) : socket_(std::move(socket)) {}

  /// 0: the program will be started within a few seconds and before `begin_until`, whatever holds us or the keeper up,
  /// or never, and read() tells what becomes of it; else errno, EPIPE where the keeper itself is no more. Requires that
  /// nothing is left of the last.
  int start(const KeeperPlan& plan, BootClock::time_point begin_until);
  /// To all that belongs to the program.
  void signal(int signal);
  /// KILL to all that belongs to the program, until nothing is left.
  void kill();
  /// What it has to say; nothing: not now. After `gone` it says that again.
  std::optional<Report> read();
  /// Readable when read() has something.
  int descriptor() const { return socket_.get(); }

 private:
  void send(const Order& order);

  Descriptor socket_;
  friend class Keepers;
};

/// Those of one runner, kept from program to program. One thread.
class Keepers {
 public:
  /// `variables`: of all programs. Both are borrowed.
  Keepers(const std::vector<std::string>& variables, const Fence& fence) : variables_(variables), fence_(fence) {}
  /// Waits until nothing is left of what was abandoned, at most a few seconds.
  ~Keepers();
  Keepers(const Keepers&) = delete;
  Keepers& operator=(const Keepers&) = delete;

  /// Has a keeper start the program, unless the fence is against it by then; errno where nothing has begun.
  tl::expected<std::unique_ptr<Keeper>, int> start(const KeeperPlan& plan);
  /// Its program is over, and nothing is left of it.
  void give_back(std::unique_ptr<Keeper> keeper) { idle_.push_back(std::move(keeper)); }
  /// Lets go of those that have nothing to do: each is a process, and a descriptor here.
  void dismiss_idle() { idle_.clear(); }
  /// Nobody wants to know any more: all that belongs to its program gets KILL.
  void abandon(std::unique_ptr<Keeper> keeper);

 private:
  tl::expected<std::unique_ptr<Keeper>, int> hire();

  const std::vector<std::string>& variables_;
  const Fence& fence_;
  std::shared_ptr<Guard> guard_;  // null: no program was started yet
  Descriptor environment_;        // the variables as a file
  std::vector<std::unique_ptr<Keeper>> idle_;
  std::vector<std::unique_ptr<Keeper>> abandoned_;
};

}  // namespace lockstep::worker
