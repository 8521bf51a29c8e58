#include "mpi_worker/mpi_channel.hpp"

#include <algorithm>
#include <climits>
#include <memory>

#include "mpi_worker/tags.hpp"

namespace lockstep::worker {

namespace {

/// Keeps a buffer where it is for ever: MPI may still use it when the peer is alive after all.
template <class T>
void leave_to_mpi(std::list<T>& from, typename std::list<T>::iterator which) {
  static auto* const for_ever = new std::list<T>;
  for_ever->splice(for_ever->end(), from, which);
}

}  // namespace

MpiChannel::~MpiChannel() {
  progress();
  while (!sends_.empty()) {
    leave_to_mpi(sends_, sends_.begin());
  }
  while (!receives_.empty()) {
    leave_to_mpi(receives_, receives_.begin());
  }
}

tl::expected<void, std::string> MpiChannel::send(int rank, std::string bytes) {
  if (bytes.size() > static_cast<std::size_t>(INT_MAX)) {
    return tl::unexpected(fmt::format("a message of {} bytes is longer than MPI can send", bytes.size()));
  }
  Send& send = sends_.emplace_back();
  send.rank = rank;
  send.bytes = std::move(bytes);
  MPI_Isend(send.bytes.data(), static_cast<int>(send.bytes.size()), MPI_BYTE, rank, kMessageTag, MPI_COMM_WORLD,
            &send.request);
  return {};
}

void MpiChannel::progress() {
  for (auto send = sends_.begin(); send != sends_.end();) {
    int done = 0;
    MPI_Test(&send->request, &done, MPI_STATUS_IGNORE);
    send = done != 0 ? sends_.erase(send) : std::next(send);
  }
}

void MpiChannel::begin_receives() {
  constexpr std::size_t kMost = 64;  // then what has arrived is worked on first
  while (receives_.size() < kMost) {
    int found = 0;
    MPI_Message message = MPI_MESSAGE_NULL;
    MPI_Status status;
    if (MPI_Improbe(MPI_ANY_SOURCE, kMessageTag, MPI_COMM_WORLD, &found, &message, &status) != MPI_SUCCESS ||
        found == 0) {
      return;
    }
    int size = 0;
    MPI_Get_count(&status, MPI_BYTE, &size);
    Receive& receive = receives_.emplace_back();
    receive.source = status.MPI_SOURCE;
    receive.bytes.resize(static_cast<std::size_t>(std::max(size, 0)));
    MPI_Imrecv(receive.bytes.data(), size, MPI_BYTE, &message, &receive.request);
  }
}

std::optional<Message> MpiChannel::take_whole() {
  for (auto arrived = receives_.begin(); arrived != receives_.end(); ++arrived) {
    if (!arrived->whole) {
      int done = 0;
      MPI_Test(&arrived->request, &done, MPI_STATUS_IGNORE);
      arrived->whole = done != 0;
    }
    const bool first_of_source = std::none_of(
        receives_.begin(), arrived, [&](const Receive& earlier) { return earlier.source == arrived->source; });
    if (arrived->whole && first_of_source) {
      Message message{arrived->source, std::move(arrived->bytes)};
      receives_.erase(arrived);
      return message;
    }
  }
  return std::nullopt;
}

std::optional<Message> MpiChannel::receive() {
  if (std::optional<Message> message = take_whole()) {
    return message;
  }
  begin_receives();
  return take_whole();
}

void MpiChannel::abandon(int rank) {
  progress();
  for (auto send = sends_.begin(); send != sends_.end();) {
    const auto next = std::next(send);
    if (send->rank == rank) {
      leave_to_mpi(sends_, send);
    }
    send = next;
  }
  for (auto arrived = receives_.begin(); arrived != receives_.end();) {
    const auto next = std::next(arrived);
    if (arrived->source == rank) {
      leave_to_mpi(receives_, arrived);
    }
    arrived = next;
  }
}

}  // namespace lockstep::worker
