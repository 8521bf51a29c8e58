// A fleet in virtual time, for tests: thousands of slots, no process, no thread, no waiting.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "fleet/fleet.hpp"
#include "value/time.hpp"

namespace lockstep::fleet {

/// The same numbers for the same seed and dispatch, whatever else happens in between.
class DispatchRandom {
 public:
  DispatchRandom(std::uint64_t seed, const work::DispatchId& id);
  std::uint64_t next();
  /// In [0, 1).
  double uniform();
  std::chrono::microseconds between(std::chrono::microseconds least, std::chrono::microseconds most);

 private:
  std::uint64_t state_;
};

/// What one task does.
struct Act {
  std::chrono::microseconds duration{0};
  work::OutcomeKind kind = work::OutcomeKind::succeeded;
  Value result;  ///< succeeded
  std::string error;
  std::string cause;
};

/// Deterministic: the same calls give the same outcomes in the same order at the same times.
class SimulatedFleet final : public Fleet {
 public:
  using Script = std::function<Act(const work::Task& task, DispatchRandom& random)>;

  SimulatedFleet(FleetSettings settings, std::size_t slots, std::uint64_t seed = 1, Timestamp start = {});

  /// How tasks of a job go; `"resource"` as in its entry. Without a script a builtin does what it always does, and any
  /// other job takes no time and echoes its input.
  void script(const std::string& resource, Script script);

  /// Virtual time; only wait() and advance() move it.
  Timestamp now() const { return now_; }
  /// Lets time pass without looking at outcomes; they stay for the next wait().
  void advance(std::chrono::microseconds time);
  /// Slots come or go, as when a node is lost: tasks on those that go begin again elsewhere, the youngest first.
  void set_slots(std::size_t slots);

  std::size_t slots() const override { return stopped_ ? 0 : slots_; }
  std::size_t room() const override;
  void add_jobs(std::vector<work::Job> jobs) override;
  void dispatch(work::Task task) override;
  void cancel(const work::DispatchId& id) override;
  /// Moves the clock to the end of the first task that ends within `limit`, else by `limit`; gives all outcomes of that
  /// moment. A woken waker leaves the clock where it is.
  void wait(std::chrono::microseconds limit, const Waker& waker, std::vector<work::Outcome>& outcomes) override;
  void stop() override;
  std::string describe() const override;

  /// The most tasks that ran at one time.
  std::size_t busiest() const { return busiest_; }
  /// Tasks that were handed over.
  std::uint64_t dispatched() const { return dispatched_; }

 private:
  struct Running {
    work::Task task;
    work::Outcome outcome;
    std::uint64_t number = 0;  // in order of start
  };
  using Ends = std::multimap<std::int64_t, Running>;  // by end, then by start

  Act act(const work::Task& task) const;
  void start(work::Task task);
  void fill();
  void end_until(Timestamp time);

  FleetSettings settings_;
  std::size_t slots_;
  std::uint64_t seed_;
  Timestamp now_;
  std::unordered_map<std::string, Script> scripts_;
  Ends running_;
  std::deque<work::Task> queue_;
  std::vector<work::Outcome> ready_;
  std::size_t busiest_ = 0;
  std::uint64_t dispatched_ = 0;
  std::uint64_t started_ = 0;
  bool stopped_ = false;
};

}  // namespace lockstep::fleet
