// Messages between ranks, point to point, without ever waiting for the other side.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

namespace lockstep::worker {

struct Message {
  int source = -1;
  std::string bytes;
};

/// One thread uses a channel. Messages from one rank arrive whole and in order, or not at all.
class Channel {
 public:
  virtual ~Channel() = default;
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

  /// Queues a message. The error says why it cannot be sent at all.
  virtual tl::expected<void, std::string> send(int rank, std::string bytes) = 0;
  /// The next message that has arrived.
  virtual std::optional<Message> receive() = 0;
  /// Moves what is under way; to be called now and then while unsent() is not 0.
  virtual void progress() = 0;
  virtual std::size_t unsent() const = 0;
  /// Forgets the messages to and from a rank that is lost.
  virtual void abandon(int rank) = 0;

 protected:
  Channel() = default;
};

}  // namespace lockstep::worker
