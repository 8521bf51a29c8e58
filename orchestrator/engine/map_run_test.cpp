// Map Runs, as the engine sees them: planned, dispatched, told of their children, ended (distributed-map.md 10 and 11).
#include <gmock/gmock.h>

#include "engine/test_world.hpp"

namespace lockstep::engine {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

std::string distributed(const std::string& fields = "", const std::string& scope = "") {
  return machine_of(R"("A":{"Type":"Map","End":true,)" + fields +
                    R"("ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},)" +
                    (scope.empty() ? R"("StartAt":"P","States":{"P":{"Type":"Pass","End":true}})" : scope) + "}}");
}

Value json(const std::string& text) {
  return Value::from_text(text).value();
}

MapRunChild child(std::uint64_t number, Status status, const std::string& result = "null", std::uint64_t items = 1) {
  return {number, items, status, json(result)};
}

TEST(MapRun, IsDispatchedWithItsPlan) {
  World world(distributed(R"("MaxConcurrency":7,"ToleratedFailureCountPath":"$.most","ToleratedFailurePercentage":2.5,
      "ItemReader":{"Resource":"arn:aws:states:::s3:getObject","Parameters":{"Bucket":"b","Key.$":"$.key"},
                    "ReaderConfig":{"InputType":"JSON","MaxItems":5}},
      "ItemBatcher":{"MaxItemsPerBatch":3,"BatchInput":{"x.$":"$.key"}},
      "ResultWriter":{"Resource":"arn:aws:states:::s3:putObject","Parameters":{"Bucket":"out","Prefix":"p"}},)"));
  world.start(R"({"most":"4","key":"k"})");
  const DispatchTask dispatch = world.next_dispatch();
  EXPECT_TRUE(is_map_run(dispatch));
  const MapRunPlan plan = plan_of(dispatch.parameters);
  EXPECT_EQ(plan.reader, json(R"({"Bucket":"b","Key":"k"})"));
  EXPECT_EQ(plan.max_items, 5);
  EXPECT_EQ(plan.max_concurrency, 7U);
  EXPECT_EQ(plan.tolerated_count, 4);
  EXPECT_EQ(plan.tolerated_percentage, 2.5);
  EXPECT_TRUE(plan.batched);
  EXPECT_EQ(plan.batch_items, 3);
  EXPECT_FALSE(plan.batch_bytes);
  EXPECT_EQ(plan.batch_input, json(R"({"x":"k"})"));
  EXPECT_EQ(plan.writer, json(R"({"Bucket":"out","Prefix":"p"})"));
  EXPECT_EQ(to_value(plan), dispatch.parameters);
}

TEST(MapRun, GoesByWhatItIsChangedTo) {
  World world(distributed(R"("MaxConcurrency":7,"ToleratedFailureCount":1,)"));
  world.start("[1,2]");
  const DispatchId id = world.dispatched("A");
  const auto plan = [&] { return plan_of(world.engine().find_map_run(id)->run->parameters); };
  for (int i = 0; i < 2; ++i) {  // the same request may come twice
    EXPECT_EQ(world.change_map_run({"change", id, 3, std::nullopt, 50.0}), Verdict::accepted);
    EXPECT_EQ(plan().max_concurrency, 3U);
    EXPECT_EQ(plan().tolerated_count, 1);
    EXPECT_EQ(plan().tolerated_percentage, 50);
  }
  world.interrupted(id);
  const DispatchTask again = world.next_dispatch();
  EXPECT_EQ(plan_of(again.parameters).max_concurrency, 3U) << "also after a crash";
  world.stop_silently();
  world.cancelled(again.id);
  world.ended(Status::aborted, "-: -");
  EXPECT_EQ(world.change_map_run({"late", id, 3, std::nullopt, std::nullopt}), Verdict::map_run_is_over);
}

TEST(MapRun, ShowsAWSsHistory) {
  World world(distributed(R"("Label":"L",)"));
  world.start("[1,2]");
  const DispatchId id = world.dispatched("A");
  world.children_ended(id, {child(0, Status::succeeded, "1"), child(1, Status::succeeded, "2")});
  world.succeed(id, "[1,2]");
  world.ended(Status::succeeded, "[1,2]");
  EXPECT_THAT(world.history(), ElementsAre("1<-0 ExecutionStarted", "2<-0 MapStateEntered", "3<-2 MapStateStarted",
                                           "4<-3 MapRunStarted", "5<-4 MapRunSucceeded", "6<-5 MapStateSucceeded",
                                           "7<-4 MapStateExited", "8<-7 ExecutionSucceeded"));
  EXPECT_THAT(world.entries()[2], HasSubstr(R"("length":2)"));
  EXPECT_THAT(world.entries()[3], HasSubstr("/L:"));
}

TEST(MapRun, ThatFailsFailsTheStateUnlessThatIsCaught) {
  World world(distributed());
  world.start("[1]");
  world.fail(world.dispatched("A"), "States.ItemReaderFailed", "why");
  world.ended(Status::failed, "States.ItemReaderFailed: why");
  EXPECT_THAT(world.history(),
              ElementsAre("1<-0 ExecutionStarted", "2<-0 MapStateEntered", "3<-2 MapStateStarted", "4<-3 MapRunStarted",
                          "5<-4 MapRunFailed", "6<-5 MapStateFailed", "7<-6 ExecutionFailed"));
  World caught(machine_of(R"("A":{"Type":"Map","Next":"B","Catch":[{"ErrorEquals":["States.ALL"],"Next":"B"}],
      "ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},
                       "StartAt":"P","States":{"P":{"Type":"Pass","End":true}}}},"B":{"Type":"Succeed"})"));
  caught.start("[1]");
  caught.fail(caught.dispatched("A"), "E", "c");
  caught.ended(Status::succeeded, R"({"Error":"E","Cause":"c"})");
}

