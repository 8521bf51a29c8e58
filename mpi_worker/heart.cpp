#include "mpi_worker/heart.hpp"

#include <mpi.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>

#include "mpi_worker/blocked_signals.hpp"
#include "mpi_worker/pulse.hpp"
#include "mpi_worker/tags.hpp"
#include "value/boot_clock.hpp"

namespace lockstep::worker {
namespace {

using Milliseconds = std::chrono::milliseconds;

/// Between two looks for beats.
constexpr Milliseconds kLook{50};
/// A thread that slept this much longer than it wanted was stopped, and knows nothing of that time.
constexpr Milliseconds kStopped{2000};

Milliseconds boot_time() {
  return std::chrono::duration_cast<Milliseconds>(BootClock::now().time_since_epoch());
}

}  // namespace

Patience Patience::from_environment() {
  Patience patience;
  const char* text = std::getenv("LOCKSTEP_PATIENCE");
  const double factor = text != nullptr ? std::strtod(text, nullptr) : 0;
  if (factor >= 0.01 && factor <= 100) {
    for (Milliseconds* time : {&patience.start_nothing, &patience.kill_tasks, &patience.kill_hung, &patience.end,
                               &patience.end_hung, &patience.lost, &patience.beat}) {
      *time = Milliseconds(static_cast<std::int64_t>(static_cast<double>(time->count()) * factor));
    }
  }
  return patience;
}

Patience::Duty Patience::duty(Milliseconds silence) const {
  return silence > end             ? Duty::end
         : silence > kill_tasks    ? Duty::kill_tasks
         : silence > start_nothing ? Duty::start_nothing
                                   : Duty::go_on;
}

bool Patience::is_hung(Milliseconds silence, Duty done) const {
  return silence > end_hung || (silence > kill_hung && done < Duty::kill_tasks);
}

struct MpiHeart::Peer {
  int rank = 0;
  Pulse pulse;
  std::atomic<bool> forgotten{false};

  // The thread's own.
  Pulse::Beat out;
  MPI_Request request = MPI_REQUEST_NULL;
};

MpiHeart::MpiHeart(int rank, int size, Patience patience) : rank_(rank), patience_(patience) {
  for (int other = rank == 0 ? 1 : 0; other < (rank == 0 ? size : 1); ++other) {
    auto peer = std::make_unique<Peer>();
    peer->rank = other;
    peer->pulse.hear(boot_time());
    peers_.push_back(std::move(peer));
  }
  {
    const BlockedSignals blocked;
    thread_ = std::thread([this] { run(); });
  }
}

MpiHeart::~MpiHeart() {
  stop();
  for (std::unique_ptr<Peer>& peer : peers_) {
    if (peer->request != MPI_REQUEST_NULL) {
      [[maybe_unused]] const Peer* for_ever = peer.release();  // MPI may still read its beat
    }
  }
}

MpiHeart::Peer* MpiHeart::peer(int rank) const {
  const std::size_t index = rank_ == 0 ? static_cast<std::size_t>(rank - 1) : static_cast<std::size_t>(rank);
  return index < peers_.size() ? peers_[index].get() : nullptr;
}

Milliseconds MpiHeart::silence(int rank) const {
  const Peer* other = peer(rank);
  return other == nullptr ? Milliseconds(0) : other->pulse.silence(boot_time());
}

void MpiHeart::forget(int rank) {
  if (Peer* other = peer(rank); other != nullptr) {
    other->forgotten = true;
  }
}

void MpiHeart::beat_while(std::function<bool()> is_owner) {
  const std::lock_guard lock(mutex_);
  is_owner_ = std::move(is_owner);
}

bool MpiHeart::may_beat() {
  const std::lock_guard lock(mutex_);
  return !is_owner_ || is_owner_();
}

void MpiHeart::watch_over(std::function<void(BootClock::time_point)> end_at) {
  {
    const std::lock_guard lock(mutex_);
    end_at_ = std::move(end_at);
  }
  put_off_the_end();
}

/// Whatever holds up the loop, or all of us, the tasks end in time.
void MpiHeart::put_off_the_end() {
  const std::lock_guard lock(mutex_);
  if (end_at_) {
    const Milliseconds time = boot_time();  // first: what is heard meanwhile makes it later
    end_at_(BootClock::time_point(time - silence(0) + patience_.kill_hung));
  }
}

void MpiHeart::stop() {
  stop_ = true;
  if (thread_.joinable()) {
    thread_.join();
  }
}

void MpiHeart::run() {
  Milliseconds next_beat = boot_time();
  Milliseconds last = boot_time();
  while (!stop_) {
    const Milliseconds time = boot_time();
    if (rank_ == 0 && time - last > kStopped) {
      // Rank 0 was stopped. Its workers may have beaten all the time: they get another chance. (A worker gets none:
      // rank 0 may have given it up meanwhile.)
      for (const std::unique_ptr<Peer>& other : peers_) {
        other->pulse.hear(time);
      }
    }
    last = time;
    take_beats();
    if (time >= next_beat && may_beat()) {
      next_beat = time + patience_.beat;
      send_beats();
      put_off_the_end();
    }
    if (rank_ != 0 && patience_.is_hung(silence(0), done_.load())) {
      _exit(1);
    }
    std::this_thread::sleep_for(std::min(kLook, patience_.beat));
  }
}

void MpiHeart::send_beats() {
  for (const std::unique_ptr<Peer>& other : peers_) {
    int done = 0;
    MPI_Test(&other->request, &done, MPI_STATUS_IGNORE);
    if (done == 0 || other->forgotten) {
      continue;  // it does not take the one before
    }
    other->out = other->pulse.send(boot_time());
    MPI_Isend(&other->out, static_cast<int>(sizeof other->out), MPI_BYTE, other->rank, kBeatTag, MPI_COMM_WORLD,
              &other->request);
  }
}

void MpiHeart::take_beats() {
  while (true) {
    int found = 0;
    MPI_Status status;
    MPI_Iprobe(MPI_ANY_SOURCE, kBeatTag, MPI_COMM_WORLD, &found, &status);
    if (found == 0) {
      return;
    }
    int size = 0;
    MPI_Get_count(&status, MPI_BYTE, &size);
    std::vector<char> bytes(static_cast<std::size_t>(std::max(size, 0)));
    // Small enough to have arrived whole: this does not wait.
    MPI_Recv(bytes.data(), size, MPI_BYTE, status.MPI_SOURCE, kBeatTag, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    Peer* other = peer(status.MPI_SOURCE);
    Pulse::Beat in;
    if (other != nullptr && bytes.size() == sizeof in) {
      std::memcpy(&in, bytes.data(), sizeof in);
      other->pulse.take(in, rank_ == 0, boot_time());
    }
  }
}

}  // namespace lockstep::worker
