#include "journal/test_events.hpp"

#include <fmt/format.h>

#include "asl/parser.hpp"
#include "journal/event_codec.hpp"

namespace lockstep::journal {

const std::string& test_definition() {
  static const std::string text = R"({"StartAt":"A","States":{"A":{"Type":"Pass","Next":"B"},"B":{"Type":"Succeed"}}})";
  return text;
}

asl::StateMachinePtr test_machine() {
  static const asl::StateMachinePtr machine = asl::parse_definition(test_definition()).machine;
  return machine;
}

std::vector<engine::Event> one_of_each() {
  using namespace engine;
  const auto value = [](std::string text) { return Value::from_text(std::move(text)).value(); };
  auto identity =
      std::make_shared<Identity>("run-1", std::make_shared<MachineIdentity>(MachineIdentity{"m", "arn:m", "role"}),
                                 "arn:aws:states:us-east-1:123456789012:execution:m:run-1");
  auto child = std::make_shared<ChildOrigin>();
  child->parent = DispatchId{ExecutionId{7}, StrandId{2}, 3, 1};
  child->item = MapItem{12, value("[4]"), "k", "STATE_DATA"};
  child->scope = asl::ScopeId{0};
  child->variables = {{"v", value("1e400")}};
  const std::vector<EventBody> bodies = {
      ExecutionStarted{
          identity, test_machine(), value(R"({"n": 1})"), {ExecutionType::express, 4, child}, "from node 7"},
      ExecutionSucceeded{value(R"("done with it")")},
      ExecutionFailed{"States.TaskFailed", std::nullopt},
      ExecutionTimedOut{},
      ExecutionAborted{std::nullopt, "someone said so", "from node 2"},
      StateEntered{asl::StateId{1}, value(R"({"n": 1})")},
      StateExited{value("[1,2,3,4,5,6]"), asl::StateId::none, {{"x", value("1e400")}, {"y", value(R"({"n": 1})")}}},
      EvaluationFailed{"it is not a number", "Output/a[0]"},
      TaskScheduled{3, value(R"({"deep":[[["x"]]]})"), 3600, -1, "token", value(R"({"RoleArn":"arn"})")},
      TaskStarted{2'500'000, "worker 8", "from node 6"},
      TaskSubmitted{value("{}")},
      TaskSucceeded{value(R"({"big":12345678901234567890123})"), {1'500'000, 20'480, 3}, "from node 3"},
      TaskFailed{"Oops", "the cause", {7, 8, 9}, "from node 4"},
      TaskTimedOut{true, {1, 2, 3}},
      WaitStarted{Timestamp{-5'000'000}},
      RetryScheduled{2, Timestamp{1'700'000'000'000'000}},
      ParallelStarted{StrandId{4}, value(R"({"n": 1})")},
      MapStarted{value("[10,20,30]"), 40},
      MapIterationStarted{StrandId{9}, 2, value("30")},
      ChildSucceeded{StrandId::top, 1, true},
      ChildFailed{StrandId{4}, 2, true, "E", "C", true},
      StateAborted{},
      ChildAborted{StrandId::none, 7, true},
      ChildrenSucceeded{},
      ChildrenFailed{"E", std::nullopt, true},
      TaskRedispatched{7},
      HeartbeatReceived{"from node 5"},
      RequestTaken{"from node 1", Verdict::task_timed_out},
      ExecutionRedriven{2, "from node 6", test_machine(), 5},
      WorkFailed{std::nullopt, "C", true},
      MachineCreated{"arn:m", "m", asl::ExecutionType::express,
                     std::make_shared<MachineContent>(MachineContent{"role", test_definition(), R"({"jobs":[]})",
                                                                     "/home/me", value(R"({"tags":[]})")}),
                     "from node 8"},
      MachineRevised{"arn:m", 2,
                     std::make_shared<MachineContent>(MachineContent{"role 2", test_definition() + " ",
                                                                     R"({"jobs":[ ]})", "/home/you", value("{}")}),
                     "from node 9"},
      MachineDeleted{"arn:m", "from node 10"},
      ActivityCreated{"arn:a", "a", value(R"({"tags":[1]})"), "from node 11"},
      ActivityDeleted{"arn:a", "from node 12"},
      TaskNoted{value(R"({"job":1})")},
      MapRunStarted{3, "arn:aws:states:us-east-1:123456789012:mapRun:m/L:u", value(R"({"MaxConcurrency":2})")},
      MapRunRedriven{4, "arn:aws:states:us-east-1:123456789012:mapRun:m/L:u", 1},
      MapRunProgress{{{0, 2, Status::succeeded, value("[7]")}, {5, 1, Status::failed, value("null"), 10}}, value("{}")},
      MapRunSucceeded{value("[[7]]")},
      MapRunFailed{"States.ItemReaderFailed", "why"},
      MapRunAborted{},
      MapRunChanged{value(R"({"MaxConcurrency":3})")}};
  std::vector<Event> events;
  for (const EventBody& body : bodies) {
    Event event;
    event.execution = ExecutionId{(std::uint64_t{1} << 40) + events.size()};
    event.strand = events.size() % 2 == 0 ? StrandId::none : StrandId{3};
    event.state = asl::StateId{1};
    event.time = Timestamp{1'700'000'000'000'000 + static_cast<std::int64_t>(events.size())};
    event.id = events.size() + 1;
    event.previous = events.size();
    event.body = body;
    events.push_back(std::move(event));
  }
  return events;
}

engine::Event numbered_event(std::uint64_t number, std::size_t size) {
  std::string text = fmt::format("\"event {} ", number);
  while (text.size() + 1 < size) {
    text += static_cast<char>('a' + (number * 7 + text.size() * 3) % 26);
  }
  text += '"';
  engine::Event event;
  event.execution = engine::ExecutionId{number % 3};
  event.strand = engine::StrandId::top;
  event.state = asl::StateId{0};
  event.time = Timestamp{static_cast<std::int64_t>(number)};
  event.id = number;
  event.body = engine::TaskSucceeded{Value::from_checked_text(std::move(text))};
  return event;
}

std::string fingerprint(const engine::Event& event) {
  static std::vector<std::byte> buffer(4U << 20);
  static Sink sink(16);
  sink.reset(buffer, 0);
  Row row;
  encode_event(event, row, sink);
  std::string text(reinterpret_cast<const char*>(&row), sizeof row);
  text.append(reinterpret_cast<const char*>(buffer.data()), sink.size());
  return text;
}

}  // namespace lockstep::journal
