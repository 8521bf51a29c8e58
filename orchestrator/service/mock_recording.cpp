#include "service/mock_recording.hpp"

#include <fmt/format.h>

namespace lockstep::service {

using integrations::MockedResponse;

namespace {

/// Of a task that was given up before it came to anything.
constexpr std::chrono::microseconds kNever = std::chrono::hours(24 * 365 * 100);

void append_text(std::string& out, std::string_view key, std::string_view text) {
  append_json_string(out, key);
  out += ": ";
  append_json_string(out, text);
}

std::string text_of(const MockedResponse& response) {
  std::string text = "{";
  std::string scratch;
  switch (response.kind) {
    case MockedResponse::Kind::returns:
      text += "\"Return\": ";
      text += response.result.text(scratch);
      break;
    case MockedResponse::Kind::throws:
      text += "\"Throw\": {";
      append_text(text, "Error", response.error);
      if (response.cause) {
        text += ", ";
        append_text(text, "Cause", *response.cause);
      }
      text += '}';
      break;
    case MockedResponse::Kind::times_out:
      text += "\"Timeout\": true";
      break;
    case MockedResponse::Kind::misses_heartbeat:
      text += "\"Heartbeat\": true";
      break;
  }
  if (response.delay.count() > 0) {
    text += fmt::format(", \"Delay\": {}.{:06}", response.delay.count() / kMicrosPerSecond,
                        response.delay.count() % kMicrosPerSecond);
  }
  return text + "}";
}

/// The invocations of one state, those that are answered alike in one range.
std::string text_of(const std::vector<MockedResponse>& invocations) {
  std::string text = "{";
  for (std::size_t i = 0; i < invocations.size();) {
    std::size_t next = i + 1;
    while (next < invocations.size() && invocations[next] == invocations[i]) {
      ++next;
    }
    text += i == 0 ? "\n" : ",\n";
    text += next == i + 1 ? fmt::format("      \"{}\": ", i) : fmt::format("      \"{}-{}\": ", i, next - 1);
    text += text_of(invocations[i]);
    i = next;
  }
  return text + "\n    }";
}

std::string expectation(const engine::EndExecution& end) {
  std::string text = "{";
  append_text(text, "Status", engine::to_string(end.status));
  if (end.status == engine::Status::succeeded) {
    text += ", \"Output\": " + end.output.to_text();
  }
  for (const auto& [key, value] : {std::pair{"Error", &end.error}, std::pair{"Cause", &end.cause}}) {
    if (*value && end.status == engine::Status::failed) {
      text += ", ";
      append_text(text, key, **value);
    }
  }
  return text + "}";
}

}  // namespace

void StrandPlaces::follow(const engine::Event& event, const asl::StateMachine& machine) {
  if (std::holds_alternative<engine::StateEntered>(event.body)) {
    Strand& strand = strands_[event.strand];
    ++strand.visits;
    strand.retries = 0;
  } else if (std::holds_alternative<engine::RetryScheduled>(event.body)) {
    ++strands_[event.strand].retries;
  } else if (const auto* iteration = std::get_if<engine::MapIterationStarted>(&event.body)) {
    strands_[iteration->child] = {fmt::format("{}[{}]", place(event.strand), iteration->index)};
  } else if (const auto* parallel = std::get_if<engine::ParallelStarted>(&event.body)) {
    const std::size_t branches = std::get<asl::Parallel>(machine.state(event.state).detail).branches.size();
    for (std::uint32_t i = 0; i < branches; ++i) {
      strands_[engine::StrandId{static_cast<std::uint32_t>(parallel->first_child) + i}] = {
          fmt::format("{}[{}]", place(event.strand), i)};
    }
  }
}

std::string StrandPlaces::place(engine::StrandId id) const {
  const auto found = strands_.find(id);
  return found == strands_.end()
             ? ""
             : fmt::format("{}/{}.{}", found->second.within, found->second.visits, found->second.retries);
}

bool same_end(const engine::EndExecution& a, const engine::EndExecution& b) {
  return a.status == b.status && a.error == b.error && a.cause == b.cause &&
         (a.status != engine::Status::succeeded || a.output == b.output);
}

void Recording::take(const engine::Event& event) {
  if (const auto* started = std::get_if<engine::ExecutionStarted>(&event.body)) {
    execution_.machine = started->machine;
    if (started->identity != nullptr) {
      const engine::MachineIdentity& machine = started->identity->machine();
      execution_.machine_name = machine.name.empty() ? machine.arn.substr(machine.arn.rfind(':') + 1) : machine.name;
      execution_.name = started->identity->name();
    }
    execution_.input = started->input;
    execution_.start_time = Timestamp{event.time.us / 1000 * 1000};  // as it can be written
    execution_.type = started->origin.type;
    return;
  }
  redriven_ = redriven_ || std::holds_alternative<engine::ExecutionRedriven>(event.body);
  if (execution_.machine == nullptr || redriven_) {
    return;
  }
  if (engine::is_ending(event.body)) {
    end_ = engine::end_of(event);
  }
  MockedResponse response;
  if (std::holds_alternative<engine::TaskScheduled>(event.body)) {
    scheduled_[event.strand] = event.time;
  }
  if (const auto* succeeded = std::get_if<engine::TaskSucceeded>(&event.body)) {
    response.result = succeeded->result;
  } else if (const auto* failed = std::get_if<engine::TaskFailed>(&event.body)) {
    response.kind = MockedResponse::Kind::throws;
    response.error = failed->error;
    response.cause = failed->cause;
  } else if (const auto* late = std::get_if<engine::TaskTimedOut>(&event.body)) {
    response.kind = late->heartbeat ? MockedResponse::Kind::misses_heartbeat : MockedResponse::Kind::times_out;
  } else {
    places_.follow(event, *execution_.machine);
    return;
  }
  response.delay = std::chrono::microseconds(event.time.us - scheduled_[event.strand].us);
  answers_[places_.place(event.strand)] = std::move(response);
}

/// How the execution goes when its tasks are mocked, and what answers the invocations of each state then: which of
/// several is first may be another one than it was.
struct Recording::Played {
  MockedEnd end;
  std::map<std::string, std::vector<MockedResponse>> invocations;
};

Recording::Played Recording::play(bool in_time) const {
  Played played;
  StrandPlaces places;
  const auto answer = [&](const engine::DispatchTask& dispatch) -> Answer {
    const auto found = answers_.find(places.place(dispatch.id.strand));
    MockedResponse response;
    response.delay = kNever;
    if (found != answers_.end()) {
      response = found->second;
      const bool answers =
          response.kind == MockedResponse::Kind::returns || response.kind == MockedResponse::Kind::throws;
      response.delay = in_time && answers ? response.delay : std::chrono::microseconds(0);
    }
    played.invocations[dispatch.machine->state(dispatch.state).name].push_back(response);
    return response;
  };
  const auto watch = [&](const std::vector<engine::Event>& events, const auto&) {
    for (const engine::Event& event : events) {
      places.follow(event, *execution_.machine);
    }
  };
  played.end = run_mocked(execution_, answer, watch);
  return played;
}

Result<RecordedCase> Recording::make_case(const std::string& name) const {
  const std::string which = fmt::format("the execution '{}'", execution_.name);
  if (execution_.type != engine::ExecutionType::standard) {
    return fail(ErrorKind::invalid, fmt::format("{} is an EXPRESS one: what its tasks came to is not kept", which));
  }
  if (redriven_) {
    return fail(ErrorKind::invalid, fmt::format("{} was redriven: a test case runs once", which));
  }
  if (!end_) {
    return fail(ErrorKind::invalid, fmt::format("{} has not ended yet: record it when it has", which));
  }
  if (end_->status == engine::Status::aborted) {
    return fail(ErrorKind::invalid, fmt::format("{} was stopped from outside, as no test case can be", which));
  }
  // How long tasks took matters only where things go on side by side: left out, the file is easier to read.
  Played played = play(false);
  if (played.end.broken || !same_end(played.end.end, *end_)) {
    Played again = play(true);
    if (!again.end.broken && same_end(again.end.end, *end_)) {
      played = std::move(again);
    }
  }
  return RecordedCase{write(name.empty() ? execution_.name : name, played), std::move(played.end), *end_};
}

std::string Recording::write(const std::string& name, const Played& played) const {
  const auto quoted = [](std::string_view text) {
    std::string out;
    append_json_string(out, text);
    return out;
  };
  const auto response_name = [&](const std::string& state) { return quoted(fmt::format("{} of {}", state, name)); };
  std::string states;
  std::string responses;
  for (const auto& [state, invocations] : played.invocations) {
    states += fmt::format("{}{}: {}", states.empty() ? "" : ", ", quoted(state), response_name(state));
    responses +=
        fmt::format("{}\n    {}: {}", responses.empty() ? "" : ",", response_name(state), text_of(invocations));
  }
  const std::string own_name =
      name == execution_.name ? "" : fmt::format("\n          \"Name\": {},", quoted(execution_.name));
  return fmt::format(R"({{
  "StateMachines": {{
    {0}: {{
      "TestCases": {{
        {1}: {{{2}}}
      }},
      "Lockstep": {{
        {1}: {{
          "Input": {3},{4}
          "StartTime": "{5}",
          "Expect": {6}
        }}
      }}
    }}
  }},
  "MockedResponses": {{{7}
  }}
}}
)",
                     quoted(execution_.machine_name), quoted(name), states, execution_.input.to_text(), own_name,
                     format_timestamp(execution_.start_time), expectation(*end_), responses);
}

}  // namespace lockstep::service
