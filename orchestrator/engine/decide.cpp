#include "engine/decider.hpp"
#include "engine/definition_change.hpp"
#include "value/random.hpp"

namespace lockstep::engine {

void Engine::handle(const Input& input, Step& step) {
  Decider decider(*this, input, step);
  if (const auto* start = std::get_if<StartExecution>(&input.body)) {
    decider.start(*start);
  } else if (const auto* join = std::get_if<JoinExecution>(&input.body)) {
    decider.join(*join);
  } else if (const auto* outcome = std::get_if<work::Outcome>(&input.body)) {
    decider.take_outcome(*outcome);
  } else if (const auto* progress = std::get_if<TaskProgress>(&input.body)) {
    decider.take_progress(*progress);
  } else if (const auto* stop = std::get_if<StopExecution>(&input.body)) {
    decider.stop(*stop);
  } else if (const auto* answer = std::get_if<AnswerTask>(&input.body)) {
    decider.take_answer(*answer);
  } else if (const auto* redrive = std::get_if<RedriveExecution>(&input.body)) {
    decider.redrive(*redrive);
  } else if (const auto* again = std::get_if<RedispatchTask>(&input.body)) {
    decider.redispatch(*again);
  } else if (const auto* report = std::get_if<MapRunReport>(&input.body)) {
    decider.take_children(*report);
  } else if (const auto* change = std::get_if<ChangeMapRun>(&input.body)) {
    decider.change_map_run(*change);
  }
  decider.proceed();
}

std::uint64_t Decider::random() {
  // Every call of an Input gets another number, the same ones when the Input is repeated.
  return next_random(seed_);
}

void Decider::start(const StartExecution& start) {
  if (const Execution* known = engine_.find(start.id)) {
    answered_before(*known, start.request);
    return;
  }
  Event& event = step_.events.emplace_back();
  event.execution = start.id;
  event.time = now_;
  event.id = 1;
  event.journalled = start.origin.type != ExecutionType::express_sync;
  event.body = ExecutionStarted{start.identity, start.machine, start.input, start.origin, start.request};
  engine_.start(event, std::get<ExecutionStarted>(event.body));
  if (!start.request.empty()) {
    want(*engine_.find(start.id), AnswerRequest{start.request, start.id, Verdict::accepted});
  }
}

void Decider::join(const JoinExecution& join) {
  const Execution* execution = engine_.find(join.id);
  if (execution != nullptr && answered_before(*execution, join.request)) {
    return;
  }
  const bool runs = execution != nullptr && execution->status == Status::running;
  if (runs) {
    emit(*execution, RequestTaken{join.request, Verdict::accepted});
  }
  answer(join.request, join.id, runs ? Verdict::accepted : Verdict::execution_does_not_exist);
}

void Decider::proceed() {
  while (!timers_held_ && !engine_.timers_.empty() && engine_.timers_.top().deadline <= now_) {
    const Engine::Timer timer = engine_.timers_.top();
    engine_.timers_.pop();
    if (!engine_.is_live(timer)) {
      continue;
    }
    const Execution& execution = *engine_.find(timer.execution);
    if (timer.strand == StrandId::none) {
      time_out(execution);
    } else {
      engine_.make_ready(execution, *execution.find(timer.strand));
    }
  }
  const Execution* execution = nullptr;
  while (!engine_.ready_.empty() && budget_ > 0) {
    const Engine::Ready ready = engine_.ready_.front();
    engine_.ready_.pop_front();
    if (execution == nullptr || execution->id != ready.execution) {
      execution = engine_.find(ready.execution);
    }
    const Strand* strand = execution == nullptr ? nullptr : execution->find(ready.strand);
    if (strand != nullptr && strand->queued) {
      run(*execution, *strand);
    }
  }
}

void Decider::run(const Execution& execution, const Strand& strand) {
  strand.queued = true;  // it is in hand: evolve need not queue it
  Progress progress = Progress::more;
  while (progress == Progress::more && budget_ > 0) {
    progress = advance(execution, strand);
    if (progress == Progress::more && strand.given_up) {
      progress = Progress::waits;
    }
  }
  if (progress == Progress::gone) {
    return;
  }
  strand.queued = false;
  if (progress != Progress::waits) {
    engine_.make_ready(execution, strand);
  }
}

/// One step of a strand; `later` when others have to go on first, `waits` when it has nothing more to do until
/// something happens outside it.
Decider::Progress Decider::advance(const Execution& execution, const Strand& strand) {
  switch (strand.phase) {
    case Phase::entering:
      if (is_full(execution, strand, 1)) {
        return Progress::waits;
      }
      emit(execution, strand, StateEntered{strand.state, strand.input});
      return Progress::more;
    case Phase::entered: {
      const asl::StateType type = execution.machine->state(strand.state).type;
      if (type != asl::StateType::wait && type != asl::StateType::fail && is_full(execution, strand, 1)) {
        return Progress::waits;
      }
      begin_work(execution, strand);
      return Progress::more;
    }
    case Phase::task:
      if (!strand.call->timeout_at || strand.deadline > now_ || is_full(execution, strand, 1)) {
        return Progress::waits;
      }
      want(execution, CancelTask{execution.dispatch_id(strand)});
      emit(execution, strand, TaskTimedOut{false});
      return Progress::more;
    case Phase::waiting:
      if (strand.deadline > now_ || is_full(execution, strand, 1)) {
        return Progress::waits;
      }
      end_wait(execution, strand);
      return Progress::more;
    case Phase::retrying:
      if (strand.deadline > now_ || is_full(execution, strand, 1)) {
        return Progress::waits;
      }
      begin_work(execution, strand);
      return Progress::more;
    case Phase::callback: {
      const Call& call = *strand.call;
      if ((!call.timeout_at && !call.heartbeat_at) || strand.deadline > now_ || is_full(execution, strand, 1)) {
        return Progress::waits;
      }
      emit(execution, strand, TaskTimedOut{call.heartbeat_at == strand.deadline && call.timeout_at != strand.deadline});
      return Progress::more;
    }
    case Phase::children:
      return continue_children(execution, strand);
    case Phase::result_ready:
      if (is_full(execution, strand, 1)) {
        return Progress::waits;
      }
      complete(execution, strand, execution.machine->state(strand.state), strand.result);
      return Progress::more;
    case Phase::failing: {
      const Failure failure = *strand.failure;
      handle_failure(execution, strand, failure);
      return Progress::more;
    }
    case Phase::done:
      if (strand.iteration && is_full(execution, strand, 1)) {
        return Progress::waits;
      }
      finish_strand(execution, strand);
      return Progress::gone;
  }
  return Progress::waits;
}

void Decider::begin_work(const Execution& execution, const Strand& strand) {
  const asl::State& state = execution.machine->state(strand.state);
  std::visit(
      [&](const auto& detail) {
        using Detail = std::decay_t<decltype(detail)>;
        if constexpr (std::is_same_v<Detail, asl::Pass>) {
          pass(execution, strand, state, detail);
        } else if constexpr (std::is_same_v<Detail, asl::Task>) {
          task(execution, strand, state, detail);
        } else if constexpr (std::is_same_v<Detail, asl::Choice>) {
          choice(execution, strand, state, detail);
        } else if constexpr (std::is_same_v<Detail, asl::Wait>) {
          wait(execution, strand, state, detail);
        } else if constexpr (std::is_same_v<Detail, asl::Succeed>) {
          succeed(execution, strand, state);
        } else if constexpr (std::is_same_v<Detail, asl::Fail>) {
          fail(execution, strand, state, detail);
        } else if constexpr (std::is_same_v<Detail, asl::Parallel>) {
          parallel(execution, strand, state, detail);
        } else {
          map(execution, strand, state, detail);
        }
      },
      state.detail);
}

/// The strand left its last state; it is gone afterwards.
void Decider::finish_strand(const Execution& execution, const Strand& strand) {
  if (strand.id == StrandId::top) {
    const Value output = strand.input;
    emit(execution, strand, ExecutionSucceeded{output});
    want(execution, EndExecution{execution.id, Status::succeeded, output, std::nullopt, std::nullopt});
    return;
  }
  emit(execution, strand, ChildSucceeded{strand.parent, strand.index, strand.iteration});
}

void Decider::cancel_tasks(const Execution& execution) {
  for (const Strand& strand : execution.strands) {
    if (strand.phase == Phase::task) {
      want(execution, CancelTask{execution.dispatch_id(strand)});
    }
  }
}

bool Decider::is_full(const Execution& execution, const Strand& strand, std::uint64_t more) {
  const std::uint64_t limit = engine_.limits_.history_events;
  if (limit == 0 || execution.last_event_id + more < limit || execution.origin.type != ExecutionType::standard) {
    return false;
  }
  const std::string error = "States.Runtime";
  const std::string cause = fmt::format("The execution reached the maximum number of history events ({}).", limit);
  cancel_tasks(execution);
  const Strand& top = *execution.find(StrandId::top);
  emit(execution, top, top.state, ExecutionFailed{error, cause}, strand.previous);
  want(execution, EndExecution{execution.id, Status::failed, Value(), error, cause});
  return true;
}

void Decider::time_out(const Execution& execution) {
  cancel_tasks(execution);
  emit(execution, ExecutionTimedOut{});
  want(execution, EndExecution{execution.id, Status::timed_out, Value(), std::nullopt, std::nullopt});
}

/// What the request changed names it (Execution::requests). What changed nothing needs no record: it would be answered
/// the same way again.
void Decider::answer(const std::string& request, ExecutionId execution, Verdict verdict, std::string cause) {
  if (!request.empty()) {
    step_.effects.push_back({AnswerRequest{request, execution, verdict, std::move(cause)}});
  }
}

bool Decider::answered_before(const Execution& execution, const std::string& request) {
  for (const RequestTaken& taken : *execution.requests) {
    if (taken.request == request) {
      want(execution, AnswerRequest{request, execution.id, taken.verdict});
      return true;
    }
  }
  return false;
}

void Decider::stop(const StopExecution& stop) {
  const Execution* found = engine_.find(stop.id);
  if (found == nullptr) {
    answer(stop.request, stop.id, Verdict::execution_does_not_exist);
    return;
  }
  const Execution& execution = *found;
  if (answered_before(execution, stop.request)) {
    return;
  }
  if (execution.status == Status::running) {
    cancel_tasks(execution);
    for (const Strand& strand : execution.strands) {
      say_map_run_aborted(execution, strand, strand.previous);
    }
    emit(execution, ExecutionAborted{stop.error, stop.cause, stop.request});
    want(execution, EndExecution{execution.id, Status::aborted, Value(), stop.error, stop.cause});
  }
  answer(stop.request, stop.id, Verdict::accepted);
}

void Decider::redrive(const RedriveExecution& redrive) {
  const Execution* found = engine_.find(redrive.id);
  if (found == nullptr) {
    answer(redrive.request, redrive.id, Verdict::execution_does_not_exist);
    return;
  }
  const Execution& execution = *found;
  if (answered_before(execution, redrive.request)) {
    return;
  }
  if (RedriveVerdict may = may_redrive(execution, redrive.machine.get(), engine_.limits_, now_);
      may.verdict != Verdict::accepted) {
    answer(redrive.request, redrive.id, may.verdict, std::move(may.cause));
    return;
  }
  emit(execution, ExecutionRedriven{execution.redrive_count + 1, redrive.request, redrive.machine, redrive.revision},
       execution.last_event_id);
  answer(redrive.request, redrive.id, Verdict::accepted);
}

}  // namespace lockstep::engine
