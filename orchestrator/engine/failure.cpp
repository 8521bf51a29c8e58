// What becomes of a failure: Retry, Catch, or on to the enclosing state (asl.md section 8).
#include "engine/decider.hpp"
#include "value/builder.hpp"

namespace lockstep::engine {

namespace {

bool names(const std::vector<std::string>& error_equals, const Failure& failure) {
  const std::string& error = failure.error ? *failure.error : std::string();
  const bool no_task_failed =
      error == "States.Timeout" || error == "States.HeartbeatTimeout" || error == "States.ResultPathMatchFailure";
  for (const std::string& name : error_equals) {
    if (name == "States.ALL" || (name == "States.TaskFailed" && !no_task_failed) || (failure.error && name == error) ||
        (!failure.also_matches.empty() && name == failure.also_matches)) {
      return true;
    }
  }
  return false;
}

Value error_output(const Failure& failure) {
  Builder builder;
  builder.begin_object();
  builder.key("Error");
  builder.string(failure.error.value_or(""));
  builder.key("Cause");
  builder.string(failure.cause.value_or(""));
  builder.end_object();
  return builder.finish();
}

}  // namespace

std::string state_cause(const Execution& execution, const Strand& strand, std::string_view message) {
  return fmt::format("An error occurred while executing the state '{}' (entered at the event id #{}). {}",
                     execution.machine->state(strand.state).name, strand.entered_id, message);
}

void Decider::evaluation_failed(const Execution& execution, const Strand& strand, const query::Failure& failure) {
  const std::string cause = state_cause(execution, strand, failure.cause);
  if (failure.error == "States.QueryEvaluationError") {
    const bool in_wait = execution.machine->state(strand.state).type == asl::StateType::wait;
    emit(execution, strand, strand.state, engine::EvaluationFailed{cause, failure.location},
         in_wait ? strand.entered_id : strand.entered_previous);
    return;  // the strand is failing now: advance() goes on from there
  }
  Failure direct;
  direct.error = failure.error;
  direct.cause = cause;
  direct.catchable = failure.error != "States.Runtime";
  handle_failure(execution, strand, direct);
}

void Decider::runtime_error(const Execution& execution, const Strand& strand, std::string_view message) {
  evaluation_failed(execution, strand, {"States.Runtime", std::string(message), ""});
}

void Decider::handle_failure(const Execution& execution, const Strand& strand, const Failure& failure) {
  token_.clear();
  const asl::State& state = execution.machine->state(strand.state);
  if (strand.failure == nullptr && strand.children != nullptr && strand.children->running > 0) {
    emit(execution, strand, WorkFailed{failure.error, failure.cause, failure.catchable});
  }
  abort_children(execution, strand);
  if (failure.catchable && !failure.reported && retry(execution, strand, state, failure)) {
    return;
  }
  const bool has_children = state.type == asl::StateType::map || state.type == asl::StateType::parallel;
  if (has_children && !failure.reported && (failure.catchable || failure.from_child)) {
    // Says it once; the strand is failing then, and comes here again.
    emit(execution, strand, ChildrenFailed{failure.error, failure.cause, failure.catchable});
    return;
  }
  if (failure.catchable && catch_failure(execution, strand, state, failure)) {
    return;
  }
  fail_strand(execution, strand, failure);
}

/// Gives up what still runs below a strand: each child, then the state that is open in it, then what runs below that
/// (aws-behaviour.md 8, 11). After a crash within that it says what is left to say.
void Decider::abort_children(const Execution& execution, const Strand& strand) {
  if (strand.children == nullptr || (strand.children->running == 0 && execution.lines_due == 0)) {
    return;
  }
  std::vector<std::pair<StrandId, StrandId>> by_parent;
  by_parent.reserve(execution.strands.size());
  for (const Strand& child : execution.strands) {
    if (!child.given_up || execution.lines_due != 0) {
      by_parent.emplace_back(child.parent, child.id);
    }
  }
  std::sort(by_parent.begin(), by_parent.end());
  std::vector<StrandId> order;
  const auto collect = [&](const auto& self, StrandId parent) -> void {
    const auto first = std::lower_bound(by_parent.begin(), by_parent.end(), std::pair{parent, StrandId::top});
    for (auto at = first; at != by_parent.end() && at->first == parent; ++at) {
      const Strand& child = *execution.find(at->second);
      if (child.phase == Phase::task) {
        want(execution, CancelTask{execution.dispatch_id(child)});
      }
      order.push_back(child.id);
      self(self, child.id);
    }
  };
  collect(collect, strand.id);
  // Whose line a crash came before.
  std::stable_partition(order.begin(), order.end(), [&](StrandId id) {
    const Strand& child = *execution.find(id);
    return child.state_line && !child.child_line;
  });
  for (const StrandId id : order) {
    const Strand& child = *execution.find(id);
    if (child.child_line || !child.given_up) {
      emit(execution, child, child.state, ChildAborted{child.parent, child.index, child.iteration}, strand.previous);
    }
    if (child.state_line) {
      say_map_run_aborted(execution, child, strand.previous);
      emit(execution, child, child.state, StateAborted{}, strand.previous);
    }
  }
}

bool Decider::retry(const Execution& execution, const Strand& strand, const asl::State& state, const Failure& failure) {
  for (std::uint32_t i = 0; i < state.retry.size(); ++i) {
    const asl::Retrier& retrier = state.retry[i];
    if (!names(retrier.error_equals, failure)) {
      continue;
    }
    took(strand, RuleTaken::Kind::retrier, i);
    const std::uint32_t uses = i < strand.retrier_uses->size() ? (*strand.retrier_uses)[i] : 0;
    if (uses >= static_cast<std::uint64_t>(retrier.max_attempts)) {
      return false;  // the first that matches decides, also when it is used up
    }
    double delay = static_cast<double>(retrier.interval_seconds) * std::pow(retrier.backoff_rate, uses);
    constexpr double kLongest = 100.0 * 366 * 86400;
    delay = std::min(delay, retrier.max_delay_seconds ? static_cast<double>(*retrier.max_delay_seconds) : kLongest);
    if (retrier.full_jitter) {
      delay *= static_cast<double>(random() >> 11) * 0x1p-53;
    }
    emit(execution, strand,
         RetryScheduled{i, Timestamp{now_.us + static_cast<std::int64_t>(delay * kMicrosPerSecond)}});
    return true;
  }
  return false;
}

bool Decider::catch_failure(const Execution& execution, const Strand& strand, const asl::State& state,
                            const Failure& failure) {
  for (const asl::Catcher& catcher : state.catchers) {
    if (!names(catcher.error_equals, failure)) {
      continue;
    }
    took(strand, RuleTaken::Kind::catcher, static_cast<std::size_t>(&catcher - state.catchers.data()));
    const Value caught = error_output(failure);
    StrandEnvironment environment = environment_for(execution, strand);
    Failure inner;  // what goes wrong here can be caught by nothing of this state
    inner.catchable = false;
    inner.reported = true;
    const auto give_up = [&](const query::Failure& problem) {
      inner.error = problem.error;
      inner.cause = state_cause(execution, strand, problem.cause);
      fail_strand(execution, strand, inner);
      return true;
    };
    Value output = caught;
    if (state.language == asl::QueryLanguage::jsonata) {
      environment.input = strand.input;
      environment.error_output = &caught;
      if (catcher.output != nullptr) {
        auto value = catcher.output->evaluate(environment);
        if (!value) {
          return give_up(value.error());
        }
        output = *std::move(value);
      }
    } else if (catcher.result_path.mode == asl::ResultPath::Mode::discard) {
      output = strand.input;
    } else if (catcher.result_path.mode == asl::ResultPath::Mode::place) {
      auto placed = catcher.result_path.path->place(strand.input, caught);
      if (!placed) {
        return give_up({"States.ResultPathMatchFailure", placed.error().detail, ""});
      }
      output = *std::move(placed);
    }
    std::optional<Value> assigned;
    if (catcher.assign != nullptr) {
      if (state.language == asl::QueryLanguage::jsonpath) {
        environment.input = caught;
      }
      auto value = catcher.assign->evaluate(environment);
      if (!value) {
        return give_up(value.error());
      }
      assigned = *std::move(value);
    }
    leave(execution, strand, std::move(output), catcher.next, assigned);
    return true;
  }
  return false;
}

/// Nothing in the strand's state handles the failure: the strand fails, and with it the enclosing state or the
/// execution.
void Decider::fail_strand(const Execution& execution, const Strand& strand, const Failure& failure) {
  if (strand.id == StrandId::top) {
    emit(execution, strand, ExecutionFailed{failure.error, failure.cause});
    want(execution, EndExecution{execution.id, Status::failed, Value(), failure.error, failure.cause});
    return;
  }
  emit(execution, strand,
       ChildFailed{strand.parent, strand.index, strand.iteration, failure.error, failure.cause, failure.catchable});
  if (strand.state_line) {
    emit(execution, strand, StateAborted{});
  }
}

}  // namespace lockstep::engine
