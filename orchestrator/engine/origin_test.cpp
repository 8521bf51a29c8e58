// As what an execution runs, and where it comes from (walls 1, 10).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/snapshot.hpp"
#include "engine/test_world.hpp"

namespace lockstep::engine {
namespace {

constexpr const char* kTaskAndPass =
    R"({"StartAt":"A","States":{"A":{"Type":"Task","Resource":"job:t","Next":"B"},"B":{"Type":"Pass","End":true}}})";

Origin of(ExecutionType type) {
  return {type, 0, nullptr};
}

/// How many of the Events the journal keeps, and how many there are.
std::pair<std::size_t, std::size_t> kept(const World& world) {
  const auto& events = world.events();
  return {std::count_if(events.begin(), events.end(), [](const Event& event) { return event.journalled; }),
          events.size()};
}

TEST(Origin, OfAStandardExecutionAllIsJournalled) {
  World world(kTaskAndPass);
  world.start();
  world.succeed(world.dispatched("A"), "1");
  world.ended(Status::succeeded, "1");
  EXPECT_EQ(kept(world), std::pair(std::size_t{9}, std::size_t{9}));
}

TEST(Origin, OfAnExpressExecutionOnlyStartAndEndAreJournalled) {
  World world(kTaskAndPass);
  world.start("{}", of(ExecutionType::express));
  world.succeed(world.dispatched("A"), "1");
  world.ended(Status::succeeded, "1");
  EXPECT_EQ(kept(world), std::pair(std::size_t{2}, std::size_t{9}));
  EXPECT_TRUE(world.events().front().journalled && world.events().back().journalled);

  World stopped(kTaskAndPass);
  stopped.start("{}", of(ExecutionType::express));
  const DispatchId id = stopped.dispatched("A");
  stopped.stop("Enough", "by hand");
  stopped.cancelled(id);
  stopped.ended(Status::aborted);
  EXPECT_EQ(kept(stopped).first, 2U);
  EXPECT_EQ(stopped.redrive(), Verdict::execution_not_redrivable);
}

TEST(Origin, OfASynchronousExpressExecutionNothingIsJournalledAndNothingWaits) {
  const auto machine = asl::parse_definition(kTaskAndPass).machine;
  for (const ExecutionType type : {ExecutionType::standard, ExecutionType::express, ExecutionType::express_sync}) {
    Engine engine(Limits::hpc());
    Step step;
    engine.handle({Timestamp{1}, 1,
                   StartExecution{ExecutionId{1}, std::make_shared<Identity>(), machine, Value(), of(type), "r"}},
                  step);
    ASSERT_EQ(step.effects.size(), 2U);  // the answer, the dispatch
    const DispatchId id = std::get<DispatchTask>(step.effects[1].body).id;
    work::Outcome outcome;
    outcome.id = id;
    engine.handle({Timestamp{1}, 2, std::move(outcome)}, step);
    ASSERT_TRUE(std::holds_alternative<EndExecution>(step.effects.back().body));
    for (const Effect& effect : step.effects) {
      EXPECT_EQ(effect.gated, type != ExecutionType::express_sync);
    }
    const auto is_kept = [](const Event& event) { return event.journalled; };
    EXPECT_EQ(std::any_of(step.events.begin(), step.events.end(), is_kept), type != ExecutionType::express_sync);
  }
}

TEST(Origin, AStartThatIsAskedForAgainIsAnsweredAgain) {
  const auto machine = asl::parse_definition(kTaskAndPass).machine;
  const StartExecution start{ExecutionId{1}, std::make_shared<Identity>(), machine, Value(), {}, "r"};
  Engine engine(Limits::hpc());
  Step step;
  engine.handle({Timestamp{1}, 1, start}, step);
  Engine recovered(Limits::hpc());
  for (const Event& event : step.events) {
    recovered.apply(event);
  }
  step.clear();
  recovered.handle({Timestamp{1}, 1, start}, step);
  ASSERT_EQ(step.effects.size(), 1U);
  EXPECT_EQ(std::get<AnswerRequest>(step.effects[0].body).verdict, Verdict::accepted);
  EXPECT_TRUE(step.events.empty());
}

TEST(Origin, AnotherRequestForAnExecutionThatRunsIsKnownAfterACrash) {
  const auto machine = asl::parse_definition(kTaskAndPass).machine;
  Engine engine(Limits::hpc());
  Engine recovered(Limits::hpc());
  Step step;
  const auto handle = [&](Engine& by, InputBody body) {
    step.clear();
    by.handle({Timestamp{1}, 1, std::move(body)}, step);
    for (const Event& event : step.events) {
      EXPECT_TRUE(event.journalled);
      if (&by == &engine) {
        recovered.apply(event);
      }
    }
  };
  const auto verdict = [&] { return std::get<AnswerRequest>(step.effects.at(0).body).verdict; };
  handle(engine, StartExecution{ExecutionId{1}, std::make_shared<Identity>(), machine, Value(), {}, "r"});
  const DispatchId task = std::get<DispatchTask>(step.effects.at(1).body).id;
  const std::uint64_t shown = engine.find(ExecutionId{1})->last_event_id;
  handle(engine, JoinExecution{"s", ExecutionId{1}});
  EXPECT_EQ(verdict(), Verdict::accepted);
  EXPECT_TRUE(step.effects.at(0).gated);
  EXPECT_EQ(engine.find(ExecutionId{1})->last_event_id, shown) << "history shows nothing of it";
  EXPECT_EQ(engine.check_invariants(), "");
  work::Outcome outcome;
  outcome.id = task;
  handle(engine, std::move(outcome));
  ASSERT_EQ(engine.find(ExecutionId{1})->status, Status::succeeded);
  handle(recovered, JoinExecution{"s", ExecutionId{1}});
  EXPECT_EQ(verdict(), Verdict::accepted) << "it was dealt with";
  for (const std::uint64_t id : {1, 2}) {
    handle(engine, JoinExecution{"t", ExecutionId{id}});
    EXPECT_EQ(verdict(), Verdict::execution_does_not_exist) << "it is over, or was never there";
  }
}

TEST(Origin, AChildOfAMapRunsItsScopeWithItsItemAndWithoutTheMachinesTimeout) {
  World world(R"({"StartAt":"M","TimeoutSeconds":5,"States":{"M":{"Type":"Map","End":true,"ItemProcessor":{
      "StartAt":"T","States":{"T":{"Type":"Task","Resource":"job:t","End":true,
        "Parameters":{"map.$":"$$.Map","v.$":"$v"}}}}}}})");
  auto child = std::make_shared<ChildOrigin>();
  child->item = MapItem{41, Value::from_checked_text("[1]"), "", "STATE_DATA"};
  child->scope = asl::ScopeId{1};
  child->variables = {{"v", Value::from_checked_text("\"V\"")}};
  world.start("[1]", {ExecutionType::standard, 1, child});
  world.advance(6);
  const DispatchTask task = world.next_dispatch();
  EXPECT_EQ(task.parameters.to_text(), R"({"v":"V","map":{"Item":{"Index":41,"Value":[1],"Source":"STATE_DATA"}}})");
  EXPECT_EQ(task.item_index, 41);
  world.succeed(task.id, "2");
  world.ended(Status::succeeded, "2");
}

TEST(Origin, AnewIsAnExecutionAsItWasAtItsStart) {
  World world(R"({"StartAt":"A","TimeoutSeconds":5,"States":{"A":{"Type":"Task","Resource":"job:t","End":true}}})");
  world.start("[1]", of(ExecutionType::express));
  const ExecutionId id = world.events().front().execution;
  Engine begun(Limits::hpc());
  begun.apply(world.events().front());
  Engine restored(Limits::hpc());
  Snapshot::restore(restored, Snapshot::anew(*world.engine().find(id)));
  EXPECT_EQ(describe(restored, id), describe(begun, id));
  EXPECT_EQ(restored.next_deadline(), begun.next_deadline());
  world.dispatched("A");
}

}  // namespace
}  // namespace lockstep::engine
