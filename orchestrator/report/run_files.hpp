// A run folder as a reader finds it: no lock, no write access, from any node, while the run goes on or after.
#pragma once

#include <optional>
#include <string>
#include <unordered_map>

#include "journal/event_reader.hpp"
#include "value/error.hpp"

namespace lockstep::report {

struct RunFiles {
  std::string folder;   ///< as the user named it
  std::string journal;  ///< the journal's folder; need not stand
  std::string name;     ///< of the execution that `run` started; empty where run.json names none
  std::string type;     ///< STANDARD or EXPRESS, or HOUSE; likewise

  /// A house of many executions, which `lockstep serve` holds open.
  bool is_house() const { return type == "HOUSE"; }
};

/// Errors: `folder` is missing or no run folder (occupied), run.json cannot be read or is not what a run writes (io).
Result<RunFiles> open_run_folder(const std::string& folder);

/// The folders in which tasks have left something, or work now, by "EXECUTION-VISIT".
std::unordered_map<std::string, std::string> list_task_folders(const RunFiles& run);

/// Which execution is meant: by its name, its ARN or its number (its id in the journal); empty: the one that `run`
/// started, else the newest.
class Choice {
 public:
  Choice(std::string wanted, std::string own_name) : wanted_(std::move(wanted)), own_name_(std::move(own_name)) {}

  /// Whether an execution that has just been met takes the place of the one chosen so far. Call it in order.
  bool takes(engine::ExecutionId id, const engine::ExecutionStarted& started);
  bool is_explicit() const { return !wanted_.empty(); }
  const std::string& wanted() const { return wanted_; }
  /// Requires is_explicit().
  Error nothing_found(const std::string& folder) const;

 private:
  const std::string wanted_;
  const std::string own_name_;
  bool surely_ = false;  // by its name
};

struct FoundExecution {
  engine::Event started;            ///< its ExecutionStarted
  std::uint64_t last_event_id = 0;  ///< of history; 0: not known
  /// Its Events lie between these two, in the journal: nothing else has to be read for it.
  journal::SequenceNumber first = 0;
  journal::SequenceNumber last = UINT64_MAX;
  bool redriven = true;  ///< it was, as far as anybody knows without reading them
};
/// Nothing if none was asked for by name and none has started. One that is asked for is found by the index of
/// executions, if it has an entry there, and else by reading the whole journal. Errors: there is no such execution
/// (usage), the journal is damaged (io).
Result<std::optional<FoundExecution>> find_execution(const RunFiles& run, Choice choice);

}  // namespace lockstep::report
