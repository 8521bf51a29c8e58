// Reads a run's Events from the last to the first. Holds one segment at a time; needs no lock and no write access.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "journal/event_reader.hpp"

namespace lockstep::report {

/// One thread.
class BackwardReader {
 public:
  /// `journal`: the journal's folder. Events before `from` and after `until` are left out, and segments that hold none
  /// but such are not read. What a live run writes later is not seen.
  static Result<BackwardReader> open(const std::string& journal, engine::ExecutionId execution,
                                     journal::SequenceNumber from = 0, journal::SequenceNumber until = UINT64_MAX);
  BackwardReader(BackwardReader&&) noexcept;
  BackwardReader& operator=(BackwardReader&&) noexcept;
  ~BackwardReader();

  /// The Event before; nothing when the first was given. Errors: damage, a hole.
  Result<std::optional<journal::RecordedEvent>> next();

 private:
  struct State;
  explicit BackwardReader(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace lockstep::report
