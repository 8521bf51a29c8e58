// Identifiers of the engine. All are assigned in order and never reused within a run, so that they mean the same after
// a restart.
#pragma once

#include <compare>
#include <cstdint>

namespace lockstep::engine {

enum class ExecutionId : std::uint64_t {};

/// One line of control within an execution: the top level, a Parallel branch or a Map iteration.
enum class StrandId : std::uint32_t { top = 0, none = UINT32_MAX };

/// Names one dispatch of one task for ever (wall 2): execution, the visit of a state in it, and how often that was
/// dispatched. `visit` is the strand's id in the upper half and its own count of state visits in the lower.
struct DispatchId {
  std::uint64_t execution = 0;
  std::uint64_t visit = 0;
  std::uint32_t count = 0;
  friend auto operator<=>(const DispatchId&, const DispatchId&) = default;
};

}  // namespace lockstep::engine
