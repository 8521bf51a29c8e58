// A run's status for programs. Times are UTC, ISO 8601.
#include <nlohmann/json.hpp>

#include "report/status.hpp"

namespace lockstep::report {

namespace {

using OrderedJson = nlohmann::ordered_json;

OrderedJson optional_text(const std::optional<std::string>& text) {
  return text ? OrderedJson(*text) : OrderedJson(nullptr);
}

OrderedJson owner_json(const journal::OwnerState& state) {
  constexpr const char* kLives[] = {"running", "ended", "unknown"};
  OrderedJson json;
  json["state"] = kLives[static_cast<std::size_t>(state.life)];
  if (state.owner) {
    json["host"] = state.owner->host;
    json["process"] = state.owner->pid;
    json["slurmJob"] = state.owner->slurm_job.empty() ? OrderedJson(nullptr) : OrderedJson(state.owner->slurm_job);
    json["slurmRestart"] = state.owner->slurm_restart;
    json["epoch"] = state.owner->epoch;
  }
  return json;
}

OrderedJson states_json(const RunStatus& status) {
  const ExecutionTally& chosen = *status.tally.chosen;
  const std::optional<LiveView>& live = status.live;
  const bool is_live = status.owner.life != journal::Life::ended;
  OrderedJson list = OrderedJson::array();
  const asl::StateMachine& machine = *chosen.started.machine;
  for (std::size_t i = 0; i < machine.states.size(); ++i) {
    const asl::State& state = machine.states[i];
    const StateCounts& counts = chosen.states[i];
    const asl::StateId owner = machine.scope(state.scope).owner;
    OrderedJson json;
    json["name"] = state.name;
    json["type"] = std::string(to_string(state.type));
    json["in"] = owner == asl::StateId::none ? OrderedJson(nullptr) : OrderedJson(machine.state(owner).name);
    json["entered"] = counts.entered;
    const bool works = state.type == asl::StateType::task || state.type == asl::StateType::wait;
    const Work nothing;
    const Work& work = live ? live->work[i] : nothing;
    json["running"] = !live ? 0 : works ? work.running : is_live ? live->in_state[i] : 0;
    json["queued"] = works ? work.queued : 0;
    json["waiting"] = works ? work.waiting() : 0;
    json["succeeded"] = counts.succeeded;
    json["caught"] = counts.caught;
    json["failed"] = counts.failed;
    json["aborted"] = counts.aborted;
    json["retries"] = counts.retries;
    if (state.type == asl::StateType::map) {
      OrderedJson items;
      items["total"] = counts.items;
      items["started"] = counts.items_started;
      const Work of_items = live ? work_of_items(live->items_open[i], work) : nothing;
      items["running"] = of_items.running;
      items["queued"] = of_items.queued;
      items["waiting"] = of_items.waiting();
      items["succeeded"] = counts.items_succeeded;
      items["failed"] = counts.items_failed;
      items["aborted"] = counts.items_aborted;
      json["items"] = std::move(items);
    }
    list.push_back(std::move(json));
  }
  return list;
}

enum class Shown { wait, task, token, activity, child, retry };

OrderedJson waiting_json(const WaitingList& list, const asl::StateMachine& machine, Shown shown) {
  OrderedJson json;
  json["count"] = list.count;
  json["first"] = OrderedJson::array();
  for (const Waiting& waiting : list.first) {
    OrderedJson entry;
    entry["state"] = machine.state(waiting.state).name;
    entry["item"] = waiting.item ? OrderedJson(*waiting.item) : OrderedJson(nullptr);
    entry["since"] = format_timestamp(waiting.since);
    if (shown == Shown::wait || shown == Shown::retry) {
      entry["until"] = format_timestamp(waiting.until);
    }
    if (shown != Shown::wait) {
      entry["attempt"] = waiting.attempt;
      entry["dispatch"] = waiting.dispatch;
    }
    if (shown == Shown::task) {
      entry["started"] = waiting.begun.has_value();
      entry["startDate"] = waiting.begun ? OrderedJson(format_timestamp(waiting.begun->started)) : OrderedJson(nullptr);
      entry["rank"] = waiting.begun ? OrderedJson(waiting.begun->rank) : OrderedJson(nullptr);
    }
    if (shown == Shown::token || shown == Shown::activity) {
      entry["token"] = waiting.token;
    }
    if (shown == Shown::activity) {
      entry["taken"] = waiting.taken;
    }
    json["first"].push_back(std::move(entry));
  }
  return json;
}

OrderedJson failures_json(const ExecutionTally& chosen) {
  OrderedJson list = OrderedJson::array();
  for (const FailureGroup& group : chosen.failures) {
    OrderedJson json;
    json["error"] = optional_text(group.error);
    json["cause"] = optional_text(group.cause);
    json["count"] = group.count;
    json["state"] = chosen.started.machine->state(group.state).name;
    json["item"] = group.item ? OrderedJson(*group.item) : OrderedJson(nullptr);
    json["time"] = format_timestamp(group.time);
    list.push_back(std::move(json));
  }
  return list;
}

}  // namespace

std::string status_json(const RunStatus& status) {
  const RunTally& tally = status.tally;
  OrderedJson json;
  json["dir"] = status.run.folder;
  if (!tally.chosen) {
    json["name"] = status.run.name;
    json["status"] = nullptr;
    json["owner"] = owner_json(status.owner);
  } else {
    const ExecutionTally& chosen = *tally.chosen;
    const bool running = chosen.status == engine::Status::running;
    const engine::Identity* identity = chosen.started.identity.get();
    json["name"] = identity != nullptr ? identity->name() : "";
    json["executionArn"] = identity != nullptr ? identity->arn() : "";
    json["number"] = static_cast<std::uint64_t>(chosen.id);
    json["status"] = state_of(status);
    json["owner"] = owner_json(status.owner);
    json["startDate"] = format_timestamp(chosen.started_at);
    json["stopDate"] = running ? OrderedJson(nullptr) : OrderedJson(format_timestamp(chosen.last_at));
    json["seconds"] = static_cast<double>(run_time(status)) / kMicrosPerSecond;
    json["error"] = optional_text(chosen.error);
    json["cause"] = optional_text(chosen.cause);
    json["redriveCount"] = chosen.redrives;
    json["historyEvents"] = chosen.history_events;
    json["states"] = states_json(status);
    const LiveView nothing;
    const LiveView& live = status.live ? *status.live : nothing;
    const asl::StateMachine& machine = *chosen.started.machine;
    json["running"] = live.all.running;
    json["queued"] = live.all.queued;
    json["waiting"] = {{"timers", live.all.timers},
                       {"retries", live.all.retries},
                       {"tokens", live.all.tokens},
                       {"activities", live.all.activities},
                       {"children", live.all.children}};
    json["waits"] = waiting_json(live.waits, machine, Shown::wait);
    json["tasks"] = waiting_json(live.tasks, machine, Shown::task);
    json["tokens"] = waiting_json(live.tokens, machine, Shown::token);
    json["activities"] = waiting_json(live.activities, machine, Shown::activity);
    json["children"] = waiting_json(live.children, machine, Shown::child);
    json["retries"] = waiting_json(live.retries, machine, Shown::retry);
    json["failures"] = failures_json(chosen);
  }
  json["journalEvents"] = tally.events;
  OrderedJson executions;
  executions["total"] = tally.executions;
  for (const auto& [of_status, count] : tally.by_status) {
    executions[to_string(of_status)] = count;
  }
  json["executions"] = std::move(executions);
  const std::string next = next_command(status);
  json["next"] = next.empty() ? OrderedJson(nullptr) : OrderedJson(next);
  return json.dump(-1, ' ', false, OrderedJson::error_handler_t::replace);
}

}  // namespace lockstep::report
