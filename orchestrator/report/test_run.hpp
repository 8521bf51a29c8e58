// A run folder for the reports' tests: an engine and a catalogue whose Events go to a real journal, tasks answered by
// hand.
#pragma once

#include <deque>
#include <memory>
#include <string>

#include "catalogue/catalogue.hpp"
#include "journal/recovery.hpp"
#include "value/test_folder.hpp"

namespace lockstep::report {

class TestRun {
 public:
  TestRun();
  TestRun(const TestRun&) = delete;
  TestRun& operator=(const TestRun&) = delete;

  const std::string& folder() const { return folder_; }

  void start(const std::string& definition, const std::string& input, const std::string& name = "run",
             std::uint64_t id = 1, const std::string& machine_name = "m");
  /// What the catalogue decided happens.
  void happen(const catalogue::Decision<catalogue::Change>& decision);
  /// The execution is over, and that was told.
  void forget(std::uint64_t id) { engine_->forget(engine::ExecutionId{id}); }
  const catalogue::Catalogue& catalogue() const { return catalogue_; }
  /// Answers the task that was dispatched first. An empty `error`: it succeeded with `result`.
  void succeed(const std::string& result = "{\"done\":true}");
  void fail(const std::string& error, const std::string& cause);
  void pass(std::int64_t seconds);
  void handle(engine::InputBody body);
  std::deque<engine::DispatchTask>& tasks() { return tasks_; }

  /// All that was journalled is durable, and a checkpoint is taken.
  void checkpoint();
  void sync();
  /// The owner goes.
  void close();

  Timestamp now{1'700'000'000'000'000};

 private:
  const TestFolder made_;
  const std::string folder_ = made_.path();
  void append(std::vector<engine::Event>& events);

  std::unique_ptr<engine::Engine> engine_;
  catalogue::Catalogue catalogue_;
  std::unique_ptr<journal::OpenRun> run_;
  std::deque<engine::DispatchTask> tasks_;
};

}  // namespace lockstep::report
