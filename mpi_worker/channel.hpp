// Messages between ranks, point to point, without ever waiting for the other side: MPI reports no dead peer, so
// nothing may depend on one (slurm-mpi.md 4).
#pragma once

#include <mpi.h>

#include <list>
#include <optional>
#include <string>
#include <vector>

namespace lockstep::worker {

struct Message {
  int source = -1;
  std::string bytes;
};

/// One thread uses a channel. Messages from one rank arrive whole and in order.
class Channel {
 public:
  Channel() = default;
  /// Does not wait for what was not sent: its buffers are left to MPI for ever.
  ~Channel();
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

  /// Queues a message. The error says why it cannot be sent at all (longer than MPI can count).
  tl::expected<void, std::string> send(int rank, std::string bytes);
  /// The next message that has arrived.
  std::optional<Message> receive();
  /// Moves what is under way; to be called now and then while unsent() is not 0.
  void progress();
  std::size_t unsent() const { return sends_.size(); }
  /// Forgets the messages to and from a rank that is lost.
  void abandon(int rank);

 private:
  struct Send {
    int rank = -1;
    std::string bytes;
    MPI_Request request = MPI_REQUEST_NULL;
  };
  struct Receive {
    int source = -1;
    std::string bytes;
    MPI_Request request = MPI_REQUEST_NULL;
    bool whole = false;
  };

  std::optional<Message> take_whole();
  void begin_receives();

  // Lists, so that the buffers stay where MPI has been told they are.
  std::list<Send> sends_;
  std::list<Receive> receives_;
};

}  // namespace lockstep::worker
