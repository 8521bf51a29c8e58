// What runs now: an execution, looked at as it stands in an engine.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "engine/engine.hpp"
#include "report/run_files.hpp"
#include "report/run_state.hpp"
#include "report/work.hpp"

namespace lockstep::report {

/// A strand that waits for something.
struct Waiting {
  asl::StateId state = asl::StateId::none;
  std::optional<std::uint32_t> item;     ///< index of the innermost Map iteration that it is in
  Timestamp since;                       ///< it is in its state
  Timestamp until;                       ///< of waits and retries
  std::uint32_t attempt = 0;             ///< retries so far
  std::uint32_t dispatch = 0;            ///< of the attempt, from 1
  std::optional<work::BegunTask> begun;  ///< of tasks: a worker has begun it
  std::string token;                     ///< what is to be answered; of tokens, and of activities
  bool taken = false;                    ///< of activities: a worker has the task
};

/// How many there are, and those that are due or began first.
struct WaitingList {
  std::uint64_t count = 0;
  std::vector<Waiting> first;
};

struct LiveView {
  std::vector<std::uint64_t> in_state;    ///< strands that are in a state, by StateId
  std::vector<std::uint64_t> items_open;  ///< a Map's iterations, by its StateId
  std::vector<Work> work;                 ///< by StateId; of a Map or Parallel all that is below it, too
  Work all;
  WaitingList waits;
  WaitingList tasks;   ///< that workers have, or that wait for one
  WaitingList tokens;  ///< tasks whose job is over
  WaitingList activities;
  WaitingList children;  ///< tasks and Map Runs that wait for the end of executions that they have started
  WaitingList retries;
};

/// `most`: how long the lists may be. `running` tells which tasks have begun; where that is not known, all have.
/// Nothing if the execution is over.
std::optional<LiveView> look_at_live(const engine::Engine& engine, engine::ExecutionId execution,
                                     const Running& running, std::size_t most);

}  // namespace lockstep::report
