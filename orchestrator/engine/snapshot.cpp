#include "engine/snapshot.hpp"

#include <algorithm>

namespace lockstep::engine {

namespace {

bool can_go_on(const Strand& strand) {
  if (strand.given_up) {
    return false;
  }
  switch (strand.phase) {
    case Phase::task:
    case Phase::waiting:
    case Phase::retrying:
    case Phase::callback:
      return false;
    case Phase::children:
      return strand.children != nullptr &&
             (strand.children->run != nullptr || strand.children->all_finished() || strand.children->may_start());
    default:
      return true;
  }
}

}  // namespace

std::vector<ExecutionId> Snapshot::executions(const Engine& engine) {
  std::vector<ExecutionId> ids;
  ids.reserve(engine.executions_.size());
  for (const auto& [id, execution] : engine.executions_) {
    ids.push_back(id);
  }
  std::sort(ids.begin(), ids.end());
  return ids;
}

void Snapshot::restore(Engine& engine, std::unique_ptr<Execution> execution) {
  Execution& restored = engine.hold(std::move(execution));
  if (restored.status != Status::running) {
    return;
  }
  if (restored.deadline) {
    engine.start_timer(restored, StrandId::none, *restored.deadline);
  }
  std::vector<Strand*> strands;
  for (Strand& strand : restored.strands) {
    strand.queued = false;
    strands.push_back(&strand);
    if (strand.phase == Phase::task) {
      for (Strand* at = restored.find(strand.parent); at != nullptr; at = restored.find(at->parent)) {
        if (at->children != nullptr && at->children->is_map) {
          ++at->children->tasks;
        }
      }
    }
  }
  // A state that failed gives up its children before any of them goes on.
  std::sort(strands.begin(), strands.end(), [](const Strand* a, const Strand* b) {
    const bool a_first = a->phase == Phase::failing && a->children != nullptr;
    const bool b_first = b->phase == Phase::failing && b->children != nullptr;
    return a_first != b_first ? a_first : a->id < b->id;
  });
  for (Strand* strand : strands) {
    const bool timed_callback = strand->call != nullptr && (strand->call->timeout_at || strand->call->heartbeat_at);
    if (strand->phase == Phase::waiting || strand->phase == Phase::retrying || timed_callback) {
      engine.start_timer(restored, strand->id, strand->deadline);
    }
    if (can_go_on(*strand)) {
      engine.make_ready(restored, *strand);
    }
  }
}

std::unique_ptr<Execution> Snapshot::anew(const Execution& execution) {
  auto begun = Engine::begin(execution.id, execution.started_at,
                             {execution.identity, execution.machine, execution.input, execution.origin, ""});
  begun->requests = execution.requests;
  begun->deadline = execution.deadline;
  return begun;
}

std::vector<OpenTask> open_tasks(const Execution& execution) {
  std::vector<OpenTask> tasks;
  for (const Strand& strand : execution.strands) {
    if (strand.phase == Phase::task) {
      tasks.push_back({execution.dispatch_id(strand), strand.state, strand.started, strand.call->note});
    }
  }
  std::sort(tasks.begin(), tasks.end(), [](const OpenTask& a, const OpenTask& b) { return a.id < b.id; });
  return tasks;
}

std::vector<DispatchTask> open_dispatches(const Engine& engine) {
  std::vector<DispatchTask> dispatches;
  for (const ExecutionId id : Snapshot::executions(engine)) {
    const Execution& execution = *engine.find(id);
    for (const OpenTask& task : open_tasks(execution)) {
      dispatches.push_back(dispatch_of(execution, *execution.find(task.id.strand)));
    }
  }
  return dispatches;
}

bool waits_for_nothing(const Engine& engine) {
  bool any = false;
  for (const ExecutionId id : Snapshot::executions(engine)) {
    const Execution& execution = *engine.find(id);
    if (execution.status == Status::running) {
      any = true;
      for (const Strand& strand : execution.strands) {
        if (strand.phase == Phase::callback && !strand.given_up) {
          return false;
        }
      }
    }
  }
  return any;
}

namespace {
constexpr std::pair<Status, std::string_view> kStatuses[] = {{Status::running, "RUNNING"},
                                                             {Status::succeeded, "SUCCEEDED"},
                                                             {Status::failed, "FAILED"},
                                                             {Status::timed_out, "TIMED_OUT"},
                                                             {Status::aborted, "ABORTED"}};
}  // namespace

std::string_view to_string(Status status) {
  return kStatuses[static_cast<std::size_t>(status)].second;
}

std::optional<Status> status_named(std::string_view name) {
  for (const auto& [status, text] : kStatuses) {
    if (text == name) {
      return status;
    }
  }
  return std::nullopt;
}

EndExecution end_of(const Event& event) {
  if (const auto* succeeded = std::get_if<ExecutionSucceeded>(&event.body)) {
    return {event.execution, Status::succeeded, succeeded->output, {}, {}};
  }
  if (const auto* failed = std::get_if<ExecutionFailed>(&event.body)) {
    return {event.execution, Status::failed, Value(), failed->error, failed->cause};
  }
  if (const auto* aborted = std::get_if<ExecutionAborted>(&event.body)) {
    return {event.execution, Status::aborted, Value(), aborted->error, aborted->cause};
  }
  return {event.execution, Status::timed_out, Value(), {}, {}};
}

}  // namespace lockstep::engine
