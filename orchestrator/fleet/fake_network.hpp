// Channels and hearts of ranks that are all in this process, in virtual time: messages take their time, those of
// different ranks overtake each other, links are held up or cut.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <random>
#include <vector>

#include "fleet/virtual_time.hpp"
#include "mpi_worker/channel.hpp"
#include "mpi_worker/heart.hpp"
#include "mpi_worker/pulse.hpp"

namespace lockstep::fleet {

/// One thread. Must outlive what happens in its VirtualTime.
class FakeNetwork {
 public:
  struct Delays {
    std::chrono::microseconds least{5};
    std::chrono::microseconds most{2'000};
  };

  FakeNetwork(VirtualTime& time, std::uint64_t seed, int size, const worker::Patience& patience, const Delays& delays);
  FakeNetwork(VirtualTime& time, std::uint64_t seed, int size, const worker::Patience& patience = {})
      : FakeNetwork(time, seed, size, patience, Delays()) {}
  ~FakeNetwork();
  FakeNetwork(const FakeNetwork&) = delete;
  FakeNetwork& operator=(const FakeNetwork&) = delete;

  int size() const { return static_cast<int>(nodes_.size()); }
  worker::Channel& channel(int rank);
  worker::Heart& heart(int rank);
  /// Called when a message has arrived at a rank that lives.
  void on_arrival(int rank, std::function<void()> call);

  /// From now on nothing gets from one rank to the other, for ever; what is under way is lost, too.
  void cut(int from, int to);
  /// Both ways, to and from rank 0.
  void cut_off(int rank);
  /// Nothing arrives until release(); then all of it does.
  void hold(int from, int to);
  void release(int from, int to);
  /// The process is no more: it neither beats nor sends, and takes nothing.
  void kill(int rank);
  /// The process is stopped (SIGSTOP): it does not beat, and what comes waits.
  void freeze(int rank);
  void thaw(int rank);

  /// Messages that have arrived or were lost, beats not counted.
  std::uint64_t messages() const { return messages_; }

 private:
  class Port;
  class FakeHeart;
  struct Link;
  struct Node;

  Node& node(int rank) { return *nodes_[static_cast<std::size_t>(rank)]; }
  Link& link(int from, int to);
  std::chrono::nanoseconds delay();
  void send(int from, int to, std::string bytes);
  void arrive(int from, int to, std::string bytes);
  void take_beats(int from, int to);
  void beat(int rank);
  void send_beat(int from, int to);

  VirtualTime& time_;
  std::mt19937_64 random_;
  const worker::Patience patience_;
  const Delays delays_;
  std::vector<std::unique_ptr<Node>> nodes_;
  std::vector<Link> links_;
  std::uint64_t messages_ = 0;
};

}  // namespace lockstep::fleet
