// What payloads, histories and executions may grow to: each limit met exactly, and passed by one (services.md 3).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/test_world.hpp"

namespace lockstep::engine {
namespace {

constexpr double kDay = 86'400;
constexpr std::size_t kBytes = 262'144;

/// As JSON text, quotes included.
std::string text_of(std::size_t bytes) {
  return "\"" + std::string(bytes - 2, 'x') + "\"";
}

Limits with_history(std::uint64_t events) {
  Limits limits = Limits::hpc();
  limits.history_events = events;
  return limits;
}

std::string end_of(const std::string& states, const std::string& input) {
  World world(machine_of(states), Limits::aws());
  world.start(input);
  return world.end_text().substr(0, 30);
}

constexpr const char* kTooLarge = "States.DataLimitExceeded: The ";

TEST(PayloadLimit, OfAStatesOutput) {
  EXPECT_EQ(end_of(R"("A":{"Type":"Pass","End":true})", text_of(kBytes)), "\"" + std::string(29, 'x'));
  EXPECT_EQ(end_of(R"("A":{"Type":"Pass","End":true})", text_of(kBytes + 1)), kTooLarge);
}

TEST(PayloadLimit, OfATasksParametersAndResult) {
  const auto run = [](std::size_t parameters, std::size_t result) {
    World world(machine_of(R"("A":{"Type":"Task","Resource":"job:t","OutputPath":null,"End":true})"), Limits::aws());
    world.start(text_of(parameters));
    if (world.dispatches_waiting() > 0) {
      world.succeed(world.next_dispatch().id, text_of(result));
    }
    return world.end_text().substr(0, 57);
  };
  EXPECT_EQ(run(kBytes, kBytes), "{}");
  EXPECT_EQ(run(kBytes + 1, 2), "States.DataLimitExceeded: The state/task 'job:t' provided");
  EXPECT_EQ(run(2, kBytes + 1), "States.DataLimitExceeded: The state/task 'job:t' returned");
}

TEST(VariableLimit, OfOneAndOfAllThatAStateAssigns) {
  const auto run = [](const std::string& assign, std::size_t bytes) {
    return end_of(R"("A":{"Type":"Pass","Assign":)" + assign + R"(,"OutputPath":null,"End":true})",
                  R"({"x":)" + text_of(bytes) + "}");
  };
  EXPECT_EQ(run(R"({"a.$":"$.x"})", kBytes), "{}");
  EXPECT_EQ(run(R"({"a.$":"$.x"})", kBytes + 1), kTooLarge);
  EXPECT_EQ(run(R"({"a.$":"$.x","b.$":"$.x"})", kBytes / 2), "{}");
  EXPECT_EQ(run(R"({"a.$":"$.x","b.$":"$.x","c":0})", kBytes / 2), kTooLarge);
}

TEST(VariableLimit, OfAllThatAreKept) {
  const std::string states = R"("A":{"Type":"Pass","Assign":{"a.$":"$.x"},"Next":"B"},
    "B":{"Type":"Pass","Assign":{"b.$":"$.x"},"OutputPath":null,"Next":"C"},
    "C":{"Type":"Pass","Assign":{"c":%},"End":true})";
  const auto run = [&](const std::string& last) {
    World world(machine_of(std::string(states).replace(states.find('%'), 1, last)),
                Limits{kBytes, 200'002, 0, 0, 1000});
    world.start(R"({"x":)" + text_of(100'000) + "}");
    return world.end_text().substr(0, 30);
  };
  EXPECT_EQ(run("10"), "{}");
  EXPECT_EQ(run("100"), kTooLarge);
}

TEST(HistoryLimit, IsMetByTheEventOfTheEnd) {
  const std::string states = R"("A":{"Type":"Map","ItemProcessor":{"StartAt":"I","States":{
    "I":{"Type":"Task","Resource":"job:t","Next":"P"},"P":{"Type":"Pass","End":true}}},"Next":"W"},
    "W":{"Type":"Wait","Seconds":1,"End":true})";
  constexpr std::uint64_t kAll = 26;
  for (std::uint64_t limit = 2; limit <= kAll; ++limit) {
    World world(machine_of(states), with_history(limit));
    world.start("[1,2]");
    while (world.dispatches_waiting() > 0) {
      world.succeed(world.next_dispatch().id, "1");
    }
    world.advance(1);
    world.disregard_cancellations();
    if (limit == kAll) {
      EXPECT_EQ(world.entries().size(), kAll);
      world.ended(Status::succeeded, "[1,1]");
      continue;
    }
    EXPECT_LE(world.entries().size(), limit);
    EXPECT_GE(world.entries().size(), limit - 1);  // a task's answer is two events, which come together
    world.ended(Status::failed, fmt::format("States.Runtime: The execution reached the maximum number of history "
                                            "events ({}).",
                                            limit));
  }
}

TEST(HistoryLimit, IsNoneOfAnExpressExecution) {
  World world(machine_of(R"("A":{"Type":"Pass","Next":"B"},"B":{"Type":"Pass","End":true})"), with_history(3));
  world.start("1", {ExecutionType::express, 0, nullptr});
  world.ended(Status::succeeded, "1");
}

TEST(HistoryLimit, KeepsAFullExecutionFromARedrive) {
  const std::string states = R"("A":{"Type":"Pass","Next":"B"},"B":{"Type":"Fail"})";  // five events
  World full(machine_of(states), with_history(6));
  full.start();
  full.ended(Status::failed);
  EXPECT_EQ(full.redrive(), Verdict::execution_not_redrivable);
  World roomy(machine_of(states), with_history(7));
  roomy.start();
  roomy.ended(Status::failed);
  EXPECT_EQ(roomy.redrive(), Verdict::accepted);
  roomy.ended(Status::failed);
}

/// How an execution ends that waits so long.
Status after(double seconds, const Limits& limits, ExecutionType type, const std::string& timeout = "") {
  World world(R"({"StartAt":"W",)" + timeout +
                  fmt::format(R"("States":{{"W":{{"Type":"Wait","Seconds":{},"End":true}}}}}})", seconds),
              limits);
  world.start("{}", {type, 0, nullptr});
  world.advance(seconds);
  return world.end_status();
}

TEST(TimeLimit, OfAnExecutionGoesByItsType) {
  const Limits aws = Limits::aws();
  const Limits hpc = Limits::hpc();
  EXPECT_EQ(after(299, aws, ExecutionType::express), Status::succeeded);
  EXPECT_EQ(after(301, aws, ExecutionType::express), Status::timed_out);
  EXPECT_EQ(after(301, aws, ExecutionType::express_sync), Status::timed_out);
  EXPECT_EQ(after(301, aws, ExecutionType::standard), Status::succeeded);
  EXPECT_EQ(after(301, hpc, ExecutionType::express), Status::succeeded);
  EXPECT_EQ(after(365 * kDay - 1, aws, ExecutionType::standard), Status::succeeded);
  EXPECT_EQ(after(365 * kDay + 1, aws, ExecutionType::standard), Status::timed_out);
  EXPECT_EQ(after(365 * kDay + 1, hpc, ExecutionType::standard), Status::succeeded);
  EXPECT_EQ(after(9, aws, ExecutionType::express, R"("TimeoutSeconds":10,)"), Status::succeeded);
  EXPECT_EQ(after(11, aws, ExecutionType::express, R"("TimeoutSeconds":10,)"), Status::timed_out);
  EXPECT_EQ(after(301, aws, ExecutionType::express, R"("TimeoutSeconds":400,)"), Status::timed_out);
}

TEST(TimeLimit, OfARedrive) {
  const auto redriven = [](double later, const Limits& limits) {
    World world(machine_of(R"("A":{"Type":"Fail"})"), limits);
    world.start();
    world.ended(Status::failed);
    world.advance(later);
    const Verdict verdict = world.redrive();
    if (verdict == Verdict::accepted) {
      world.ended(Status::failed);
    }
    return verdict;
  };
  EXPECT_EQ(redriven(14 * kDay, Limits::aws()), Verdict::accepted);
  EXPECT_EQ(redriven(14 * kDay + 0.001, Limits::aws()), Verdict::execution_not_redrivable);
  EXPECT_EQ(redriven(15 * kDay, Limits::hpc()), Verdict::accepted);
}

}  // namespace
}  // namespace lockstep::engine
