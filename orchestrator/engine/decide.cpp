#include "engine/decider.hpp"

namespace lockstep::engine {

void Engine::handle(const Input& input, Step& step) {
  Decider decider(*this, input, step);
  if (const auto* start = std::get_if<StartExecution>(&input.body)) {
    decider.start(*start);
  } else if (const auto* outcome = std::get_if<TaskOutcome>(&input.body)) {
    decider.take_outcome(*outcome);
  } else if (const auto* stop = std::get_if<StopExecution>(&input.body)) {
    decider.stop(*stop);
  } else if (const auto* answer = std::get_if<AnswerTask>(&input.body)) {
    decider.take_answer(*answer);
  } else if (const auto* redrive = std::get_if<RedriveExecution>(&input.body)) {
    decider.redrive(*redrive);
  } else if (const auto* again = std::get_if<RedispatchTask>(&input.body)) {
    decider.redispatch(*again);
  }
  decider.proceed();
}

std::uint64_t Decider::random() {
  // splitmix64: every call of an Input gets another number, the same ones when the Input is repeated.
  seed_ += 0x9E3779B97F4A7C15U;
  std::uint64_t z = seed_;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9U;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBU;
  return z ^ (z >> 31);
}

void Decider::start(const StartExecution& start) {
  Event& event = step_.events.emplace_back();
  event.execution = start.id;
  event.time = now_;
  event.id = 1;
  event.body = ExecutionStarted{start.identity, start.machine, start.input};
  engine_.start(event, std::get<ExecutionStarted>(event.body));
}

void Decider::proceed() {
  while (!engine_.timers_held_ && !engine_.timers_.empty() && engine_.timers_.top().deadline <= now_) {
    const Engine::Timer timer = engine_.timers_.top();
    engine_.timers_.pop();
    if (!engine_.is_live(timer)) {
      continue;
    }
    Execution& execution = *engine_.executions_.at(timer.execution);
    if (timer.strand == StrandId::none) {
      time_out(execution);
    } else {
      engine_.make_ready(execution, *execution.find(timer.strand));
    }
  }
  Execution* execution = nullptr;
  while (!engine_.ready_.empty() && budget_ > 0) {
    const Engine::Ready ready = engine_.ready_.front();
    engine_.ready_.pop_front();
    if (execution == nullptr || execution->id != ready.execution) {
      const auto found = engine_.executions_.find(ready.execution);
      if (found == engine_.executions_.end()) {
        continue;
      }
      execution = found->second.get();
    }
    if (Strand* strand = execution->find(ready.strand); strand != nullptr && strand->queued) {
      run(*execution, *strand);
    }
  }
}

void Decider::run(Execution& execution, Strand& strand) {
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
Decider::Progress Decider::advance(Execution& execution, Strand& strand) {
  switch (strand.phase) {
    case Phase::entering: {
      const std::uint64_t limit = engine_.limits_.history_events;
      if (limit != 0 && execution.last_event_id + 1 >= limit) {
        Failure failure;
        failure.error = "States.Runtime";
        failure.cause = fmt::format("The execution reached the maximum number of history events ({}).", limit);
        failure.catchable = false;
        handle_failure(execution, strand, failure);
        return Progress::more;
      }
      emit(execution, strand, StateEntered{strand.state, strand.input});
      return Progress::more;
    }
    case Phase::entered:
      begin_work(execution, strand);
      return Progress::more;
    case Phase::task:
      return Progress::waits;
    case Phase::waiting:
      if (strand.deadline > now_) {
        return Progress::waits;
      }
      end_wait(execution, strand);
      return Progress::more;
    case Phase::retrying:
      if (strand.deadline > now_) {
        return Progress::waits;
      }
      begin_work(execution, strand);
      return Progress::more;
    case Phase::callback: {
      const Call& call = *strand.call;
      if ((!call.timeout_at && !call.heartbeat_at) || strand.deadline > now_) {
        return Progress::waits;
      }
      emit(execution, strand, TaskTimedOut{call.heartbeat_at == strand.deadline && call.timeout_at != strand.deadline});
      return Progress::more;
    }
    case Phase::children:
      return continue_children(execution, strand);
    case Phase::result_ready:
      complete(execution, strand, execution.machine->state(strand.state), strand.result);
      return Progress::more;
    case Phase::failing: {
      const Failure failure = *strand.failure;
      handle_failure(execution, strand, failure);
      return Progress::more;
    }
    case Phase::done:
      finish_strand(execution, strand);
      return Progress::gone;
  }
  return Progress::waits;
}

void Decider::begin_work(Execution& execution, Strand& strand) {
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
void Decider::finish_strand(Execution& execution, Strand& strand) {
  if (strand.id == StrandId::top) {
    const Value output = strand.input;
    emit(execution, strand, ExecutionSucceeded{output});
    step_.effects.emplace_back(EndExecution{execution.id, Status::succeeded, output, std::nullopt, std::nullopt});
    return;
  }
  emit(execution, strand, ChildSucceeded{strand.parent, strand.index, strand.iteration});
}

void Decider::cancel_tasks(const Execution& execution) {
  for (const Strand& strand : execution.strands) {
    if (strand.phase == Phase::task) {
      step_.effects.emplace_back(
          CancelTask{{static_cast<std::uint64_t>(execution.id), strand.visit(), strand.dispatches}});
    }
  }
}

void Decider::time_out(Execution& execution) {
  cancel_tasks(execution);
  emit(execution, ExecutionTimedOut{});
  step_.effects.emplace_back(EndExecution{execution.id, Status::timed_out, Value(), std::nullopt, std::nullopt});
}

void Decider::answer(Execution* execution, const std::string& request, Verdict verdict) {
  if (request.empty()) {
    return;
  }
  // What changed nothing needs no record: it would be answered the same way again.
  if (execution != nullptr && verdict == Verdict::accepted) {
    emit(*execution, RequestTaken{request, verdict});
  }
  step_.effects.emplace_back(AnswerRequest{request, verdict});
}

bool Decider::answered_before(const Execution& execution, const std::string& request) {
  for (const RequestTaken& taken : execution.requests) {
    if (taken.request == request) {
      step_.effects.emplace_back(AnswerRequest{request, taken.verdict});
      return true;
    }
  }
  return false;
}

void Decider::stop(const StopExecution& stop) {
  const auto found = engine_.executions_.find(stop.id);
  if (found == engine_.executions_.end()) {
    answer(nullptr, stop.request, Verdict::execution_does_not_exist);
    return;
  }
  Execution& execution = *found->second;
  if (answered_before(execution, stop.request)) {
    return;
  }
  if (execution.status == Status::running) {
    cancel_tasks(execution);
    emit(execution, ExecutionAborted{stop.error, stop.cause});
    step_.effects.emplace_back(EndExecution{execution.id, Status::aborted, Value(), stop.error, stop.cause});
  }
  answer(&execution, stop.request, Verdict::accepted);
}

void Decider::redrive(const RedriveExecution& redrive) {
  const auto found = engine_.executions_.find(redrive.id);
  if (found == engine_.executions_.end()) {
    answer(nullptr, redrive.request, Verdict::execution_does_not_exist);
    return;
  }
  Execution& execution = *found->second;
  if (answered_before(execution, redrive.request)) {
    return;
  }
  if (execution.status == Status::running || execution.status == Status::succeeded || execution.strands.empty()) {
    answer(&execution, redrive.request, Verdict::execution_not_redrivable);
    return;
  }
  emit(execution, ExecutionRedriven{execution.redrive_count + 1}, execution.last_event_id);
  answer(&execution, redrive.request, Verdict::accepted);
}

}  // namespace lockstep::engine
