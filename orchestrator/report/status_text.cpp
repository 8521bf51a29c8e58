// A run's status for people.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "report/format.hpp"
#include "report/status.hpp"

namespace lockstep::report {

namespace {

constexpr std::size_t kMostFailures = 10;
constexpr std::size_t kMostName = 48;
constexpr std::size_t kMostCause = 200;

std::string owner_line(const RunStatus& status) {
  const auto& owner = status.owner.owner;
  const std::string who = owner ? journal::describe(*owner) : "a Lockstep that has not said who it is";
  switch (status.owner.life) {
    case journal::Life::running:
      return "running on " + who;
    case journal::Life::unknown:
      return fmt::format("perhaps running on {}: it has given no sign for a while, and its host cannot be asked", who);
    case journal::Life::ended:
      break;
  }
  const std::string next = next_command(status);
  return next.empty() ? "not running" : fmt::format("not running: go on with {}", next);
}

/// The states in the order of the text, each Map's or Parallel's own below it, with how deep they stand.
void list_states(const asl::StateMachine& machine, asl::ScopeId scope, std::size_t depth,
                 std::vector<std::pair<asl::StateId, std::size_t>>& list) {
  for (const asl::StateId id : machine.scope(scope).states) {
    list.emplace_back(id, depth);
    const asl::State& state = machine.state(id);
    if (const auto* map = std::get_if<asl::Map>(&state.detail)) {
      list_states(machine, map->processor, depth + 1, list);
    } else if (const auto* parallel = std::get_if<asl::Parallel>(&state.detail)) {
      for (const asl::ScopeId branch : parallel->branches) {
        list_states(machine, branch, depth + 1, list);
      }
    }
  }
}

std::string items_text(const StateCounts& counts, std::uint64_t running) {
  std::string text = fmt::format("{}/{} done", grouped(counts.items_succeeded), grouped(counts.items));
  if (counts.items_failed != 0) {
    text += fmt::format(", {} failed", grouped(counts.items_failed));
  }
  if (counts.items_aborted != 0) {
    text += fmt::format(", {} given up", grouped(counts.items_aborted));
  }
  if (running != 0) {
    text += fmt::format(", {} running", grouped(running));
  }
  return text;
}

void add_states(std::string& text, const ExecutionTally& chosen, const std::optional<LiveView>& live) {
  const asl::StateMachine& machine = *chosen.started.machine;
  std::vector<std::pair<asl::StateId, std::size_t>> list;
  list_states(machine, asl::ScopeId::top, 0, list);
  constexpr std::size_t kColumns = 9;
  using Line = std::array<std::string, kColumns>;
  std::vector<Line> lines = {
      {"STATE", "TYPE", "ENTERED", "RUNNING", "SUCCEEDED", "CAUGHT", "FAILED", "RETRIES", "ITEMS"}};
  for (const auto& [id, depth] : list) {
    const auto index = static_cast<std::uint32_t>(id);
    const asl::State& state = machine.state(id);
    const StateCounts& counts = chosen.states[index];
    const std::uint64_t running = live ? live->in_state[index] : 0;
    lines.push_back({std::string(depth * 2, ' ') + one_line(state.name, kMostName), std::string(to_string(state.type)),
                     grouped(counts.entered), grouped(running), grouped(counts.succeeded), grouped(counts.caught),
                     grouped(counts.failed), grouped(counts.retries),
                     state.type == asl::StateType::map && counts.entered != 0
                         ? items_text(counts, live ? live->items_running[index] : 0)
                         : ""});
  }
  std::array<std::size_t, kColumns> widths{};
  for (const Line& line : lines) {
    for (std::size_t i = 0; i < kColumns; ++i) {
      widths[i] = std::max(widths[i], width(line[i]));
    }
  }
  const bool has_items = widths[kColumns - 1] > std::string_view("ITEMS").size();
  text += '\n';
  for (const Line& line : lines) {
    std::string row;
    for (std::size_t i = 0; i + (has_items ? 0 : 1) < kColumns; ++i) {
      const std::string pad(widths[i] - width(line[i]), ' ');
      const bool is_number = i >= 2 && i + 1 < kColumns;
      row += (i == 0 ? "" : "  ") + (is_number ? pad + line[i] : line[i] + pad);
    }
    row.erase(row.find_last_not_of(' ') + 1);
    text += row + '\n';
  }
}

void add_waiting(std::string& text, const LiveView& live, const asl::StateMachine& machine, Timestamp now) {
  const auto more = [&](const WaitingList& list) {
    if (list.count > list.first.size()) {
      text += fmt::format("  … and {} more\n", grouped(list.count - list.first.size()));
    }
  };
  const auto when = [&](Timestamp until) {
    return until <= now ? fmt::format("{} (due)", local_time(until))
                        : fmt::format("{} (in {})", local_time(until), duration(until.us - now.us));
  };
  if (live.waits.count != 0) {
    text += fmt::format("\nwaits: {}\n", grouped(live.waits.count));
    for (const Waiting& wait : live.waits.first) {
      text += fmt::format("  {} until {}\n", one_line(place_name(machine, wait.state, wait.item), kMostName),
                          when(wait.until));
    }
    more(live.waits);
  }
  if (live.tasks.count != 0) {
    text += fmt::format("\nopen tasks: {}\n", grouped(live.tasks.count));
    for (const Waiting& task : live.tasks.first) {
      text += fmt::format("  {} since {} ({})", one_line(place_name(machine, task.state, task.item), kMostName),
                          local_time(task.since), duration(now.us - task.since.us));
      text += task.attempt != 0 ? fmt::format(", retry {}", task.attempt) : "";
      text += task.dispatch > 1 ? fmt::format(", dispatched {} times", task.dispatch) : "";
      text += '\n';
    }
    more(live.tasks);
  }
  if (live.retries.count != 0) {
    text += fmt::format("\nretries pending: {}\n", grouped(live.retries.count));
    for (const Waiting& retry : live.retries.first) {
      text += fmt::format("  {} at {}, retry {}\n", one_line(place_name(machine, retry.state, retry.item), kMostName),
                          when(retry.until), retry.attempt);
    }
    more(live.retries);
  }
}

void add_failures(std::string& text, const ExecutionTally& chosen) {
  if (chosen.failures.empty()) {
    return;
  }
  std::vector<const FailureGroup*> groups;
  std::uint64_t all = chosen.failures_not_kept;
  for (const FailureGroup& group : chosen.failures) {
    groups.push_back(&group);
    all += group.count;
  }
  std::stable_sort(groups.begin(), groups.end(),
                   [](const FailureGroup* a, const FailureGroup* b) { return a->count > b->count; });
  text += fmt::format("\nfailures: {}\n", grouped(all));
  std::uint64_t shown = 0;
  for (std::size_t i = 0; i < std::min(groups.size(), kMostFailures); ++i) {
    const FailureGroup& group = *groups[i];
    shown += group.count;
    text += fmt::format("  {} x {}{}\n      for example {} at {}\n", grouped(group.count),
                        group.error ? one_line(*group.error, kMostName) : "(no error name)",
                        group.cause ? ": " + one_line(*group.cause, kMostCause) : "",
                        one_line(place_name(*chosen.started.machine, group.state, group.item), kMostName),
                        local_time(group.time));
  }
  if (shown < all) {
    text += fmt::format("  … and {} of other errors and causes\n", grouped(all - shown));
  }
}

}  // namespace

std::string status_text(const RunStatus& status) {
  const RunTally& tally = status.tally;
  if (!tally.chosen) {
    return fmt::format("{}: nothing has started yet\n{}\n", one_line(status.run.folder, SIZE_MAX), owner_line(status));
  }
  const ExecutionTally& chosen = *tally.chosen;
  const bool running = chosen.status == engine::Status::running;
  const std::string name = chosen.started.identity != nullptr ? chosen.started.identity->name : "";
  std::string text =
      fmt::format("{}: {}", one_line(name.empty() ? status.run.folder : name, SIZE_MAX), to_string(chosen.status));
  text += chosen.error ? " " + one_line(*chosen.error, kMostName) : "";
  text += chosen.cause ? ": " + one_line(*chosen.cause, kMostCause) : "";
  text += '\n' + owner_line(status) + '\n';
  const Timestamp end = running ? status.now : chosen.last_at;
  text += fmt::format("started {}", local_time(chosen.started_at));
  text += running ? "" : fmt::format(", stopped {}", local_time(chosen.last_at));
  text += fmt::format(", {}{}\n", running ? "so far " : "took ", duration(end.us - chosen.started_at.us));
  text +=
      fmt::format("{} of history, {} in the journal", counted(chosen.history_events, "event"), grouped(tally.events));
  text += chosen.redrives != 0
              ? fmt::format(", redriven {}", chosen.redrives == 1 ? "once" : fmt::format("{} times", chosen.redrives))
              : "";
  text += '\n';
  if (tally.executions > 1) {
    text += fmt::format("{}:", counted(tally.executions, "execution"));
    for (const auto& [of_status, count] : tally.by_status) {
      text += fmt::format(" {} {}", grouped(count), to_string(of_status));
    }
    text += fmt::format("; shown is number {}\n", static_cast<std::uint64_t>(chosen.id));
  }
  add_states(text, chosen, status.live);
  if (status.live) {
    add_waiting(text, *status.live, *chosen.started.machine, status.now);
  }
  add_failures(text, chosen);
  return text;
}

}  // namespace lockstep::report
