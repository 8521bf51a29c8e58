#include "service/nested_performer.hpp"

#include <algorithm>

#include "engine/snapshot.hpp"
#include "integrations/sdk_metadata.hpp"

namespace lockstep::service {

namespace {

bool is_sync_start(const Request& request) {
  const auto* start = std::get_if<Start>(&request);
  return start != nullptr && start->sync;
}

}  // namespace

/// The same for the same dispatch, also of another owner's, where the journal knows it.
std::string NestedPerformer::request_of(const engine::DispatchTask& dispatch) const {
  return fmt::format("task-{}{}", work::dispatch_text(dispatch.id),
                     dispatch.journalled ? "" : fmt::format("-{:x}", parts_.owner));
}

/// Of the request, as AWS has it, and the name of an execution that is given none.
std::string NestedPerformer::uuid_of(const engine::DispatchTask& dispatch) const {
  work::DispatchId id = dispatch.id;
  if (!dispatch.journalled) {
    id.execution = work::ExecutionId{static_cast<std::uint64_t>(id.execution) ^ parts_.owner};
  }
  return integrations::request_id(id);
}

void NestedPerformer::dispatch(engine::DispatchTask dispatch) {
  ask(std::move(dispatch));
  wake();
}

void NestedPerformer::ask(engine::DispatchTask dispatch) {
  const work::DispatchId id = dispatch.id;
  std::string request = request_of(dispatch);
  by_request_.emplace(request, id);
  Asked& asked = asked_.insert_or_assign(id, Asked{std::move(dispatch), std::move(request)}).first->second;
  auto call = nested_call(asked.dispatch, uuid_of(asked.dispatch));
  if (!call) {
    fail(asked, std::move(call.error()));
  } else if (call->describe) {
    const auto described = parts_.describe(*call->describe);
    if (described) {
      succeed(asked, description_result(engine::resource_of(asked.dispatch), *described));
    } else {
      answer(asked, described.error());
    }
  } else if (is_sync_start(call->request) && asked.dispatch.journalled) {
    // At most once: whoever finds this note after a crash does not start it.
    say(asked, engine::TaskProgress::Kind::noted, Value::boolean(true));
    noting_.push_back(id);
    asked.body = std::move(call->request);
  } else {
    requests_.push_back({asked.request, std::move(call->request)});
  }
}

void NestedPerformer::cancel(const engine::DispatchId& id) {
  const auto known = asked_.find(id);
  if (known == asked_.end()) {
    return;
  }
  Asked& asked = known->second;
  if (!asked.child.empty()) {
    stop(asked.child, asked.request);
    close(asked);
  } else if (std::erase_if(requests_, [&](const Incoming& one) { return one.id == asked.request; }) > 0 ||
             std::erase(noting_, id) + std::erase(noted_, id) > 0) {
    close(asked);
  } else {
    asked.cancelled = true;  // until it is known what it has led to
  }
}

/// What an owner before has asked for stands among the requests of the execution that it was about.
Result<std::vector<Fate>> NestedPerformer::recover(const std::vector<engine::DispatchTask>& open) {
  std::unordered_set<std::string> known;
  std::unordered_set<work::DispatchId, work::DispatchIdHash> waiting;
  for (const engine::DispatchTask& dispatch : open) {
    waiting.insert(dispatch.id);
  }
  for (const engine::ExecutionId id : engine::Snapshot::executions(parts_.engine)) {
    const engine::Execution& execution = *parts_.engine.find(id);
    for (const engine::RequestTaken& taken : *execution.requests) {
      known.insert(taken.request);
    }
    const engine::ChildOrigin* child = execution.origin.child.get();
    if (child != nullptr && child->scope == asl::ScopeId::top && child->parent &&
        execution.status == engine::Status::running && !waiting.contains(*child->parent)) {
      stop(execution.identity->arn(), fmt::format("task-{}", work::dispatch_text(*child->parent)));
    }
  }
  std::vector<Fate> fates;
  fates.reserve(open.size());
  for (const engine::DispatchTask& dispatch : open) {
    if (known.contains(request_of(dispatch))) {
      ask(dispatch);
      fates.emplace_back(StillRunning{});
    } else if (dispatch.note) {
      fates.emplace_back(
          work::failed(dispatch.id, std::string(work::kTaskInterrupted),
                       "the run was cut off while the synchronous execution was running, which is begun at most once",
                       parts_.clock.now()));
    } else {
      fates.emplace_back(GoesOutAgain{});
    }
  }
  return fates;
}

bool NestedPerformer::report(const TakeIn& take) {
  if (inputs_.empty() && answered_.empty()) {
    return false;
  }
  journal::SequenceNumber last = 0;
  for (engine::InputBody& input : std::exchange(inputs_, {})) {
    last = take(std::move(input));
  }
  for (const work::DispatchId& id : std::exchange(noting_, {})) {
    asked_.at(id).after = last;
    noted_.push_back(id);
  }
  settled_.insert(settled_.end(), answered_.begin(), answered_.end());
  answered_.clear();
  wake();  // for what is settled
  return true;
}

void NestedPerformer::durable(journal::SequenceNumber last) {
  std::erase_if(noted_, [&](const work::DispatchId& id) {
    Asked& asked = asked_.at(id);
    if (asked.after > last) {
      return false;
    }
    requests_.push_back({asked.request, std::move(asked.body)});
    wake();
    return true;
  });
}

std::chrono::milliseconds NestedPerformer::longest_rest() const {
  constexpr std::chrono::milliseconds kLongest = std::chrono::hours(1);
  if (deadlines_.empty()) {
    return kLongest;
  }
  const std::chrono::microseconds left(deadlines_.begin()->first.us - parts_.clock.now().us);
  return std::clamp(std::chrono::ceil<std::chrono::milliseconds>(left), std::chrono::milliseconds(0), kLongest);
}

void NestedPerformer::time_out() {
  const Timestamp now = parts_.clock.now();
  while (!deadlines_.empty() && deadlines_.begin()->first <= now) {
    Asked& asked = asked_.at(deadlines_.begin()->second);
    work::Outcome outcome;
    outcome.id = asked.dispatch.id;
    outcome.kind = work::OutcomeKind::timed_out;
    outcome.started = outcome.ended = now;
    inputs_.emplace_back(std::move(outcome));
    stop(asked.child, asked.request);
    close(asked);
  }
}

std::vector<Incoming> NestedPerformer::take() {
  time_out();
  return std::exchange(requests_, {});
}

void NestedPerformer::reply(const std::string& id, const Reply& reply) {
  if (stops_.erase(id) > 0) {
    settled_.push_back(id);
    return;
  }
  const auto known = by_request_.find(id);
  if (known == by_request_.end()) {
    return;
  }
  Asked& asked = asked_.at(known->second);
  std::visit(
      [&](const auto& body) {
        if constexpr (requires { answer(asked, body); }) {  // the others answer what is never asked here
          answer(asked, body);
        }
      },
      reply);
  wake();
}

void NestedPerformer::answer(Asked& asked, const Accepted& /*accepted*/) {
  succeed(asked, done_result(engine::resource_of(asked.dispatch), parts_.clock.now()));
}

void NestedPerformer::answer(Asked& asked, const Refused& refused) {
  fail(asked, failure_of(engine::resource_of(asked.dispatch), refused, uuid_of(asked.dispatch)));
}

void NestedPerformer::answer(Asked& asked, const Started& started) {
  const asl::Resource& resource = engine::resource_of(asked.dispatch);
  const bool waits = waits_for_end(resource);
  if (asked.cancelled) {
    if (waits) {
      stop(started.execution_arn, asked.request);
    }
    close(asked);
    return;
  }
  const Value result = start_result(resource, started, uuid_of(asked.dispatch));
  if (!waits && !resource.is_submitted()) {
    succeed(asked, result);
    return;
  }
  if (resource.is_submitted()) {
    say(asked, engine::TaskProgress::Kind::submitted, result);
  }
  if (!waits) {
    close(asked);
    return;
  }
  asked.child = started.execution_arn;
  if (const auto seconds = asked.dispatch.timeout_seconds; seconds && !resource.is_submitted()) {
    // Of what was submitted the engine watches the time.
    asked.until = Timestamp{started.at.us + *seconds * kMicrosPerSecond};
    deadlines_.emplace(*asked.until, asked.dispatch.id);
  }
}

void NestedPerformer::answer(Asked& asked, const Ended& ended) {
  if (asked.cancelled) {
    close(asked);
    return;
  }
  const asl::Resource& resource = engine::resource_of(asked.dispatch);
  const engine::Execution& execution = *parts_.engine.find(ended.end.id);
  const Description description = describe(execution, ended.end);
  if (resource.is_submitted() && asked.child.empty()) {
    const Started started{description.execution_arn, description.started, execution.id};
    say(asked, engine::TaskProgress::Kind::submitted, start_result(resource, started, uuid_of(asked.dispatch)));
  }
  Value result = description_result(resource, description);
  if (resource.is_submitted() && description.status != engine::Status::succeeded) {
    fail(asked, {"States.TaskFailed", result.to_text()});
  } else {
    succeed(asked, std::move(result));
  }
}

void NestedPerformer::say(const Asked& asked, engine::TaskProgress::Kind kind, Value value) {
  inputs_.emplace_back(engine::TaskProgress{asked.dispatch.id, kind, parts_.clock.now(), std::move(value)});
}

void NestedPerformer::succeed(Asked& asked, Value result) {
  work::Outcome outcome;
  outcome.id = asked.dispatch.id;
  outcome.result = std::move(result);
  outcome.started = outcome.ended = parts_.clock.now();
  inputs_.emplace_back(std::move(outcome));
  close(asked);
}

void NestedPerformer::fail(Asked& asked, integrations::Failure failure) {
  inputs_.emplace_back(
      work::failed(asked.dispatch.id, std::move(failure.error), std::move(failure.cause), parts_.clock.now()));
  close(asked);
}

/// Nothing more comes of it. Its request is settled with what is to be reported of it.
void NestedPerformer::close(Asked& asked) {
  if (asked.until) {
    deadlines_.erase({*asked.until, asked.dispatch.id});
  }
  by_request_.erase(asked.request);
  answered_.insert(std::move(asked.request));
  asked_.erase(work::DispatchId(asked.dispatch.id));
}

void NestedPerformer::stop(const std::string& execution_arn, const std::string& request) {
  const std::string id = request + "-stop";
  stops_.insert(id);
  requests_.push_back({id, Stop{execution_arn, std::nullopt, std::nullopt}});
  wake();
}

void NestedPerformer::wake() const {
  if (waker_ != nullptr) {
    waker_->wake();
  }
}

}  // namespace lockstep::service
