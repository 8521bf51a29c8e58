// The Map Runs of a run folder, as the journal tells of them: DescribeMapRun (distributed-map.md 9).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine/map_run.hpp"
#include "report/run_files.hpp"

namespace lockstep::report {

/// Of items, or of the children that they are for.
struct MapRunCounts {
  std::uint64_t pending = 0, running = 0, succeeded = 0, failed = 0, timed_out = 0, aborted = 0, pending_redrive = 0;

  std::uint64_t total() const { return pending + running + succeeded + failed + timed_out + aborted + pending_redrive; }
};

struct MapRunView {
  std::string arn;
  engine::ExecutionId execution{};  ///< that it is a part of
  std::string execution_arn;
  asl::StateMachinePtr machine;
  asl::StateId state = asl::StateId::none;
  engine::Status status = engine::Status::running;
  Timestamp started;
  std::optional<Timestamp> stopped;
  std::uint32_t redrives = 0;
  std::optional<Timestamp> redriven;
  engine::MapRunPlan plan;
  Value items;  ///< of a Map without ItemReader: what it works on
  Value note;   ///< its performer's; an empty object: none
  MapRunCounts item_counts;
  MapRunCounts child_counts;
  std::uint64_t written = 0;  ///< results of items that were handed to the ResultWriter, or into the output
  /// Items that have succeeded: [first, first + count), in order.
  std::vector<std::pair<std::uint64_t, std::uint64_t>> succeeded;
};

/// All, or those that are a part of the execution that is asked for by name, ARN or number; the newest last. What runs
/// is as the journal shows it, which holds while an owner is at work. Errors: no such execution (usage), damage (io).
Result<std::vector<MapRunView>> read_map_runs(const RunFiles& run, const std::string& execution);

/// DescribeMapRun's document.
std::string map_run_json(const MapRunView& view);
/// Three lines.
std::string map_run_text(const MapRunView& view);

}  // namespace lockstep::report
