// The channel over MPI, which reports no dead peer, so nothing may depend on one (slurm-mpi.md 4).
#pragma once

#include <mpi.h>

#include <list>

#include "mpi_worker/channel.hpp"

namespace lockstep::worker {

class MpiChannel final : public Channel {
 public:
  MpiChannel() = default;
  /// Does not wait for what was not sent: its buffers are left to MPI for ever.
  ~MpiChannel() override;

  /// The error: longer than MPI can count.
  tl::expected<void, std::string> send(int rank, std::string bytes) override;
  std::optional<Message> receive() override;
  void progress() override;
  std::size_t unsent() const override { return sends_.size(); }
  void abandon(int rank) override;

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
