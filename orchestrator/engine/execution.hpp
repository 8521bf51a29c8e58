// The state in memory: executions and their strands. Only evolve (evolve.cpp) changes it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "engine/strand_table.hpp"

namespace lockstep::engine {

/// Some states of a machine. Small: every execution has one.
class StateSet {
 public:
  StateSet() = default;
  explicit StateSet(std::vector<std::uint64_t> words) {
    for (std::size_t i = 0; i < words.size(); ++i) {
      word(i) = words[i];
    }
  }
  void add(asl::StateId id) { word(static_cast<std::uint32_t>(id) / 64) |= bit(id); }
  bool contains(asl::StateId id) const {
    const std::size_t at = static_cast<std::uint32_t>(id) / 64;
    const std::uint64_t bits = at == 0 ? first_ : more_ != nullptr && at <= more_->size() ? (*more_)[at - 1] : 0;
    return (bits & bit(id)) != 0;
  }
  /// 64 states each.
  std::vector<std::uint64_t> words() const {
    std::vector<std::uint64_t> all{first_};
    if (more_ != nullptr) {
      all.insert(all.end(), more_->begin(), more_->end());
    }
    return all;
  }

 private:
  static std::uint64_t bit(asl::StateId id) { return std::uint64_t{1} << static_cast<std::uint32_t>(id) % 64; }
  std::uint64_t& word(std::size_t at) {
    if (at == 0) {
      return first_;
    }
    if (more_ == nullptr) {
      more_ = std::make_unique<std::vector<std::uint64_t>>();
    }
    more_->resize(std::max(more_->size(), at));
    return (*more_)[at - 1];
  }

  std::uint64_t first_ = 0;
  std::unique_ptr<std::vector<std::uint64_t>> more_;
};

struct Execution {
  ExecutionId id{};
  IdentityPtr identity;
  asl::StateMachinePtr machine;
  Value input;
  Timestamp started_at;
  Timestamp last_time;  ///< of its latest event; event times never go back
  std::optional<Timestamp> deadline;
  Rare<Timestamp> redriven_at;  ///< where there was a redrive
  Status status = Status::running;
  std::uint32_t next_strand = 1;
  std::uint32_t redrive_count = 0;
  std::uint32_t lines_due = 0;  ///< Strand::child_line and state_line that are set
  std::uint64_t last_event_id = 0;
  StrandTable strands;
  Rare<std::vector<RequestTaken>> requests;  ///< dealt with, but perhaps not answered yet
  Origin origin;
  StateSet entered;  ///< at any time

  Strand* find(StrandId strand_id) { return strands.find(strand_id); }
  const Strand* find(StrandId strand_id) const { return strands.find(strand_id); }
  /// The last dispatch of its visit.
  DispatchId dispatch_id(const Strand& strand) const { return {id, strand.id, strand.visits, strand.dispatches}; }
  /// Index of the innermost Map item that `strand` runs for, an item of a Map Run's included; nothing: for none.
  std::optional<std::uint64_t> item_index(const Strand& strand) const;
};

}  // namespace lockstep::engine
