#include "service/mock_case.hpp"

#include <fmt/format.h>

#include "catalogue/names.hpp"
#include "engine/history.hpp"
#include "service/map_run_work.hpp"

namespace lockstep::service {

namespace {

/// A machine that turns in circles must not turn for ever here.
constexpr std::uint64_t kMostEvents = 10'000'000;
/// Nor wait for ever: what is later has no timestamp.
constexpr Timestamp kEndOfTime{253'402'300'799 * kMicrosPerSecond};  // the last second of the year 9999

class VirtualClock final : public Clock {
 public:
  explicit VirtualClock(Timestamp now) : now_(now) {}
  Timestamp now() const override { return now_; }
  void set(Timestamp now) { now_ = std::max(now_, now); }

 private:
  Timestamp now_;
};

constexpr std::size_t kChildrenAtOnce = 1'000;

struct IdLess {
  bool operator()(const engine::DispatchId& a, const engine::DispatchId& b) const {
    return std::tie(a.execution, a.strand, a.visit, a.count) < std::tie(b.execution, b.strand, b.visit, b.count);
  }
};

class VirtualRun {
 public:
  VirtualRun(const MockedExecution& wanted, AnswerOf answer_of, const Watch& watch)
      : wanted_(wanted),
        watch_(watch),
        clock_(wanted.start_time),
        performer_(std::move(answer_of), clock_),
        engine_(wanted.limits) {
    step_.rules = &rules_;
  }

  MockedEnd run() {
    auto machine = std::make_shared<engine::MachineIdentity>(
        engine::MachineIdentity{wanted_.machine_name, catalogue::machine_arn(wanted_.machine_name), ""});
    take(engine::StartExecution{kMocked,
                                std::make_shared<engine::Identity>(wanted_.name, std::move(machine)),
                                wanted_.machine,
                                wanted_.input,
                                {.type = wanted_.type}});
    settle();
    while (!end_ && !broken_) {
      go_on();
      settle();
    }
    return {end_.value_or(engine::EndExecution()), broken_, clock_.now()};
  }

 private:
  /// A Map Run whose children run here, too.
  struct MapRun {
    std::unique_ptr<MapRunWork> work;
    std::map<engine::ExecutionId, std::uint64_t> children;  // that run, and their numbers
  };

  void begin_map_run(engine::DispatchTask dispatch) {
    const engine::DispatchId id = dispatch.id;
    MapRunWork::Parts parts{engine_, wanted_.buckets, clock_};
    parts.pretends = true;
    if (const auto items = wanted_.items.find(dispatch.machine->state(dispatch.state).name);
        items != wanted_.items.end()) {
      parts.items = items->second;
    }
    map_runs_[id].work = std::make_unique<MapRunWork>(parts, std::move(dispatch));
  }

  void stop_children(MapRun& run) {
    for (const auto& [child, number] : run.children) {
      take(engine::StopExecution{"", child, std::nullopt, std::nullopt});
    }
  }

  /// Begins children, and says what became of others. False: there is nothing to do now.
  bool advance_map_runs() {
    for (auto& [id, run] : map_runs_) {
      std::vector<MapRunWork::Child> children = run.work->begin(kChildrenAtOnce);
      for (MapRunWork::Child& child : children) {
        const std::uint64_t number = child.number;
        engine::StartExecution start = run.work->start_of(std::move(child));
        start.id = last_ = engine::ExecutionId{static_cast<std::uint64_t>(last_) + 1};
        run.children.emplace(start.id, number);
        take(std::move(start));
      }
      MapRunWork::News news = run.work->news();
      const bool stops = run.work->stops();
      if (stops) {
        stop_children(run);
      }
      const bool is_over = news.outcome.has_value();
      if (news.report) {
        take(*std::move(news.report));
      }
      if (is_over) {
        take(*std::move(news.outcome));
        map_runs_.erase(id);
      }
      if (!children.empty() || stops || news.report || is_over || run.work->may_go_on()) {
        return true;
      }
    }
    return false;
  }

  void child_ended(engine::EndExecution end) {
    for (auto& [id, run] : map_runs_) {
      if (const auto child = run.children.extract(end.id)) {
        const engine::Execution& execution = *engine_.find(end.id);
        run.work->ended(child.mapped(), describe(execution, std::move(end)), 0);
        engine_.forget(execution.id);
        return;
      }
    }
  }

  journal::SequenceNumber take(engine::InputBody body) {
    engine_.handle({clock_.now(), ++inputs_, std::move(body)}, step_);
    return 0;
  }

  /// One thing more happens, at once or when the next is due.
  void go_on() {
    const auto report = [&] {
      return performer_.report([&](engine::InputBody body) { return take(std::move(body)); });
    };
    if (engine_.has_ready()) {
      take(engine::Proceed{});
      return;
    }
    if (report() || advance_map_runs()) {
      return;
    }
    const auto timer = engine_.next_deadline();
    const auto mock = performer_.next();
    if (!timer && !mock) {
      broken_ = "it waits for something that never comes";
      return;
    }
    const Timestamp next = std::min(timer.value_or(kEndOfTime), mock.value_or(kEndOfTime));
    if (next >= kEndOfTime) {
      broken_ = "it is still running at the end of the year 9999";
      return;
    }
    clock_.set(next);
    // An answer that comes just in time is in time.
    if (!report()) {
      take(engine::Proceed{});
    }
  }

  /// Tells what has happened, and does what is wanted about it.
  void settle() {
    if (!step_.events.empty()) {
      watch_(step_.events, rules_);
    }
    events_ += step_.events.size();
    rules_.clear();
    std::vector<engine::Effect> effects = std::move(step_.effects);
    step_.clear();
    for (engine::Effect& effect : effects) {
      if (auto* dispatch = std::get_if<engine::DispatchTask>(&effect.body)) {
        if (engine::is_map_run(*dispatch) && !wanted_.is_mocked(dispatch->machine->state(dispatch->state).name)) {
          begin_map_run(std::move(*dispatch));
        } else {
          performer_.dispatch(std::move(*dispatch));
        }
      } else if (const auto* cancel = std::get_if<engine::CancelTask>(&effect.body)) {
        performer_.cancel(cancel->id);
        if (auto given_up = map_runs_.extract(cancel->id)) {
          stop_children(given_up.mapped());
        }
      } else if (auto* end = std::get_if<engine::EndExecution>(&effect.body)) {
        if (end->id == kMocked) {
          end_ = std::move(*end);
        } else {
          child_ended(std::move(*end));
        }
      }
    }
    if (performer_.stuck() && !end_) {
      give_up(*performer_.stuck());
    } else if (events_ > kMostEvents && !end_) {
      broken_ = fmt::format("it is still running after {} events", kMostEvents);
    }
  }

  void give_up(const MockPerformer::Stuck& stuck) {
    if (!stuck.why.is_exhausted) {
      broken_ = stuck.why.cause;
      return;
    }
    // No Retry and no Catch sees this, so it is none of the task's failures.
    const engine::Execution& execution = *engine_.find(kMocked);
    const bool is_child = stuck.dispatch.id.execution != kMocked;
    const engine::Strand& strand = *execution.find(is_child ? engine::StrandId::top : stuck.dispatch.id.strand);
    engine::Event event;
    event.execution = kMocked;
    event.strand = engine::StrandId::top;
    event.state = strand.state;
    event.time = clock_.now();
    event.id = execution.last_event_id + 1;
    event.previous = strand.previous;
    event.body = engine::ExecutionFailed{"States.Runtime", stuck.why.cause};
    engine_.apply(event);
    watch_({event}, {});
    end_ = engine::end_of(event);
  }

  const MockedExecution& wanted_;
  const Watch& watch_;
  VirtualClock clock_;
  MockPerformer performer_;
  engine::Engine engine_;
  engine::Step step_;
  std::vector<engine::RuleTaken> rules_;
  std::uint64_t inputs_ = 0;
  std::uint64_t events_ = 0;
  std::optional<engine::EndExecution> end_;
  std::optional<std::string> broken_;
  std::map<engine::DispatchId, MapRun, IdLess> map_runs_;
  engine::ExecutionId last_ = kMocked;
};

}  // namespace

MockedEnd run_mocked(const MockedExecution& wanted, AnswerOf answer_of, const Watch& watch) {
  return VirtualRun(wanted, std::move(answer_of), watch).run();
}

std::string history_type(const engine::Event& event, const asl::StateMachine& machine) {
  std::string entry;
  if (!engine::append_history(entry, event, machine)) {
    return "";
  }
  constexpr std::string_view kKey = "\"type\":\"";
  const std::size_t start = entry.find(kKey) + kKey.size();
  return entry.substr(start, entry.find('"', start) - start);
}

}  // namespace lockstep::service
