#include "report/tally.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "engine/definition_change.hpp"
#include "engine/history.hpp"
#include "report/house_view.hpp"
#include "report/kinds.hpp"

namespace lockstep::report {

namespace {

constexpr std::size_t kMostGroups = 1'000;
/// Of a cause: more does not make it another failure.
constexpr std::size_t kTellingCause = 4'096;

class Counter {
 public:
  Counter(Choice choice, journal::EventReader& reader) : choice_(std::move(choice)), reader_(reader) {}

  Result<void> take(const journal::Row& row) {
    const EventKind kind = kind_of(row);
    ++run_.events;
    if (const auto status = status_after(kind)) {
      statuses_[row.execution] = *status;
    }
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
  Result<void> begin(const journal::Row& row) {
    auto event = TRY(reader_.decode());
    auto& started = std::get<engine::ExecutionStarted>(event.body);
    if (!choice_.takes(event.execution, started)) {
      return {};
    }
    ExecutionTally& chosen = run_.chosen.emplace();
    chosen.id = event.execution;
    chosen.states.resize(started.machine->states.size());
    chosen.started = std::move(started);
    chosen.started_at = event.time;
    chosen.last_at = event.time;
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
        failing_[row.strand] = {};
        break;
      case EventKind::task_failed:
        failing_[row.strand] = {.by_task = true};
        break;
      case EventKind::task_scheduled:
        begun_.erase(row.strand);
        break;
      case EventKind::task_started:
        return note_begin(row, chosen);
      case EventKind::task_timed_out:
        return note_timeout(row);
      case EventKind::children_failed:
        failing_.try_emplace(row.strand);
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
        const auto event = TRY(reader_.decode());
        counts.items += std::get<engine::MapStarted>(event.body).items.node().size();
        break;
      }
      case EventKind::map_iteration_started:
        ++counts.items_started;
        break;
      case EventKind::map_run_progress: {
        const auto event = TRY(reader_.decode());
        count_children(std::get<engine::MapRunProgress>(event.body), counts);
        break;
      }
      case EventKind::map_run_failed:
        failing_[row.strand] = {.by_task = true};
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

  /// Those of a reader are known only by the children that are over.
  static void count_children(const engine::MapRunProgress& progress, StateCounts& counts) {
    for (const engine::MapRunChild& child : progress.children) {
      counts.items_started += child.items;
      (child.status == engine::Status::succeeded ? counts.items_succeeded
       : child.status == engine::Status::aborted ? counts.items_aborted
                                                 : counts.items_failed) += child.items;
    }
    counts.items = std::max(counts.items, counts.items_started);
  }

  Result<void> count_end(const journal::Row& row, EventKind kind, ExecutionTally& chosen) {
    switch (kind) {
      case EventKind::execution_succeeded:
        chosen.status = engine::Status::succeeded;
        return {};
      case EventKind::execution_timed_out:
        chosen.status = engine::Status::timed_out;
        chosen.may_be_redriven = true;
        chosen.error = "States.Timeout";
        return {};
      case EventKind::execution_redriven:
        if (const auto changed = change_definition(chosen); !changed) {
          return changed;
        }
        chosen.status = engine::Status::running;
        chosen.may_be_redriven = false;
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
    auto event = TRY(reader_.decode());
    if (auto* failed = std::get_if<engine::ExecutionFailed>(&event.body)) {
      chosen.status = engine::Status::failed;
      const auto why = failing_.find(row.strand);
      chosen.may_be_redriven = why != failing_.end() && why->second.by_task;
      chosen.error = std::move(failed->error);
      chosen.cause = std::move(failed->cause);
      if (!children_failed_) {  // else the child that failed was counted
        add_group(row, chosen, chosen.error, cause_of(chosen.cause, row.strand), std::nullopt);
      }
    } else if (auto* aborted = std::get_if<engine::ExecutionAborted>(&event.body)) {
      chosen.status = engine::Status::aborted;
      chosen.may_be_redriven = true;
      chosen.error = std::move(aborted->error);
      chosen.cause = std::move(aborted->cause);
    }
    return {};
  }

  /// All states that have been counted stand in the definition with which a redrive goes on, too.
  Result<void> change_definition(ExecutionTally& chosen) {
    const auto event = TRY(reader_.decode());
    const asl::StateMachinePtr before = chosen.started.machine;
    follow_machine(chosen.started.machine, event);
    if (chosen.started.machine != before) {
      const engine::StateMapping mapping(*before, *chosen.started.machine);
      const std::vector<StateCounts> counted = std::exchange(chosen.states, {});
      chosen.states.resize(chosen.started.machine->states.size());
      for (const asl::State& state : before->states) {
        if (const asl::StateId now = mapping.of(state.id); now != asl::StateId::none) {
          chosen.states[static_cast<std::uint32_t>(now)] = counted[static_cast<std::uint32_t>(state.id)];
        }
      }
    }
    return {};
  }

  /// When a task began that has a limit.
  Result<void> note_begin(const journal::Row& row, const ExecutionTally& chosen) {
    const auto* task = std::get_if<asl::Task>(&chosen.started.machine->state(asl::StateId{row.state}).detail);
    if (task == nullptr || !(task->timeout_seconds || task->heartbeat_seconds)) {
      return {};
    }
    const auto event = TRY(reader_.decode());
    begun_[row.strand] = Timestamp{row.time_us - std::get<engine::TaskStarted>(event.body).earlier_us};
    return {};
  }

  Result<void> note_timeout(const journal::Row& row) {
    const auto event = TRY(reader_.decode());
    Failing& failing = failing_[row.strand] = {.by_task = true};
    failing.timeout =
        std::get<engine::TaskTimedOut>(event.body).heartbeat ? "no sign of life in time" : "not over in time";
    if (const auto begun = begun_.find(row.strand); begun != begun_.end()) {
      // Whole seconds, as limits are: what timed out alike is one group.
      const std::int64_t seconds = (row.time_us - begun->second.us + kMicrosPerSecond / 2) / kMicrosPerSecond;
      failing.timeout += fmt::format(", after {} s", seconds);
    }
    return {};
  }

  /// The language gives a timeout no cause.
  std::optional<std::string> cause_of(const std::optional<std::string>& cause, std::uint32_t strand) const {
    const auto why = failing_.find(strand);
    return cause || why == failing_.end() || why->second.timeout.empty() ? cause : why->second.timeout;
  }

  /// A branch or an iteration failed. Where that is a Map's or Parallel's doing, the child below was counted.
  Result<void> add_failure(const journal::Row& row, ExecutionTally& chosen) {
    auto event = TRY(reader_.decode());
    const auto& failed = std::get<engine::ChildFailed>(event.body);
    const auto why = failing_.find(row.strand);
    const bool by_task = why != failing_.end() && why->second.by_task;
    const std::optional<std::string> cause = cause_of(failed.cause, row.strand);
    failing_[static_cast<std::uint32_t>(failed.parent)] = {.by_task = by_task};
    failing_.erase(row.strand);
    const asl::StateType type = chosen.started.machine->state(asl::StateId{row.state}).type;
    if (type == asl::StateType::map || type == asl::StateType::parallel) {
      return {};
    }
    add_group(row, chosen, failed.error, cause, failed.iteration ? std::optional(failed.index) : std::nullopt);
    return {};
  }

  void add_group(const journal::Row& row, ExecutionTally& chosen, const std::optional<std::string>& error,
                 const std::optional<std::string>& cause, std::optional<std::uint32_t> item) {
    const std::string key = error.value_or("") + '\0' + cause.value_or("").substr(0, kTellingCause);
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
  struct Failing {
    bool by_task = false;  // its own, or one below
    std::string timeout;   // what there is to say of one
  };
  std::unordered_map<std::uint32_t, Failing> failing_;  // strands whose state has failed, and nothing came of it yet
  std::unordered_map<std::uint32_t, Timestamp> begun_;  // of tasks with a limit
  bool children_failed_ = false;                        // the top strand's state failed by its children
};

Result<RunTally> tally(const RunFiles& run, const journal::ReadOptions& options, Choice choice) {
  auto reader = TRY(journal::EventReader::open(run.journal, options));
  Counter counter(std::move(choice), reader);
  while (true) {
    const auto row = TRY(reader.next_row());
    if (!row) {
      return counter.finish();
    }
    TRY(counter.take(*row));
  }
}

}  // namespace

Result<RunTally> tally_run(const RunFiles& run, Choice choice) {
  journal::ReadOptions options;
  options.from = 0;
  return tally(run, options, std::move(choice));
}

Result<RunTally> tally_execution(const RunFiles& run, const catalogue::ExecutionEntry& entry) {
  auto counted = tally(run, range_of(entry), Choice(std::to_string(static_cast<std::uint64_t>(entry.id)), ""));
  if (counted) {
    counted->events = 0;
    counted->executions = 0;
    counted->by_status.clear();
  }
  return counted;
}

}  // namespace lockstep::report
