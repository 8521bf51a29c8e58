// How fast a run goes, from looks at its counts now and then.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "report/run_counts.hpp"

namespace lockstep::report {

/// One thread. Looks closer together than a second change nothing.
class Pace {
 public:
  void look(const RunCounts& counts, std::size_t slots, Timestamp now);

  /// Iterations of the Map that are over, a second, of late; 0 before that can be told.
  double per_second(asl::StateId map) const;
  /// Microseconds until its iterations are over, at that rate.
  std::optional<std::int64_t> left(asl::StateId map, const MapCounts& counts) const;
  /// Part of the slots that had a task, of late; nothing before that can be told.
  std::optional<double> utilisation() const { return age_ > 0 ? std::optional(used_) : std::nullopt; }

 private:
  struct MapPace {
    std::uint64_t done = 0;
    double rate = 0;
    double age = -1;  // seconds that the rate is of; below 0: the Map does not go on
  };
  std::vector<MapPace> maps_;
  std::optional<Timestamp> last_;
  double used_ = 0;
  double age_ = 0;  // seconds that it is of
};

}  // namespace lockstep::report
