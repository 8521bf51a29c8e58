// What runs now: an execution brought back as a recovery would, from the newest checkpoint and what came after it, and
// looked at. Nothing is written.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "engine/engine.hpp"
#include "report/run_files.hpp"

namespace lockstep::report {

/// A strand that waits for something.
struct Waiting {
  asl::StateId state = asl::StateId::none;
  std::optional<std::uint32_t> item;  ///< index of the innermost Map iteration that it is in
  Timestamp since;                    ///< it is in its state
  Timestamp until;                    ///< of waits and retries
  std::uint32_t attempt = 0;          ///< retries so far
  std::uint32_t dispatch = 0;         ///< of the attempt, from 1
  bool started = false;               ///< a worker has it
};

/// How many there are, and those that are due or began first.
struct WaitingList {
  std::uint64_t count = 0;
  std::vector<Waiting> first;
};

struct LiveView {
  std::vector<std::uint64_t> in_state;       ///< strands that are in a state, by StateId
  std::vector<std::uint64_t> items_running;  ///< a Map's iterations, by its StateId
  WaitingList waits;
  WaitingList tasks;
  WaitingList retries;
};

/// `most`: how long the lists may be. Nothing if the execution is over.
Result<std::optional<LiveView>> look_at_live(const RunFiles& run, engine::ExecutionId execution, std::size_t most);

}  // namespace lockstep::report