TEST(MapRun, BeginsAnewWithARetry) {
  World world(distributed(R"("Retry":[{"ErrorEquals":["E"],"IntervalSeconds":1}],)"));
  world.start("[1]");
  const DispatchTask first = world.next_dispatch();
  const std::string arn = world.engine().find_map_run(first.id)->run->arn;
  world.children_ended(first.id, {child(0, Status::succeeded, "1")});
  world.fail(first.id, "E");
  world.advance(1);
  const DispatchId second = world.dispatched("A");
  const Children* again = world.engine().find_map_run(second);
  ASSERT_NE(again, nullptr);
  EXPECT_NE(again->run->arn, arn);
  EXPECT_TRUE(again->run->children.empty());
  world.succeed(second, "[]");
  world.ended(Status::succeeded, "[]");
}

TEST(MapRun, GoesOnAfterARedriveWithWhatHasNotSucceeded) {
  World world(distributed());
  world.start("[1,2,3]");
  const DispatchId first = world.dispatched("A");
  const std::string arn = world.engine().find_map_run(first)->run->arn;
  world.children_ended(first, {child(0, Status::succeeded, "1", 5), child(1, Status::failed, "{}", 2)}, R"({"n":1})");
  world.fail(first, "States.ExceedToleratedFailureThreshold");
  world.ended(Status::failed, "States.ExceedToleratedFailureThreshold: ");
  EXPECT_EQ(world.engine().find_map_run(first), nullptr);
  EXPECT_EQ(world.redrive(), Verdict::accepted);
  const DispatchTask again = world.next_dispatch();
  EXPECT_EQ(again.note, json(R"({"n":1})"));
  const MapRun& run = *world.engine().find_map_run(again.id)->run;
  EXPECT_EQ(run.arn, arn);
  EXPECT_EQ(run.redrives, 1U);
  EXPECT_THAT(run.children, ElementsAre(ChildFate::succeeded, ChildFate::again));
  EXPECT_EQ(run.fate(2), ChildFate::open);
  EXPECT_EQ(run.items_of(ChildFate::succeeded), 5U);
  EXPECT_EQ(run.items_of(ChildFate::failed), 0U);
  world.children_ended(again.id, {child(0, Status::failed), child(1, Status::succeeded, "2", 2)});
  EXPECT_EQ(run.items_of(ChildFate::succeeded), 7U) << "what has ended has ended";
  world.succeed(again.id, "[1,2]");
  world.ended(Status::succeeded, "[1,2]");
  const auto history = world.history();
  EXPECT_EQ(history[7], "8<-7 ExecutionRedriven");
  EXPECT_EQ(history[8], "9<-8 MapRunRedriven");
}

