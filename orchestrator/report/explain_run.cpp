#include "report/explain_run.hpp"

#include <fmt/format.h>

#include "report/format.hpp"
#include "value/shell.hpp"

namespace lockstep::report {

namespace {

class Explainer {
 public:
  Explainer(const RunStatus& status, std::size_t most)
      : status_(status), chosen_(*status.tally.chosen), machine_(*chosen_.started.machine), most_(most) {}

  std::string text() {
    if (chosen_.status != engine::Status::running) {
      add(fmt::format("it is over: {}{}", to_string(chosen_.status), chosen_.error ? " " + *chosen_.error : ""));
      add_next();
      return std::move(text_);
    }
    add_owner();
    if (status_.live) {
      add_tasks();
      add_waits();
    }
    add_walltime();
    return std::move(text_);
  }

 private:
  void add(std::string_view reason) { text_ += fmt::format("- {}\n", reason); }

  void add_next() {
    if (const std::string next = next_command(status_); !next.empty()) {
      add("go on with: " + next);
    } else if (chosen_.status == engine::Status::failed) {
      add(std::string(kRedriveInVain));
    }
  }

  void add_owner() {
    const auto& owner = status_.owner.owner;
    const std::string who = owner ? journal::describe(*owner) : "nobody who has said so";
    switch (status_.owner.life) {
      case journal::Life::running:
        return;
      case journal::Life::ended:
        add("nothing runs: nobody carries the run on" + (owner ? "; the last to do so was " + who : std::string()));
        add_next();
        return;
      case journal::Life::unknown:
        add(fmt::format(
            "its lease is held by {}, of whom nothing was heard for a while; where that is known to be gone, "
            "resume takes the run over",
            who));
        return;
    }
  }

  void add_tasks() {
    const LiveView& live = *status_.live;
    if (status_.owner.life == journal::Life::ended) {
      if (live.tasks.count > 0) {
        add(fmt::format("{} will be dispatched again", counted(live.tasks.count, "task")));
      }
      return;
    }
    const std::uint64_t slots = status_.running && status_.running->state() ? status_.running->state()->slots : 0;
    if (live.all.running > 0) {
      add(slots > 0 ? fmt::format("{} run on {}", counted(live.all.running, "task"), counted(slots, "slot"))
                    : fmt::format("{} run", counted(live.all.running, "task")));
      add_list(live.tasks, [&](const Waiting& task) {
        return task.begun ? fmt::format("{} for {}", name(task), duration(status_.now.us - task.begun->started.us))
                          : std::string();
      });
    }
    if (live.all.queued == 0) {
      return;
    }
    const std::string queued = counted(live.all.queued, "task");
    if (!status_.running || !status_.running->is_known()) {
      add(fmt::format("{} are queued", queued));
    } else if (slots == 0) {
      add(fmt::format("{} wait for a worker: none is left, or none has come yet", queued));
    } else if (live.all.running >= slots) {
      add(fmt::format("{} wait for a slot: all {} are taken", queued, grouped(slots)));
    } else {
      add(fmt::format(
          "{} are on their way to workers, which have {} free; workers that miss rank 0, are told to end or "
          "lack the means to start processes begin nothing for a while",
          queued, counted(slots - live.all.running, "slot")));
    }
  }

  void add_waits() {
    const LiveView& live = *status_.live;
    if (live.waits.count > 0) {
      add(fmt::format("{} wait for a time", grouped(live.waits.count)));
      add_list(live.waits, [&](const Waiting& wait) { return fmt::format("{} until {}", name(wait), when(wait)); });
    }
    if (live.retries.count > 0) {
      add(fmt::format("{} wait to be tried again", grouped(live.retries.count)));
      add_list(live.retries, [&](const Waiting& retry) {
        return fmt::format("{} retry {} at {}", name(retry), retry.attempt, when(retry));
      });
    }
    if (live.tokens.count > 0) {
      add(fmt::format("{} wait for the answer to their token", grouped(live.tokens.count)));
      add_list(live.tokens, [&](const Waiting& task) {
        return fmt::format("{}: lockstep send-task-success --dir {} --task-token {} --task-output JSON", name(task),
                           shell_word(status_.run.folder), task.token);
      });
    }
    if (live.activities.count > 0) {
      add(fmt::format("{} wait for an activity", grouped(live.activities.count)));
      add_list(live.activities, [&](const Waiting& task) {
        return fmt::format("{}: {}", name(task), activity_text(machine_, task, status_.run.folder));
      });
    }
    if (live.children.count > 0) {
      add(fmt::format("{} wait for the end of an execution that they have started: lockstep list --dir {}",
                      grouped(live.children.count), shell_word(status_.run.folder)));
      add_list(live.children, [&](const Waiting& task) { return name(task); });
    }
    const bool is_between = live.tasks.count + live.waits.count + live.retries.count + live.tokens.count +
                                live.activities.count + live.children.count ==
                            0;
    if (is_between) {
      add("no task, wait or retry is open: it is between two states");
    }
  }

  void add_walltime() {
    const bool is_live = status_.owner.life != journal::Life::ended;
    if (is_live && status_.running && status_.running->state() && status_.running->state()->end) {
      const Timestamp end = *status_.running->state()->end;
      add(end > status_.now
              ? fmt::format("the allocation ends at {} (in {})", local_time(end), duration(end.us - status_.now.us))
              : fmt::format("the allocation was to end at {}", local_time(end)));
    }
  }

  std::string name(const Waiting& waiting) const {
    return one_line(place_name(machine_, waiting.state, waiting.item), kMostName);
  }
  std::string when(const Waiting& waiting) const {
    return waiting.until <= status_.now
               ? local_time(waiting.until) + " (due)"
               : fmt::format("{} (in {})", local_time(waiting.until), duration(waiting.until.us - status_.now.us));
  }

  template <class Describe>
  void add_list(const WaitingList& list, Describe describe) {
    std::size_t shown = 0;
    for (const Waiting& one : list.first) {
      const std::string line = shown < most_ ? describe(one) : "";
      if (!line.empty()) {
        text_ += fmt::format("    {}\n", line);
        ++shown;
      }
    }
  }

  const RunStatus& status_;
  const ExecutionTally& chosen_;
  const asl::StateMachine& machine_;
  const std::size_t most_;
  std::string text_;
};

}  // namespace

std::string explain_run(const RunStatus& status, std::size_t most) {
  if (!status.tally.chosen) {
    const std::string next = next_command(status);
    return "- nothing has started yet\n" + (next.empty() ? "" : fmt::format("- go on with: {}\n", next));
  }
  return fmt::format("{}\n", state_of(status)) + Explainer(status, most).text();
}

}  // namespace lockstep::report
