// What a journal holds, back in memory: the newest checkpoint that is good, and the Events since. Only reads; recovery
// does it as the owner, and whoever looks at a run does it beside one.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "engine/engine.hpp"
#include "journal/checkpoint.hpp"
#include "journal/event_reader.hpp"
#include "journal/folded.hpp"

namespace lockstep::journal {

struct BroughtBack {
  std::optional<LoadedCheckpoint> checkpoint;  ///< nothing: there was none that is good
  std::uint64_t replayed = 0;                  ///< Events that were not in it
  Tail tail;
  SegmentContents last;  ///< what was read of the last segment
  /// The last Events of the executions that ended in what was replayed.
  std::map<engine::ExecutionId, engine::Event> endings;
  std::vector<std::string> warnings;  ///< a damaged checkpoint, …
  /// Why what is folded in beside the executions was made anew from the Events that there are; empty: it was not.
  std::string folded_anew;
};

/// Brings the journal in `folder` back into `engine`, which must be empty, and into `folded`, which may be null; what
/// that held before is forgotten. Neither writes nor removes anything, and needs no lock: what an owner does meanwhile
/// is seen or not. Errors (io): a hole, damage, a newer version.
Result<BroughtBack> bring_back(FileLayer& files, const std::string& folder, engine::Engine& engine,
                               Folded* folded = nullptr);

}  // namespace lockstep::journal
