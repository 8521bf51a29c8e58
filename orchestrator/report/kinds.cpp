#include "report/kinds.hpp"

#include <array>
#include <string_view>
#include <utility>

namespace lockstep::report {

namespace {

constexpr std::pair<std::string_view, EventKind> kNames[] = {{"ExecutionStarted", EventKind::execution_started},
                                                             {"ExecutionSucceeded", EventKind::execution_succeeded},
                                                             {"ExecutionFailed", EventKind::execution_failed},
                                                             {"ExecutionTimedOut", EventKind::execution_timed_out},
                                                             {"ExecutionAborted", EventKind::execution_aborted},
                                                             {"ExecutionRedriven", EventKind::execution_redriven},
                                                             {"StateEntered", EventKind::state_entered},
                                                             {"StateExited", EventKind::state_exited},
                                                             {"EvaluationFailed", EventKind::evaluation_failed},
                                                             {"TaskScheduled", EventKind::task_scheduled},
                                                             {"TaskRedispatched", EventKind::task_redispatched},
                                                             {"TaskStarted", EventKind::task_started},
                                                             {"TaskSubmitted", EventKind::task_submitted},
                                                             {"TaskSucceeded", EventKind::task_succeeded},
                                                             {"TaskFailed", EventKind::task_failed},
                                                             {"TaskTimedOut", EventKind::task_timed_out},
                                                             {"RetryScheduled", EventKind::retry_scheduled},
                                                             {"ParallelStarted", EventKind::parallel_started},
                                                             {"MapStarted", EventKind::map_started},
                                                             {"MapIterationStarted", EventKind::map_iteration_started},
                                                             {"MapRunStarted", EventKind::map_run_started},
                                                             {"MapRunRedriven", EventKind::map_run_redriven},
                                                             {"MapRunProgress", EventKind::map_run_progress},
                                                             {"MapRunChanged", EventKind::map_run_changed},
                                                             {"MapRunSucceeded", EventKind::map_run_succeeded},
                                                             {"MapRunFailed", EventKind::map_run_failed},
                                                             {"MapRunAborted", EventKind::map_run_aborted},
                                                             {"ChildSucceeded", EventKind::child_succeeded},
                                                             {"ChildFailed", EventKind::child_failed},
                                                             {"ChildAborted", EventKind::child_aborted},
                                                             {"StateAborted", EventKind::state_aborted},
                                                             {"ChildrenFailed", EventKind::children_failed}};

constexpr std::size_t kTable = 64;

std::array<EventKind, kTable> make_table() {
  std::array<EventKind, kTable> table{};
  for (std::uint16_t number = 0; number < kTable; ++number) {
    for (const auto& [name, kind] : kNames) {
      if (journal::kind_name(number) == name) {
        table[number] = kind;
      }
    }
  }
  return table;
}

}  // namespace

EventKind kind_of(const journal::Row& row) {
  static const std::array<EventKind, kTable> table = make_table();
  return row.kind < kTable ? table[row.kind] : EventKind::other;
}

std::optional<engine::Status> status_after(EventKind kind) {
  switch (kind) {
    case EventKind::execution_started:
    case EventKind::execution_redriven:
      return engine::Status::running;
    case EventKind::execution_succeeded:
      return engine::Status::succeeded;
    case EventKind::execution_failed:
      return engine::Status::failed;
    case EventKind::execution_timed_out:
      return engine::Status::timed_out;
    case EventKind::execution_aborted:
      return engine::Status::aborted;
    default:
      return std::nullopt;
  }
}

}  // namespace lockstep::report
