// A run's status for people.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "report/format.hpp"
#include "report/status.hpp"
#include "value/shell.hpp"

namespace lockstep::report {

namespace {

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
  const bool is_in_vain = status.tally.chosen && status.run.type != "EXPRESS" && !can_be_redriven(status) &&
                          status.tally.chosen->status == engine::Status::failed;
  return is_in_vain     ? fmt::format("not running: {}", kRedriveInVain)
         : next.empty() ? "not running"
                        : fmt::format("not running: go on with {}", next);
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

std::string items_text(const StateCounts& counts, const Work& open) {
  std::string text = fmt::format("{}/{} done", grouped(counts.items_succeeded), grouped(counts.items));
  if (counts.items_failed != 0) {
    text += fmt::format(", {} failed", grouped(counts.items_failed));
  }
  if (counts.items_aborted != 0) {
    text += fmt::format(", {} given up", grouped(counts.items_aborted));
  }
  const std::string words = work_words(open);
  return text + (words.empty() ? "" : ", ") + words;
}

void add_states(std::string& text, const RunStatus& status) {
  const ExecutionTally& chosen = *status.tally.chosen;
  const std::optional<LiveView>& live = status.live;
  const bool is_live = status.owner.life != journal::Life::ended;
  const asl::StateMachine& machine = *chosen.started.machine;
  std::vector<std::pair<asl::StateId, std::size_t>> list;
  list_states(machine, asl::ScopeId::top, 0, list);
  constexpr std::size_t kColumns = 11;
  using Line = std::array<std::string, kColumns>;
  std::vector<Line> lines = {{"STATE", "TYPE", "ENTERED", "RUNNING", "QUEUED", "WAITING", "SUCCEEDED", "CAUGHT",
                              "FAILED", "RETRIES", "ITEMS"}};
  for (const auto& [id, depth] : list) {
    const auto index = static_cast<std::uint32_t>(id);
    const asl::State& state = machine.state(id);
    const StateCounts& counts = chosen.states[index];
    const bool works = state.type == asl::StateType::task || state.type == asl::StateType::wait;
    const Work work = live ? live->work[index] : Work();
    const std::uint64_t running = !live ? 0 : works ? work.running : is_live ? live->in_state[index] : 0;
    lines.push_back({std::string(depth * 2, ' ') + one_line(state.name, kMostName), std::string(to_string(state.type)),
                     grouped(counts.entered), grouped(running), grouped(works ? work.queued : 0),
                     grouped(works ? work.waiting() : 0), grouped(counts.succeeded), grouped(counts.caught),
                     grouped(counts.failed), grouped(counts.retries),
                     state.type == asl::StateType::map && counts.entered != 0
                         ? items_text(counts, work_of_items(live ? live->items_open[index] : 0, work))
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

/// How many there are of each kind; of a run without an owner none runs.
std::string tasks_text(const LiveView& live, bool is_live) {
  const std::string words = work_words({.running = live.all.running, .queued = live.all.queued});
  return is_live ? words : fmt::format("{} open", grouped(live.tasks.count));
}

void add_waiting(std::string& text, const RunStatus& status) {
  const LiveView& live = *status.live;
  const asl::StateMachine& machine = *status.tally.chosen->started.machine;
  const Timestamp now = status.now;
  const bool is_live = status.owner.life != journal::Life::ended;
  const bool is_known = status.running && status.running->is_known();
  const std::string run_folder = shell_word(status.run.folder);
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
    text += fmt::format("\ntasks: {}\n", tasks_text(live, is_live));
    for (const Waiting& task : live.tasks.first) {
      const Timestamp since = task.begun ? task.begun->started : task.since;
      text += "  " + one_line(place_name(machine, task.state, task.item), kMostName);
      if (is_live) {
        text += fmt::format(" {} since {} ({})", task.begun || !is_known ? "runs" : "is queued", local_time(since),
                            duration(now.us - since.us));
      } else if (task.begun) {
        text += fmt::format(" was running since {}", local_time(since));
      } else {
        text += is_known ? " had not begun" : fmt::format(" was dispatched at {}", local_time(since));
      }
      text += task.begun && task.begun->rank != 0 ? fmt::format(" on rank {}", task.begun->rank) : "";
      text += task.attempt != 0 ? fmt::format(", retry {}", task.attempt) : "";
      text += task.dispatch > 1 ? fmt::format(", dispatched {} times", task.dispatch) : "";
      text += '\n';
    }
    more(live.tasks);
  }
  if (live.tokens.count != 0) {
    text += fmt::format("\nwait for the answer to their token: {}\n", grouped(live.tokens.count));
    for (const Waiting& task : live.tokens.first) {
      text +=
          fmt::format("  {} since {} ({}): lockstep send-task-success --dir {} --task-token {} --task-output JSON\n",
                      one_line(place_name(machine, task.state, task.item), kMostName), local_time(task.since),
                      duration(now.us - task.since.us), run_folder, task.token);
    }
    more(live.tokens);
  }
  if (live.activities.count != 0) {
    text += fmt::format("\nwait for an activity: {}\n", grouped(live.activities.count));
    for (const Waiting& task : live.activities.first) {
      text += fmt::format("  {} since {} ({}), {}\n", one_line(place_name(machine, task.state, task.item), kMostName),
                          local_time(task.since), duration(now.us - task.since.us),
                          activity_text(machine, task, status.run.folder));
    }
    more(live.activities);
  }
  if (live.children.count != 0) {
    text +=
        fmt::format("\nwait for the end of an execution that they have started: {}\n", grouped(live.children.count));
    for (const Waiting& task : live.children.first) {
      text += fmt::format("  {} since {} ({})\n", one_line(place_name(machine, task.state, task.item), kMostName),
                          local_time(task.since), duration(now.us - task.since.us));
    }
    more(live.children);
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
                        group.cause ? ": " + brief_cause(*group.cause, kMostCause) : "",
                        one_line(place_name(*chosen.started.machine, group.state, group.item), kMostName),
                        local_time(group.time));
  }
  if (shown < all) {
    text += fmt::format("  … and {} of other errors and causes\n", grouped(all - shown));
  }
}

}  // namespace

std::string activity_text(const asl::StateMachine& machine, const Waiting& task, const std::string& run_folder) {
  const std::string& name = std::get<asl::Task>(machine.state(task.state).detail).resource.action;
  return task.taken ? fmt::format("taken by a worker of {}", name)
                    : fmt::format("for a worker: lockstep activity-worker {} --dir {} -- COMMAND", shell_word(name),
                                  shell_word(run_folder));
}

std::string status_text(const RunStatus& status) {
  const RunTally& tally = status.tally;
  if (!tally.chosen) {
    return fmt::format("{}: nothing has started yet\n{}\n", one_line(status.run.folder, SIZE_MAX), owner_line(status));
  }
  const ExecutionTally& chosen = *tally.chosen;
  const bool running = chosen.status == engine::Status::running;
  const std::string name = chosen.started.identity != nullptr ? chosen.started.identity->name() : "";
  std::string text =
      fmt::format("{}: {}", one_line(name.empty() ? status.run.folder : name, SIZE_MAX), state_of(status));
  text += chosen.error ? " " + one_line(*chosen.error, kMostName) : "";
  const bool is_below = std::any_of(chosen.failures.begin(), chosen.failures.end(),
                                    [&](const FailureGroup& group) { return group.cause == chosen.cause; });
  text += chosen.cause && !is_below ? ": " + brief_cause(*chosen.cause, kMostCause) : "";
  text += '\n' + owner_line(status) + '\n';
  text += fmt::format("started {}", local_time(chosen.started_at));
  text += running ? "" : fmt::format(", stopped {}", local_time(chosen.last_at));
  text += fmt::format(", {}{}\n", running ? "has run " : "ran ", duration(run_time(status)));
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
  add_states(text, status);
  if (status.live) {
    add_waiting(text, status);
  }
  add_failures(text, chosen);
  return text;
}

}  // namespace lockstep::report
