#include "cli/state_writer.hpp"

#include <algorithm>

#include "mpi_worker/blocked_signals.hpp"
#include "service/clock.hpp"

namespace lockstep::cli {

namespace {

/// How old the file may be though nothing has changed: what a run that is killed does not know of itself.
constexpr std::chrono::seconds kOldest{3};
/// The next one after one that was written.
constexpr std::chrono::seconds kBetweenWrites{1};
/// More tasks are not told one by one.
constexpr std::size_t kMostTold = 10'000;

bool is_same(const std::vector<work::BegunTask>& a, const std::vector<work::BegunTask>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const work::BegunTask& one, const work::BegunTask& other) {
                      return one.id == other.id && one.rank == other.rank;
                    });
}

}  // namespace

StateWriter::StateWriter(std::string run_folder, journal::Epoch epoch, const std::optional<report::RunState>& before,
                         std::optional<Timestamp> end)
    : run_folder_(std::move(run_folder)) {
  state_.execution = engine::ExecutionId{1};  // a run folder holds one
  state_.epoch = epoch;
  state_.since = service::SystemClock().now();
  state_.ran_before = before ? before->ran() : 0;
  state_.end = end;
  const worker::BlockedSignals blocked;
  thread_ = std::thread([this] { run(); });
}

StateWriter::~StateWriter() {
  stop();
}

void StateWriter::take(const fleet::Workload& workload) {
  const auto told = workload.begun.begin() + static_cast<std::ptrdiff_t>(std::min(workload.begun.size(), kMostTold));
  std::vector<work::BegunTask> begun(workload.begun.begin(), told);
  const std::lock_guard lock(mutex_);
  // How many slots there are at first is no news before anything runs: the next one could be told only a while later.
  const bool is_news = state_.running != workload.running || !is_same(state_.begun, begun) ||
                       (state_.slots != 0 && state_.slots != workload.slots);
  state_.slots = workload.slots;
  if (!is_news) {
    return;
  }
  state_.running = workload.running;
  state_.begun = std::move(begun);
  is_new_ = true;
  changed_.notify_one();
}

void StateWriter::run() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait_for(lock, kOldest, [this] { return is_new_ || stop_; });
    const bool last = stop_;
    is_new_ = false;
    state_.at = std::max(service::SystemClock().now(), state_.since);
    const report::RunState state = state_;
    lock.unlock();
    // Nothing hangs on it: what is wrong with the disk is said where something does.
    static_cast<void>(report::write_run_state(run_folder_, state));
    if (last) {
      return;
    }
    lock.lock();
    changed_.wait_for(lock, kBetweenWrites, [this] { return stop_; });
  }
}

void StateWriter::stop() {
  if (!thread_.joinable()) {
    return;
  }
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

}  // namespace lockstep::cli
