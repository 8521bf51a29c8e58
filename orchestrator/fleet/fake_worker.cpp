#include "fleet/fake_worker.hpp"

#include <algorithm>

namespace lockstep::fleet {

namespace {

/// How often a rank looks after rank 0 while nothing else happens.
constexpr std::chrono::milliseconds kLook{100};

}  // namespace

FakeWorker::FakeWorker(const Parts& parts)
    : time_(parts.time),
      processes_(parts.processes),
      network_(parts.network),
      rank_(parts.rank),
      machine_(parts.time, parts.processes, parts.host, parts.files) {
  const auto make_runner = [this, parts](const worker::RunSettings& settings, const worker::Place& place,
                                         std::size_t slots, worker::Spool* spool, const worker::Fence& fence) {
    return std::make_unique<SimulatedRunner>(
        SimulatedRunner::Parts{time_, [this] { return machine_.wall_clock(); }, parts.script, *parts.watch, parts.seed,
                               parts.refuses},
        settings, place, slots, spool, fence);
  };
  loop_ = std::make_unique<worker::WorkerLoop>(
      rank_, parts.slots,
      worker::WorkerLoop::Parts{network_.channel(rank_), network_.heart(rank_), machine_, make_runner});
  processes_.ends[machine_.own_pid()] = [this] { kill(); };
  network_.on_arrival(rank_, [this] { step_at(time_.now()); });
  step_at(time_.now());
}

FakeWorker::~FakeWorker() {
  processes_.ends.erase(machine_.own_pid());
}

void FakeWorker::kill() {
  machine_.kill();
  network_.kill(rank_);
  loop_.reset();
}

void FakeWorker::freeze() {
  frozen_ = true;
  network_.freeze(rank_);
}

void FakeWorker::thaw() {
  frozen_ = false;
  network_.thaw(rank_);
  step_at(time_.now());
}

void FakeWorker::step_at(VirtualTime::Time time) {
  if (time < next_step_) {
    next_step_ = time;
    time_.at(time, [this, time] {
      if (next_step_ == time) {
        next_step_ = VirtualTime::Time::max();
        step();
      }
    });
  }
}

void FakeWorker::step() {
  if (loop_ == nullptr || frozen_) {
    return;
  }
  while (loop_->step() && !loop_->status()) {
  }
  status_ = loop_->status();
  if (status_) {
    kill();
    return;
  }
  step_at(std::min(std::max(loop_->next_time(), time_.now() + std::chrono::microseconds(1)), time_.now() + kLook));
}

}  // namespace lockstep::fleet
