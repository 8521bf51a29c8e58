#include "fleet/fake_network.hpp"

#include <algorithm>

namespace lockstep::fleet {

using worker::Message;
using worker::Pulse;

namespace {

Pulse::Time milliseconds_of(VirtualTime::Time time) {
  return std::chrono::duration_cast<Pulse::Time>(time.time_since_epoch());
}

}  // namespace

class FakeNetwork::Port final : public worker::Channel {
 public:
  Port(FakeNetwork& network, int rank) : network_(network), rank_(rank) {}

  tl::expected<void, std::string> send(int rank, std::string bytes) override {
    network_.send(rank_, rank, std::move(bytes));
    return {};
  }
  std::optional<Message> receive() override {
    if (arrived.empty()) {
      return std::nullopt;
    }
    Message message = std::move(arrived.front());
    arrived.pop_front();
    return message;
  }
  void progress() override {}
  std::size_t unsent() const override { return 0; }
  void abandon(int rank) override {
    network_.cut(rank_, rank);
    network_.cut(rank, rank_);
    std::erase_if(arrived, [rank](const Message& message) { return message.source == rank; });
  }

  std::deque<Message> arrived;

 private:
  FakeNetwork& network_;
  const int rank_;
};

class FakeNetwork::FakeHeart final : public worker::Heart {
 public:
  FakeHeart(FakeNetwork& network, int rank) : network_(network), rank_(rank) {
    const int first = rank == 0 ? 1 : 0;
    for (int other = first; other < (rank == 0 ? network.size() : 1); ++other) {
      peers_.emplace_back().hear(milliseconds_of(network.time_.now()));
      forgotten_.push_back(false);
    }
  }

  std::chrono::milliseconds silence(int rank) const override {
    return peers_[index(rank)].silence(milliseconds_of(network_.time_.now()));
  }
  const worker::Patience& patience() const override { return network_.patience_; }
  void forget(int rank) override { forgotten_[index(rank)] = true; }
  void beat_while(std::function<bool()> is_owner) override { is_owner_ = std::move(is_owner); }

  Pulse& pulse(int rank) { return peers_[index(rank)]; }
  void watch_over(std::function<void(BootClock::time_point)> end_at) override {
    end_at_ = std::move(end_at);
    put_off_the_end();
  }
  void put_off_the_end() const {
    if (end_at_) {
      end_at_(BootClock::time_point(network_.time_.now().time_since_epoch()) - silence(0) +
              network_.patience_.kill_hung);
    }
  }

  bool beats_to(int rank) const { return !forgotten_[index(rank)] && (!is_owner_ || is_owner_()); }
  void hear_all() {
    for (Pulse& pulse : peers_) {
      pulse.hear(milliseconds_of(network_.time_.now()));
    }
  }

 private:
  std::size_t index(int rank) const { return static_cast<std::size_t>(rank_ == 0 ? rank - 1 : rank); }

