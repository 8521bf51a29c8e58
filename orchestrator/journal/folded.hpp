// What evolves from the same Events as the engine's executions, stands in the same checkpoints and comes back with
// them, without this room knowing what it is: the catalogue, which stands above it.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "engine/engine.hpp"
#include "journal/codec.hpp"
#include "journal/files.hpp"
#include "journal/format.hpp"

namespace lockstep::journal {

/// The loop's thread only, but for what end_save() gives.
class Folded {
 public:
  virtual ~Folded() = default;

  /// Forgets everything. Files of its own lie in `folder`, which is the journal's.
  virtual void start(FileLayer& files, const std::string& folder) = 0;
  /// What has happened, in order. Events that were applied may come again, if all that came after them do, too.
  virtual void apply(const engine::Event& event, SequenceNumber seq) = 0;

  /// Begins a checkpoint: all Events so far have been applied. One that was not ended is given up. What was over before
  /// `expired` may be left out.
  virtual void begin_save(Timestamp expired) = 0;
  /// Writes the next record; false: there is none left. Events may be applied between calls: records need not be of one
  /// moment, as long as the Events since begin_save() make up for that.
  virtual bool save(Sink& sink) = 0;
  /// What is to be done before the checkpoint gets its name: files of its own are written and durable then. Any thread.
  virtual std::function<Result<void>()> end_save() = 0;
  /// Whether the checkpoint stands. Once for each end_save(); then what the checkpoint before the last named, and this
  /// and the last do not, is of no use any more.
  virtual void saved(bool stands) = 0;

  /// Reads a record back; what is wrong with it, it tells the source. The executions stand in `engine` already.
  virtual void load(Source& source, const engine::Engine& engine) = 0;
  /// All was read. An error: something that it names is not there or damaged, and all Events that there are have to be
  /// applied to it anew.
  virtual Result<void> loaded() = 0;
};

}  // namespace lockstep::journal
