#include "service/mock_performer.hpp"

#include <fmt/format.h>

#include "integrations/envelope.hpp"
#include "mpi_worker/builtin.hpp"

namespace lockstep::service {

using integrations::MockedResponse;

namespace {

const std::string& state_of(const engine::DispatchTask& dispatch) {
  return dispatch.machine->state(dispatch.state).name;
}

std::chrono::microseconds seconds(std::int64_t count) {
  return std::chrono::seconds(count);
}

/// What a job that needs no process comes to, and after how long; nothing where it needs one.
struct BuiltinEnd {
  work::Outcome outcome;
  std::chrono::microseconds delay{0};
};
std::optional<BuiltinEnd> run_builtin(const work::Job& job, const Value& input) {
  BuiltinEnd end;
  worker::Task task;
  task.input = input;
  if (worker::run_at_once(job, task, end.outcome)) {
    return end;
  }
  if (job.kind != work::JobKind::builtin) {
    return std::nullopt;
  }
  if (const auto time = worker::sleep_duration(input)) {
    end.delay = *time;
  } else {
    end.outcome.kind = work::OutcomeKind::failed;
    end.outcome.error = "Lockstep.BadArguments";
    end.outcome.cause = time.error();
  }
  return end;
}

}  // namespace

Answer CaseAnswers::operator()(const engine::DispatchTask& dispatch) {
  const std::string& state = state_of(dispatch);
  const auto mocked = test_.responses.find(state);
  if (mocked == test_.responses.end()) {
    return unmocked(dispatch, state);
  }
  const std::uint64_t invocation = invocations_[state]++;
  if (const MockedResponse* response = file_.responses.at(mocked->second).find(invocation)) {
    return *response;
  }
  return tl::unexpected(Unanswered{true, fmt::format("'{}' has no response for invocation {} of the state '{}'",
                                                     mocked->second, invocation, state)});
}

Answer CaseAnswers::unmocked(const engine::DispatchTask& dispatch, const std::string& state) const {
  const asl::Resource& resource = engine::resource_of(dispatch);
  const auto refuse = [&](std::string_view because) {
    return tl::unexpected(Unanswered{
        false, fmt::format("the state '{0}' is not mocked in the case '{1}'{2}: name a response for '{0}' in its "
                           "TestCases, or map {3} to a builtin job (noop, echo, fail, sleep) with --jobs",
                           state, test_.name, because, resource.text)});
  };
  const auto resolved = jobs_.resolve(resource, dispatch.parameters, dispatch.id);
  if (!resolved) {
    return refuse("");
  }
  const work::Job& job = jobs_.jobs()[static_cast<std::size_t>(resolved->job)];
  auto end = run_builtin(job, resolved->input);
  if (!end) {
    return refuse(", and its job needs a process");
  }
  end->outcome.id = dispatch.id;
  work::Outcome outcome = integrations::wrap(resolved->wrapping, std::move(end->outcome)).outcome;
  MockedResponse response;
  response.delay = end->delay;
  if (outcome.kind == work::OutcomeKind::succeeded) {
    response.result = std::move(outcome.result);
  } else {
    response.kind = MockedResponse::Kind::throws;
    response.error = std::move(outcome.error);
    response.cause = std::move(outcome.cause);
  }
  return response;
}

void MockPerformer::dispatch(engine::DispatchTask dispatch) {
  auto response = answer_of_(dispatch);
  if (!response) {
    if (!stuck_) {
      stuck_ = {std::move(dispatch), std::move(response.error())};
    }
  } else if (!engine::is_map_run(dispatch) && engine::resource_of(dispatch).waits_for_token()) {
    answer_by_token(dispatch, *std::move(response));
  } else {
    answer(dispatch, *std::move(response));
  }
}

void MockPerformer::later(const engine::DispatchId& id, std::chrono::microseconds delay, engine::InputBody input) {
  due_.emplace(Due{Timestamp{clock_.now().us + delay.count()}, ++asked_}, std::pair{id, std::move(input)});
}

/// As a worker would, which watches the time of its task.
void MockPerformer::answer(const engine::DispatchTask& dispatch, MockedResponse response) {
  using Kind = MockedResponse::Kind;
  constexpr auto kNever = std::chrono::microseconds::max();
  const auto timeout = dispatch.timeout_seconds ? seconds(*dispatch.timeout_seconds) : kNever;
  const auto heartbeat = dispatch.heartbeat_seconds ? seconds(*dispatch.heartbeat_seconds) : kNever;
  work::Outcome outcome;
  outcome.id = dispatch.id;
  outcome.started = clock_.now();
  const bool answers = response.kind == Kind::returns || response.kind == Kind::throws;
  if (answers && response.delay <= std::min(timeout, heartbeat)) {
    outcome.kind = response.kind == Kind::returns ? work::OutcomeKind::succeeded : work::OutcomeKind::failed;
    outcome.result = std::move(response.result);
    outcome.error = std::move(response.error);
    outcome.cause = std::move(response.cause).value_or("");
  } else {
    const bool in_silence = response.kind != Kind::times_out && heartbeat < timeout;
    outcome.kind = in_silence ? work::OutcomeKind::heartbeat_missed : work::OutcomeKind::timed_out;
    response.delay = in_silence ? heartbeat : timeout;
  }
  if (response.delay.count() > 0) {
    later(dispatch.id, {}, engine::TaskProgress{dispatch.id, engine::TaskProgress::Kind::started, clock_.now(), {}});
  }
  outcome.ended = Timestamp{clock_.now().us + response.delay.count()};
  later(dispatch.id, response.delay, std::move(outcome));
}

/// The engine itself watches the time of a task with a token, from when its job has ended.
void MockPerformer::answer_by_token(const engine::DispatchTask& dispatch, MockedResponse response) {
  const engine::TaskProgress submitted{dispatch.id, engine::TaskProgress::Kind::submitted, clock_.now(),
                                       Value::empty_object()};
  if (response.kind == MockedResponse::Kind::times_out && dispatch.timeout_seconds) {
    later(dispatch.id, seconds(*dispatch.timeout_seconds), submitted);  // no heartbeat is watched before
    return;
  }
  later(dispatch.id, {}, submitted);
  engine::AnswerTask answer{"", dispatch.token, engine::AnswerTask::Kind::success, std::move(response.result), {}, {}};
  if (response.kind == MockedResponse::Kind::throws) {
    answer.kind = engine::AnswerTask::Kind::failure;
    answer.error = std::move(response.error);
    answer.cause = std::move(response.cause);
  } else if (response.kind != MockedResponse::Kind::returns) {
    return;
  }
  later(dispatch.id, response.delay, std::move(answer));
}

bool MockPerformer::report(const TakeIn& take) {
  const Timestamp now = clock_.now();
  bool said = false;
  while (!due_.empty() && due_.begin()->first.first <= now) {
    auto [id, input] = std::move(due_.extract(due_.begin()).mapped());
    if (!cancelled_.contains(id)) {
      take(std::move(input));
      said = true;
    }
  }
  return said;
}

std::optional<Timestamp> MockPerformer::next() const {
  return due_.empty() ? std::nullopt : std::optional(due_.begin()->first.first);
}

}  // namespace lockstep::service
