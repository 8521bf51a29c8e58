// One unit of work for one slot, as a worker is given it.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "value/time.hpp"
#include "value/value.hpp"
#include "work/ids.hpp"
#include "work/job.hpp"

namespace lockstep::work {

struct Task {
  DispatchId id;
  JobId job = JobId::none;
  Value input;
  std::optional<std::chrono::microseconds> timeout;    ///< counted from the real start
  std::optional<std::chrono::microseconds> heartbeat;  ///< longest silence allowed
  // What the job's environment tells it.
  std::string execution_name;
  std::string state_name;
  std::int64_t item_index = -1;          ///< -1: in no Map
  std::uint32_t attempt = 0;             ///< retries before this one
  std::string task_token;                ///< empty: none
  std::vector<std::string> environment;  ///< "NAME=value", after the job's own
  bool cut_off = false;       ///< it came to nothing before, as OutcomeKind::interrupted, though it had begun
  bool spooled = true;        ///< its end is kept in the worker's spool; false where the whole execution begins anew
  std::uint32_t refused = 0;  ///< how often it could not begin, for whoever hands it out; does not travel
};

/// A task that a worker has begun and not ended.
struct BegunTask {
  DispatchId id;
  Timestamp started;       ///< on the worker's clock
  std::uint32_t rank = 0;  ///< known to rank 0
};

}  // namespace lockstep::work
