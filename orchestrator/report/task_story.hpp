// All that the journal knows of a task: what it was given, every attempt and dispatch, and what came of it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "engine/event.hpp"
#include "report/run_files.hpp"

namespace lockstep::report {

/// Which tasks are meant; what is empty leaves it open.
struct TaskChoice {
  std::string state;
  std::optional<std::uint32_t> item;  ///< of the innermost Map around the task
  std::optional<engine::DispatchId> visit;
};

/// One dispatch.
struct Dispatch {
  std::uint32_t count = 0;    ///< of its visit, from 1
  std::uint32_t attempt = 0;  ///< retries before it
  Timestamp scheduled;
  std::optional<Timestamp> started, ended;
  std::optional<std::string> worker;  ///< that has taken it from its activity; empty: it has no name
  std::string_view status;  ///< as TaskRow::status; of an open one OPEN, or WAITING for its activity or an answer
  std::optional<std::string> error, cause;
  Value result;  ///< of one that succeeded
  std::optional<work::Usage> usage;
  std::optional<Timestamp> retried_at;  ///< what came of its failure
};

/// One visit of a Task state by one strand.
struct TaskStory {
  engine::DispatchId visit;
  asl::StateId state = asl::StateId::none;
  std::optional<std::uint32_t> item;
  Timestamp entered;
  Value input;       ///< of the state
  Value parameters;  ///< what the resource is asked with
  std::string token;
  std::optional<std::int64_t> timeout_seconds, heartbeat_seconds;
  std::vector<Dispatch> dispatches;
  std::optional<Timestamp> left;  ///< it has left the state: to `next`, or to the end of its strand
  asl::StateId next = asl::StateId::none;
  bool caught = false;  ///< by a Catch
  bool failed = false;  ///< nothing handled its failure, or it was given up
  Value output;         ///< with which it left
};

struct Stories {
  std::string name;  ///< of the execution
  asl::StateMachinePtr machine;
  std::vector<TaskStory> told;  ///< the first, in the order in which they were entered
  std::uint64_t more = 0;
};

/// Reads the journal. `most`: how many are told. Errors: no execution has begun (usage), damage (io).
Result<Stories> read_stories(const RunFiles& run, const TaskChoice& choice, std::size_t most);

}  // namespace lockstep::report
