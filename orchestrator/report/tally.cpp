#include "report/tally.hpp"

#include "report/kinds.hpp"

namespace lockstep::report {

namespace {

constexpr std::size_t kMostGroups = 1'000;
/// Of a cause: more does not make it another failure.
constexpr std::size_t kMostCause = 4'096;

class Counter {
 public:
  Counter(Choice choice, journal::EventReader& reader) : choice_(std::move(choice)), reader_(reader) {}

  Result<void> take(const journal::Row& row) {
    const EventKind kind = kind_of(row);
    ++run_.events;
    count_execution(row, kind);
    if (kind == EventKind::execution_started) {
      return begin(row);
    }
    if (!run_.chosen || static_cast<std::uint64_t>(run_.chosen->id) != row.execution) {
      return {};
    }
    ExecutionTally& chosen = *run_.chosen;
    chosen.last_at = Timestamp{row.time_us};
    chosen.history_events = std::max(chosen.history_events, row.id);
    return row.state < chosen.states.size() ? count_state(row, kind, chosen, chosen.states[row.state])
                                            : count_end(row, kind, chosen);
  }

  RunTally finish() {
    run_.tail = reader_.tail();
    for (const auto& [execution, status] : statuses_) {
      ++run_.by_status[status];
    }
    run_.executions = statuses_.size();
    return std::move(run_);
  }

 private:
  void count_execution(const journal::Row& row, EventKind kind) {
    switch (kind) {
      case EventKind::execution_started:
      case EventKind::execution_redriven:
        statuses_[row.execution] = engine::Status::running;
        break;
      case EventKind::execution_succeeded:
        statuses_[row.execution] = engine::Status::succeeded;
        break;
      case EventKind::execution_failed:
        statuses_[row.execution] = engine::Status::failed;
        break;
      case EventKind::execution_timed_out:
        statuses_[row.execution] = engine::Status::timed_out;
        break;
      case EventKind::execution_aborted:
        statuses_[row.execution] = engine::Status::aborted;
        break;
      default:
        break;
    }
  }

  Result<void> begin(const journal::Row& row) {
    auto event = reader_.decode();
    if (!event) {
      return tl::unexpected<Error>(event.error());
    }
    auto& started = std::get<engine::ExecutionStarted>(event->body);
    if (!choice_.takes(event->execution, started)) {
      return {};
    }
    ExecutionTally& chosen = run_.chosen.emplace();
    chosen.id = event->execution;
    chosen.states.resize(started.machine->states.size());
    chosen.started = std::move(started);
    chosen.started_at = event->time;
    chosen.last_at = event->time;
    chosen.history_events = row.id;
    groups_.clear();
    failing_.clear();
    children_failed_ = false;
    return {};
  }

  Result<void> count_state(const journal::Row& row, EventKind kind, ExecutionTally& chosen, StateCounts& counts) {
    const auto owner = [&]() -> StateCounts& {
      const asl::StateMachine& machine = *chosen.started.machine;
      const asl::StateId id = machine.scope(machine.state(asl::StateId{row.state}).scope).owner;
      return id == asl::StateId::none ? counts : chosen.states[static_cast<std::uint32_t>(id)];
    };
    switch (kind) {
      case EventKind::state_entered:
        ++counts.entered;
        break;
      case EventKind::state_exited:
        ++(failing_.erase(row.strand) != 0 ? counts.caught : counts.succeeded);
        break;
      case EventKind::evaluation_failed:
      case EventKind::task_failed:
      case EventKind::task_timed_out:
        failing_.insert(row.strand);
        break;
      case EventKind::children_failed:
        failing_.insert(row.strand);
        children_failed_ = row.strand == 0;
        break;
      case EventKind::task_succeeded:
        failing_.erase(row.strand);
        break;
      case EventKind::retry_scheduled:
        failing_.erase(row.strand);
        ++counts.retries;
        break;
      case EventKind::map_started: {
        const auto event = reader_.decode();
        if (!event) {
          return tl::unexpected<Error>(event.error());
        }
        counts.items += std::get<engine::MapStarted>(event->body).items.node().size();
        break;
      }
      case EventKind::map_iteration_started:
        ++counts.items_started;
        break;
      case EventKind::child_succeeded:
        ++owner().items_succeeded;
        break;
      case EventKind::child_aborted:
        failing_.erase(row.strand);
        ++counts.aborted;
        ++owner().items_aborted;
        break;
      case EventKind::child_failed:
        failing_.erase(row.strand);
        ++counts.failed;
        ++owner().items_failed;
        return add_failure(row, chosen);
      case EventKind::execution_failed:
        ++counts.failed;
        return count_end(row, kind, chosen);
      default:
        return count_end(row, kind, chosen);
    }
    return {};
  }

