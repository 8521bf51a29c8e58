// Executions that are in memory: what runs, and what has ended since the last checkpoint.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "catalogue/execution_entry.hpp"

namespace lockstep::catalogue {

using MachineNumber = std::uint32_t;

/// Within a machine the newest comes first.
struct Place {
  MachineNumber machine;
  engine::ExecutionId id;
  friend bool operator<(const Place& a, const Place& b) {
    return a.machine != b.machine ? a.machine < b.machine : a.id > b.id;
  }
};

struct Held {
  engine::IdentityPtr identity;  ///< the engine's while the execution is live
  Timestamp started;
  Timestamp stopped;
  SequenceNumber first = 0;
  SequenceNumber last = 0;
  std::uint32_t revision = 0;
  std::uint32_t redrive_count : 24 = 0;
  engine::Status status : 8 = engine::Status::running;
};

ExecutionEntry to_entry(engine::ExecutionId id, const Held& held);
/// With an identity that says no more than the entry does.
Held to_held(const ExecutionEntry& entry);

class ExecutionTable {
 public:
  using Rows = std::map<Place, Held>;

  /// Replaces what stands there.
  void insert(const Place& place, Held held);
  /// Takes one out, if it is there.
  std::optional<std::pair<Place, Held>> take(engine::ExecutionId id);
  const Rows::value_type* find(engine::ExecutionId id) const;
  /// The newest of that name.
  const Rows::value_type* find(std::string_view machine_arn, std::string_view name) const;
  /// Null: it is not there.
  Held* held(engine::ExecutionId id);
  const Rows& rows() const { return rows_; }

 private:
  Rows rows_;
  std::unordered_map<engine::ExecutionId, MachineNumber> machines_;
  std::unordered_multimap<std::uint64_t, engine::ExecutionId> names_;
};

}  // namespace lockstep::catalogue
