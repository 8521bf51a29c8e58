#include "report/live.hpp"

#include <algorithm>

#include "journal/checkpoint.hpp"
#include "journal/journal_folder.hpp"

namespace lockstep::report {

namespace {

/// Brings the journal back. False: a checkpoint went away while it was read, look again.
Result<bool> restore(const RunFiles& run, engine::Engine& engine) {
  const auto listed = journal::list_journal(journal::posix_files(), run.journal);
  if (!listed) {
    return tl::unexpected<Error>(listed.error());
  }
  std::optional<journal::LoadedCheckpoint> checkpoint;
  for (auto it = listed->checkpoints.rbegin(); it != listed->checkpoints.rend() && !checkpoint; ++it) {
    auto loaded = journal::load_checkpoint(journal::posix_files(), run.journal, it->second, engine);
    if (loaded) {
      checkpoint = std::move(*loaded);
    } else if (!journal::posix_files().exists(it->second)) {
      return false;
    }
  }
  journal::ReadOptions options;
  options.from = checkpoint ? checkpoint->first_seq + 1 : 1;
  auto reader = journal::EventReader::open(run.journal, options);
  if (!reader) {
    return tl::unexpected<Error>(reader.error());
  }
  while (true) {
    const auto next = reader->next();
    if (!next) {
      return tl::unexpected<Error>(next.error());
    }
    if (!*next) {
      return true;
    }
    if (checkpoint) {
      const auto as_of = checkpoint->as_of.find((*next)->event.execution);
      if (as_of != checkpoint->as_of.end() && (*next)->seq <= as_of->second) {
        continue;
      }
    }
    engine.apply((*next)->event);
  }
}

/// Keeps the `most` that come first by `time`.
void add(WaitingList& list, const Waiting& waiting, Timestamp Waiting::*time, std::size_t most) {
  ++list.count;
  const auto later = [time](const Waiting& a, const Waiting& b) {
    return a.*time != b.*time ? a.*time < b.*time : a.item < b.item;
  };
  list.first.push_back(waiting);
  std::push_heap(list.first.begin(), list.first.end(), later);
  if (list.first.size() > most) {
    std::pop_heap(list.first.begin(), list.first.end(), later);
    list.first.pop_back();
  }
}

void sort(WaitingList& list, Timestamp Waiting::*time) {
  std::sort(list.first.begin(), list.first.end(), [time](const Waiting& a, const Waiting& b) {
    return a.*time != b.*time ? a.*time < b.*time : a.item < b.item;
  });
}

LiveView describe(const engine::Execution& execution, std::size_t most) {
  LiveView view;
  view.in_state.resize(execution.machine->states.size());
  view.items_running.resize(execution.machine->states.size());
  for (const engine::Strand& strand : execution.strands) {
    if (strand.given_up) {
      continue;
    }
    if (strand.children != nullptr && strand.children->is_map) {
      view.items_running[static_cast<std::uint32_t>(strand.state)] += strand.children->running;
    }
    if (strand.phase == engine::Phase::entering || strand.phase == engine::Phase::done) {
      continue;
    }
    ++view.in_state[static_cast<std::uint32_t>(strand.state)];
    Waiting waiting;
    waiting.state = strand.state;
    waiting.since = strand.entered_at;
    waiting.until = strand.deadline;
    waiting.attempt = strand.retry_count;
    waiting.dispatch = strand.dispatches;
    waiting.started = strand.started;
    for (const engine::Strand* at = &strand; at != nullptr; at = execution.find(at->parent)) {
      if (at->iteration) {
        waiting.item = at->index;
        break;
      }
    }
    switch (strand.phase) {
      case engine::Phase::task:
      case engine::Phase::callback:
        add(view.tasks, waiting, &Waiting::since, most);
        break;
      case engine::Phase::waiting:
        add(view.waits, waiting, &Waiting::until, most);
        break;
      case engine::Phase::retrying:
        add(view.retries, waiting, &Waiting::until, most);
        break;
      default:
        break;
    }
  }
  sort(view.tasks, &Waiting::since);
  sort(view.waits, &Waiting::until);
  sort(view.retries, &Waiting::until);
  return view;
}

}  // namespace

Result<std::optional<LiveView>> look_at_live(const RunFiles& run, engine::ExecutionId execution, std::size_t most) {
  constexpr int kLooks = 5;
  for (int look = 1;; ++look) {
    engine::Engine engine(engine::Limits::hpc());
    const auto whole = restore(run, engine);
    if (!whole) {
      return tl::unexpected<Error>(whole.error());
    }
    if (!*whole && look < kLooks) {
      continue;
    }
    const engine::Execution* found = engine.find(execution);
    if (found == nullptr || found->status != engine::Status::running) {
      return std::nullopt;
    }
    return describe(*found, most);
  }
}

}  // namespace lockstep::report
