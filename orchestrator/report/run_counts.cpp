#include "report/run_counts.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "report/format.hpp"

namespace lockstep::report {

namespace {

constexpr std::size_t kMostName = 48;
constexpr std::size_t kMostText = 160;
constexpr std::size_t kMostKinds = 100;
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

std::string_view first_line(std::string_view text) {
  return text.substr(0, text.find('\n'));
}

/// Empty where there is only one.
std::string_view last_line(std::string_view text) {
  while (!text.empty() && text.back() == '\n') {
    text.remove_suffix(1);
  }
  const std::size_t end = text.rfind('\n');
  return end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
}

/// Causes of one kind mostly differ in numbers only: those of items, lines, processes.
std::string kind_of(std::string_view error, std::string_view cause) {
  std::string kind(error);
  kind += '\0';
  const bool is_status = cause.substr(0, 11) == "exit status" || cause.substr(0, 9) == "killed by";
  for (const char c : cause.substr(0, kMostText)) {
    const bool is_digit = c >= '0' && c <= '9' && !is_status;
    if (!is_digit) {
      kind += c;
    } else if (kind.back() != '#') {
      kind += '#';
    }
  }
  return kind;
}

std::string failure_text(std::string_view error, std::string_view cause) {
  std::string text = error.empty() ? "(no error name)" : one_line(error, kMostName);
  if (!cause.empty()) {
    text += ": " + one_line(first_line(cause), kMostText);
    if (const std::string_view end = last_line(cause); !end.empty()) {
      text += ": " + one_line(end, kMostText);
    }
  }
  return text;
}

}  // namespace

void RunCounts::begin(asl::StateMachinePtr machine, Timestamp time) {
  machine_ = std::move(machine);
  names_.clear();
  in_tasks_ = 0;
  started_at_ = time;
  of_changes_.at = time;
  of_failures_.at = time;
  const std::size_t count = machine_->states.size();
  in_state_.assign(count, 0);
  busy_since_.assign(count, time);
  maps_.assign(count, {});
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
    if (strand.children != nullptr && strand.children->is_map && strand.phase == engine::Phase::children) {
      MapCounts& map = maps_[index(strand.state)];
      ++map.live;
      map.total += strand.children->results.size();
      map.ok += strand.children->finished;
      map.started += strand.children->finished + strand.children->running;
    }
  }
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
  if (const auto* failed = std::get_if<engine::ExecutionFailed>(&event.body)) {
    end_text_ = failure_text(failed->error.value_or(""), failed->cause.value_or(""));
  } else if (const auto* aborted = std::get_if<engine::ExecutionAborted>(&event.body); aborted && aborted->error) {
    end_text_ = failure_text(*aborted->error, aborted->cause.value_or(""));
  }
  tell_missed(event.time, of_changes_);
  tell_missed(event.time, of_failures_);
  std::fill(in_state_.begin(), in_state_.end(), 0);
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

/// What came of a failure is known: `then`.
void RunCounts::end_failure(const engine::Event& event, std::string then, bool caught) {
  const auto found = failing_.find(event.strand);
  if (found == failing_.end()) {
    return;
  }
  Failing failing = std::move(found->second);
  failing_.erase(found);
  if (const auto* failed = std::get_if<engine::ChildFailed>(&event.body); failed != nullptr && failed->iteration) {
    failing.place.item = failed->index;
  }
  if (!std::holds_alternative<engine::RetryScheduled>(event.body)) {
    count_failure(failing, caught);
  }
  const bool is_last = std::holds_alternative<engine::ExecutionFailed>(event.body);
  const bool is_allowed = of_failures_.take(failing.time);
  if (is_allowed || is_last) {
    of_failures_.missed -= is_allowed ? 0 : 1;
    tell({.kind = Notice::Kind::failed,
          .time = failing.time,
          .place = failing.place,
          .text = failure_text(failing.error, failing.cause),
          .then = std::move(then)},
         of_failures_);
  }
}

void RunCounts::count_failure(const Failing& failing, bool caught) {
  const std::string_view cause = first_line(failing.cause);
  std::string kind = kind_of(failing.error, cause);
  auto known = failure_kinds_.find(kind);
  if (known == failure_kinds_.end()) {
    if (failures_.size() == kMostKinds) {
      ++failures_not_kept_;
      return;
    }
    known = failure_kinds_.emplace(std::move(kind), failures_.size()).first;
    failures_.push_back({.error = one_line(failing.error, kMostName),
                         .cause = one_line(cause, kMostText),
                         .end = one_line(last_line(failing.cause), kMostText),
                         .first = failing.place,
                         .time = failing.time});
  }
  ++failures_[known->second].count;
  failures_[known->second].caught += caught ? 1 : 0;
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
  if (constexpr std::size_t kMostKept = 200; notices_.size() > kMostKept) {
    notices_.pop_front();
  }
}

std::deque<Notice> RunCounts::take_notices() {
  return std::exchange(notices_, {});
}

void RunCounts::on_task(const TaskUse& task, const engine::Engine& engine) {
  const std::int64_t us = std::max<std::int64_t>(task.ended.us - task.started.us, 0);
  ++tasks_done_;
  busy_ += std::chrono::microseconds(us);
  cpu_ += task.cpu;
  max_rss_kib_ = std::max(max_rss_kib_, task.max_rss_kib);
  if (task.failed) {
    const auto strand = static_cast<engine::StrandId>(task.id.visit >> 32U);
    last_failed_ = {strand, item_of(engine, engine::ExecutionId{task.id.execution}, strand)};
  }
  if (slowest_.size() == kMostSlow && us <= slowest_.back().us) {
    return;
  }
  const engine::ExecutionId execution_id{task.id.execution};
  const auto strand_id = static_cast<engine::StrandId>(task.id.visit >> 32U);
  const engine::Execution* execution = engine.find(execution_id);
  const engine::Strand* strand = execution != nullptr ? execution->find(strand_id) : nullptr;
  if (strand == nullptr) {
    return;
  }
  const auto at = std::find_if(slowest_.begin(), slowest_.end(), [&](const SlowTask& other) { return other.us < us; });
  slowest_.insert(at, {us, {strand->state, item_of(engine, execution_id, strand_id)}, task.rank});
  slowest_.resize(std::min(slowest_.size(), kMostSlow));
}

void RunCounts::on_event(const engine::Event& event, const engine::Engine& engine) {
  using namespace engine;
  if (const auto* started = std::get_if<ExecutionStarted>(&event.body)) {
    begin(started->machine, event.time);
    return;
  }
  if (machine_ == nullptr || (event.id != 0 && event.id <= counted_until_)) {
    return;
  }
  const bool has_state = index(event.state) < in_state_.size();
  const auto handle = [&](const auto& body) {
    using Body = std::decay_t<decltype(body)>;
    if constexpr (std::is_same_v<Body, ExecutionSucceeded>) {
      end(event, Status::succeeded);
    } else if constexpr (std::is_same_v<Body, ExecutionTimedOut>) {
      end(event, Status::timed_out);
    } else if constexpr (std::is_same_v<Body, ExecutionAborted>) {
      end(event, Status::aborted);
    } else if constexpr (std::is_same_v<Body, ExecutionFailed>) {
      if (has_state && machine_->state(event.state).type != asl::StateType::map &&
          machine_->state(event.state).type != asl::StateType::parallel && !failing_.contains(event.strand)) {
        begin_failure(event, engine, body.error.value_or(""), body.cause.value_or(""));
      }
      end_failure(event, "", false);
      end(event, Status::failed);
    } else if constexpr (std::is_same_v<Body, ExecutionRedriven>) {
      // What was given up goes on without being entered again. The engine is ahead: it has done all of this step.
      resume(engine.find(event.execution));
      status_ = Status::running;
      end_text_.clear();
      counted_until_ = engine.find(event.execution) != nullptr ? engine.find(event.execution)->last_event_id : 0;
    } else if (has_state) {
      if constexpr (std::is_same_v<Body, StateEntered>) {
        enter(event);
      } else if constexpr (std::is_same_v<Body, StateExited>) {
        if (!failing_.empty()) {
          end_failure(event, body.next == asl::StateId::none ? "caught" : "caught: " + name({body.next, std::nullopt}),
                      true);
        }
        leave(event);
      } else if constexpr (std::is_same_v<Body, TaskSucceeded>) {
        ++tasks_ok_;
      } else if constexpr (std::is_same_v<Body, TaskFailed>) {
        ++tasks_failed_;
        begin_failure(event, engine, body.error, body.cause.value_or(""));
      } else if constexpr (std::is_same_v<Body, TaskTimedOut>) {
        ++tasks_failed_;
        begin_failure(event, engine, body.heartbeat ? "States.HeartbeatTimeout" : "States.Timeout", "");
      } else if constexpr (std::is_same_v<Body, EvaluationFailed>) {
        begin_failure(event, engine, "States.QueryEvaluationError", body.cause);
      } else if constexpr (std::is_same_v<Body, RetryScheduled>) {
        ++retries_;
        end_visit(event.state);
        end_failure(event, fmt::format("retried in {}", brief(body.deadline.us - event.time.us)), false);
      } else if constexpr (std::is_same_v<Body, MapStarted>) {
        MapCounts& map = maps_[index(event.state)];
        if (map.live == 0) {
          map = {};
        }
        ++map.live;
        map.total += body.items.node().size();
      } else if constexpr (std::is_same_v<Body, MapIterationStarted>) {
        ++maps_[index(event.state)].started;
      } else if constexpr (std::is_same_v<Body, ChildSucceeded>) {
        if (MapCounts* map = owner_of(event.state); map != nullptr && body.iteration) {
          ++map->ok;
        }
      } else if constexpr (std::is_same_v<Body, ChildFailed>) {
        const asl::StateType type = machine_->state(event.state).type;
        if (type != asl::StateType::map && type != asl::StateType::parallel && !failing_.contains(event.strand)) {
          begin_failure(event, engine, body.error.value_or(""), body.cause.value_or(""));
        }
        end_failure(event, "", false);
        if (MapCounts* map = owner_of(event.state); map != nullptr && body.iteration) {
          ++map->failed;
        }
        leave(event);
      } else if constexpr (std::is_same_v<Body, ChildAborted>) {
        failing_.erase(event.strand);
        if (MapCounts* map = owner_of(event.state); map != nullptr && body.iteration) {
          ++map->aborted;
        }
      } else if constexpr (std::is_same_v<Body, StateAborted>) {
        leave(event);  // said where there was a state to leave: not on the way into one
      }
    }
  };
  std::visit(handle, event.body);
}

}  // namespace lockstep::report
