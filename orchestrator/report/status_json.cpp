// A run's status for programs. Times are UTC, ISO 8601.
#include <nlohmann/json.hpp>

#include "report/status.hpp"

namespace lockstep::report {

namespace {

using Json = nlohmann::ordered_json;

Json optional_text(const std::optional<std::string>& text) {
  return text ? Json(*text) : Json(nullptr);
}

Json owner_json(const journal::OwnerState& state) {
  constexpr const char* kLives[] = {"running", "ended", "unknown"};
  Json json;
  json["state"] = kLives[static_cast<std::size_t>(state.life)];
  if (state.owner) {
    json["host"] = state.owner->host;
    json["process"] = state.owner->pid;
    json["slurmJob"] = state.owner->slurm_job.empty() ? Json(nullptr) : Json(state.owner->slurm_job);
    json["slurmRestart"] = state.owner->slurm_restart;
    json["epoch"] = state.owner->epoch;
  }
  return json;
}

Json states_json(const ExecutionTally& chosen, const std::optional<LiveView>& live) {
  Json list = Json::array();
  const asl::StateMachine& machine = *chosen.started.machine;
  for (std::size_t i = 0; i < machine.states.size(); ++i) {
    const asl::State& state = machine.states[i];
    const StateCounts& counts = chosen.states[i];
    const asl::StateId owner = machine.scope(state.scope).owner;
    Json json;
    json["name"] = state.name;
    json["type"] = std::string(to_string(state.type));
    json["in"] = owner == asl::StateId::none ? Json(nullptr) : Json(machine.state(owner).name);
    json["entered"] = counts.entered;
    json["running"] = live ? live->in_state[i] : 0;
    json["succeeded"] = counts.succeeded;
    json["caught"] = counts.caught;
    json["failed"] = counts.failed;
    json["aborted"] = counts.aborted;
    json["retries"] = counts.retries;
    if (state.type == asl::StateType::map) {
      Json items;
      items["total"] = counts.items;
      items["started"] = counts.items_started;
      items["running"] = live ? live->items_running[i] : 0;
      items["succeeded"] = counts.items_succeeded;
      items["failed"] = counts.items_failed;
      items["aborted"] = counts.items_aborted;
      json["items"] = std::move(items);
    }
    list.push_back(std::move(json));
  }
  return list;
}

enum class Shown { wait, task, retry };

Json waiting_json(const WaitingList& list, const asl::StateMachine& machine, Shown shown) {
  Json json;
  json["count"] = list.count;
  json["first"] = Json::array();
  for (const Waiting& waiting : list.first) {
    Json entry;
    entry["state"] = machine.state(waiting.state).name;
    entry["item"] = waiting.item ? Json(*waiting.item) : Json(nullptr);
    entry["since"] = format_timestamp(waiting.since);
    if (shown != Shown::task) {
      entry["until"] = format_timestamp(waiting.until);
    }
    if (shown != Shown::wait) {
      entry["attempt"] = waiting.attempt;
      entry["dispatch"] = waiting.dispatch;
    }
    if (shown == Shown::task) {
      entry["started"] = waiting.started;
    }
    json["first"].push_back(std::move(entry));
  }
  return json;
}

Json failures_json(const ExecutionTally& chosen) {
  Json list = Json::array();
  for (const FailureGroup& group : chosen.failures) {
    Json json;
    json["error"] = optional_text(group.error);
    json["cause"] = optional_text(group.cause);
    json["count"] = group.count;
    json["state"] = chosen.started.machine->state(group.state).name;
    json["item"] = group.item ? Json(*group.item) : Json(nullptr);
    json["time"] = format_timestamp(group.time);
    list.push_back(std::move(json));
  }
  return list;
}

}  // namespace

std::string status_json(const RunStatus& status) {
  const RunTally& tally = status.tally;
  Json json;
  json["dir"] = status.run.folder;
  if (!tally.chosen) {
    json["name"] = status.run.name;
    json["status"] = nullptr;
    json["owner"] = owner_json(status.owner);
  } else {
    const ExecutionTally& chosen = *tally.chosen;
    const bool running = chosen.status == engine::Status::running;
    const Timestamp end = running ? status.now : chosen.last_at;
    const engine::Identity* identity = chosen.started.identity.get();
    json["name"] = identity != nullptr ? identity->name : "";
    json["executionArn"] = identity != nullptr ? identity->arn : "";
    json["number"] = static_cast<std::uint64_t>(chosen.id);
    json["status"] = to_string(chosen.status);
    json["owner"] = owner_json(status.owner);
    json["startDate"] = format_timestamp(chosen.started_at);
    json["stopDate"] = running ? Json(nullptr) : Json(format_timestamp(chosen.last_at));
    json["seconds"] = static_cast<double>(end.us - chosen.started_at.us) / kMicrosPerSecond;
    json["error"] = optional_text(chosen.error);
    json["cause"] = optional_text(chosen.cause);
    json["redriveCount"] = chosen.redrives;
    json["historyEvents"] = chosen.history_events;
    json["states"] = states_json(chosen, status.live);
    const LiveView nothing;
    const LiveView& live = status.live ? *status.live : nothing;
    const asl::StateMachine& machine = *chosen.started.machine;
    json["waits"] = waiting_json(live.waits, machine, Shown::wait);
    json["tasks"] = waiting_json(live.tasks, machine, Shown::task);
    json["retries"] = waiting_json(live.retries, machine, Shown::retry);
    json["failures"] = failures_json(chosen);
  }
  json["journalEvents"] = tally.events;
  Json executions;
  executions["total"] = tally.executions;
  for (const auto& [of_status, count] : tally.by_status) {
    executions[to_string(of_status)] = count;
  }
  json["executions"] = std::move(executions);
  const std::string next = next_command(status);
  json["next"] = next.empty() ? Json(nullptr) : Json(next);
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace lockstep::report
