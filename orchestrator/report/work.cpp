#include "report/work.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "report/format.hpp"

namespace lockstep::report {

Work& Work::operator+=(const Work& other) {
  running += other.running;
  queued += other.queued;
  timers += other.timers;
  retries += other.retries;
  tokens += other.tokens;
  activities += other.activities;
  children += other.children;
  return *this;
}

bool waits_for_activity(const asl::StateMachine& machine, const engine::Strand& strand) {
  if (strand.call == nullptr || strand.token->empty()) {
    return false;
  }
  const auto* task = std::get_if<asl::Task>(&machine.state(strand.state).detail);
  return task != nullptr && task->resource.kind == asl::ResourceKind::activity;
}

Work work_of_items(std::uint64_t open, const Work& below) {
  Work work;
  const auto take = [&](std::uint64_t Work::*kind) {
    work.*kind = std::min(open, below.*kind);
    open -= work.*kind;
  };
  take(&Work::running);
  take(&Work::activities);
  take(&Work::tokens);
  take(&Work::children);
  take(&Work::retries);
  take(&Work::timers);
  work.queued = open;  // also what is between two states
  return work;
}

std::string work_text(const Work& work) {
  std::string text = fmt::format("running {}", grouped(work.running));
  text += work.queued > 0 ? fmt::format(" queued {}", grouped(work.queued)) : "";
  text += work.waiting() > 0 ? fmt::format(" waiting {}", grouped(work.waiting())) : "";
  return text;
}

std::string work_words(const Work& work) {
  std::string text;
  for (const auto& [count, word] :
       {std::pair(work.running, "running"), {work.queued, "queued"}, {work.waiting(), "waiting"}}) {
    if (count > 0) {
      text += fmt::format("{}{} {}", text.empty() ? "" : ", ", grouped(count), word);
    }
  }
  return text;
}

}  // namespace lockstep::report