  FakeNetwork& network_;
  const int rank_;
  std::deque<Pulse> peers_;
  std::vector<bool> forgotten_;
  std::function<bool()> is_owner_;
  std::function<void(BootClock::time_point)> end_at_;
};

struct FakeNetwork::Link {
  bool cut = false;
  bool held = false;
  VirtualTime::Time free_at;        // messages stay in order
  std::deque<std::string> waiting;  // held up
  std::deque<Pulse::Beat> beats;    // likewise
  std::uint64_t generation = 0;     // what was sent in an earlier one is lost
};

struct FakeNetwork::Node {
  Node(FakeNetwork& network, int rank) : port(network, rank), heart(network, rank) {}
  Port port;
  FakeHeart heart;
  bool dead = false;
  bool frozen = false;
  std::function<void()> on_arrival;
};

FakeNetwork::FakeNetwork(VirtualTime& time, std::uint64_t seed, int size, const worker::Patience& patience,
                         const Delays& delays)
    : time_(time),
      random_(seed),
      patience_(patience),
      delays_(delays),
      nodes_(static_cast<std::size_t>(size)),
      links_(static_cast<std::size_t>(size) * static_cast<std::size_t>(size)) {
  for (int rank = 0; rank < size; ++rank) {
    nodes_[static_cast<std::size_t>(rank)] = std::make_unique<Node>(*this, rank);
  }
  for (int rank = 0; rank < size; ++rank) {
    time_.after(delay(), [this, rank] { beat(rank); });
  }
}

FakeNetwork::~FakeNetwork() = default;

FakeNetwork::Link& FakeNetwork::link(int from, int to) {
  return links_[static_cast<std::size_t>(from * size() + to)];
}

worker::Channel& FakeNetwork::channel(int rank) {
  return node(rank).port;
}

worker::Heart& FakeNetwork::heart(int rank) {
  return node(rank).heart;
}

void FakeNetwork::on_arrival(int rank, std::function<void()> call) {
  node(rank).on_arrival = std::move(call);
}

void FakeNetwork::cut(int from, int to) {
  Link& one = link(from, to);
  one.cut = true;
  ++one.generation;
  one.waiting.clear();
  one.beats.clear();
}

void FakeNetwork::cut_off(int rank) {
  cut(0, rank);
  cut(rank, 0);
}

void FakeNetwork::hold(int from, int to) {
  link(from, to).held = true;
}

void FakeNetwork::release(int from, int to) {
  Link& one = link(from, to);
  one.held = false;
  for (std::string& bytes : std::exchange(one.waiting, {})) {
    arrive(from, to, std::move(bytes));
  }
  take_beats(from, to);
}

void FakeNetwork::take_beats(int from, int to) {
  Link& one = link(from, to);
  if (one.held || node(to).frozen) {
    return;
  }
  for (const Pulse::Beat& beat : std::exchange(one.beats, {})) {
    node(to).heart.pulse(from).take(beat, to == 0, milliseconds_of(time_.now()));
  }
}

void FakeNetwork::kill(int rank) {
  node(rank).dead = true;
  node(rank).port.arrived.clear();
}

void FakeNetwork::freeze(int rank) {
  node(rank).frozen = true;
}

void FakeNetwork::thaw(int rank) {
  Node& one = node(rank);
  one.frozen = false;
  if (rank == 0) {
    one.heart.hear_all();  // as the real one does that was stopped
  }
  for (int other = rank == 0 ? 1 : 0; other < (rank == 0 ? size() : 1); ++other) {
    take_beats(other, rank);
  }
  if (!one.port.arrived.empty() && one.on_arrival) {
    one.on_arrival();
  }
}

std::chrono::nanoseconds FakeNetwork::delay() {
  const auto range = static_cast<std::uint64_t>((delays_.most - delays_.least).count()) + 1;
  // Most are quick.
  const std::uint64_t drawn = random_() % 4 == 0 ? random_() % range : random_() % (range / 16 + 1);
  return delays_.least + std::chrono::microseconds(drawn);
}

void FakeNetwork::send(int from, int to, std::string bytes) {
  Link& one = link(from, to);
  if (node(from).dead || one.cut) {
    return;
  }
  one.free_at = std::max(one.free_at, time_.now() + delay());
  time_.at(one.free_at, [this, from, to, generation = one.generation, bytes = std::move(bytes)]() mutable {
    Link& same = link(from, to);
    if (same.generation != generation || node(to).dead) {
      ++messages_;
    } else if (same.held) {
      same.waiting.push_back(std::move(bytes));
    } else {
      arrive(from, to, std::move(bytes));
    }
  });
}

void FakeNetwork::arrive(int from, int to, std::string bytes) {
  ++messages_;
  Node& there = node(to);
  if (there.dead) {
    return;
  }
  there.port.arrived.push_back({from, std::move(bytes)});
  if (!there.frozen && there.on_arrival) {
    there.on_arrival();
  }
}

void FakeNetwork::beat(int rank) {
  Node& one = node(rank);
  if (one.dead) {
    return;
  }
  if (!one.frozen) {
    one.heart.put_off_the_end();
    for (int other = rank == 0 ? 1 : 0; other < (rank == 0 ? size() : 1); ++other) {
      if (one.heart.beats_to(other)) {
        send_beat(rank, other);
      }
    }
  }
  time_.after(patience_.beat, [this, rank] { beat(rank); });
}

void FakeNetwork::send_beat(int from, int to) {
  const Pulse::Beat beat = node(from).heart.pulse(to).send(milliseconds_of(time_.now()));
  Link& one = link(from, to);
  if (one.cut) {
    return;
  }
  time_.after(delay(), [this, from, to, beat, generation = one.generation] {
    Link& same = link(from, to);
    if (same.generation == generation && !node(to).dead) {
      same.beats.push_back(beat);
      take_beats(from, to);
    }
  });
}

}  // namespace lockstep::fleet
