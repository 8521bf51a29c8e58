// What many live executions cost the engine: memory of each while it waits, and whether answers to task tokens come to
// take longer the more tasks are open. No disk, no fleet; times are those of the processor.
//
//   engine_bench [EXECUTIONS [CALLBACKS]]       default: 100000, 1000000
#include <fmt/format.h>
#include <malloc.h>

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <random>
#include <vector>

#include "asl/parser.hpp"
#include "engine/engine.hpp"
#include "value/memory.hpp"

namespace {

using lockstep::Timestamp;
using lockstep::Value;
namespace engine = lockstep::engine;

double cpu_seconds() {
  timespec time{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

double allocated() {
  const struct mallinfo2 info = ::mallinfo2();
  return static_cast<double>(info.uordblks + info.hblkhd);
}

std::string payload_of(std::uint64_t number) {
  return fmt::format(R"({{"sample":{},"plate":"P-{:05}","well":"A1"}})", number, number % 100'000);
}

engine::StartExecution start_of(std::uint64_t number, const lockstep::asl::StateMachinePtr& machine) {
  auto identity = std::make_shared<engine::Identity>();
  identity->name = fmt::format("execution-{}", number);
  return {engine::ExecutionId{number}, identity, machine, Value::from_checked_text(payload_of(number))};
}

void waiting(std::uint64_t count) {
  const auto machine = lockstep::asl::parse_definition(
                           R"({"StartAt":"Nap","States":{"Nap":{"Type":"Wait","Seconds":86400,"End":true}}})")
                           .machine;
  engine::Engine live(engine::Limits::hpc());
  engine::Step step;
  double payload = 0;
  const double before = allocated();
  for (std::uint64_t i = 1; i <= count; ++i) {
    step.clear();
    payload += static_cast<double>(payload_of(i).size());
    live.handle({Timestamp{1}, i, start_of(i, machine)}, step);
  }
  step = {};
  fmt::print("{} executions in Wait: {:.0f} bytes each beyond a payload of {:.0f}\n", live.execution_count(),
             (allocated() - before - payload) / static_cast<double>(count), payload / static_cast<double>(count));
}

/// One execution whose Map has `count` items, each a task that waits for its token; the answers come in any order.
void callbacks(std::uint64_t count) {
  const auto machine = lockstep::asl::parse_definition(R"({"StartAt":"M","States":{"M":{"Type":"Map","End":true,
      "ItemProcessor":{"StartAt":"T","States":{"T":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke.waitForTaskToken",
        "Parameters":{"FunctionName":"f","Payload":{"token.$":"$$.Task.Token"}},"End":true}}}}}})")
                           .machine;
  std::string items = "[";
  for (std::uint64_t i = 0; i < count; ++i) {
    items += fmt::format("{}{}", i == 0 ? "" : ",", i);
  }
  items += "]";
  engine::Engine live(engine::Limits::hpc());
  engine::StartExecution start = start_of(1, machine);
  start.input = Value::from_checked_text(items);
  std::vector<std::string> tokens;
  tokens.reserve(count);
  engine::Step step;
  const double began = cpu_seconds();
  engine::Input input{Timestamp{1}, 1, std::move(start)};
  while (tokens.size() < count) {
    step.clear();
    live.handle(input, step);
    input = {Timestamp{1}, tokens.size() + 1, engine::Proceed{}};
    for (engine::Effect& effect : step.effects) {
      if (auto* dispatch = std::get_if<engine::DispatchTask>(&effect)) {
        tokens.push_back(std::move(dispatch->token));
      }
    }
  }
  fmt::print("{} open callbacks: opened in {:.2f} s\n", count, cpu_seconds() - began);
  std::shuffle(tokens.begin(), tokens.end(), std::mt19937_64(1));
  const std::size_t tenth = count / 10;
  bool ended = false;
  for (std::size_t part = 0; part < 10; ++part) {
    const double from = cpu_seconds();
    double ending = 0;
    for (std::size_t i = part * tenth; i < (part + 1) * tenth; ++i) {
      const double before = i + 1 == count ? cpu_seconds() : 0;
      step.clear();
      engine::AnswerTask answer;
      answer.token = tokens[i];
      answer.output = Value::from_checked_text("{}");
      live.handle({Timestamp{2}, i, std::move(answer)}, step);
      while (live.has_ready()) {
        live.handle({Timestamp{2}, i, engine::Proceed{}}, step);
      }
      for (const engine::Effect& effect : step.effects) {
        ended = ended || std::holds_alternative<engine::EndExecution>(effect);
      }
      ending = i + 1 == count ? cpu_seconds() - before : 0;
    }
    fmt::print("  answers, tenth {:2} of them: {:8.0f} /s\n", part + 1,
               static_cast<double>(tenth) / (cpu_seconds() - from - ending));
    if (ending > 0) {
      fmt::print("  the end, with a result of {} items: {:.2f} s\n", count, ending);
    }
  }
  if (!ended) {
    fmt::print(stderr, "the execution has not ended\n");
    std::exit(1);
  }
}

}  // namespace

int main(int argc, char** argv) {
  lockstep::free_without_delay();  // as the program does
  waiting(argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 100'000);
  callbacks(argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1'000'000);
}
