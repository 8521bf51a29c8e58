// The world of the other tests notices what it is there to notice: a field that is written without an Event.
#include <gtest/gtest-spi.h>

#include <algorithm>

#include "engine/test_world.hpp"

namespace lockstep::engine {
namespace {

/// Changes one field, of the execution, of its Map's strand or of the strand whose task is out.
struct Change {
  const char* field;
  void (*make)(Execution& execution, Strand& map, Strand& task);
};
void PrintTo(const Change& change, std::ostream* out) {
  *out << change.field;
}

const Value kOther = Value::from_checked_text("\"other\"");

#define CHANGE(field, statement)                                \
  Change {                                                      \
#field, [](Execution& execution, Strand& map, Strand& task) { \
    static_cast<void>(execution), static_cast<void>(map), static_cast<void>(task); \
    statement; \
  } \
  }
const Change kChanges[] = {
    CHANGE(Execution::identity, execution.identity = std::make_shared<Identity>()),
    CHANGE(Execution::machine, execution.machine = nullptr),
    CHANGE(Execution::input, execution.input = kOther),
    CHANGE(Execution::started_at, ++execution.started_at.us),
    CHANGE(Execution::last_time, ++execution.last_time.us),
    CHANGE(Execution::deadline, execution.deadline = Timestamp{1}),
    CHANGE(Execution::status, execution.status = Status::failed),
    CHANGE(Execution::last_event_id, ++execution.last_event_id),
    CHANGE(Execution::next_strand, ++execution.next_strand),
    CHANGE(Execution::strands, execution.strands.add({.id = StrandId{77}})),
    CHANGE(Execution::redrive_count, ++execution.redrive_count),
    CHANGE(Execution::redriven_at, execution.redriven_at = Timestamp{1}),
    CHANGE(Execution::requests, execution.requests.edit().push_back({"r", Verdict::accepted})),
    CHANGE(Execution::lines_due, ++execution.lines_due),
    CHANGE(Execution::entered, execution.entered.add(asl::StateId{3})),
    CHANGE(Origin::type, execution.origin.type = ExecutionType::express),
    CHANGE(Origin::revision, ++execution.origin.revision),
    CHANGE(Origin::child, execution.origin.child = std::make_shared<ChildOrigin>()),
    CHANGE(Strand::parent, task.parent = StrandId{5}),
    CHANGE(Strand::index, ++task.index),
    CHANGE(Strand::iteration, task.iteration = false),
    CHANGE(Strand::phase, task.phase = Phase::callback),
    CHANGE(Strand::started, task.started = true),
    CHANGE(Strand::submitted, task.submitted = true),
    CHANGE(Strand::given_up, task.given_up = true),
    CHANGE(Strand::child_line, task.child_line = true),
    CHANGE(Strand::state_line, task.state_line = true),
    CHANGE(Strand::state, task.state = asl::StateId{0}),
    CHANGE(Strand::visits, ++task.visits),
    CHANGE(Strand::dispatches, ++task.dispatches),
    CHANGE(Strand::input, task.input = kOther),
    CHANGE(Strand::previous, ++task.previous),
    CHANGE(Strand::entered_id, ++task.entered_id),
    CHANGE(Strand::entered_previous, ++task.entered_previous),
    CHANGE(Strand::entered_at, ++task.entered_at.us),
    CHANGE(Strand::deadline, ++task.deadline.us),
    CHANGE(Strand::retrier_uses, task.retrier_uses.edit().push_back(1)),
    CHANGE(Strand::variables, (task.variables = query::VariableScope::with(nullptr, {{"v", kOther}}))),
    CHANGE(Strand::result, task.result = kOther),
    CHANGE(Strand::token, task.token = "token"),
    CHANGE(Strand::children, map.children.reset()),
    CHANGE(Strand::failure, task.failure = std::make_unique<Failure>()),
    CHANGE(Strand::call, task.call.reset()),
    CHANGE(Children::is_map, map.children->is_map = false),
    CHANGE(Children::items, map.children->items = kOther),
    CHANGE(Children::results, map.children->results[1] = kOther),
    CHANGE(Children::next, ++map.children->next),
    CHANGE(Children::running, ++map.children->running),
    CHANGE(Children::finished, ++map.children->finished),
    CHANGE(Children::max_concurrency, ++map.children->max_concurrency),
    CHANGE(Children::iteration_previous, ++map.children->iteration_previous),
    CHANGE(Children::given_up, map.children->given_up.push_back(StrandId{9})),
    CHANGE(Children::tasks, ++map.children->tasks),
    CHANGE(Call::parameters, task.call->parameters = kOther),
    CHANGE(Call::timeout_seconds, task.call->timeout_seconds = 1),
    CHANGE(Call::heartbeat_seconds, task.call->heartbeat_seconds = 1),
    CHANGE(Call::started_at, ++task.call->started_at.us),
    CHANGE(Call::timeout_at, task.call->timeout_at = Timestamp{1}),
    CHANGE(Call::heartbeat_at, task.call->heartbeat_at = Timestamp{1}),
    CHANGE(Call::note, task.call->note = kOther)};
#undef CHANGE

/// Likewise of the Map Run that is out.
#define CHANGE(field, statement)                               \
  Change {                                                     \
#field, [](Execution& /*execution*/, Strand& map, Strand&) { \
    MapRun& run = *map.children->run;                             \
    statement;                                                    \
  } \
  }
