#include "report/test_run.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "asl/parser.hpp"
#include "catalogue/names.hpp"

namespace lockstep::report {

TestRun::TestRun() {
  made_.write("run.json", R"({"format":1,"name":"run","type":"STANDARD"})");
  engine_ = std::make_unique<engine::Engine>(engine::Limits::hpc());
  journal::OpenOptions options;
  options.folded = &catalogue_;
  options.journal.first_segment = {16, 8 << 10};
  options.journal.largest_segment = {64, 32 << 10};
  auto opened = journal::open_run(folder_, *engine_, options);
  EXPECT_TRUE(opened);
  run_ = std::make_unique<journal::OpenRun>(std::move(*opened));
}

void TestRun::close() {
  run_.reset();
}

void TestRun::start(const std::string& definition, const std::string& input, const std::string& name, std::uint64_t id,
                    const std::string& machine_name) {
  const asl::StateMachinePtr machine = asl::parse_definition(definition).machine;
  ASSERT_NE(machine, nullptr);
  auto identity = std::make_shared<engine::Identity>(
      name,
      std::make_shared<engine::MachineIdentity>(engine::MachineIdentity{"", catalogue::machine_arn(machine_name), ""}));
  handle(engine::StartExecution{engine::ExecutionId{id}, identity, machine, Value::from_text(input).value()});
}

void TestRun::succeed(const std::string& result) {
  ASSERT_FALSE(tasks_.empty());
  work::Outcome outcome;
  outcome.id = tasks_.front().id;
  outcome.result = Value::from_text(result).value();
  outcome.started = now;
  tasks_.pop_front();
  handle(std::move(outcome));
}

void TestRun::fail(const std::string& error, const std::string& cause) {
  ASSERT_FALSE(tasks_.empty());
  work::Outcome outcome;
  outcome.id = tasks_.front().id;
  outcome.kind = work::OutcomeKind::failed;
  outcome.error = error;
  outcome.cause = cause;
  outcome.started = now;
  tasks_.pop_front();
  handle(std::move(outcome));
}

void TestRun::pass(std::int64_t seconds) {
  now.us += seconds * kMicrosPerSecond;
  handle(engine::Proceed{});
}

void TestRun::handle(engine::InputBody body) {
  bool more = true;
  while (more) {
    engine::Step step;
    engine_->handle({now, 1, std::exchange(body, engine::Proceed{})}, step);
    append(step.events);
    for (engine::Effect& effect : step.effects) {
      if (auto* dispatch = std::get_if<engine::DispatchTask>(&effect.body)) {
        tasks_.push_back(std::move(*dispatch));
      } else if (const auto* cancel = std::get_if<engine::CancelTask>(&effect.body)) {
        std::erase_if(tasks_, [&](const engine::DispatchTask& task) { return task.id == cancel->id; });
      }
    }
    more = engine_->has_ready();
  }
}

void TestRun::happen(const catalogue::Decision<catalogue::Change>& decision) {
  ASSERT_TRUE(decision && decision->event);
  std::vector<engine::Event> events;
  events.push_back(catalogue::Change(*decision).at(now));
  append(events);
}

void TestRun::append(std::vector<engine::Event>& events) {
  const std::vector<engine::Event> kept = events;
  const journal::SequenceNumber last = run_->journal->append(events);
  for (std::size_t i = 0; i < kept.size(); ++i) {
    catalogue_.apply(kept[i], last + 1 - kept.size() + i);
  }
}

void TestRun::checkpoint() {
  EXPECT_TRUE(run_->checkpointer->take(*engine_));
}

void TestRun::sync() {
  EXPECT_TRUE(run_->journal->sync());
}

}  // namespace lockstep::report
