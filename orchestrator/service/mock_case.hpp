// Runs an execution with mocked tasks in virtual time: time passes when there is nothing else to do, so that a year of
// Waits, retries and time-outs takes a moment, and the same case always takes the same course.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "engine/engine.hpp"
#include "map_run/buckets.hpp"
#include "service/mock_performer.hpp"

namespace lockstep::service {

/// What is run.
struct MockedExecution {
  asl::StateMachinePtr machine;
  std::string machine_name;
  std::string name;
  Value input;
  Timestamp start_time;
  engine::ExecutionType type = engine::ExecutionType::standard;
  engine::Limits limits = engine::Limits::hpc();
  map_run::Buckets buckets = {};            ///< that Map Runs read; nothing is written
  std::map<std::string, Value> items = {};  ///< by state: what its ItemReader reads, instead of that
  /// Whether the Distributed Map of that name is mocked as a whole; else its children run, and what they do is mocked.
  std::function<bool(const std::string& state)> is_mocked = [](const std::string&) { return true; };
};

/// Its id; children of its Map Runs have others.
inline constexpr engine::ExecutionId kMocked{1};

/// What came of it.
struct MockedEnd {
  engine::EndExecution end;
  std::optional<std::string> broken;  ///< why it was given up; then there is no end
  Timestamp ended;
};

/// Sees Events after they were applied, before anything is done about them, and which rules have led to them.
using Watch =
    std::function<void(const std::vector<engine::Event>& events, const std::vector<engine::RuleTaken>& rules)>;

MockedEnd run_mocked(const MockedExecution& wanted, AnswerOf answer_of, const Watch& watch);

/// The type that history gives an Event; empty where it shows none.
std::string history_type(const engine::Event& event, const asl::StateMachine& machine);

}  // namespace lockstep::service
