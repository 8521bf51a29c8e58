#include "service/activity_performer.hpp"

#include <algorithm>

#include "catalogue/names.hpp"

namespace lockstep::service {

void ActivityPerformer::dispatch(engine::DispatchTask dispatch) {
  Activity& activity = activities_[catalogue::activity_arn(engine::resource_of(dispatch).action)];
  places_.emplace(dispatch.id, Waiting{&activity, next_});
  activity.tasks.emplace(next_++, std::move(dispatch));
  if (!activity.polls.empty()) {
    may_match_ = true;
    parts_.waker.wake();
  }
}

void ActivityPerformer::cancel(const engine::DispatchId& id) {
  if (const auto place = places_.extract(id)) {
    place.mapped().activity->tasks.erase(place.mapped().number);
  }
}

Result<std::vector<Fate>> ActivityPerformer::recover(const std::vector<engine::DispatchTask>& open) {
  const auto since = [this](const engine::DispatchTask* task) {
    return parts_.engine.find(task->id.execution)->find(task->id.strand)->entered_at;
  };
  std::vector<const engine::DispatchTask*> oldest_first;
  for (const engine::DispatchTask& task : open) {
    oldest_first.push_back(&task);
  }
  std::stable_sort(oldest_first.begin(), oldest_first.end(),
                   [&](const auto* a, const auto* b) { return since(a) < since(b); });
  for (const engine::DispatchTask* task : oldest_first) {
    dispatch(*task);
  }
  return std::vector<Fate>(open.size(), StillRunning{});
}

bool ActivityPerformer::report(const TakeIn& take) {
  bool any = false;
  if (std::exchange(may_match_, false)) {
    for (auto& [arn, activity] : activities_) {
      any = match(activity, take) || any;
    }
  }
  return any;
}

bool ActivityPerformer::poll(const std::string& request, const std::string& arn, const GetActivityTask& wanted,
                             const TakeIn& take) {
  Activity& activity = activities_[arn];
  if (const std::size_t most = parts_.engine.limits().activity_polls; most != 0 && activity.polls.size() >= most) {
    std::erase_if(activity.polls, [this](const Poll& poll) { return !is_awaited(poll); });
    if (activity.polls.size() >= most) {
      return false;
    }
  }
  const Timestamp until{parts_.clock.now().us + std::chrono::microseconds(kLongPoll).count()};
  activity.polls.push_back({request, wanted.worker, wanted.asker, until});
  next_end_ = std::min(next_end_, until);
  match(activity, take);
  return true;
}

/// While the run is being stopped, no worker gets anything: it would have little time to say what came of it.
bool ActivityPerformer::match(Activity& activity, const TakeIn& take) {
  bool any = false;
  while (!draining_ && !activity.tasks.empty() && !activity.polls.empty()) {
    const Poll& poll = activity.polls.front();
    bool is_over = !is_awaited(poll);
    while (!is_over && !activity.tasks.empty()) {
      const auto task = activity.tasks.extract(activity.tasks.begin());
      places_.erase(task.mapped().id);
      is_over = give(poll, task.mapped(), take);
      any = any || is_over;
    }
    if (is_over) {
      activity.polls.pop_front();
    }
  }
  return any;
}

/// False: nobody waits for that task any more.
bool ActivityPerformer::give(const Poll& poll, const engine::DispatchTask& task, const TakeIn& take) {
  engine::TaskProgress progress;
  progress.id = task.id;
  progress.kind = engine::TaskProgress::Kind::taken;
  progress.worker = poll.worker;
  progress.request = poll.request;
  take(std::move(progress));
  const engine::Execution* execution = parts_.engine.find(task.id.execution);
  const engine::Strand* strand = execution == nullptr ? nullptr : execution->find(task.id.strand);
  if (strand == nullptr || strand->call == nullptr || strand->call->note != Value::string(poll.request)) {
    return false;
  }
  taken_.insert_or_assign(poll.request, ActivityTask{task.token, task.parameters, task.heartbeat_seconds});
  return true;
}

std::optional<ActivityTask> ActivityPerformer::taken(const std::string& request) {
  auto found = taken_.extract(request);
  return found ? std::optional(std::move(found.mapped())) : std::nullopt;
}

std::vector<std::string> ActivityPerformer::expired() {
  std::vector<std::string> requests;
  const Timestamp now = parts_.clock.now();
  if (now < next_end_) {
    return requests;
  }
  next_end_ = Timestamp{INT64_MAX};
  for (auto& [arn, activity] : activities_) {
    while (!activity.polls.empty() && activity.polls.front().until <= now) {
      requests.push_back(std::move(activity.polls.front().request));
      activity.polls.pop_front();
    }
    if (!activity.polls.empty()) {
      next_end_ = std::min(next_end_, activity.polls.front().until);
    }
  }
  return requests;
}

}  // namespace lockstep::service
