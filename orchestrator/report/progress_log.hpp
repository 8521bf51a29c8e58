// A run's progress as lines of a log: fit for tail, grep and awk. Each begins with local time and time since the start.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "report/pace.hpp"
#include "report/run_counts.hpp"

namespace lockstep::report {

/// "10:41:30 +00:12:04 "
std::string line_prefix(Timestamp now, Timestamp start);

/// "10:41:30 +00:12:04 FAILED Survey/Measure[17] States.TaskFailed: exit status 3 | retried in 2 s". One line.
std::string notice_line(const RunCounts& counts, const Notice& notice, Timestamp start);

/// "Survey 41,207/100,000 (41.2 %) ok 41,190 failed 17 running 126 | 57.1/s | left 17 m"
std::string map_text(const RunCounts& counts, const Pace& pace, asl::StateId map);

/// Decides which lines are due: notices at once, a line for each Map that goes on every 30 seconds or 5 %, whichever
/// comes later, but at least every five minutes. One thread.
class ProgressLog {
 public:
  /// `start`: what elapsed time counts from. `end`: when the allocation does.
  ProgressLog(Timestamp start, std::optional<Timestamp> end) : start_(start), end_(end) {}
  /// Appends what is due. `pace` has had a look just before.
  void advance(RunCounts& counts, const Pace& pace, Timestamp now, std::vector<std::string>& lines);

 private:
  struct Told {
    bool live = false;
    Timestamp time;
    std::uint64_t done = 0;
  };
  bool is_due(const MapCounts& map, Told& told, Timestamp now) const;
  std::string rest(const RunCounts& counts, const Pace& pace, std::optional<std::int64_t> left, Timestamp now) const;

  Timestamp start_;
  std::optional<Timestamp> end_;
  std::vector<Told> told_;  // by StateId
  std::optional<Timestamp> told_tasks_;
};

}  // namespace lockstep::report