  Result<void> count_end(const journal::Row& row, EventKind kind, ExecutionTally& chosen) {
    switch (kind) {
      case EventKind::execution_succeeded:
        chosen.status = engine::Status::succeeded;
        return {};
      case EventKind::execution_timed_out:
        chosen.status = engine::Status::timed_out;
        chosen.error = "States.Timeout";
        return {};
      case EventKind::execution_redriven:
        chosen.status = engine::Status::running;
        chosen.error.reset();
        chosen.cause.reset();
        ++chosen.redrives;
        // What had failed or was given up is to be done again.
        chosen.failures.clear();
        chosen.failures_not_kept = 0;
        groups_.clear();
        for (StateCounts& counts : chosen.states) {
          counts.items_started -= std::min(counts.items_started, counts.items_failed + counts.items_aborted);
          counts.items_failed = 0;
          counts.items_aborted = 0;
        }
        failing_.clear();
        children_failed_ = false;
        return {};
      case EventKind::execution_failed:
      case EventKind::execution_aborted:
        break;
      default:
        return {};
    }
    auto event = reader_.decode();
    if (!event) {
      return tl::unexpected<Error>(event.error());
    }
    if (auto* failed = std::get_if<engine::ExecutionFailed>(&event->body)) {
      chosen.status = engine::Status::failed;
      chosen.error = std::move(failed->error);
      chosen.cause = std::move(failed->cause);
      if (!children_failed_) {  // else the child that failed was counted
        add_group(row, chosen, chosen.error, chosen.cause, std::nullopt);
      }
    } else if (auto* aborted = std::get_if<engine::ExecutionAborted>(&event->body)) {
      chosen.status = engine::Status::aborted;
      chosen.error = std::move(aborted->error);
      chosen.cause = std::move(aborted->cause);
    }
    return {};
  }

  /// A branch or an iteration failed. Where that is a Map's or Parallel's doing, the child below was counted.
  Result<void> add_failure(const journal::Row& row, ExecutionTally& chosen) {
    const asl::StateType type = chosen.started.machine->state(asl::StateId{row.state}).type;
    if (type == asl::StateType::map || type == asl::StateType::parallel) {
      return {};
    }
    auto event = reader_.decode();
    if (!event) {
      return tl::unexpected<Error>(event.error());
    }
    const auto& failed = std::get<engine::ChildFailed>(event->body);
    add_group(row, chosen, failed.error, failed.cause, failed.iteration ? std::optional(failed.index) : std::nullopt);
    return {};
  }

  void add_group(const journal::Row& row, ExecutionTally& chosen, const std::optional<std::string>& error,
                 const std::optional<std::string>& cause, std::optional<std::uint32_t> item) {
    const std::string key = error.value_or("") + '\0' + cause.value_or("").substr(0, kMostCause);
    const auto known = groups_.find(key);
    if (known != groups_.end()) {
      ++chosen.failures[known->second].count;
      return;
    }
    if (chosen.failures.size() == kMostGroups) {
      ++chosen.failures_not_kept;
      return;
    }
    groups_.emplace(key, chosen.failures.size());
    FailureGroup& group = chosen.failures.emplace_back();
    group.error = error;
    group.cause = cause;
    group.count = 1;
    group.state = asl::StateId{row.state};
    group.item = item;
    group.time = Timestamp{row.time_us};
  }

  Choice choice_;
  journal::EventReader& reader_;
  RunTally run_;
  std::unordered_map<std::uint64_t, engine::Status> statuses_;
  std::unordered_map<std::string, std::size_t> groups_;  // error and cause → where in failures
  std::unordered_set<std::uint32_t> failing_;            // strands whose state has failed, and nothing came of it yet
  bool children_failed_ = false;                         // the top strand's state failed by its children
};

}  // namespace

Result<RunTally> tally_run(const RunFiles& run, Choice choice) {
  journal::ReadOptions options;
  options.from = 0;
  auto reader = journal::EventReader::open(run.journal, options);
  if (!reader) {
    return tl::unexpected<Error>(reader.error());
  }
  Counter counter(std::move(choice), *reader);
  while (true) {
    const auto row = reader->next_row();
    if (!row) {
      return tl::unexpected<Error>(row.error());
    }
    if (!*row) {
      return counter.finish();
    }
    if (const auto done = counter.take(**row); !done) {
      return tl::unexpected<Error>(done.error());
    }
  }
}

const char* to_string(engine::Status status) {
  switch (status) {
    case engine::Status::running:
      return "RUNNING";
    case engine::Status::succeeded:
      return "SUCCEEDED";
    case engine::Status::failed:
      return "FAILED";
    case engine::Status::timed_out:
      return "TIMED_OUT";
    case engine::Status::aborted:
      return "ABORTED";
  }
  return "UNKNOWN";
}

}  // namespace lockstep::report
