#include "cli/progress.hpp"

#include <pthread.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>

#include "cli/slurm.hpp"
#include "fleet/local_fleet.hpp"
#include "mpi_worker/blocked_signals.hpp"
#include "mpi_worker/pipe.hpp"
#include "report/format.hpp"
#include "service/clock.hpp"

namespace lockstep::cli {

namespace {

/// Between two looks at the counts.
constexpr std::chrono::milliseconds kOnTerminal{100};
constexpr std::chrono::milliseconds kInLog{250};
/// A fleet may have to add up its slots over all ranks.
constexpr std::uint64_t kOutcomesPerLook = 64;

Timestamp now() {
  return service::SystemClock().now();
}

void put(std::string_view text) {
  static_cast<void>(worker::write_all(STDERR_FILENO, text));  // or there is nobody left to tell
}

}  // namespace

Progress::Progress(const fleet::Fleet& fleet, const engine::Execution* execution)
    : fleet_(fleet),
      start_(now()),
      terminal_(Terminal::find()),
      colour_(Terminal::wants_colour()),
      log_(start_, end_of_allocation()) {
  counts_.resume(execution);
  if (!terminal_) {
    counts_.tell_every_item();
  }
  look_at_slots();
  {
    const worker::BlockedSignals blocked;
    thread_ = std::thread([this] { run(); });
  }
  set_screen(this);  // not where there can be no thread
}

Progress::~Progress() {
  stop();
}

void Progress::stop() {
  if (!thread_.joinable()) {
    return;
  }
  {
    const std::lock_guard lock(stop_mutex_);
    stop_ = true;
  }
  stopping_.notify_one();
  thread_.join();
  show();
  const std::lock_guard lock(screen_mutex_);
  if (!drawn_.empty()) {
    put(take_frame_away(terminal_->size()));
  }
  set_screen(nullptr);
}

void Progress::look_at_slots() {
  slots_ = std::max(slots_, fleet_.slots());
}

void Progress::on_event(const engine::Event& event, const engine::Engine& engine) {
  const std::lock_guard lock(counts_mutex_);
  counts_.on_event(event, engine);
}

void Progress::on_child_event(const engine::Event& event, const engine::Engine& engine) {
  const std::lock_guard lock(counts_mutex_);
  counts_.on_child_event(event, engine);
}

void Progress::on_outcome(const work::Outcome& outcome, const engine::Engine& engine) {
  const std::lock_guard lock(counts_mutex_);
  counts_.on_task(outcome, engine);
  if (outcomes_++ % kOutcomesPerLook == 0) {
    look_at_slots();
  }
}

void Progress::on_workload(const fleet::Workload& workload, const engine::Engine& engine) {
  const std::lock_guard lock(counts_mutex_);
  counts_.on_workload(workload.running, workload.begun, engine);
}

void Progress::run() {
  std::unique_lock lock(stop_mutex_);
  while (!stopping_.wait_for(lock, terminal_ ? kOnTerminal : kInLog, [this] { return stop_; })) {
    lock.unlock();
    show();
    lock.lock();
  }
}

void Progress::show() {
  std::vector<std::string> lines;
  std::vector<std::string> frame;
  {
    const Timestamp time = now();
    const std::lock_guard lock(counts_mutex_);
    pace_.look(counts_, slots_, time);
    if (!terminal_) {
      log_.advance(counts_, pace_, time, lines);
    } else if (counts_.machine() != nullptr) {
      for (const report::Notice& notice : counts_.take_notices()) {
        if (notice.kind != report::Notice::Kind::entered) {  // that shows
          lines.push_back(report::notice_line(counts_, notice, start_));
        }
      }
      frame = report::progress_frame(counts_, pace_, time, start_, terminal_->size(), colour_);
    }
  }
  draw(lines, frame);
}

/// What takes the frame that was drawn off the screen; the screen's lock is held.
std::string Progress::take_frame_away(report::FrameSize size) {
  // A terminal that has become narrower has broken the lines.
  std::size_t rows = 0;
  for (const std::size_t line_width : drawn_) {
    rows += std::max<std::size_t>((line_width + size.columns - 1) / size.columns, 1);
  }
  drawn_.clear();
  return rows == 0 ? "" : fmt::format("\r\x1b[{}A\x1b[J", rows);
}

void Progress::draw(const std::vector<std::string>& notices, const std::vector<std::string>& frame) {
  if (notices.empty() && frame.empty()) {
    return;
  }
  const std::lock_guard lock(screen_mutex_);
  std::string text = drawn_.empty() ? "" : take_frame_away(terminal_->size());
  for (const std::string& line : notices) {
    text += line + '\n';
  }
  for (const std::string& line : frame) {
    text += line + '\n';
    drawn_.push_back(report::width(line));
  }
  put(text);
}

void Progress::write(std::string_view lines) {
  const std::lock_guard lock(screen_mutex_);
  std::string text = drawn_.empty() ? "" : take_frame_away(terminal_->size());
  put(text += lines);
}

std::vector<std::string> Progress::summary(report::SummaryFacts facts) const {
  facts.wall = now().us - start_.us;
  facts.slots = slots_;
  facts.rank_0_apart = dynamic_cast<const fleet::LocalFleet*>(&fleet_) == nullptr;
  return report::run_summary(counts_, facts);
}

}  // namespace lockstep::cli
