// RUN/state.json: what an owner last said of its run that the journal does not hold, because nothing hangs on it: what
// runs on the workers now, and for how long there has been an owner. It may be missing, old, or of an owner that is
// gone.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "journal/format.hpp"
#include "report/run_files.hpp"
#include "value/time.hpp"
#include "work/task.hpp"

namespace lockstep::report {

struct RunState {
  engine::ExecutionId execution{};
  journal::Epoch epoch = 0;      ///< of the owner
  Timestamp since;               ///< it is the owner
  Timestamp at;                  ///< it said this
  std::int64_t ran_before = 0;   ///< microseconds that the owners before it had
  std::optional<Timestamp> end;  ///< of the allocation, where it is known
  std::uint64_t slots = 0;
  std::uint64_t running = 0;           ///< tasks that workers have begun
  std::vector<work::BegunTask> begun;  ///< those of them that were known one by one; not all where there are very many

  /// Microseconds that there was an owner.
  std::int64_t ran() const { return ran_before + at.us - since.us; }
};

std::string to_json(const RunState& state);
/// Nothing where there is none that can be read.
std::optional<RunState> read_run_state(const std::string& run_folder);
/// Whole, but not durable: after a crash of the machine the one before may stand there, or none.
Result<void> write_run_state(const std::string& run_folder, const RunState& state);

/// What runs now, as far as it is known: nothing where no owner lives that has said so.
class Running {
 public:
  /// Looks at the folder. `is_live`: an owner with this epoch is at work.
  Running(const RunFiles& run, engine::ExecutionId execution, bool is_live, journal::Epoch epoch);
  /// What the last owner has said, whether or not it lives.
  const std::optional<RunState>& state() const { return state_; }
  /// Whether it is known what runs and what does not.
  bool is_known() const { return state_.has_value(); }
  bool is_live() const { return is_live_; }
  std::uint64_t running() const { return is_live_ && state_ ? state_->running : 0; }
  /// Null where the dispatch had not begun, or that is not known. Of an owner that is gone: what was cut off.
  const work::BegunTask* find(const work::DispatchId& id) const;

 private:
  std::optional<RunState> state_;
  bool is_live_ = false;
  std::unordered_map<work::DispatchId, const work::BegunTask*, work::DispatchIdHash> begun_;
};

}  // namespace lockstep::report