TEST(MapRun, GoesWithItsExecution) {
  World world(distributed());
  world.start("[1]");
  const DispatchId id = world.dispatched("A");
  world.stop("E", "c");
  world.cancelled(id);
  world.ended(Status::aborted);
  EXPECT_THAT(world.history(), ElementsAre("1<-0 ExecutionStarted", "2<-0 MapStateEntered", "3<-2 MapStateStarted",
                                           "4<-3 MapRunStarted", "5<-4 MapRunAborted", "6<-0 ExecutionAborted"));
  world.children_ended(id, {child(0, Status::succeeded)});
  EXPECT_EQ(world.engine().dropped_outcomes(), 1U);
}

TEST(MapRun, IsNotBegunWhereToleranceIsNonsense) {
  for (const auto& [field, input, cause] : std::vector<std::array<std::string, 3>>{
           {R"("ToleratedFailurePercentagePath":"$.x",)", R"({"i":[],"x":100.1})",
            "ToleratedFailurePercentage must be between 0 and 100."},
           {R"("ToleratedFailurePercentagePath":"$.x",)", R"({"i":[],"x":"NoNumber"})",
            "The ToleratedFailurePercentagePath field refers to value \"NoNumber\" which is not a valid float: $.x"},
           {R"("ToleratedFailureCountPath":"$.x",)", R"({"i":[],"x":-1})", "ToleratedFailureCount cannot be negative."},
           {R"("ToleratedFailureCountPath":"$.x",)", R"({"i":[],"x":1.5})",
            "The ToleratedFailureCountPath field refers to value \"1.5\" which is not a valid integer: $.x"}}) {
    World world(distributed(field + R"("ItemsPath":"$.i",)"));
    world.start(input);
    EXPECT_EQ(world.end_text(),
              "States.Runtime: An error occurred while executing the state 'A' (entered at the event "
              "id #2). " +
                  cause);
    EXPECT_THAT(world.history(),
                ElementsAre(StartsWith("1"), StartsWith("2"), "3<-2 MapStateStarted", "4<-3 ExecutionFailed"));
  }
}

TEST(MapRun, SelectsItemsAsTheStateSeesThem) {
  World world(machine_of(R"("A":{"Type":"Pass","Assign":{"v":"V"},"Next":"M"},
      "M":{"Type":"Map","End":true,"InputPath":"$.in","ItemsPath":"$.items",
           "ItemSelector":{"i.$":"$$.Map.Item.Index","x.$":"$$.Map.Item.Value","k.$":"$.k","v.$":"$v"},
           "ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},
                            "StartAt":"P","States":{"P":{"Type":"Pass","End":true}}}})"));
  world.start(R"({"in":{"items":[5],"k":1}})");
  const DispatchId id = world.dispatched("M");
  const auto selected = world.engine().select_item(id, {3, json("7")}, world.now(), 1);
  EXPECT_EQ(selected.value(), json(R"({"i":3,"x":7,"k":1,"v":"V"})"));
  world.succeed(id, "[]");
  world.ended(Status::succeeded, "[]");
}

TEST(MapRun, MayIterateAnObject) {
  World world(distributed(R"("ItemsPath":"$.o",)"));
  world.start(R"({"o":{"a":1,"b":2}})");
  const DispatchId id = world.dispatched("A");
  EXPECT_EQ(world.engine().find_map_run(id)->items.to_text(), R"({"a":1,"b":2})");
  world.succeed(id, "[]");
  world.ended(Status::succeeded, "[]");
}

}  // namespace
}  // namespace lockstep::engine