const Change kMapRunChanges[] = {CHANGE(Children::run, (static_cast<void>(run), map.children->run.reset())),
                                 CHANGE(MapRun::arn, run.arn += "x"),
                                 CHANGE(MapRun::parameters, run.parameters = kOther),
                                 CHANGE(MapRun::redrives, ++run.redrives),
                                 CHANGE(MapRun::children, run.children.push_back(ChildFate::again)),
                                 CHANGE(MapRun::items, ++run.items[1]),
                                 CHANGE(MapRun::note, run.note = kOther),
                                 CHANGE(MapRun::abort_said, run.abort_said = true),
                                 CHANGE(MapRun::succeeded_id, ++run.succeeded_id)};
#undef CHANGE

class WrittenBehindEvolvesBack : public testing::TestWithParam<Change> {};

TEST_P(WrittenBehindEvolvesBack, IsFound) {
  const bool in_map_run = std::find_if(std::begin(kMapRunChanges), std::end(kMapRunChanges), [](const Change& change) {
                            return change.field == GetParam().field;
                          }) != std::end(kMapRunChanges);
  World world(machine_of(
      R"("A":{"Type":"Map","End":true,"MaxConcurrency":1,"ItemProcessor":{)" +
      std::string(in_map_run ? R"("ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},)" : "") +
      R"("StartAt":"T","States":{"T":{"Type":"Task","Resource":"job:t","End":true}}}})"));
  world.start("[1,2]");
  world.next_dispatch();
  auto& execution = const_cast<Execution&>(*world.engine().find(world.events().front().execution));
  testing::TestPartResultArray failures;
  {
    const testing::ScopedFakeTestPartResultReporter catcher(&failures);
    world.advance(0);
    Strand& top = *execution.find(StrandId::top);
    GetParam().make(execution, top, in_map_run ? top : *execution.find(StrandId{1}));
    world.advance(0);
  }
  bool found = false;
  for (int i = 0; i < failures.size(); ++i) {
    found = found || std::string_view(failures.GetTestPartResult(i).message()).find("not what its Events say") !=
                         std::string_view::npos;
  }
  EXPECT_TRUE(found);
}

INSTANTIATE_TEST_SUITE_P(Field, WrittenBehindEvolvesBack, testing::ValuesIn(kChanges));
INSTANTIATE_TEST_SUITE_P(MapRunField, WrittenBehindEvolvesBack, testing::ValuesIn(kMapRunChanges));

}  // namespace
}  // namespace lockstep::engine
