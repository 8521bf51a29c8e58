// What the index says of one execution.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "engine/event.hpp"
#include "journal/format.hpp"

namespace lockstep::catalogue {

using journal::SequenceNumber;

struct ExecutionEntry {
  engine::ExecutionId id{};
  std::string machine_arn;
  std::string name;
  Timestamp started;
  std::optional<Timestamp> stopped;
  engine::Status status = engine::Status::running;
  SequenceNumber first = 0;  ///< the Event that it began with
  SequenceNumber last = 0;   ///< the Event that it ended with; 0: it runs
  std::uint32_t revision = 0;
  std::uint32_t redrive_count = 0;
};

/// Of a machine's ARN and an execution's name. Stands in files: the same for ever.
std::uint64_t name_hash(std::string_view machine_arn, std::string_view name);

}  // namespace lockstep::catalogue
