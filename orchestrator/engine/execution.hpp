// The state in memory: executions and their strands. Only evolve (evolve.cpp) changes it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "engine/strand_table.hpp"

namespace lockstep::engine {

struct Execution {
  ExecutionId id{};
  std::shared_ptr<const Identity> identity;
  asl::StateMachinePtr machine;
  Value input;
  Timestamp started_at;
  Timestamp last_time;  ///< of its latest event; event times never go back
  std::optional<Timestamp> deadline;
  Status status = Status::running;
  std::uint64_t last_event_id = 0;
  std::uint32_t next_strand = 1;
  StrandTable strands;
  std::uint32_t redrive_count = 0;
  std::optional<Timestamp> redriven_at;
  std::vector<RequestTaken> requests;  ///< dealt with, but perhaps not answered yet

  Strand* find(StrandId strand_id) { return strands.find(strand_id); }
  const Strand* find(StrandId strand_id) const { return strands.find(strand_id); }
};

}  // namespace lockstep::engine
