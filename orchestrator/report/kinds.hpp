// Kinds of Events, told from their rows: for counting without reading bodies.
#pragma once

#include <cstdint>
#include <optional>

#include "journal/event_codec.hpp"

namespace lockstep::report {

enum class EventKind : std::uint8_t {
  other,
  execution_started,
  execution_succeeded,
  execution_failed,
  execution_timed_out,
  execution_aborted,
  execution_redriven,
  state_entered,
  state_exited,
  evaluation_failed,
  task_scheduled,
  task_redispatched,
  task_started,
  task_submitted,
  task_succeeded,
  task_failed,
  task_timed_out,
  retry_scheduled,
  parallel_started,
  map_started,
  map_iteration_started,
  map_run_started,
  map_run_redriven,
  map_run_progress,
  map_run_changed,
  map_run_succeeded,
  map_run_failed,
  map_run_aborted,
  child_succeeded,
  child_failed,
  child_aborted,
  state_aborted,
  children_failed
};

EventKind kind_of(const journal::Row& row);
/// How the execution stands from then on; nothing where the Event says nothing of it.
std::optional<engine::Status> status_after(EventKind kind);

}  // namespace lockstep::report
