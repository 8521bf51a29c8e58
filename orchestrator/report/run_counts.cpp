#include "report/run_counts.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "report/format.hpp"

namespace lockstep::report {

namespace {

constexpr std::size_t kMostSlow = 5;
/// Between two notices, in the long run.
constexpr double kSecondsPerNotice = 3;

/// Where the strand is within the innermost Map around it.
std::optional<std::uint32_t> item_of(const engine::Engine& engine, engine::ExecutionId id, engine::StrandId strand_id) {
  const engine::Execution* execution = engine.find(id);
  const engine::Strand* strand = execution != nullptr ? execution->find(strand_id) : nullptr;
  while (strand != nullptr) {
    if (strand->iteration) {
      return strand->index;
    }
    strand = strand->parent == engine::StrandId::none ? nullptr : execution->find(strand->parent);
  }
  return std::nullopt;
}

bool has_children(asl::StateType type) {
  return type == asl::StateType::map || type == asl::StateType::parallel;
}

}  // namespace

void RunCounts::begin(asl::StateMachinePtr machine, Timestamp time) {
  machine_ = std::move(machine);
  names_.clear();
  in_tasks_ = 0;
  off_.clear();
  of_changes_.at = time;
  of_failures_.at = time;
  const std::size_t count = machine_->states.size();
  in_state_.assign(count, 0);
  busy_since_.assign(count, time);
  maps_.assign(count, {});
  off_work_.assign(count, {});
  begun_in_.assign(count, 0);
  for (const asl::State& state : machine_->states) {
    std::string name = one_line(state.name, kMostName);
    asl::StateId owner = machine_->scope(state.scope).owner;
    while (owner != asl::StateId::none) {
      name = one_line(machine_->state(owner).name, kMostName) + "/" + name;
      owner = machine_->scope(machine_->state(owner).scope).owner;
    }
    names_.push_back(std::move(name));
  }
}

void RunCounts::resume(const engine::Execution* execution) {
  if (execution == nullptr) {
    return;
  }
  begin(execution->machine, execution->last_time);
  for (const engine::Strand& strand : execution->strands) {
    if (strand.given_up || strand.state == asl::StateId::none || strand.phase == engine::Phase::entering ||
        strand.phase == engine::Phase::done) {
      continue;
    }
    ++in_state_[index(strand.state)];
    in_tasks_ += machine_->state(strand.state).type == asl::StateType::task ? 1 : 0;
    if (waits_for_activity(*machine_, strand)) {
      put_off(strand.id, {strand.state, &Work::activities});
    } else if (strand.phase == engine::Phase::retrying) {
      put_off(strand.id, {strand.state, &Work::retries});
    } else if (strand.phase == engine::Phase::callback) {
      put_off(strand.id, {strand.state, &Work::tokens});
    } else if (strand.phase == engine::Phase::task && strand.submitted) {
      put_off(strand.id, {strand.state, &Work::children});
    }
    if (strand.children != nullptr && strand.children->is_map && strand.phase == engine::Phase::children) {
      MapCounts& map = maps_[index(strand.state)];
      ++map.live;
      map.total += strand.children->results.size();
      map.ok += strand.children->finished;
      map.started += strand.children->finished + strand.children->running;
    } else if (strand.children != nullptr && strand.children->run != nullptr && strand.phase == engine::Phase::task) {
      MapCounts& map = maps_[index(strand.state)];
      ++map.live;
      map.is_read = !strand.children->items.node().is_container();
      map.total += strand.children->items.node().size();
      for (const engine::ChildFate fate : {engine::ChildFate::succeeded, engine::ChildFate::failed,
                                           engine::ChildFate::timed_out, engine::ChildFate::aborted}) {
        count_items(map, fate, strand.children->run->items_of(fate));
      }
    }
  }
}

void RunCounts::count_items(MapCounts& map, engine::ChildFate fate, std::uint64_t items) {
  map.started += items;
  (fate == engine::ChildFate::succeeded ? map.ok
   : fate == engine::ChildFate::aborted ? map.aborted
                                        : map.failed) += items;
}

void RunCounts::put_off(engine::StrandId strand, Off off) {
  if (off_.emplace(strand, off).second) {
    ++(off_work_[index(off.state)].*off.kind);
  }
}

/// Keeps account of who waits for a retry, a worker of an activity or the answer to a token: until anything else
/// happens to it.
void RunCounts::follow_off(const engine::Event& event, const engine::Engine& engine) {
  if (std::holds_alternative<engine::RetryScheduled>(event.body)) {
    put_off(event.strand, {event.state, &Work::retries});
    return;
  }
  const auto wait = [&](std::uint64_t Work::*kind, std::string what) {
    put_off(event.strand, {event.state, kind});
    if (of_changes_.take(event.time)) {
      tell({.kind = Notice::Kind::waiting,
            .time = event.time,
            .place = {event.state, item_of(engine, event.execution, event.strand)},
            .text = std::move(what)},
           of_changes_);
    }
  };
  const auto* scheduled = std::get_if<engine::TaskScheduled>(&event.body);
  if (scheduled != nullptr && !scheduled->token.empty()) {
    const asl::Resource& resource = std::get<asl::Task>(machine_->state(event.state).detail).resource;
    if (resource.kind == asl::ResourceKind::activity) {
      wait(&Work::activities, "a worker of activity " + one_line(resource.action, kMostName));
      return;
    }
  }
  if (std::holds_alternative<engine::TaskSubmitted>(event.body)) {
    const engine::Execution* execution = engine.find(event.execution);
    const engine::Strand* strand = execution != nullptr ? execution->find(event.strand) : nullptr;
    if (strand != nullptr && strand->phase == engine::Phase::callback) {  // else no token, or it is answered
      wait(&Work::tokens, "the answer to its token " + *strand->token);
    }
    return;
  }
  const auto* started = std::get_if<engine::TaskStarted>(&event.body);
  if (off_.empty() || std::holds_alternative<engine::HeartbeatReceived>(event.body) ||
      (started != nullptr && started->worker)) {
    return;
  }
  if (const auto found = off_.find(event.strand); found != off_.end()) {
    --(off_work_[index(found->second.state)].*found->second.kind);
    off_.erase(found);
  }
}

void RunCounts::on_workload(std::uint64_t running, const std::vector<work::BegunTask>& begun,
                            const engine::Engine& engine) {
  running_ = running;
  std::fill(begun_in_.begin(), begun_in_.end(), 0);
  for (const work::BegunTask& task : begun) {
    const engine::Execution* execution = engine.find(task.id.execution);
    const engine::Strand* strand = execution != nullptr ? execution->find(task.id.strand) : nullptr;
    if (strand != nullptr && strand->visits == task.id.visit && index(strand->state) < begun_in_.size()) {
      ++begun_in_[index(strand->state)];
    }
  }
}

std::uint64_t RunCounts::tasks_running() const {
  const auto has_children = [this](const asl::State& state) {
    const auto* map = std::get_if<asl::Map>(&state.detail);
    return map != nullptr && map->distributed && maps_[index(state.id)].live > 0;
  };
  if (running_ && std::any_of(machine_->states.begin(), machine_->states.end(), has_children)) {
    return *running_;  // the tasks of children are none of this execution's
  }
  std::uint64_t dispatched = in_tasks_;
  for (const Work& off : off_work_) {
    dispatched -= std::min(dispatched, off.waiting());
  }
  return std::min(running_.value_or(dispatched), dispatched);
}

std::vector<Work> RunCounts::work() const {
  std::vector<Work> work = off_work_;
  std::uint64_t left = running_.value_or(UINT64_MAX);  // running tasks whose state is yet to be found
  for (const asl::State& state : machine_->states) {
    Work& own = work[index(state.id)];
    const std::uint64_t here = in_state_[index(state.id)];
    if (state.type == asl::StateType::wait) {
      own.timers = here;
    } else if (state.type == asl::StateType::task) {
      own.queued = here - std::min(here, own.waiting());
      own.running = std::min({own.queued, begun_in_[index(state.id)], left});
      left -= own.running;
    }
  }
  // Short tasks come and go between two looks: those that are known to be over stand for those that have followed.
  for (const asl::State& state : machine_->states) {
    Work& own = work[index(state.id)];
    const std::uint64_t more = std::min(own.queued - own.running, left);
    own.running += more;
    own.queued -= own.running;
    left -= more;
  }
  const std::vector<Work> alone = work;
  for (const asl::State& state : machine_->states) {
    asl::StateId owner = machine_->scope(state.scope).owner;
    for (; owner != asl::StateId::none; owner = machine_->scope(machine_->state(owner).scope).owner) {
      work[index(owner)] += alone[index(state.id)];
    }
  }
  return work;
}

Work RunCounts::all_work() const {
  Work all;
  const std::vector<Work> each = work();
  for (const asl::State& state : machine_->states) {
    if (machine_->scope(state.scope).owner == asl::StateId::none) {
      all += each[index(state.id)];
    }
  }
  return all;
}

std::string RunCounts::name(const Place& place) const {
  if (index(place.state) >= names_.size()) {
    return "(no state)";
  }
  return place.item ? fmt::format("{}[{}]", names_[index(place.state)], *place.item) : names_[index(place.state)];
}

MapCounts* RunCounts::owner_of(asl::StateId state) {
  const asl::StateId owner = machine_->scope(machine_->state(state).scope).owner;
  return owner == asl::StateId::none || machine_->state(owner).type != asl::StateType::map ? nullptr
                                                                                           : &maps_[index(owner)];
}

void RunCounts::enter(const engine::Event& event) {
  if (in_state_[index(event.state)]++ == 0) {
    busy_since_[index(event.state)] = event.time;
  }
  in_tasks_ += machine_->state(event.state).type == asl::StateType::task ? 1 : 0;
  if (event.strand == engine::StrandId::top && of_changes_.take(event.time)) {
    tell({.kind = Notice::Kind::entered, .time = event.time, .place = {event.state, std::nullopt}}, of_changes_);
  }
}

/// The strand is no longer in the state.
void RunCounts::leave(const engine::Event& event) {
  std::uint64_t& count = in_state_[index(event.state)];
  count -= count > 0 ? 1 : 0;
  const asl::StateType type = machine_->state(event.state).type;
  in_tasks_ -= type == asl::StateType::task && in_tasks_ > 0 ? 1 : 0;
  const bool works = type == asl::StateType::task || type == asl::StateType::map || type == asl::StateType::parallel;
  if (works && event.strand == engine::StrandId::top && of_changes_.take(event.time)) {
    Notice notice{.kind = Notice::Kind::left, .time = event.time, .place = {event.state, std::nullopt}};
    notice.since = busy_since_[index(event.state)];
    if (type == asl::StateType::map) {
      notice.map = maps_[index(event.state)];
    }
    tell(std::move(notice), of_changes_);
  }
  end_visit(event.state);
}

void RunCounts::end_visit(asl::StateId state) {
  std::uint32_t& live = maps_[index(state)].live;
  live -= live > 0 ? 1 : 0;
}

void RunCounts::end(const engine::Event& event, engine::Status status) {
  status_ = status;
  ended_by_job_ = ended_by_job_ || status != engine::Status::failed;
  if (const auto* failed = std::get_if<engine::ExecutionFailed>(&event.body)) {
    end_text_ = failed->error && !failed->error->empty() ? one_line(*failed->error, kMostName) : "(no error name)";
  } else if (const auto* aborted = std::get_if<engine::ExecutionAborted>(&event.body); aborted && aborted->error) {
    end_text_ = failure_text(*aborted->error, aborted->cause.value_or(""));
  }
  tell_missed(event.time, of_changes_);
  tell_missed(event.time, of_failures_);
  std::fill(in_state_.begin(), in_state_.end(), 0);
  off_.clear();
  std::fill(off_work_.begin(), off_work_.end(), Work());
  for (MapCounts& map : maps_) {
    map.live = 0;
  }
  in_tasks_ = 0;
}

void RunCounts::begin_failure(const engine::Event& event, const engine::Engine& engine, std::string_view error,
                              std::string_view cause) {
  // The engine is ahead of the event: an iteration that this failure ended may be gone from it.
  const std::optional<std::uint32_t> item =
      last_failed_.first == event.strand ? last_failed_.second : item_of(engine, event.execution, event.strand);
  last_failed_.first = engine::StrandId::none;
  failing_[event.strand] = {{event.state, item}, event.time, std::string(error), std::string(cause)};
}

/// A child's failure is its parent's.
void RunCounts::begin_failure_of_parent(const engine::Event& event, const engine::ChildFailed& child, bool of_job,
                                        const engine::Engine& engine) {
  const asl::StateId owner = machine_->scope(machine_->state(event.state).scope).owner;
  if (owner == asl::StateId::none) {
    return;
  }
  Failing& failing = failing_[child.parent];
  failing = {{owner, item_of(engine, event.execution, child.parent)}, event.time, child.error.value_or("")};
  failing.by_child = true;
  failing.of_job = of_job;
  failing.cause = fmt::format("{} {} failed", child.iteration ? "item" : "branch", child.index);
  if (const MapCounts& map = maps_[index(owner)]; child.iteration) {
    failing.cause += fmt::format(", {}/{} are done", grouped(map.ok), grouped(map.total));
  }
}

bool RunCounts::Allowance::take(Timestamp time) {
  const double seconds = static_cast<double>(time.us - at.us) / kMicrosPerSecond;
  if (seconds > 0) {
    left = std::min(left + seconds / kSecondsPerNotice, kMostAtOnce);
    at = time;
  }
  if (left < 1) {
    ++missed;
    return false;
  }
  left -= 1;
  return true;
}

void RunCounts::tell_missed(Timestamp time, Allowance& allowance) {
  if (allowance.missed > 0) {
    notices_.push_back({.kind = Notice::Kind::missed,
                        .time = time,
                        .text = allowance.what,
                        .count = std::exchange(allowance.missed, 0)});
  }
}

/// It has been allowed.
void RunCounts::tell(Notice notice, Allowance& allowance) {
  tell_missed(notice.time, allowance);
  notices_.push_back(std::move(notice));
  // Nobody takes them: the oldest go.
  if (notices_.size() > kMostKept) {
    notices_.pop_front();
  }
}

std::deque<Notice> RunCounts::take_notices() {
  return std::exchange(notices_, {});
}

void RunCounts::on_task(const work::Outcome& task, const engine::Engine& engine) {
  const std::int64_t us = std::max<std::int64_t>(task.ended.us - task.started.us, 0);
  ++tasks_done_;
  busy_ += std::chrono::microseconds(us);
  cpu_ += std::chrono::microseconds(task.usage.cpu_us);
  max_rss_kib_ = std::max(max_rss_kib_, task.usage.max_rss_kib);
  const engine::Execution* execution = engine.find(task.id.execution);
  const bool is_child = execution != nullptr && execution->origin.child != nullptr;
  if (task.kind != work::OutcomeKind::succeeded && !is_child) {
    last_failed_ = {task.id.strand, item_of(engine, task.id.execution, task.id.strand)};
    last_failed_us_ = us;
  }
  if (slowest_.size() == kMostSlow && us <= slowest_.back().us) {
    return;
  }
  const engine::Strand* strand = execution != nullptr ? execution->find(task.id.strand) : nullptr;
  if (strand == nullptr) {
    return;
  }
  const auto at = std::find_if(slowest_.begin(), slowest_.end(), [&](const SlowTask& other) { return other.us < us; });
  Place place{strand->state, item_of(engine, task.id.execution, task.id.strand)};
  if (is_child && execution->origin.child->item && !place.item) {
    place.item = static_cast<std::uint32_t>(execution->origin.child->item->index);
  }
  slowest_.insert(at, {us, place, task.usage.rank});
  slowest_.resize(std::min(slowest_.size(), kMostSlow));
}

void RunCounts::on_event(const engine::Event& event, const engine::Engine& engine) {
  using namespace engine;
  if (const auto* started = std::get_if<ExecutionStarted>(&event.body)) {
    begin(started->machine, event.time);
    return;
  }
  if (machine_ == nullptr) {
    return;
  }
  const bool is_counted = event.id != 0 && event.id <= counted_until_;  // but failures are told
  const bool has_state = index(event.state) < in_state_.size();
  if (has_state && !is_counted) {
    follow_off(event, engine);
  }
  const auto handle = [&](const auto& body) {
    using Body = std::decay_t<decltype(body)>;
    if constexpr (std::is_same_v<Body, ExecutionSucceeded>) {
      end(event, Status::succeeded);
    } else if constexpr (std::is_same_v<Body, ExecutionTimedOut>) {
      end(event, Status::timed_out);
    } else if constexpr (std::is_same_v<Body, ExecutionAborted>) {
      end(event, Status::aborted);
    } else if constexpr (std::is_same_v<Body, ExecutionFailed>) {
      if (has_state && !has_children(machine_->state(event.state).type) && !failing_.contains(event.strand)) {
        begin_failure(event, engine, body.error.value_or(""), body.cause.value_or(""));
      }
      end_failure(event, "", false);
      end(event, Status::failed);
    } else if constexpr (std::is_same_v<Body, ExecutionRedriven>) {
      // What was given up goes on without being entered again. The engine is ahead: it has done all of this step, and
      // where that was the end again, its Events are all that there is to count.
      const Execution* execution = engine.find(event.execution);
      const bool goes_on = execution != nullptr && execution->status == Status::running;
      if (goes_on) {
        resume(execution);
      } else if (body.machine != nullptr) {
        begin(body.machine, event.time);
      }
      status_ = Status::running;
      end_text_.clear();
      failing_.clear();
      ended_by_job_ = false;
      counted_until_ = goes_on ? execution->last_event_id : 0;
    } else if (has_state) {
      if constexpr (std::is_same_v<Body, StateEntered>) {
        if (!is_counted) {
          enter(event);
        }
      } else if constexpr (std::is_same_v<Body, StateExited>) {
        if (!failing_.empty()) {
          end_failure(event, body.next == asl::StateId::none ? "caught" : "caught: " + name({body.next, std::nullopt}),
                      true);
        }
        if (!is_counted) {
          leave(event);
        }
      } else if constexpr (std::is_same_v<Body, TaskSucceeded>) {
        ++tasks_ok_;
      } else if constexpr (std::is_same_v<Body, TaskFailed>) {
        ++tasks_failed_;
        begin_failure(event, engine, body.error, body.cause.value_or(""));
        failing_[event.strand].of_job = true;
      } else if constexpr (std::is_same_v<Body, TaskTimedOut>) {
        ++tasks_failed_;
        // One that waits for its token has no worker that says how long.
        const bool is_told = last_failed_.first == event.strand;
        const std::string after = is_told ? "after " + duration(last_failed_us_) : "while it waited for its token";
        begin_failure(event, engine, body.heartbeat ? "States.HeartbeatTimeout" : "States.Timeout", after);
        failing_[event.strand].of_job = true;
      } else if constexpr (std::is_same_v<Body, EvaluationFailed>) {
        begin_failure(event, engine, "States.QueryEvaluationError", body.cause);
      } else if constexpr (std::is_same_v<Body, RetryScheduled>) {
        ++retries_;
        if (!is_counted) {
          end_visit(event.state);
        }
        end_failure(event, fmt::format("retried in {}", brief(body.deadline.us - event.time.us)), false);
      } else if constexpr (std::is_same_v<Body, MapStarted>) {
        if (is_counted) {
          return;
        }
        MapCounts& map = maps_[index(event.state)];
        if (map.live == 0) {
          map = {};
        }
        ++map.live;
        map.total += body.items.node().size();
        map.is_read = !body.items.node().is_container();
      } else if constexpr (std::is_same_v<Body, MapRunProgress>) {
        for (const MapRunChild& child : body.children) {
          if (!is_counted) {
            count_items(maps_[index(event.state)], engine::fate_of(child.status), child.items);
          }
        }
      } else if constexpr (std::is_same_v<Body, MapIterationStarted>) {
        maps_[index(event.state)].started += is_counted ? 0 : 1;
      } else if constexpr (std::is_same_v<Body, ChildSucceeded>) {
        if (MapCounts* map = owner_of(event.state); map != nullptr && body.iteration && !is_counted) {
          ++map->ok;
        }
      } else if constexpr (std::is_same_v<Body, ChildFailed>) {
        if (!has_children(machine_->state(event.state).type) && !failing_.contains(event.strand)) {
          begin_failure(event, engine, body.error.value_or(""), body.cause.value_or(""));
        }
        const auto failing = failing_.find(event.strand);
        const bool of_job = failing != failing_.end() && failing->second.of_job;
        end_failure(event, "", false);
        begin_failure_of_parent(event, body, of_job, engine);
        if (MapCounts* map = owner_of(event.state); map != nullptr && body.iteration && !is_counted) {
          ++map->failed;
        }
        if (!is_counted) {
          leave(event);
        }
      } else if constexpr (std::is_same_v<Body, ChildAborted>) {
        failing_.erase(event.strand);
        if (MapCounts* map = owner_of(event.state); map != nullptr && body.iteration && !is_counted) {
          ++map->aborted;
        }
      } else if constexpr (std::is_same_v<Body, StateAborted>) {
        if (is_counted) {
          return;
        }
        leave(event);  // said where there was a state to leave: not on the way into one
      }
    }
  };
  std::visit(handle, event.body);
}

}  // namespace lockstep::report
