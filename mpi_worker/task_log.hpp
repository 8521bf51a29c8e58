// The stderr of tasks: packed into one file per rank, and the end of each kept for its cause.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "mpi_worker/settings.hpp"
#include "mpi_worker/task.hpp"

namespace lockstep::worker {

/// RUN/logs/rank-N.log, made when something is first written; without a run folder our own stderr. A log that cannot be
/// written fails no task: that is said once on stderr.
class TaskLog {
 public:
  TaskLog(std::string run_folder, Place place) : run_folder_(std::move(run_folder)), place_(std::move(place)) {}
  ~TaskLog();
  TaskLog(const TaskLog&) = delete;
  TaskLog& operator=(const TaskLog&) = delete;

  /// Appends a header line that names the task, and `text`, in one piece.
  void write(const Task& task, std::string_view text);
  /// Appends that the task has failed. Without a run folder that is said nowhere.
  void write_failure(const Task& task, const Outcome& outcome);

 private:
  bool open();
  void complain(int number);

  std::string run_folder_;
  Place place_;
  int fd_ = -1;
  bool complained_ = false;
};

/// What the header line of a piece of a log says.
struct LogHeader {
  std::string state;
  std::string execution;
  std::optional<std::int64_t> item;
  std::string dispatch;     ///< "EXECUTION-VISIT-COUNT"
  bool is_failure = false;  ///< of write_failure(): the piece is this line
};

/// Nothing where the line is no header.
std::optional<LogHeader> parse_log_header(std::string_view line);

/// What one task has written to stderr (and to stdout, where that goes to the log).
class TaskStderr {
 public:
  using Clock = std::chrono::steady_clock;

  void append(std::string_view bytes, const Task& task, TaskLog& log, Clock::time_point now);
  /// Hands what is held back to the log.
  void flush(const Task& task, TaskLog& log);
  /// When flush() is due, so that a log can be followed while a long task runs; max(): nothing is held back.
  Clock::time_point flush_time() const { return flush_time_; }
  /// The last bytes, at least kCauseBytes of them where there were as many.
  std::string_view tail() const { return tail_; }

 private:
  std::string held_;
  std::string tail_;
  Clock::time_point flush_time_ = Clock::time_point::max();
};

}  // namespace lockstep::worker
