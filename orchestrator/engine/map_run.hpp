// A Map Run: the work of a Distributed Map state (distributed-map.md). Its children are executions of their own; here
// stands what it is to do, and what it has come to so far.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine/event.hpp"

namespace lockstep::engine {

/// The state's fields, evaluated.
struct MapRunPlan {
  std::optional<Value> reader;                  ///< ItemReader's Parameters or Arguments
  std::optional<std::int64_t> max_items;        ///< as it was computed: perhaps negative
  std::uint32_t max_concurrency = 0;            ///< 0: no limit
  std::optional<std::int64_t> tolerated_count;  ///< ToleratedFailureCount
  std::optional<double> tolerated_percentage;   ///< ToleratedFailurePercentage
  bool batched = false;                         ///< there is an ItemBatcher
  std::optional<std::int64_t> batch_items;      ///< MaxItemsPerBatch
  std::optional<std::int64_t> batch_bytes;      ///< MaxInputBytesPerBatch
  std::optional<Value> batch_input;
  std::optional<Value> writer;  ///< ResultWriter's Parameters or Arguments
};
/// As MapRunStarted has it, and back; what is missing there is absent.
Value to_value(const MapRunPlan& plan);
MapRunPlan plan_of(const Value& parameters);

/// What has become of a child.
enum class ChildFate : std::uint8_t {
  open,  ///< it runs, or was never started
  succeeded,
  failed,
  timed_out,
  aborted,
  again  ///< it had not succeeded, and is to be redriven
};
/// Requires that the execution is over.
constexpr ChildFate fate_of(Status status) {
  return static_cast<ChildFate>(status);
}
static_assert(fate_of(Status::succeeded) == ChildFate::succeeded && fate_of(Status::aborted) == ChildFate::aborted);
constexpr bool is_settled(ChildFate fate) {
  return fate != ChildFate::open && fate != ChildFate::again;
}

/// What a Map Run has come to. Only evolve changes it.
struct MapRun {
  std::string arn;
  Value parameters;                 ///< its plan
  std::uint32_t redrives = 0;       ///< so far
  std::vector<ChildFate> children;  ///< by number; one beyond the end is open
  /// Items of the children that ended so, by ChildFate.
  std::array<std::uint64_t, 5> items = {};
  std::optional<Value> note;       ///< its performer's (MapRunProgress::note)
  bool abort_said = false;         ///< history shows that it was aborted
  std::uint64_t succeeded_id = 0;  ///< of the event MapRunSucceeded; 0: it has not

  ChildFate fate(std::uint64_t child) const { return child < children.size() ? children[child] : ChildFate::open; }
  std::uint64_t items_of(ChildFate fate) const { return items[static_cast<std::size_t>(fate)]; }
};

}  // namespace lockstep::engine
