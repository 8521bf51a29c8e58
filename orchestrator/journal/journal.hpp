// The journal: Events in, and the promise of how many of them would be there after a crash.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <random>
#include <vector>

#include "engine/event.hpp"
#include "journal/format.hpp"
#include "value/error.hpp"

namespace lockstep::journal {

/// What nobody waits for becomes durable after this time: long enough that it costs little, short enough that little
/// has to be done again after a crash.
inline constexpr std::chrono::milliseconds kUnhurried{20};

/// Called from the loop's thread only.
class Journal {
 public:
  virtual ~Journal() = default;
  /// Takes over those of `events` that are journalled, in order; returns the number of the last. Does not wait for the
  /// disk. `events` is left empty.
  virtual SequenceNumber append(std::vector<engine::Event>& events) = 0;
  /// All Events up to this one are durable. Never goes back. Effects that they caused may be performed (wall 1).
  virtual SequenceNumber durable() = 0;
  /// The same, but nobody waits for more: what is not durable yet may gather for a while.
  virtual SequenceNumber durable_now() const = 0;
  /// What keeps the journal from making anything durable ever again; nothing while it works.
  virtual std::optional<Error> failure() const = 0;

 protected:
  static bool is_kept(const engine::Event& event) { return event.journalled; }
};

/// For tests: keeps all Events in memory and acknowledges them late, in order, at random moments. What waits for
/// durability is then seen to wait.
class LateJournal final : public Journal {
 public:
  explicit LateJournal(std::uint64_t seed) : random_(seed) {}
  SequenceNumber append(std::vector<engine::Event>& events) override;
  /// Every call may acknowledge some more; after a while all is.
  SequenceNumber durable() override;
  SequenceNumber durable_now() const override { return durable_; }
  std::optional<Error> failure() const override { return std::nullopt; }

  const std::vector<engine::Event>& events() const { return events_; }
  SequenceNumber acknowledged() const { return durable_; }

 private:
  std::mt19937_64 random_;
  std::vector<engine::Event> events_;
  SequenceNumber durable_ = 0;
};

}  // namespace lockstep::journal
