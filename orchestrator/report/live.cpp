#include "report/live.hpp"

#include <algorithm>

namespace lockstep::report {

namespace {

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

class Describer {
 public:
  Describer(const engine::Execution& execution, const Running& running, std::size_t most)
      : execution_(execution), running_(running), most_(most) {
    const std::size_t states = execution.machine->states.size();
    view_.in_state.resize(states);
    view_.items_open.resize(states);
    view_.work.resize(states);
  }

  LiveView describe() {
    for (const engine::Strand& strand : execution_.strands) {
      if (!strand.given_up) {
        look_at(strand);
      }
    }
    // Short tasks come and go: those of which the owner knew that they run stand for those that have followed.
    std::uint64_t more = running_.running() - std::min(running_.running(), known_);
    for (Work& work : view_.work) {
      const std::uint64_t taken = std::min(work.queued, more);
      work.queued -= taken;
      work.running += taken;
      more -= taken;
    }
    sum_up();
    sort(view_.tasks, &Waiting::since);
    sort(view_.tokens, &Waiting::since);
    sort(view_.activities, &Waiting::since);
    sort(view_.children, &Waiting::since);
    sort(view_.waits, &Waiting::until);
    sort(view_.retries, &Waiting::until);
    return std::move(view_);
  }

 private:
  void look_at(const engine::Strand& strand) {
    const auto state = static_cast<std::uint32_t>(strand.state);
    if (strand.children != nullptr && strand.children->is_map) {
      view_.items_open[state] += strand.children->running;
    }
    if (strand.phase == engine::Phase::entering || strand.phase == engine::Phase::done) {
      return;
    }
    ++view_.in_state[state];
    Work& work = view_.work[state];
    if (waits_for_activity(*execution_.machine, strand)) {
      Waiting task = place(strand);
      task.token = *strand.token;
      task.taken = strand.phase == engine::Phase::callback;
      ++work.activities;
      add(view_.activities, task, &Waiting::since, most_);
      return;
    }
    switch (strand.phase) {
      case engine::Phase::task: {
        Waiting task = place(strand);
        if (strand.submitted || strand.children != nullptr) {  // a task's, or a Map Run's
          ++work.children;
          add(view_.children, task, &Waiting::since, most_);
          break;
        }
        if (const work::BegunTask* begun = running_.find(execution_.dispatch_id(strand))) {
          task.begun = *begun;
          ++known_;
        }
        ++(!running_.is_known() || (task.begun && running_.is_live()) ? work.running : work.queued);
        add(view_.tasks, task, &Waiting::since, most_);
        break;
      }
      case engine::Phase::callback: {
        Waiting token = place(strand);
        token.token = *strand.token;
        ++work.tokens;
        add(view_.tokens, token, &Waiting::since, most_);
        break;
      }
      case engine::Phase::waiting:
        ++work.timers;
        add(view_.waits, place(strand), &Waiting::until, most_);
        break;
      case engine::Phase::retrying:
        ++work.retries;
        add(view_.retries, place(strand), &Waiting::until, most_);
        break;
      default:
        break;
    }
  }

  Waiting place(const engine::Strand& strand) const {
    Waiting waiting;
    waiting.state = strand.state;
    waiting.since = strand.entered_at;
    waiting.until = strand.deadline;
    waiting.attempt = strand.retry_count();
    waiting.dispatch = strand.dispatches;
    for (const engine::Strand* at = &strand; at != nullptr; at = execution_.find(at->parent)) {
      if (at->iteration) {
        waiting.item = at->index;
        break;
      }
    }
    return waiting;
  }

  /// What is below a state is its own, too.
  void sum_up() {
    const asl::StateMachine& machine = *execution_.machine;
    const std::vector<Work> alone = view_.work;
    for (const asl::State& state : machine.states) {
      const Work& own = alone[static_cast<std::uint32_t>(state.id)];
      view_.all += own;
      asl::StateId owner = machine.scope(state.scope).owner;
      for (; owner != asl::StateId::none; owner = machine.scope(machine.state(owner).scope).owner) {
        view_.work[static_cast<std::uint32_t>(owner)] += own;
      }
    }
  }

  const engine::Execution& execution_;
  const Running& running_;
  const std::size_t most_;
  LiveView view_;
  std::uint64_t known_ = 0;  // tasks that have begun, one by one
};

}  // namespace

std::optional<LiveView> look_at_live(const engine::Engine& engine, engine::ExecutionId execution,
                                     const Running& running, std::size_t most) {
  const engine::Execution* found = engine.find(execution);
  if (found == nullptr || found->status != engine::Status::running) {
    return std::nullopt;
  }
  return Describer(*found, running, most).describe();
}

}  // namespace lockstep::report
