// Whether answers to task tokens come to take longer the more tasks are open, and what an open one costs. No disk, no
// fleet; times are those of the processor.
//
//   engine_bench [CALLBACKS]       default: 1000000
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

std::size_t heap_bytes() {
  const struct mallinfo2 heap = ::mallinfo2();
  return heap.uordblks + heap.hblkhd;
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
  engine::StartExecution start{engine::ExecutionId{1}, std::make_shared<engine::Identity>("callbacks"), machine, {}};
  start.input = Value::from_checked_text(items);
  const std::size_t empty = heap_bytes();
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
      if (auto* dispatch = std::get_if<engine::DispatchTask>(&effect.body)) {
        tokens.push_back(std::move(dispatch->token));
      }
    }
  }
  const double opened = cpu_seconds() - began;
  const std::size_t with_list = heap_bytes();
  const std::vector<std::string> list = tokens;
  const std::size_t list_bytes = heap_bytes() - with_list;
  fmt::print("{} open callbacks: opened in {:.2f} s, {} bytes each\n", count, opened,
             (with_list - list_bytes - empty) / count);
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
        ended = ended || std::holds_alternative<engine::EndExecution>(effect.body);
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
  callbacks(argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 1'000'000);
}
