#include "mpi_worker/heart.hpp"

#include <mpi.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdlib>

#include "mpi_worker/blocked_signals.hpp"
#include "mpi_worker/tags.hpp"

namespace lockstep::worker {
namespace {

using Milliseconds = std::chrono::milliseconds;

/// Between two looks for beats.
constexpr Milliseconds kLook{50};
/// A thread that slept this much longer than it wanted was stopped, and knows nothing of that time.
constexpr Milliseconds kStopped{2000};

std::int64_t milliseconds_of(std::chrono::steady_clock::time_point time) {
  return std::chrono::duration_cast<Milliseconds>(time.time_since_epoch()).count();
}

}  // namespace

Patience Patience::from_environment() {
  Patience patience;
  const char* text = std::getenv("LOCKSTEP_PATIENCE");
  const double factor = text != nullptr ? std::strtod(text, nullptr) : 0;
  if (factor >= 0.01 && factor <= 100) {
    for (Milliseconds* time :
         {&patience.start_nothing, &patience.kill_tasks, &patience.end, &patience.lost, &patience.beat}) {
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

struct Heart::Peer {
  int rank = 0;
  std::atomic<std::int64_t> heard{0};  // milliseconds of the steady clock
  std::atomic<bool> forgotten{false};

  // The thread's own.
  std::uint64_t sent = 0;                     // number of our last beat
  std::uint64_t got = 0;                      // number of its last beat
  std::array<std::int64_t, 64> sent_at = {};  // by number
  std::array<std::uint64_t, 2> out = {};      // number of the beat, number of the last one that was got
  MPI_Request request = MPI_REQUEST_NULL;
};

Heart::Heart(int rank, int size, Patience patience) : rank_(rank), patience_(patience) {
  for (int other = rank == 0 ? 1 : 0; other < (rank == 0 ? size : 1); ++other) {
    auto peer = std::make_unique<Peer>();
    peer->rank = other;
    peer->heard = milliseconds_of(Clock::now());
    peers_.push_back(std::move(peer));
  }
  {
    const BlockedSignals blocked;
    thread_ = std::thread([this] { run(); });
  }
}

Heart::~Heart() {
  stop();
  for (std::unique_ptr<Peer>& peer : peers_) {
    if (peer->request != MPI_REQUEST_NULL) {
      [[maybe_unused]] const Peer* for_ever = peer.release();  // MPI may still read its beat
    }
  }
}

Heart::Peer* Heart::peer(int rank) const {
  const std::size_t index = rank_ == 0 ? static_cast<std::size_t>(rank - 1) : static_cast<std::size_t>(rank);
  return index < peers_.size() ? peers_[index].get() : nullptr;
}

Milliseconds Heart::silence(int rank) const {
  const Peer* other = peer(rank);
  return other == nullptr ? Milliseconds(0) : Milliseconds(milliseconds_of(Clock::now()) - other->heard.load());
}

void Heart::forget(int rank) {
  if (Peer* other = peer(rank); other != nullptr) {
    other->forgotten = true;
  }
}

void Heart::stop() {
  stop_ = true;
  if (thread_.joinable()) {
    thread_.join();
  }
}

void Heart::run() {
  Clock::time_point next_beat = Clock::now();
  Clock::time_point last = Clock::now();
  while (!stop_) {
    const Clock::time_point now = Clock::now();
    if (rank_ == 0 && now - last > kStopped) {
      // Rank 0 was stopped. Its workers may have beaten all the time: they get another chance. (A worker gets none:
      // rank 0 may have given it up meanwhile.)
      for (const std::unique_ptr<Peer>& other : peers_) {
        other->heard = milliseconds_of(now);
      }
    }
    last = now;
    take_beats();
    if (now >= next_beat) {
      next_beat = now + patience_.beat;
      send_beats();
    }
    if (rank_ != 0 && silence(0) > patience_.end + 2 * patience_.beat + Milliseconds(500)) {
      _exit(1);  // the worker's own thread should have ended it long ago; its tasks get KILL with it
    }
    std::this_thread::sleep_for(std::min(kLook, patience_.beat));
  }
}

void Heart::send_beats() {
  for (const std::unique_ptr<Peer>& other : peers_) {
    int done = 0;
    MPI_Test(&other->request, &done, MPI_STATUS_IGNORE);
    if (done == 0 || other->forgotten) {
      continue;  // it does not take the one before
    }
    ++other->sent;
    other->sent_at[other->sent % other->sent_at.size()] = milliseconds_of(Clock::now());
    other->out = {other->sent, other->got};
    MPI_Isend(other->out.data(), static_cast<int>(sizeof other->out), MPI_BYTE, other->rank, kBeatTag, MPI_COMM_WORLD,
              &other->request);
  }
}

void Heart::take_beats() {
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
    std::array<std::uint64_t, 2> in = {};
    if (other == nullptr || bytes.size() != sizeof in) {
      continue;
    }
    std::memcpy(in.data(), bytes.data(), sizeof in);
    other->got = in[0];
    if (rank_ == 0) {
      other->heard = milliseconds_of(Clock::now());
    } else if (in[1] <= other->sent && other->sent - in[1] < other->sent_at.size() && in[1] > 0) {
      other->heard = other->sent_at[in[1] % other->sent_at.size()];
    }
  }
}

}  // namespace lockstep::worker
