// Writes an execution's history to a file while it runs, as GetExecutionHistory answers it: {"events":[…]}.
#pragma once

#include <cstdio>
#include <memory>
#include <string>
#include <unordered_map>

#include "service/observer.hpp"

namespace lockstep::service {

class HistoryFile final : public Observer {
 public:
  /// What stands in the file is kept until the first event, or close().
  static Result<std::unique_ptr<HistoryFile>> open(const std::string& path);
  ~HistoryFile() override;
  void on_event(const engine::Event& event, const engine::Engine& engine) override;
  /// Ends the document. An error if anything could not be written.
  Result<void> close();

 private:
  void begin();
  HistoryFile(std::string path, std::FILE* file) : path_(std::move(path)), file_(file) {}

  std::string path_;
  std::FILE* file_;
  std::string entry_;
  std::unordered_map<engine::ExecutionId, asl::StateMachinePtr>
      machines_;  // the engine may be ahead of what it is told
  bool begun_ = false;
  bool first_ = true;  // no entry is written yet
};

}  // namespace lockstep::service
