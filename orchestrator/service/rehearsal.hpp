// What a run would do first, found out without doing it (`run --dry-run`).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "service/plan.hpp"

namespace lockstep::service {

struct Rehearsal {
  struct Call {
    asl::StateId state = asl::StateId::none;
    std::int64_t item = -1;  ///< index in the innermost Map; -1: in none
    std::string command;     ///< what would run, as a shell would take it; or why the task would fail
  };
  struct Items {
    asl::StateId map = asl::StateId::none;
    std::uint64_t count = 0;
  };
  std::vector<Call> calls;     ///< the first three at most
  std::vector<Call> problems;  ///< of the first thousand tasks, each problem once: `command` says why they would fail
  std::vector<Items> maps;     ///< of those Maps that are reached before any task is done
  std::uint64_t tasks = 0;     ///< that could run at once, at the start
  std::optional<std::string> ending;  ///< the line that it would print, where it needs no task
  bool ends_well = true;              ///< unless that says that it failed
};

/// Runs the execution up to where it waits for a task or for time. Touches nothing.
Rehearsal rehearse(const Plan& plan);

/// "exec sh -c 'echo ${x}'": what a job is, in a word and its command.
std::string describe_job(const integrations::Job& job);

}  // namespace lockstep::service
