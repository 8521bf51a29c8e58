// What strands with work to do are about: running, waiting for a worker, or waiting for something else.
#pragma once

#include <cstdint>
#include <string>

#include "engine/strand.hpp"

namespace lockstep::report {

/// Numbers of strands, or of a Map's items.
struct Work {
  std::uint64_t running = 0;     ///< a worker has begun the task
  std::uint64_t queued = 0;      ///< the task waits for a worker
  std::uint64_t timers = 0;      ///< in a Wait state
  std::uint64_t retries = 0;     ///< the time before a retry
  std::uint64_t tokens = 0;      ///< the job is over, and the answer to its token is to come
  std::uint64_t activities = 0;  ///< a worker of the activity is to take the task, or to answer it
  std::uint64_t children = 0;    ///< the execution that the task has started, and waits for, is not over

  std::uint64_t waiting() const { return timers + retries + tokens + activities + children; }
  Work& operator+=(const Work& other);
};

/// Whether the strand's task is an activity's, taken or not, rather than a job's.
bool waits_for_activity(const asl::StateMachine& machine, const engine::Strand& strand);

/// Of a Map's `open` items, with the work that there is below it: each counts once.
Work work_of_items(std::uint64_t open, const Work& below);

/// "running 2 queued 4,222 waiting 3"; "running" always.
std::string work_text(const Work& work);
/// "2 running, 4,222 queued, 3 waiting", what is 0 left out.
std::string work_words(const Work& work);

}  // namespace lockstep::report
