// Reads a run's Events back, in order and without a gap, from segments and archives. Needs no lock and no write access,
// also while the run goes on; what a live run has written last may be seen before it is durable.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "journal/codec.hpp"
#include "journal/files.hpp"
#include "journal/journal_folder.hpp"
#include "journal/segment_reader.hpp"

namespace lockstep::journal {

struct RecordedEvent {
  SequenceNumber seq = 0;
  engine::Event event;
};

struct ReadOptions {
  /// Events before this one are left out, and segments that hold none but such are not opened. 0: from the first that
  /// is still there.
  SequenceNumber from = 1;
  /// Nor are those after this one: an execution's own are found by its first and its last without reading what came
  /// before and after.
  SequenceNumber until = UINT64_MAX;
  /// Only this execution's, if it is set.
  std::optional<engine::ExecutionId> execution;
  const FileLayer* files = &posix_files();
};

/// What became of the end of the journal.
struct Tail {
  SequenceNumber next_seq = 1;     ///< of the Event after the last
  std::uint32_t previous_crc = 0;  ///< of the last row
  std::uint64_t last_segment = 0;  ///< its number; 0: there is none
  std::uint64_t torn_rows = 0;     ///< begun but never durable
  std::uint64_t torn_bytes = 0;
  std::uint64_t bytes = 0;  ///< of the rows and bodies that next() gave
};

/// One thread.
class EventReader {
 public:
  /// `folder` is the journal's own (RUN/journal). An error if Events from `options.from` on are missing at the front.
  static Result<EventReader> open(const std::string& folder, const ReadOptions& options = {});
  EventReader(EventReader&&) noexcept;
  EventReader& operator=(EventReader&&) noexcept;
  ~EventReader();

  /// The next Event; nothing at the end (later there may be more). After an error: always that error. Errors: damage,
  /// a hole, a newer version's Event.
  Result<std::optional<RecordedEvent>> next();

  /// As next(), without the body: for counting millions. decode() gives the Event of the row that came last, and an
  /// error of its own (a body, or a long text of its, cannot be read) leaves the reader where it is.
  Result<std::optional<Row>> next_row();
  Result<engine::Event> decode();

  /// Requires that next() gave nothing.
  const Tail& tail() const;
  /// Requires the same: what was read of the last segment. The reader is spent.
  SegmentContents take_last();

 private:
  struct State;
  explicit EventReader(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// Hands each Event to `take`, in order. Errors: as those of EventReader.
Result<void> read_events(const std::string& folder, const ReadOptions& options,
                         const std::function<void(RecordedEvent&)>& take);

}  // namespace lockstep::journal
