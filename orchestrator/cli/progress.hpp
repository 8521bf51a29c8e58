// Shows how a run goes on: bars on a terminal, lines in a log. Counting happens on the service's thread, writing on
// one of its own, a few times a second.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "cli/commands.hpp"
#include "cli/terminal.hpp"
#include "fleet/fleet.hpp"
#include "report/progress_log.hpp"
#include "report/run_summary.hpp"
#include "service/observer.hpp"

namespace lockstep::cli {

/// complain() goes through it as long as it shows anything.
class Progress final : public service::Observer, public Screen {
 public:
  /// Borrows the fleet. `execution`: what is to go on; null: it has yet to start.
  Progress(const fleet::Fleet& fleet, const engine::Execution* execution);
  ~Progress() override;

  void on_event(const engine::Event& event, const engine::Engine& engine) override;
  /// Of a child of one of its Map Runs, or of theirs.
  void on_child_event(const engine::Event& event, const engine::Engine& engine);
  void on_outcome(const work::Outcome& outcome, const engine::Engine& engine) override;
  void on_workload(const fleet::Workload& workload, const engine::Engine& engine);
  void write(std::string_view lines) override;

  /// Shows what is left to show, and takes the bars away. Idempotent.
  void stop();
  /// Once stopped.
  std::vector<std::string> summary(report::SummaryFacts facts) const;

 private:
  void run();
  void show();
  void draw(const std::vector<std::string>& notices, const std::vector<std::string>& frame);
  std::string take_frame_away(report::FrameSize size);
  void look_at_slots();

  const fleet::Fleet& fleet_;
  const Timestamp start_;
  const std::optional<Terminal> terminal_;
  const bool colour_;

  std::mutex counts_mutex_;
  report::RunCounts counts_;
  std::size_t slots_ = 0;  // the most that there were
  std::uint64_t outcomes_ = 0;

  // The writing thread's own.
  report::Pace pace_;
  report::ProgressLog log_;

  std::mutex screen_mutex_;
  std::vector<std::size_t> drawn_;  // widths of the frame's lines on the screen

  std::mutex stop_mutex_;
  std::condition_variable stopping_;
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace lockstep::cli
