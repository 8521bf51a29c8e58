// What a rank takes from the machine that it is on, besides messages: time, files, other processes.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "journal/files.hpp"
#include "value/boot_clock.hpp"
#include "value/time.hpp"

namespace lockstep::worker {

/// The real one; tests override what they have a world of their own for. Any thread.
class Machine {
 public:
  using Clock = std::chrono::steady_clock;

  Machine() = default;
  virtual ~Machine() = default;
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;

  virtual Clock::time_point now() const;
  virtual BootClock::time_point boot_now() const;
  virtual Timestamp wall_clock() const;
  /// Sleeps at most `limit`, less if `descriptor` (-1: none) is readable or a signal comes; 0 lets others run. Whether
  /// `descriptor` is readable.
  virtual bool sleep(std::chrono::nanoseconds limit, int descriptor);
  virtual journal::FileLayer& files();
  /// Whether what runs here may have threads of its own. Without them all happens within calls.
  virtual bool has_threads() const;

  /// Its name, without its domain.
  virtual std::string host() const;
  /// The machine since its boot, and the container: where two processes have the same, each can see the other.
  virtual std::string place() const;
  virtual std::uint32_t own_pid() const;
  /// When a process here was started, in the kernel's own units; 0: there is no such process (any more).
  virtual std::uint64_t start_time_of(std::uint32_t pid) const;
  /// KILL to another process here, if it was started then, whatever has its number now: whether there was one.
  virtual bool end_process(std::uint32_t pid, std::uint64_t started);

  /// A line for people, without its end.
  virtual void say(const std::string& line) const;
};

Machine& real_machine();

}  // namespace lockstep::worker
