// Failures as a run's counts have them: what came of each, and kinds of them.
#include <fmt/format.h>

#include "report/format.hpp"
#include "report/run_counts.hpp"

namespace lockstep::report {

namespace {

constexpr std::size_t kMostText = 160;
constexpr std::size_t kMostKinds = 100;

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

}  // namespace

std::string failure_text(std::string_view error, std::string_view cause) {
  std::string text = error.empty() ? "(no error name)" : one_line(error, kMostName);
  if (!cause.empty()) {
    text += ": " + one_line(first_line(cause), kMostText);
    if (const std::string_view end = last_line(cause); !end.empty()) {
      text += ": " + end_of_line(end, kMostText);
    }
  }
  return text;
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
  const bool is_last = std::holds_alternative<engine::ExecutionFailed>(event.body);
  const bool is_item = every_item_ && std::holds_alternative<engine::ChildFailed>(event.body);
  const bool is_allowed = of_failures_.take(failing.time);
  const bool is_told = is_allowed || is_last || (is_item && notices_.size() < kMostKept);
  if (!std::holds_alternative<engine::RetryScheduled>(event.body) && !failing.by_child) {
    const std::optional<std::size_t> kind = count_failure(failing, caught);
    last_told_ = is_told && !caught ? kind : std::nullopt;
  }
  if (is_last) {
    ended_by_job_ = failing.of_job;
  }
  if (is_told) {
    of_failures_.missed -= is_allowed ? 0 : 1;
    tell({.kind = Notice::Kind::failed,
          .time = failing.time,
          .place = failing.place,
          .text = failure_text(failing.error, failing.cause),
          .then = std::move(then)},
         of_failures_);
  }
}

void RunCounts::on_child_event(const engine::Event& event, const engine::Engine& engine) {
  if (machine_ == nullptr) {
    return;
  }
  const bool timed_out = std::holds_alternative<engine::ExecutionTimedOut>(event.body);
  const auto* failed = std::get_if<engine::ExecutionFailed>(&event.body);
  if (std::holds_alternative<engine::TaskSucceeded>(event.body)) {
    ++tasks_ok_;
  } else if (std::holds_alternative<engine::TaskFailed>(event.body) ||
             std::holds_alternative<engine::TaskTimedOut>(event.body)) {
    ++tasks_failed_;
  } else if (std::holds_alternative<engine::RetryScheduled>(event.body)) {
    ++retries_;
  } else if (failed != nullptr || timed_out) {
    Failing failing;
    failing.place = place_of_child(event, engine);
    failing.time = event.time;
    failing.error = timed_out ? "States.Timeout" : failed->error.value_or("");
    failing.cause = timed_out ? "" : failed->cause.value_or("");
    count_failure(failing, false);
    if (of_failures_.take(event.time)) {
      tell({.kind = Notice::Kind::failed,
            .time = event.time,
            .place = failing.place,
            .text = failure_text(failing.error, failing.cause)},
           of_failures_);
    }
  }
}

/// Where a child has failed: in a state of its own, or as what its Map Run began.
Place RunCounts::place_of_child(const engine::Event& event, const engine::Engine& engine) const {
  Place place{event.state, std::nullopt};
  const engine::Execution* child = engine.find(event.execution);
  const engine::ChildOrigin* origin = child != nullptr ? child->origin.child.get() : nullptr;
  if (origin != nullptr && origin->item) {
    place.item = static_cast<std::uint32_t>(origin->item->index);
  }
  if (place.state == asl::StateId::none && origin != nullptr) {
    place.state = machine_->scope(origin->scope).owner;
  }
  return index(place.state) < names_.size() ? place : Place();
}

/// Its kind's place in failures(), where that is kept.
std::optional<std::size_t> RunCounts::count_failure(const Failing& failing, bool caught) {
  const std::string_view cause = first_line(failing.cause);
  std::string kind = kind_of(failing.error, cause);
  auto known = failure_kinds_.find(kind);
  if (known == failure_kinds_.end()) {
    if (failures_.size() == kMostKinds) {
      ++failures_not_kept_;
      return std::nullopt;
    }
    known = failure_kinds_.emplace(std::move(kind), failures_.size()).first;
    failures_.push_back({.error = one_line(failing.error, kMostName),
                         .cause = one_line(cause, kMostText),
                         .end = end_of_line(last_line(failing.cause), kMostText),
                         .first = failing.place,
                         .time = failing.time});
  }
  ++failures_[known->second].count;
  failures_[known->second].caught += caught ? 1 : 0;
  return known->second;
}

std::optional<std::size_t> RunCounts::told_at_end() const {
  const bool is_alone = last_told_ && status_ == engine::Status::failed && failures_[*last_told_].count == 1;
  return is_alone ? last_told_ : std::nullopt;
}

}  // namespace lockstep::report
