// What a rank takes from its machine, in virtual time and on a file system of the test's.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "fleet/virtual_time.hpp"
#include "mpi_worker/machine.hpp"

namespace lockstep::fleet {

/// Thrown from a sleep of a process that was killed meanwhile. Nothing that it does while this unwinds has an effect.
struct Killed {};

/// Processes of all machines: who can be seen from where.
struct ProcessTable {
  std::map<std::uint32_t, std::uint64_t> started;       ///< by pid; pids are not used again
  std::map<std::uint32_t, std::function<void()>> ends;  ///< by pid: what KILL does, where others may send it
  std::uint32_t last_pid = 0;
};

/// One process's. Only the process that drives the test may sleep: the others are stepped.
class FakeMachine final : public worker::Machine {
 public:
  /// `wall` is the wall clock at `time`'s beginning. Files may be null for a process that needs none.
  FakeMachine(VirtualTime& time, ProcessTable& processes, std::string host, journal::FileLayer* files);
  ~FakeMachine() override;

  /// kill -9. Idempotent.
  void kill();
  bool is_dead() const { return dead_; }
  /// Ends the sleep under way.
  void wake() { woken_ = true; }
  /// What it has told people.
  const std::vector<std::string>& said() const { return said_; }

  Clock::time_point now() const override;
  BootClock::time_point boot_now() const override { return BootClock::time_point(now().time_since_epoch()); }
  Timestamp wall_clock() const override;
  /// Lasts a little longer than asked where nothing comes: nobody polls in virtual time.
  bool sleep(std::chrono::nanoseconds limit, int descriptor) override;
  journal::FileLayer& files() override { return *files_; }
  bool has_threads() const override { return false; }
  std::string host() const override { return host_; }
  std::string place() const override { return host_ + "/boot/pid"; }
  std::uint32_t own_pid() const override { return pid_; }
  std::uint64_t start_time_of(std::uint32_t pid) const override;
  bool end_process(std::uint32_t pid, std::uint64_t started) override;
  void say(const std::string& line) const override { said_.push_back(line); }

 private:
  VirtualTime& time_;
  ProcessTable& processes_;
  const std::string host_;
  journal::FileLayer* const files_;
  const std::uint32_t pid_;
  bool dead_ = false;
  bool woken_ = false;
  mutable std::int64_t after_death_ = 0;
  mutable std::vector<std::string> said_;
};

}  // namespace lockstep::fleet
